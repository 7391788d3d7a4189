"""Decisions of staff about a report's end: whether a withdrawn one may go, and that the person harmed has confirmed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from services.intake.audit_recorder import AuditRecorder
from services.intake.caller import Require
from services.intake.concurrency import Attempts, UpdateConflictError
from services.intake.problems import unavailable_to_staff
from services.intake.reports import documents, events
from services.intake.reports.documents import Document
from services.intake.reports.lifecycle import Category, ErasureDecision, Lifecycle, Reason
from services.intake.reports.repository import ALARM_SINCE, DECIDE_SINCE, ERASE_AT, KEPT_SINCE, PAGE, ReportRepository
from services.intake.retention import rules as retention_rules
from services.intake.retention import schedule
from services.intake.retention.rules import RefusedError
from shared import trace
from shared.clock import Clock, whole_milliseconds
from shared.errors import TransientError
from shared.events.reports import ReportFacts, ReportReinstated
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.jobs import Skipped
from shared.outbox import Relay
from shared.web.app import Problem
from shared.web.translations import gettext_noop

REFUSALS: Final[dict[str, tuple[int, str]]] = {
    "erased": (410, gettext_noop("The key of this report was destroyed. There is nothing left to decide.")),
    "withdrawn": (409, gettext_noop("The reporter has withdrawn this report.")),
    "no_open_decision": (409, gettext_noop("There is nothing to decide about this report.")),
    "wrong_category": (422, gettext_noop("This report cannot be kept under that line of the table.")),
    "wrong_reason": (422, gettext_noop("This reason does not fit the decision.")),
    "nothing_to_confirm": (409, gettext_noop("The person harmed made this report; there is nothing to confirm.")),
}
_LISTS: Final = (DECIDE_SINCE, ERASE_AT, KEPT_SINCE, ALARM_SINCE)


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """One report as the page of erasures shows it: codes and dates, nothing that was written."""

    report_id: str
    owner: str | None
    received_at: datetime
    facts: ReportFacts
    life: Lifecycle
    verdict: schedule.RetentionVerdict
    alarm: str | None


class ErasureLists(NamedTuple):
    """A page of each list, by its mark, and the marks of those that go on on the next page."""

    rows: dict[str, list[ErasureRow]]
    longer: frozenset[str]


class RetentionService:
    """For leads and counsellors of the owning centre, and for auditors to read."""

    def __init__(self, reports: ReportRepository, recorder: AuditRecorder, relay: Relay, clock: Clock) -> None:
        """``relay`` publishes what a decision undoes."""
        self._reports = reports
        self._recorder = recorder
        self._relay = relay
        self._clock = clock

    async def lists(self, principal: Principal, page: int = 1) -> ErasureLists:
        """List their own centre's reports that await a decision, are planned, are kept after a withdrawal, or alarm.

        Each list goes on on the next page after ``PAGE`` of them. Raises ``Problem`` 503.
        """
        skip = (page - 1) * PAGE
        everywhere = principal.may(Action.ERASURES_READ, "")
        owner = None if everywhere else principal.organisation
        now = self._clock.now()
        try:
            found = {mark: await self._reports.marked(mark, owner=owner, skip=skip, limit=PAGE + 1) for mark in _LISTS}
        except TransientError:
            raise unavailable_to_staff() from None
        check = self._reports.authentication.check
        # One report that cannot be read hides no other.
        skipped = Skipped("decisions")
        rows = {
            mark: skipped.readable(some[:PAGE], lambda document: _row(check(document), now))
            for mark, some in found.items()
        }
        return ErasureLists(rows, frozenset(mark for mark, some in found.items() if len(some) > PAGE))

    async def decided(self, principal: Principal, report_id: str) -> Literal["destroy", "keep", "again"] | None:
        """Return what somebody decided last about a report of their own, while that stands. Raises ``Problem`` 503."""
        try:
            document = await self._reports.of_report(report_id)
        except TransientError:
            raise unavailable_to_staff() from None
        if document is None or not principal.may(Action.ERASURES_DECIDE, _owner(document) or NOBODY):
            return None
        return retention_rules.last_decision_of(retention_rules.lifecycle_of(document), principal.subject)

    async def decide(
        self,
        where: str,
        principal: Principal,
        require: Require,
        report_id: str,
        *,
        destroy: bool,
        reason: Reason,
        category: Category | None,
    ) -> None:
        """Record a decision; what is to be destroyed then follows from it. Raises ``Problem``.

        ``require`` says whose report they may decide about.
        """

        def judge(document: Document, now: datetime) -> Lifecycle:
            progress = documents.progress_of(document)
            facts = documents.facts_in(document)
            decision = ErasureDecision(
                at=now,
                by=principal.subject,
                organisation=principal.organisation,
                destroy=destroy,
                reason=reason,
                category=category,
            )
            life = retention_rules.lifecycle_of(document)
            own = schedule.category_in(facts, life)
            started = schedule.started_at(document["received_at"], progress)
            return retention_rules.decided(life, decision, category=own, started=started, now=now)

        kind = "destroy" if destroy else f"keep_{category}" if category else "reinstate"
        await self._record(where, principal, require, Action.ERASURES_DECIDE, report_id, judge, reason, decision=kind)

    async def confirm(self, where: str, principal: Principal, require: Require, report_id: str, way: str) -> None:
        """Record that the person harmed confirmed, and by which way (a stable code). Raises ``Problem``."""

        def judge(document: Document, now: datetime) -> Lifecycle:
            return retention_rules.confirmed(
                retention_rules.lifecycle_of(document), documents.facts_in(document), principal.subject, now
            )

        await self._record(where, principal, require, Action.DETAILS_CONFIRM, report_id, judge, way)

    async def _record(
        self,
        where: str,
        principal: Principal,
        require: Require,
        action: Action,
        report_id: str,
        judge: Callable[[Document, datetime], Lifecycle],
        reason: str,
        **detail: str,
    ) -> None:
        try:
            await self._apply(where, principal, require, action, report_id, judge, reason, detail)
        except RefusedError as error:
            self._recorder.staff_refused(where, principal, action, report_id, error.code)
            status, words = REFUSALS[error.code]
            raise Problem(status, error.code, words) from None
        except TransientError:
            raise unavailable_to_staff() from None

    async def _apply(
        self,
        where: str,
        principal: Principal,
        require: Require,
        action: Action,
        report_id: str,
        judge: Callable[[Document, datetime], Lifecycle],
        reason: str,
        detail: dict[str, str],
    ) -> None:
        async for attempt in Attempts():
            document = await self._reports.of_report(report_id)
            owner = _owner(document) if document else None
            # Unknown and not theirs are one answer: nobody learns which reports exist elsewhere.
            require(action, owner or NOBODY)
            if document is None or "facts" not in document:
                raise RefusedError("erased")
            now = whole_milliseconds(self._clock.now())
            before = retention_rules.lifecycle_of(document)
            life = judge(document, now)
            if life == before:
                return
            if attempt == 0:
                await self._recorder.by_staff(where, principal, action, report_id, reason, **detail)
            records = []
            if before.withdrawal is not None and life.withdrawal is None:
                version, at = document["intake_version"] + 1, life.reinstated_at or now
                event = ReportReinstated(report_id=report_id, intake_version=version, reinstated_at=at)
                records = [events.record_of(event, now, trace.current())]
            if await self._reports.write(document, now=now, life=life, records=records):
                if records:
                    self._relay.enqueue(report_id)
                return
        raise UpdateConflictError


def not_a_choice() -> Problem:
    """422 for a form whose choice is missing or unknown."""
    return Problem(422, "invalid", gettext_noop("Choose what to do and why."))


def _owner(document: Document) -> str | None:
    owned = documents.progress_of(document).ownership
    return owned.center_id if owned is not None else None


def _row(document: Document, now: datetime) -> ErasureRow:
    life, facts = retention_rules.lifecycle_of(document), documents.facts_in(document)
    progress = documents.progress_of(document)
    return ErasureRow(
        report_id=document["_id"],
        owner=_owner(document),
        received_at=document["received_at"],
        facts=facts,
        life=life,
        verdict=schedule.judge(facts, document["received_at"], life, progress, now),
        alarm=document.get("alarm"),
    )
