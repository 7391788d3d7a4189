"""Publish what is true of named reports anew: ``ieum republish REPORT …``.

For a report of which a dead letter was sent back behind a later event, and so was passed over. Send all its dead
letters back before: what comes behind this is passed over as well. And for one whose events the log has lost. Each
report gets a ``report.amended`` with the whole of its facts, under its next version; its readers take it as an
addition, and its centre is told to look. Where no centre has the report, its ``report.received`` stands before it.
Where routing still has a report as withdrawn that was taken up again, ``report.reinstated`` follows. Intake goes on
running and publishes them within seconds. Each report is in the audit.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.intake.audit_recorder import AuditRecorder
from services.intake.concurrency import Attempts, UpdateConflictError
from services.intake.encryption.keys import keys_of
from services.intake.reports import documents, events
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.reports.documents import Document
from services.intake.reports.erasure_register import LastWord, last_words
from services.intake.reports.lifecycle import Access
from services.intake.reports.repository import ReportRepository, repository_of
from services.intake.retention import rules as retention_rules
from services.intake.settings import IntakeSettings
from shared import log, mongo, process, trace
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock, whole_milliseconds
from shared.errors import TransientError
from shared.events.base import Event, Record
from shared.events.reports import ReportReinstated
from shared.events.vocabulary import EndReason
from shared.outbox import PENDING
from shared.settings import StoreSettings, load

ACTION: Final = "reports.republish"
_LEFT: Final = 1


def main(reports: Sequence[str]) -> int:
    """0: all are published anew; 1: some are not, and why is said; 75: store or register do not answer."""
    settings, store = load(IntakeSettings), load(StoreSettings)
    log.configure("intake-republish", settings.log_level)
    try:
        return asyncio.run(run(settings, store, SystemClock(), reports))
    except (TransientError, OSError) as error:
        sys.stderr.write(f"{error}; run it again for the reports that are not named above\n")
        return process.EXIT_AWAY


async def run(settings: IntakeSettings, store: StoreSettings, clock: Clock, wanted: Sequence[str]) -> int:
    """Publish each report anew, or say why not. Raises ``TransientError``, and ``OSError`` for the register."""
    database = mongo.connect(store, "intake")
    audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
    recorder = AuditRecorder(audit, clock)
    reports = repository_of(settings, database, clock, keys_of(settings).reports, recorder.report_refused)
    words = last_words(await asyncio.to_thread(reports.register.entries))
    reports.open()
    left = 0
    for report_id in dict.fromkeys(wanted):
        try:
            refused = await republish(reports, recorder, clock, report_id, words.get(report_id, LastWord()))
        except ReportNotAuthenticError as error:
            refused = str(error)
        left += refused is not None
        sys.stdout.write(f"{report_id}: {refused or 'published anew'}\n")
    await audit.settle()
    return _LEFT if left else 0


async def republish(
    reports: ReportRepository, recorder: AuditRecorder, clock: Clock, report_id: str, word: LastWord
) -> str | None:
    """Make the events of one report pending; None, or why that is not possible. ``word`` is the register's of it."""
    async for attempt in Attempts():
        document = await reports.of_report(report_id)
        refused = "there is no such report" if document is None else _refused(document, word)
        if document is None or refused is not None:
            return refused
        if attempt == 0:
            await recorder.by_job("command", ACTION, report_id, "passed_over")
        now = whole_milliseconds(clock.now())
        if await reports.write(document, now=now, records=_records(document, now)):
            return None
    raise UpdateConflictError


def _refused(document: Document, word: LastWord) -> str | None:
    access = retention_rules.report_access(document)
    if access is Access.ERASED:
        return "it was erased; nothing of it can be published"
    if access is Access.SEALED:
        return "it is withdrawn, which no event comes behind: send its dead letters back"
    word = word.of(document.get("changes", 0))
    if word.withdrawn is not None or word.erased is not None:
        return "the erasure register says that it was withdrawn: restart intake, which does what the register says"
    if document.get(PENDING):
        return "events of it are still to be published: try again in a moment"
    return None


def _records(document: Document, now: datetime) -> list[Record]:
    report_id, facts = document["_id"], documents.facts_in(document)
    owned = documents.progress_of(document).ownership
    said: list[Event] = []
    if owned is None:
        # The log may have lost the first event. Where it has not, this is known for a repeat.
        said.append(events.received(report_id, document["received_at"], facts))
    version = document["intake_version"] + len(said) + 1
    said.append(events.amended(report_id, version, now, facts))
    if owned is not None and owned.ended is EndReason.WITHDRAWN:
        # Behind the facts: it must not come back to a centre that was declined meanwhile.
        said.append(ReportReinstated(report_id=report_id, intake_version=version + 1, reinstated_at=now))
    return [events.record_of(event, now, trace.current()) for event in said]
