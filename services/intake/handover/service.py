"""Giving a report into the hands of the person it is about: a code is made, made void, or used."""

import secrets
from datetime import datetime

import orjson

from services.intake import problems
from services.intake.caller import Caller
from services.intake.encryption.keys import KeyedDigests
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.encryption.receipt_issuer import ReceiptIssuer
from services.intake.handover import rules as handover_rules
from services.intake.problems import unavailable
from services.intake.receipts.models import ReceiptQuestion, TakeOverAsked
from services.intake.receipts.status import StatusAnswerBuilder
from services.intake.receipts.updates import ReportUpdate, ReportUpdater, open_life
from services.intake.reports import documents, receipt_numbers, repository, waiting_period
from services.intake.reports.documents import Document
from services.intake.reports.events import amended
from services.intake.reports.models import HandOver, StatusAnswer, TakenOver
from services.intake.retention.rules import RefusedError
from services.intake.submissions import idempotency
from services.intake.submissions.facts import NotAdmittedError, demand_consent
from shared.encryption import Keyring
from shared.errors import TransientError


class HandoverService:
    """Changes of hands."""

    def __init__(
        self,
        updater: ReportUpdater,
        keys: KeyedDigests,
        receipts: ReceiptIssuer,
        keyring: Keyring,
        words: PassphraseHasher,
        tell: StatusAnswerBuilder,
    ) -> None:
        """``keys`` are those that never change: a repeat is recognised by them."""
        self._updater = updater
        self._keys = keys
        self._receipts = receipts
        self._keyring = keyring
        self._words = words
        self._tell = tell

    async def offer(self, asked: ReceiptQuestion, caller: Caller) -> HandOver:
        """A new code; an earlier one no longer counts. Raises ``Problem``."""
        code = receipt_numbers.code_from_number(secrets.randbelow(receipt_numbers.CODE_SPACE))

        def judge(document: Document, now: datetime) -> ReportUpdate:
            offer = handover_rules.offered(open_life(document), documents.facts_in(document), now)
            hashed = handover_rules.code_hashes(self._receipts.keys, code)[0]
            return ReportUpdate(fields={"hand_over": offer.model_dump(), repository.CODE: hashed})

        document, _ = await self._updater.change("receipts.hand_over", asked, caller, judge)
        made = handover_rules.handover_code_of(document)
        if made is None:
            raise unavailable()  # erased or replaced within this very moment
        return HandOver(code=receipt_numbers.shown(code), until=made.until)

    async def cancel(self, asked: ReceiptQuestion, caller: Caller) -> StatusAnswer:
        """Make the open code void; nothing where there is none. Raises ``Problem``: 409 ``handed_over``."""

        def judge(document: Document, _: datetime) -> ReportUpdate | None:
            void = handover_rules.cancelled(handover_rules.handover_code_of(document))
            return None if void is None else ReportUpdate(fields={"hand_over": void.model_dump()})

        document, _ = await self._updater.change("receipts.hand_over_cancel", asked, caller, judge)
        return self._tell(document)

    async def take(self, asked: TakeOverAsked, caller: Caller, key: str | None) -> tuple[TakenOver, bool]:
        """Take a report over: a new receipt, the word and contact given now, and the old ones no more.

        Also whether it is a repeat: ``key`` makes one answer alike. Raises ``Problem``.
        """
        try:
            demand_consent(asked.contact, asked.consents)
        except NotAdmittedError as error:
            raise problems.from_admission(error) from None
        code, key = receipt_numbers.read_code(asked.code) or "", key or idempotency.new_key()
        admitted = await self._updater.authenticator.authenticate_code(asked.code, caller, "receipts.take_over")
        made = handover_rules.receipts(self._receipts.keys, admitted["_id"], code, key)
        by = handover_rules.request_mark(self._keys, code, key)
        try:
            word = await self._words.hashed(admitted["_id"], asked.word) if asked.word is not None else None
        except TransientError:
            raise unavailable() from None

        def judge(document: Document, now: datetime) -> ReportUpdate | None:
            if not asked.i_am_the_person:
                raise RefusedError("not_the_person")
            offer = handover_rules.handover_code_of(document)
            if offer is None or document.get(repository.CODE) != admitted[repository.CODE]:
                raise RefusedError("code_void")
            used = handover_rules.taken(offer, by, now)
            if used is None:
                return None
            return self._taking(document, asked, used, self._receipts.hash_of(made[0]), word, now)

        document, step = await self._updater.apply("receipts.take_over", admitted, caller, judge, by_code=True)
        used = handover_rules.handover_code_of(document)
        # Of a repeat the one it got then, though the key of receipts may have been replaced since.
        receipt = next((one for one in made if self._receipts.same(document["receipt_hash"], one)), None)
        if used is None or used.taken_at is None or receipt is None:
            raise unavailable()  # erased within this very moment
        kept = waiting_period.chosen(document, used.taken_at)
        answer = TakenOver(
            receipt=receipt_numbers.shown(receipt),
            taken_over_at=used.taken_at,
            word_set=kept.in_force or None,
            word_for_status=kept.for_status or None,
        )
        return answer, step is None

    def _taking(
        self,
        document: Document,
        asked: TakeOverAsked,
        used: handover_rules.HandoverCode,
        receipt_hash: str,
        word: str | None,
        now: datetime,
    ) -> ReportUpdate:
        life, facts = handover_rules.handed_over(
            open_life(document),
            documents.facts_in(document),
            asked.contact.channels,
            now,
            other_centers=asked.consents is not None and asked.consents.other_centers,
        )
        version = document["intake_version"] + 1
        contact = asked.contact.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        name = f"contact:{version}"
        number = len(document.get("amendments") or ()) + 1
        pushed = {"amendments": {"number": number, "at": now, "version": version, "parts": ["contact"]}}
        said = {what: len(document.get(what) or ()) for what in documents.OF_HOLDER} | {"amendments": number}
        if document.get("consents"):
            pushed["earlier_consents"] = {**document["consents"], "until": now}
        return ReportUpdate(
            life=life,
            fields={
                "receipt_hash": receipt_hash,
                repository.FORMER_RECEIPT: document["receipt_hash"],
                "hand_over": used.model_copy(update={"said_before": said}).model_dump(),
                waiting_period.WORD: word,
                waiting_period.LATER: None,
                waiting_period.FOR_STATUS: asked.word_for_status,
                "facts": facts.model_dump(mode="json"),
                "consents": asked.consents.model_dump(mode="json") if asked.consents else None,
                f"sealed.fields.{name}": documents.key_of(document, self._keyring).encrypt(name, orjson.dumps(contact)),
            },
            pushed=pushed,
            events=(amended(document["_id"], version, now, facts),),
            detail={
                "word": str(word is not None).lower(),
                **({"for_status": "true"} if asked.word_for_status else {}),
            },
        )
