"""Tell a restored store what was withdrawn, taken back and destroyed after its backup.

``ieum replay erasures`` reads the erasure register; for each report that the store still holds
as it was before, the withdrawal is made again (its event becomes pending, so that contact stops), or undone again, and
the key is destroyed again. Doing it twice changes nothing. Intake does the same at every start, before it shows or
accepts anything, for the time that backups live.
"""

import asyncio
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.intake.audit_recorder import AuditRecorder
from services.intake.encryption.keys import keys_of
from services.intake.links.repository import LinkIndex
from services.intake.reports import documents, events
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.reports.documents import Document
from services.intake.reports.erasure_register import LastWord, last_words
from services.intake.reports.lifecycle import Lifecycle
from services.intake.reports.repository import ReportRepository, repository_of
from services.intake.retention import rules as retention_rules
from services.intake.retention import schedule
from services.intake.retention.rules import RefusedError
from services.intake.settings import IntakeSettings
from shared import log, mongo, process, trace
from shared.audit.model import SYSTEM, AuditEntry
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock
from shared.errors import FatalError, TransientError
from shared.events.base import Event
from shared.events.reports import ReportReinstated, ReportWithdrawn
from shared.settings import StoreSettings, load

KEPT_BACKUPS: Final = timedelta(days=40)
"""Backups live at most 30 days (decision 9)."""
_JOB: Final = "restore"
_REASON: Final = "erasure_register"
LEFT: Final = 3
"""Status 1 is what Python ends an error with that nobody caught: then nothing may have been made again."""
_log = log.get(__name__)


@dataclass(slots=True)
class Replayed:
    """Result of a replay."""

    withdrawn: list[str] = field(default_factory=list)
    reinstated: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Reports that could not be changed: somebody has to look."""
    unknown: int = 0
    """Reports of the register that the store does not hold: made after the backup."""


class ErasureReplay:
    """Brings a store up to its register."""

    def __init__(
        self,
        reports: ReportRepository,
        links: LinkIndex,
        recorder: AuditRecorder,
        clock: Clock,
    ) -> None:
        """``links``: where others find a report."""
        self._clock = clock
        self._reports = reports
        self._links = links
        self._recorder = recorder

    async def run(self, since: datetime | None = None) -> Replayed:
        """Do what the register says; ``since`` leaves out what is older than any backup. Raises ``TransientError``."""
        done = Replayed()
        try:
            entries = await asyncio.to_thread(self._reports.register.entries)
        except OSError as error:
            raise TransientError(f"the erasure register cannot be read: {type(error).__name__}") from error
        words = last_words(entries)
        wanted = [report_id for report_id, word in words.items() if since is None or _newest(word, since)]
        for report_id in wanted:
            try:
                await self._one(report_id, words[report_id], done)
            except (ReportNotAuthenticError, RefusedError) as error:
                done.left.append(report_id)
                _log.critical("erasure.replay_failed", report_id=report_id, error=str(error))
        return done

    async def _one(self, report_id: str, word: LastWord, done: Replayed) -> None:
        document = await self._reports.before_open(report_id)
        if document is None:
            done.unknown += 1
            return
        life = retention_rules.lifecycle_of(document)
        if life.erased_at is not None:
            return
        word = word.of(document.get("changes", 0))
        known = life.withdrawal
        if word.withdrawn is not None and (known is None or known.at < word.withdrawn.at):
            await self._recorder.by_job(_JOB, "receipts.withdraw", report_id, _REASON)
            document = await self._withdraw(document, life, word.withdrawn.at)
            done.withdrawn.append(report_id)
        # Not a withdrawal that another process has just made again: its register may know of a later one.
        if word.reinstated is not None and known is not None and known.at <= word.reinstated.at:
            # Else it would be destroyed for a withdrawal that its owner took back.
            await self._recorder.by_job(_JOB, "receipts.reinstate", report_id, _REASON)
            document = await self._reinstate(document, life, word.reinstated.at)
            done.reinstated.append(report_id)
        if word.erased is not None:
            await self._recorder.by_job(_JOB, "erasures.destroy", report_id, _REASON)
            await self._links.forget(document)
            life = retention_rules.tombstone(retention_rules.lifecycle_of(document), word.erased.at)
            if not await self._reports.erase(document, life):
                raise TransientError("another process changed the same report")
            done.erased.append(report_id)

    async def _withdraw(self, document: Document, life: Lifecycle, at: datetime) -> Document:
        """The withdrawal, with all of its time for second thoughts again; its event is published once intake runs.

        Of one that the store has from before, which was undone in between, there was an event. About a drill whose time
        was over by then no lead is asked, as the daily job asked none.
        """
        facts, now = documents.facts_in(document), self._clock.now()
        event: Event | None = None
        if life.withdrawal is None:
            version = document["intake_version"] + 1
            event = ReportWithdrawn(report_id=document["_id"], intake_version=version, withdrawn_at=at)
        else:
            life = retention_rules.undone(life, at)
        if schedule.drill_over(facts, document["received_at"], life, documents.progress_of(document), at):
            after = retention_rules.drill_withdrawn(life, now)
        else:
            after = retention_rules.withdrawn(life, facts, at_once=False, understood=False, receipt_alone=True, now=now)
        return await self._written(document, after, event, at)

    async def _reinstate(self, document: Document, life: Lifecycle, at: datetime) -> Document:
        """Undo the withdrawal again; its event is published once intake runs."""
        version = document["intake_version"] + 1
        event = ReportReinstated(report_id=document["_id"], intake_version=version, reinstated_at=at)
        return await self._written(document, retention_rules.undone(life, at), event, at)

    async def _written(self, document: Document, after: Lifecycle, event: Event | None, at: datetime) -> Document:
        records = [events.record_of(event, at, trace.current())] if event is not None else []
        if not await self._reports.write(document, now=at, life=after, records=records):
            raise TransientError("another process changed the same report")
        return await self._reports.before_open(document["_id"]) or document


def _newest(word: LastWord, since: datetime) -> bool:
    return any(entry is not None and entry.at >= since for entry in word)


def main(restored: str | None) -> int:
    """0: the store is as the register says; 3: some reports are not; 75: store or register do not answer.

    ``restored`` is the name of a backup that was put back: the audit notes it.
    """
    settings, store = load(IntakeSettings), load(StoreSettings)
    log.configure("intake-replay", settings.log_level)
    try:
        return asyncio.run(run(settings, store, SystemClock(), restored))
    except (TransientError, FatalError) as error:
        sys.stderr.write(f"{error}; run it again, it goes on where it was\n")
        return process.EXIT_AWAY


async def run(settings: IntakeSettings, store: StoreSettings, clock: Clock, restored: str | None) -> int:
    """Bring the store up to its register and say on standard output what was done."""
    database, keys = mongo.connect(store, "intake"), keys_of(settings)
    audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
    recorder = AuditRecorder(audit, clock)
    reports = repository_of(settings, database, clock, keys.reports, recorder.report_refused)
    if restored is not None:
        noted = AuditEntry(at=clock.now(), action="store.restore", where="command", actor=SYSTEM, reason=restored)
        await audit.append(noted)
    done = await ErasureReplay(reports, LinkIndex(database), recorder, clock).run()
    await audit.settle()
    sys.stdout.write(
        f"{len(done.withdrawn)} withdrawals and {len(done.erased)} erasures made again,"
        f" {len(done.reinstated)} withdrawals undone again,"
        f" {done.unknown} of reports that came after the backup, {len(done.left)} left\n"
    )
    for report_id in done.left:
        sys.stdout.write(f"left: {report_id}\n")
    return LEFT if done.left else 0
