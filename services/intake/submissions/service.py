"""Taking in a report: judge, seal, store with its first event, hand that to the relay, answer."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from prometheus_client import Counter

from services.intake.callbacks import rules as callback_rules
from services.intake.disk.service import DiskMonitor
from services.intake.encryption.keys import KeyedDigests
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.encryption.receipt_issuer import ReceiptIssuer, ReceiptSource
from services.intake.links import rules as link_rules
from services.intake.links.service import LinkService
from services.intake.proofs import rules as proof_rules
from services.intake.proofs.rules import ProofSigner
from services.intake.rate_limits.submissions import SUSPECTED, SubmissionRateLimiter, mark_of_text
from services.intake.reports import documents, receipt_numbers, waiting_period
from services.intake.reports.authentication import ReportAuthentication
from services.intake.reports.documents import Document
from services.intake.reports.repository import FORMER_RECEIPT
from services.intake.reports.waiting_period import WordChosen
from services.intake.submissions import rules
from services.intake.submissions.batch_insert import BusyError, GroupCommit
from services.intake.submissions.facts import demand_sound
from services.intake.submissions.models import Submission
from services.intake.submissions.rules import ConflictError
from shared import trace
from shared.clock import Clock, whole_milliseconds
from shared.encryption import Keyring
from shared.errors import TransientError
from shared.events.envelope import iso
from shared.events.vocabulary import Channel, Suspicion, Urgency
from shared.metrics import REGISTRY
from shared.outbox import Relay

ACCEPTED = Counter("ieum_intake_reports_accepted", "Reports accepted, each once.", ["channel"], registry=REGISTRY)

RECEIPT_TRIES = 8
"""Receipts to try; with a million reports one try in a thousand million meets a taken one."""


class SubmissionOrigin(NamedTuple):
    """Where a submission comes from, and what is known of it beside what it says."""

    front_end: str
    idempotency_key: str | None
    suspicion: tuple[Suspicion, ...] = ()
    """Why it may not be meant, by the way it came."""
    call: Mapping[str, object] | None = None
    """Where a report taken by phone comes from, as JSON values; it is sealed with what was said."""
    known: tuple[str, ...] = ()
    """Ids of earlier reports of the same person."""
    sandbox: bool = False
    """The front end is only being tried out."""
    callback: str | None = None
    """The reference by which the front end wants to be told how the report stands."""


class SubmissionResult(NamedTuple):
    """The answer to a reporter. Nothing of it is stored as it is."""

    report_id: str
    receipt: str
    received_at: datetime
    proof: str
    repeated: bool
    """This request made no report: all of this is what an earlier one made, whatever word came with this one."""
    word: WordChosen
    """What is stored of the word, not what this request chose."""
    urgency: Urgency


class _StoredReport(NamedTuple):
    receipt: str
    received_at: datetime
    repeated: bool
    word: WordChosen


class SubmissionService:
    """Accepts submissions as reports."""

    def __init__(
        self,
        *,
        group: GroupCommit,
        relay: Relay,
        keyring: Keyring,
        keys: KeyedDigests,
        receipts: ReceiptIssuer,
        authentication: ReportAuthentication,
        signer: ProofSigner,
        words: PassphraseHasher,
        link_service: LinkService,
        rate_limiter: SubmissionRateLimiter,
        disk: DiskMonitor,
        clock: Clock,
        callback_keys: KeyedDigests,
        on_callback: Callable[[str], None],
    ) -> None:
        """Collaborators come from ``main``; ``keys`` are those that never change, ``callback_keys`` those of callbacks.

        ``on_callback`` is told of each new report whose front end wants to be told how it stands.
        """
        self._callback_keys = callback_keys
        self._on_callback = on_callback
        self._group = group
        self._relay = relay
        self._keyring = keyring
        self._keys = keys
        self._receipts = receipts
        self._authentication = authentication
        self._signer = signer
        self._words = words
        self._link_service = link_service
        self._rate_limiter = rate_limiter
        self._disk = disk
        self._clock = clock
        self._accepted = {channel: ACCEPTED.labels(channel.value) for channel in Channel}

    async def submit(self, submission: Submission, origin: SubmissionOrigin) -> SubmissionResult:
        """Accept a report; when this returns, it is durable.

        Raises ``NotAdmittedError`` (what does not hold together), ``ConflictError``, or ``TransientError`` when the
        store did not take it; then nothing was promised and the same request may be sent again.
        """
        if not self._disk.takes_reports():
            raise BusyError("the store's disk is full")
        now = whole_milliseconds(self._clock.now())
        demand_sound(submission, now)
        text = mark_of_text(submission)
        # Counted before anything is awaited, or as many as come in one moment would all be the first.
        repeated = self._rate_limiter.of_text(text)
        origin = origin._replace(suspicion=(*origin.suspicion, *repeated))
        new = False
        try:
            result = await self._submit(submission, origin, now)
            new = not result.repeated
        finally:
            if not new and not repeated:
                self._rate_limiter.give_text_back(text)
        return result

    async def was_submitted(self, front_end: str, idempotency_key: str) -> bool:
        """Return whether a front end has submitted a report under this key. Raises ``TransientError``."""
        return await self._group.holds(rules.report_id_for(self._keys, front_end, idempotency_key))

    async def _submit(self, submission: Submission, origin: SubmissionOrigin, now: datetime) -> SubmissionResult:
        facts = rules.judged(submission, now, origin.suspicion, sandbox=origin.sandbox)
        if origin.idempotency_key:
            report_id = rules.report_id_for(self._keys, origin.front_end, origin.idempotency_key)
        else:
            report_id = str(uuid.uuid4())
        digests = link_rules.digests_of(self._link_service.keys, vars(submission), synthetic=submission.synthetic)
        if linked := link_rules.newest(origin.known, await self._link_service.linked(report_id, digests)):
            facts = facts.model_copy(update={"linked_reports": linked})
        key, wrapped = self._keyring.new_key(report_id)
        document, event, digest = rules.prepare_report(
            submission,
            facts,
            report_id=report_id,
            front_end=origin.front_end,
            now=now,
            keys=self._keys,
            key=key,
            wrapped=wrapped,
            digests=digests,
            call=origin.call,
            traceparent=trace.current(),
            callback=self._callback(report_id, origin),
        )
        if submission.word is not None:
            hashed = await self._words.hashed(report_id, submission.word, new_report=True)
            document |= waiting_period.submitted_with(hashed, for_status=submission.word_for_status)
        source = self._receipts.new_source()
        document["sealed"] |= self._receipts.sealed(source, key)
        kept = await self._keep(document, source)
        if not kept.repeated:
            self._relay.enqueue(report_id, [event])
            if origin.callback is not None:
                self._on_callback(report_id)
            for why in origin.suspicion:
                SUSPECTED.labels(why.value).inc()
            if digests:
                self._link_service.enqueue(report_id, digests, now)
            self._accepted[submission.channel].inc()
        return self._answer(report_id, kept, digest, facts.urgency)

    def _callback(self, report_id: str, origin: SubmissionOrigin) -> Mapping[str, object] | None:
        if origin.callback is None:
            return None
        code = callback_rules.reference_code(self._callback_keys, report_id, origin.front_end, origin.callback)
        return {"reference": origin.callback, "code": code}

    async def _keep(self, document: Document, source: ReceiptSource) -> _StoredReport:
        report_id: str = document["_id"]
        for counter in range(RECEIPT_TRIES):
            receipt = self._receipts.receipt(report_id, source, counter)
            outcome = await self._group.store(
                self._authentication.signed(documents.with_receipt(document, self._receipts.hash_of(receipt), counter))
            )
            if outcome.inserted:
                return _StoredReport(receipt, document["received_at"], False, self._word_of(document))
            if outcome.existing is not None:
                return self._repeat(document, outcome.existing)
        raise TransientError("no free receipt was found")

    def _answer(self, report_id: str, kept: _StoredReport, digest: str, urgency: Urgency) -> SubmissionResult:
        statement = proof_rules.ProofStatement(
            receipt_mark=proof_rules.mark_of(self._keys, kept.receipt),
            received_at=iso(kept.received_at),
            content_mark=proof_rules.content_mark(self._keys, digest),
        )
        return SubmissionResult(
            report_id=report_id,
            receipt=receipt_numbers.shown(kept.receipt),
            received_at=kept.received_at,
            proof=self._signer.sign(statement),
            repeated=kept.repeated,
            word=kept.word,
            urgency=urgency,
        )

    def _repeat(self, document: Document, existing: Document) -> _StoredReport:
        if existing.get("content_mac") != document["content_mac"]:
            raise ConflictError("the idempotency key belongs to a report with another content")
        return _StoredReport(
            self._receipts.again(existing), existing["received_at"], repeated=True, word=self._word_of(existing)
        )

    def _word_of(self, document: Document) -> WordChosen:
        # Of a report that was handed over the word is somebody else's, and no business of who sent it.
        return waiting_period.chosen({} if document.get(FORMER_RECEIPT) else document, self._clock.now())
