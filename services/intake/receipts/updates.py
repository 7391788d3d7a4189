"""One change to a report with its receipt: decide on what was read, write it down in the audit, write it if unraced."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from services.intake import problems
from services.intake.audit_recorder import AuditRecorder
from services.intake.caller import Caller
from services.intake.concurrency import Attempts, KeyedLocks, UpdateConflictError
from services.intake.encryption.keys import KeyedDigests
from services.intake.problems import unavailable
from services.intake.receipts.authentication import ReceiptAuthenticator
from services.intake.receipts.models import ReceiptQuestion
from services.intake.reports import events, waiting_period
from services.intake.reports.documents import Document
from services.intake.reports.lifecycle import Access, Lifecycle
from services.intake.reports.models import Taken
from services.intake.reports.repository import ReportRepository
from services.intake.retention import rules as retention_rules
from services.intake.retention.rules import RefusedError
from services.intake.submissions import idempotency
from services.intake.submissions.idempotency import IdempotencyRecord, request_of
from shared import trace
from shared.clock import Clock, whole_milliseconds
from shared.errors import TransientError
from shared.events.base import Event
from shared.outbox import Relay
from shared.web.app import Problem


@dataclass(frozen=True, slots=True)
class ReportUpdate:
    """One change as decided on what was read."""

    life: Lifecycle | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    pushed: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    detail: Mapping[str, str] = field(default_factory=dict)
    taken: Taken | None = None


class UpdateResult(NamedTuple):
    """The report after a change, and what was done; None where there was nothing to change."""

    document: Document
    step: ReportUpdate | None


Judge = Callable[[Document, datetime], ReportUpdate | None]


class ReportUpdater:
    """Makes changes for holders of receipts."""

    def __init__(
        self,
        *,
        authenticator: ReceiptAuthenticator,
        reports: ReportRepository,
        relay: Relay,
        keys: KeyedDigests,
        recorder: AuditRecorder,
        clock: Clock,
    ) -> None:
        """``relay`` publishes what the changes say."""
        self.authenticator: Final = authenticator
        self._reports = reports
        self._relay = relay
        self._keys = keys
        self._recorder = recorder
        self._clock = clock
        self._turns = KeyedLocks()

    async def change(self, action: str, asked: ReceiptQuestion, caller: Caller, judge: Judge) -> UpdateResult:
        """Let the holder in and make one change. Raises ``Problem``."""
        admitted = await self.authenticator.authenticate(asked, caller, action)
        return await self.apply(action, admitted, caller, judge)

    async def apply(
        self, action: str, admitted: Document, caller: Caller, judge: Judge, *, by_code: bool = False
    ) -> UpdateResult:
        """Make one change for somebody who was let in. Raises ``Problem``.

        ``by_code``: not with a receipt, so that it need not be the one it was; the judge sees to the code.
        """
        report_id: str = admitted["_id"]
        try:
            async with self._turns.of(report_id):
                return await self._apply(action, admitted, caller, judge, by_code=by_code)
        except RefusedError as error:
            self._recorder.receipt_refused(caller, action, report_id, error.code)
            raise problems.of_step(error) from None
        except Problem as problem:
            self._recorder.receipt_refused(caller, action, report_id, problem.code)
            raise
        except TransientError:
            raise problems.uncertain() from None

    async def _apply(
        self, action: str, admitted: Document, caller: Caller, judge: Judge, *, by_code: bool
    ) -> UpdateResult:
        written_down = False
        async for _ in Attempts():
            document = await self._reports.of_report(admitted["_id"])
            if document is None:
                raise unavailable()  # a report never goes away; the store is being restored
            now = whole_milliseconds(self._clock.now())
            if not by_code:
                _still_theirs(document, admitted, now)
            step = judge(document, now)
            if step is None:
                return UpdateResult(document, None)
            if not written_down:
                await self._recorder.by_receipt(caller, action, document["_id"], step.detail)
                written_down = True
            records = [events.record_of(event, now, trace.current()) for event in step.events]
            written = await self._reports.write(
                document, now=now, life=step.life, fields=step.fields, pushed=step.pushed, records=records
            )
            if written is not None:
                if records:
                    self._relay.enqueue(document["_id"])
                return UpdateResult(written, step)
        raise UpdateConflictError

    def mark(self, action: str, asked: ReceiptQuestion, key: str | None) -> IdempotencyRecord | None:
        """Digest a request's idempotency key for storage, if it has one."""
        # Without defaults, as for reports: a field added later must not turn a repeat into a conflict.
        content = asked.model_dump_json(exclude={"receipt", "word"}, exclude_defaults=True)
        return idempotency.mark(self._keys, action, content, key)


def _still_theirs(document: Document, admitted: Document, now: datetime) -> None:
    """Raises ``RefusedError`` where receipt or word are no longer those with which somebody was let in."""
    word = waiting_period.word_in_force(document, now)
    if document["receipt_hash"] != admitted["receipt_hash"]:
        raise RefusedError("handed_over")
    if word is not None and word != waiting_period.word_in_force(admitted, now):
        raise RefusedError("word_changed")


def taken_of(changed: UpdateResult, mark: IdempotencyRecord | None) -> Taken:
    """The answer to a request, whether it was made now or before."""
    if changed.step is not None and changed.step.taken is not None:
        return changed.step.taken
    known = request_of(changed.document, mark)
    if known is None:
        raise TransientError("a repeat without its first request")
    return Taken(number=known["number"], at=known["at"])


def open_life(document: Document) -> Lifecycle:
    """The life of a report that can still be added to. Raises ``RefusedError``: ``withdrawn`` or ``erased``."""
    life = retention_rules.lifecycle_of(document)
    access = retention_rules.access_of(life)
    if access is not Access.OPEN:
        raise RefusedError("erased" if access is Access.ERASED and not retention_rules.silent(life) else "withdrawn")
    return life
