"""Giving a report into the hands of the person it is about: a code is made, made void, or used."""

import secrets
from datetime import datetime

import orjson
from prometheus_client import Counter
from starlette.requests import Request

from services.intake import refusals
from services.intake.changing import Changer, Step, open_life
from services.intake.holder import unavailable
from services.intake.model import receipts
from services.intake.model.asking import ReceiptQuestion, TakeOverAsked
from services.intake.model.report import HandOver, StatusAnswer, TakenOver
from services.intake.policy import handing_over, lodging, receipt_alone
from services.intake.policy.admission import NotAdmittedError, demand_consent
from services.intake.policy.erasure import RefusedError
from services.intake.policy.lodging import LodgingKeys
from services.intake.secret_word import Words
from services.intake.status import Teller
from services.intake.store import changes, documents
from services.intake.store.documents import Document
from shared.errors import TransientError
from shared.events.reports import ReportAmended
from shared.metrics import REGISTRY
from shared.sealing import Keyring

TAKEN_OVER = Counter("intake_reports_taken_over", "Reports taken over by the person harmed.", registry=REGISTRY)


class HandingOver:
    """Changes of hands."""

    def __init__(self, changer: Changer, keys: LodgingKeys, keyring: Keyring, words: Words, tell: Teller) -> None:
        """``keys`` are those that receipts are derived with."""
        self._changer = changer
        self._keys = keys
        self._keyring = keyring
        self._words = words
        self._tell = tell

    async def offer(self, asked: ReceiptQuestion, request: Request) -> HandOver:
        """A new code; an earlier one no longer counts. Raises ``Problem``."""
        code = receipts.code_from_number(secrets.randbelow(receipts.CODE_SPACE))

        def judge(document: Document, now: datetime) -> Step:
            offer = handing_over.offered(open_life(document), documents.facts_in(document), now)
            hashed = handing_over.code_hash(self._keys, code)
            return Step(fields={"hand_over": offer.model_dump(), changes.CODE: hashed})

        document, _ = await self._changer.change("receipts.hand_over", asked, request, judge)
        made = handing_over.offer_of(document)
        if made is None:
            raise unavailable()  # erased or replaced within this very moment
        return HandOver(code=receipts.shown(code), until=made.until)

    async def cancel(self, asked: ReceiptQuestion, request: Request) -> StatusAnswer:
        """Make the open code void; nothing where there is none. Raises ``Problem``: 409 ``handed_over``."""

        def judge(document: Document, _: datetime) -> Step | None:
            void = handing_over.cancelled(handing_over.offer_of(document))
            return None if void is None else Step(fields={"hand_over": void.model_dump()})

        document, _ = await self._changer.change("receipts.hand_over_cancel", asked, request, judge)
        return self._tell(document)

    async def take(self, asked: TakeOverAsked, request: Request, key: str | None) -> TakenOver:
        """Take a report over: a new receipt, the word and contact given now, and the old ones no more.

        ``key`` makes a repeat of this request answer alike. Raises ``Problem``.
        """
        try:
            demand_consent(asked.contact, asked.consents)
        except NotAdmittedError as error:
            raise refusals.from_admission(error) from None
        code, key = receipts.read_code(asked.code) or "", key or secrets.token_urlsafe(24)
        admitted = await self._changer.holders.with_code(asked.code, request, "receipts.take_over")
        receipt = receipts.from_number(
            handing_over.receipt_number(self._keys, admitted["_id"], code, key) % receipts.SPACE
        )
        by = handing_over.request_mark(self._keys, code, key)
        try:
            word = await self._words.hashed(admitted["_id"], asked.word) if asked.word is not None else None
        except TransientError:
            raise unavailable() from None

        def judge(document: Document, now: datetime) -> Step | None:
            if not asked.i_am_the_person:
                raise RefusedError("not_the_person")
            offer = handing_over.offer_of(document)
            if offer is None or document.get(changes.CODE) != admitted[changes.CODE]:
                raise RefusedError("code_void")
            used = handing_over.taken(offer, by, now)
            if used is None:
                return None
            return self._taking(document, asked, used, lodging.receipt_hash(self._keys, receipt), word, now)

        document, step = await self._changer.apply("receipts.take_over", admitted, request, judge, by_code=True)
        if step is not None:
            TAKEN_OVER.inc()
        used = handing_over.offer_of(document)
        if used is None or used.taken_at is None:
            raise unavailable()  # erased within this very moment
        return TakenOver(receipt=receipts.shown(receipt), taken_over_at=used.taken_at)

    def _taking(
        self,
        document: Document,
        asked: TakeOverAsked,
        used: handing_over.Offer,
        receipt_hash: str,
        word: str | None,
        now: datetime,
    ) -> Step:
        life, facts = handing_over.handed_over(
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
        pushed = {"amendments": {"number": number, "at": now, "version": version}}
        if document.get("consents"):
            pushed["earlier_consents"] = {**document["consents"], "until": now}
        return Step(
            life=life,
            fields={
                "receipt_hash": receipt_hash,
                changes.FORMER_RECEIPT: document["receipt_hash"],
                "hand_over": used.model_dump(),
                receipt_alone.WORD: word,
                receipt_alone.LATER: None,
                "facts": facts.model_dump(mode="json"),
                "consents": asked.consents.model_dump(mode="json") if asked.consents else None,
                f"sealed.fields.{name}": documents.key_of(document, self._keyring).seal(name, orjson.dumps(contact)),
            },
            pushed=pushed,
            events=(ReportAmended(report_id=document["_id"], intake_version=version, amended_at=now, facts=facts),),
            detail={"word": str(word is not None).lower()},
        )
