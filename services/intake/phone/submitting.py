"""A call becomes a report: once, whatever dies. And the receipt is worked out again as long as the call is not over."""

import contextlib
from datetime import datetime
from typing import Final, NamedTuple

from services.intake.encryption.receipt_issuer import ReceiptIssuer
from services.intake.phone import metrics
from services.intake.phone import rules as call_rules
from services.intake.phone.drafts import FRONT_END, CallDraft, CallDrafts
from services.intake.phone.models import Call, CallEnding, CallState
from services.intake.phone.reading import read
from services.intake.reports import receipt_numbers, waiting_period
from services.intake.reports.documents import facts_in
from services.intake.reports.repository import ReportRepository
from services.intake.reports.waiting_period import WordChosen
from services.intake.submissions.facts import NotAdmittedError
from services.intake.submissions.rules import ConflictError
from services.intake.submissions.service import SubmissionOrigin, SubmissionService
from shared import log as logs
from shared.clock import Clock, whole_milliseconds
from shared.errors import PermanentError, TransientError
from shared.events.envelope import iso
from shared.jobs import Skipped
from shared.store_clock import StoreClock
from shared.web.form_body import Typed

_log = logs.get(__name__)

SWEEP_S: Final = 30.0
UNFINISHED: Final = "calls-unfinished"
OVERDUE: Final = "calls-overdue"


class Given(NamedTuple):
    """The receipt and the texts read to a caller."""

    receipt: str
    received_at: datetime
    linked: bool
    """Another report has one of the addresses, files or accounts. No more is known of it here."""
    word: WordChosen


class CallSubmitter:
    """Sends frozen calls."""

    def __init__(
        self,
        drafts: CallDrafts,
        submission_service: SubmissionService,
        reports: ReportRepository,
        receipts: ReceiptIssuer,
        store_clock: StoreClock,
    ) -> None:
        """``reports`` is where a submitted report is looked up by its id; ``receipts`` makes its receipt again.

        ``store_clock`` says what time it is: calls go by the store's.
        """
        self._drafts = drafts
        self._submission_service = submission_service
        self._reports = reports
        self._receipts = receipts
        self._store_clock = store_clock
        self._clock: Clock = store_clock.corrected

    async def send(self, held: CallDraft) -> bool:
        """Submit the frozen answers; when it returns True, it is a report, and durable.

        False: it cannot be sent as it is, and is open again. Raises ``TransientError``: it stays frozen, and is sent
        by whoever finds it.
        """
        if not await self._submitted(held):
            now = whole_milliseconds(self._clock.now())
            await self._drafts.write(held, call_rules.reopened(held.call, now), held.notes)
            return False
        await self._note_sent(held)
        return True

    async def _note_sent(self, held: CallDraft) -> None:
        now = whole_milliseconds(self._clock.now())
        if await self._drafts.write(held, call_rules.sent(held.call, now), None):
            seconds = (now - held.call.started_at).total_seconds()
            metrics.TO_RECEIPT.observe(seconds)
            _log.info("call.sent", seconds=round(seconds))

    async def _submitted(self, held: CallDraft) -> bool:
        """Return whether this call is now a report; False: it cannot become one as it is."""
        call_id = held.call.call_id
        if await self._reports.of_report(self._drafts.report_id(call_id)) is not None:
            return True  # submitted before the process could write that down; a frozen call does not change
        typed = Typed(held.notes.answers)
        submission, _ = read(typed, held.notes.assent, self._clock.now(), frozen=True)
        if submission is None:
            return False
        try:
            origin = SubmissionOrigin(FRONT_END, self._drafts.key_of_report(call_id), call=_provenance(held))
            await self._submission_service.submit(submission, origin)
        except NotAdmittedError:
            return False
        except ConflictError:
            _log.warning("call.sent_by_another")  # a process of another version was faster: the call is a report
        return True

    async def given(self, call: Call) -> Given | None:
        """The receipt of a call that was sent; None where its report is not there, or its key was destroyed."""
        report_id = self._drafts.report_id(call.call_id)
        document = await self._reports.of_report(report_id)
        if document is None or "sealed" not in document:
            return None
        receipt = self._receipts.again(document)
        linked = bool(facts_in(document).linked_reports)
        word = waiting_period.chosen(document, self._clock.now())
        return Given(receipt_numbers.shown(receipt), document["received_at"], linked, word)

    async def finish_others(self) -> int:
        """Send what was frozen and whose request is not at it any more; how many.

        Raises ``SkippedError`` at the end.
        """
        now = self._clock.now()
        done, skipped = 0, Skipped(UNFINISHED)
        for call in await self._drafts.store.half_sent(now - call_rules.FINISHED_AFTER, skipped):
            try:
                done += await self._finish(call)
            except Exception as error:  # one call that cannot be sent holds up no other; it is tried again
                metrics.NOT_FINISHED.inc()
                skipped.add(call.call_id, error)
                if call.until - now < call_rules.UNSENT_KEPT / 2:
                    # The store forgets it after that: somebody was told that all they said is kept.
                    with contextlib.suppress(TransientError):
                        await self._drafts.store.keep_unsent(call, now + call_rules.UNSENT_KEPT)
        skipped.raise_if_any()
        return done

    async def _finish(self, call: Call) -> bool:
        held = await self._drafts.read(call.call_id)
        if held.call.state is not CallState.SENDING:
            return False
        if not await self._submitted(held):
            # Not opened again: nobody may look, and then it would end. Its operator can, or another build may send it.
            raise PermanentError("call_not_sendable")
        await self._note_sent(held)
        metrics.FINISHED.inc()
        return True

    async def sweep(self) -> int:
        """End what nobody came back to, and forget what ended long ago; how many were abandoned.

        Raises ``SkippedError`` at the end, and ``ClocksApartError`` without ending any: nothing brings back what was
        said, and which of the two clocks is right is not known.
        """
        now = whole_milliseconds(await self._store_clock.agreed_now())
        skipped = Skipped(OVERDUE)
        over = await self._drafts.store.overdue(now, skipped)
        await self._drafts.store.remove([call for call in over if call.state is CallState.ENDED], now)
        abandoned = 0
        for call in over:
            with skipped.on_error(call.call_id):
                how = call_rules.overdue(call, now)
                if call.state is CallState.ENDED or how is None:
                    continue
                if await self._drafts.store.write(call, call_rules.ended(call, how, now), None):
                    metrics.ENDED[how].inc()
                    abandoned += how is CallEnding.ABANDONED
        if abandoned:
            _log.warning("calls.abandoned", count=abandoned)
        skipped.raise_if_any()
        return abandoned


def _provenance(held: CallDraft) -> dict[str, object]:
    """Describe where the report comes from, for the centre that gets it; sealed with the answers."""
    call, assent = held.call, held.notes.assent
    return {
        "operator": call.holder,
        "organisation": call.organisation,
        "began_at": iso(call.started_at),
        "taken_over": call.taken,
        "assent": assent.model_dump(mode="json") if assent is not None else None,
    }
