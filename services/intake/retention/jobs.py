"""Destroys keys whose time has come: every minute what was announced, once a day what the retention table demands.

Everything is decided again right before it is done, and one write puts the tombstone where the report was; so it may
be cut off at any point, or be done by several processes at once. Nothing is done while this process's clock and the
store's are apart: a clock that jumped ahead must not end anybody's time for second thoughts.
"""

import collections
import secrets
from datetime import datetime
from typing import Final

from prometheus_client import Counter, Gauge

from services.intake.audit_recorder import AuditRecorder
from services.intake.links.repository import LinkIndex
from services.intake.reports import documents, events
from services.intake.reports.documents import Document
from services.intake.reports.lifecycle import ErasureCause, Lifecycle
from services.intake.reports.models import Progress
from services.intake.reports.repository import ALARM_SINCE, DECIDE_SINCE, ERASE_AT, PAGE, ReportRepository
from services.intake.retention import rules as retention_rules
from services.intake.retention import schedule
from services.intake.retention.schedule import RetentionStatus
from shared import log, trace
from shared.clock import Clock, seoul_day, whole_milliseconds
from shared.events.reports import ReportFacts, ReportWithdrawn
from shared.jobs import Skipped
from shared.metrics import REGISTRY
from shared.store_clock import MOST_APART, StoreClock

MINUTELY: Final = "erasures"
DAILY: Final = "retention"
_JOB: Final = "eraser"
_ALARMS: Final = frozenset({RetentionStatus.UNREAD, RetentionStatus.UNFINISHED})

WITHDRAWALS: Final = Counter(
    "ieum_intake_withdrawals", "Reports withdrawn, each time, drills that ended too.", registry=REGISTRY
)
DESTROYED: Final = Counter(
    "ieum_intake_keys_destroyed", "Keys of reports destroyed, by cause.", ["cause"], registry=REGISTRY
)
WAITING: Final = Gauge("ieum_intake_pending_erasure_decisions", "Withdrawn reports awaiting a lead.", registry=REGISTRY)
OLDEST: Final = Gauge(
    "ieum_intake_oldest_erasure_decision_age_seconds", "Age of the decision waited for longest.", registry=REGISTRY
)
OVERDUE: Final = Gauge(
    "ieum_intake_erasure_overdue_seconds",
    "How late the latest announced destruction is; 0 when none is.",
    registry=REGISTRY,
)
EXPIRING: Final = Gauge(
    "ieum_intake_retention_overdue_reports",
    "Reports whose time is passing unread, or is over while their case is not, by kind.",
    ["kind"],
    registry=REGISTRY,
)


class ErasureJob:
    """The jobs of erasure and retention. Any number of processes may run them."""

    def __init__(
        self,
        reports: ReportRepository,
        links: LinkIndex,
        recorder: AuditRecorder,
        clock: Clock,
        store_clock: StoreClock,
    ) -> None:
        """``links``: where others find a report. ``store_clock`` says what time it is for what cannot be undone."""
        self._reports = reports
        self._links = links
        self._recorder = recorder
        self._clock = clock
        self._store_clock = store_clock
        self._holder = secrets.token_hex(8)
        self._unjudged: list[str] = []
        self._log = log.get("services.intake.retention")

    async def minute(self) -> int:
        """Destroy what was announced and is due; how many. Also renews the measures.

        Raises ``SkippedError`` at the end: one report that cannot be read keeps no other from its end. Raises
        ``ClocksApartError`` without destroying anything.
        """
        skipped = Skipped(MINUTELY)
        try:
            count = await self._destroy_due(await self._store_clock.agreed_now(), skipped)
        finally:
            await self._measure(self._clock.now())
        skipped.raise_if_any()
        return count

    async def _destroy_due(self, now: datetime, skipped: Skipped) -> int:
        count = 0
        while due := await self._reports.marked(ERASE_AT, until=now, besides=skipped.references):
            for document in due:
                with skipped.on_error(document["_id"]):
                    done = await self.destroy(document["_id"])
                    count += done is not None and retention_rules.lifecycle_of(done).erased_at is not None
            if len(due) < PAGE:
                break
        return count

    async def daily(self) -> bool:
        """Judge every report by the retention table, once a day in Korea by one process; whether it was this one.

        Raises ``SkippedError`` at the end. A report that this process could not judge is judged again in each further
        pass, so that the job counts as failing until the report can be read or is gone. Raises ``ClocksApartError``.
        """
        now = await self._store_clock.agreed_now()
        day = seoul_day(now)
        skipped = Skipped(DAILY)
        if not await self._reports.claim(DAILY, day, self._holder, now):
            await self._judge_again(skipped)
            return False
        said: collections.Counter[str] = collections.Counter()
        page: list[Document] = []
        async for document in self._reports.everything():
            page.append(document)
            if len(page) == PAGE:
                said += await self._judge(page, skipped)
                page = []
                # Thousands of drills that end, as in the first pass of an upgrade, take longer than a lease.
                if not await self._reports.claim(DAILY, day, self._holder, await self._store_clock.agreed_now()):
                    return False
        said += await self._judge(page, skipped)
        await self._reports.finished(DAILY, day, self._holder)
        self._log.info("retention.judged", day=day, skipped=len(skipped.references), **said)
        self._unjudged = skipped.references
        skipped.raise_if_any()
        return True

    async def _judge_again(self, skipped: Skipped) -> None:
        """Judge the reports left out before, a page in each pass."""
        some, others = self._unjudged[:PAGE], self._unjudged[PAGE:]
        found: list[Document] = []
        for report_id in some:
            with skipped.on_error(report_id):
                document = await self._reports.of_report(report_id)
                if document is not None and not _erased(document):
                    found.append(document)
        await self._judge(found, skipped)
        self._unjudged = [*others, *skipped.references]
        skipped.raise_if_any()

    async def destroy(self, report_id: str) -> Document | None:
        """Destroy a report's key if that is due now, or take it off the plan if it no longer is; what is then stored.

        Raises ``TransientError``, ``ClocksApartError`` too; doing it again is safe.
        """
        document = await self._reports.of_report(report_id)
        if document is None or retention_rules.lifecycle_of(document).erased_at is not None:
            return document
        now = whole_milliseconds(await self._store_clock.agreed_now())
        life, facts, progress = _read(document)
        verdict = schedule.judge(facts, document["received_at"], life, progress, now)
        cause = retention_rules.due_erasure(life, verdict, now)
        if cause is None:
            kept = retention_rules.unplanned(life, now)
            if kept != life:
                await self._reports.write(document, now=now, life=kept)
                self._log.warning("erasure.no_longer_due", report_id=report_id)
            return await self._reports.of_report(report_id)
        await self._recorder.by_job(_JOB, "erasures.destroy", report_id, cause, category=verdict.category.value)
        await self._links.forget(document)
        if await self._reports.erase(document, retention_rules.tombstone(life, now)):
            await self._links.forget(document)  # again: it may have been entered since, while it was still there
            DESTROYED.labels(cause).inc()
            self._log.info("erasure.done", report_id=report_id, cause=cause.value)
        return await self._reports.of_report(report_id)

    async def _judge(self, page: list[Document], skipped: Skipped) -> collections.Counter[str]:
        said: collections.Counter[str] = collections.Counter()
        alarms: dict[str, str | None] = {}
        unmarked: dict[str, datetime] = {}
        now = whole_milliseconds(await self._store_clock.agreed_now())
        for document in page:
            with skipped.on_error(document["_id"]):  # one report that cannot be read keeps no other from being judged
                await self._judge_one(document, now, said, alarms, unmarked)
        await self._reports.alarm(alarms, now)
        if unmarked:
            hint = "no centre has them, and somebody took the mark off that says so: see reports.unassigned"
            self._log.error("reports.unassigned_mark_missing", report_ids=sorted(unmarked), hint=hint)
            await self._reports.unassigned(unmarked)
        return said

    async def _judge_one(
        self,
        document: Document,
        now: datetime,
        said: collections.Counter[str],
        alarms: dict[str, str | None],
        unmarked: dict[str, datetime],
    ) -> None:
        life, facts, progress = _read(self._reports.authentication.check(document))
        received_at = document["received_at"]
        # No code is over the mark that no centre has the report, and without the mark nobody is told of it.
        if progress.ownership is None and document.get(documents.UNASSIGNED_SINCE) != received_at:
            unmarked[document["_id"]] = received_at
        if schedule.drill_over(facts, received_at, life, progress, now):
            said["drills_withdrawn"] += await self._withdraw_drill(document, life, now)
            return
        verdict = schedule.judge(facts, received_at, life, progress, now)
        said[verdict.status.value] += 1
        kind = verdict.status.value if verdict.status in _ALARMS else None
        if kind != document.get("alarm"):
            alarms[document["_id"]] = kind
            self._log.log(40 if kind else 20, "retention.alarm", report_id=document["_id"], kind=kind or "ended")
        # Later than any withdrawal can end: it was made while a clock was ahead (decision 38).
        sooner = retention_rules.undone_by(life, now + retention_rules.UNDO_FOR + MOST_APART)
        after = retention_rules.announced(sooner, verdict, now)
        if after != life and await self._reports.write(document, now=now, life=after):
            what = "made_sooner" if sooner != life else "announced" if after.plan else "taken_off"
            said[what] += 1
            self._log.warning(
                f"retention.{what}",
                report_id=document["_id"],
                category=verdict.category.value,
                at=after.plan.at.isoformat() if after.plan else None,
            )

    async def _withdraw_drill(self, document: Document, life: Lifecycle, now: datetime) -> bool:
        """Withdraw a drill, so that it ends in every service; False where it was changed meanwhile."""
        after = retention_rules.drill_withdrawn(life, now)
        report_id, version = document["_id"], document["intake_version"] + 1
        await self._recorder.by_job(_JOB, "receipts.withdraw", report_id, ErasureCause.RETENTION)
        event = ReportWithdrawn(report_id=report_id, intake_version=version, withdrawn_at=now)
        record = events.record_of(event, now, trace.current())
        # The relay's sweep publishes it within seconds.
        if await self._reports.write(document, now=now, life=after, records=[record]) is None:
            return False
        WITHDRAWALS.inc()
        return True

    async def _measure(self, now: datetime) -> None:
        WAITING.set(await self._reports.count(DECIDE_SINCE))
        oldest = await self._reports.marked(DECIDE_SINCE, limit=1)
        OLDEST.set((now - oldest[0][DECIDE_SINCE]).total_seconds() if oldest else 0)
        late = await self._reports.marked(ERASE_AT, until=now, limit=1)
        OVERDUE.set((now - late[0][ERASE_AT]).total_seconds() if late else 0)
        kinds = collections.Counter(
            document.get("alarm") for document in await self._reports.marked(ALARM_SINCE, limit=10 * PAGE)
        )
        for kind in _ALARMS:
            EXPIRING.labels(kind.value).set(kinds[kind.value])


def _erased(document: Document) -> bool:
    return (document.get("life") or {}).get("erased_at") is not None


def _read(document: Document) -> tuple[Lifecycle, ReportFacts, Progress]:
    """What the table is applied to."""
    return retention_rules.lifecycle_of(document), documents.facts_in(document), documents.progress_of(document)
