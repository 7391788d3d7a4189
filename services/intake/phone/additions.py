"""Adds what a caller says to a report they made before: by its receipt and a word, and without showing any of it."""

import hmac
from collections.abc import Mapping
from typing import Any, Final

import orjson

from services.intake import problems
from services.intake.caller import Caller
from services.intake.receipts import amendments
from services.intake.receipts.models import AmendmentAsked, plain_word
from services.intake.receipts.service import ReceiptService
from services.intake.reports import documents
from services.intake.reports.documents import Document
from services.intake.webform.form import addition_of
from shared import log as logs
from shared.encryption import Keyring
from shared.errors import PermanentError
from shared.web.form_body import Typed
from shared.web.problems import invalid

_log = logs.get(__name__)

_CONTACT: Final = "contact"


class CallAdditions:
    """For operators whose caller has a receipt."""

    def __init__(self, receipt_service: ReceiptService, keyring: Keyring) -> None:
        """``receipt_service`` does it as for holders of receipts on the web, with its limits against guessing."""
        self._receipt_service = receipt_service
        self._keyring = keyring

    async def add(self, typed: Typed, caller: Caller, key: str | None) -> None:
        """Add it. Raises ``Problem``: the same for a wrong receipt, a wrong word, and where there is no word at all."""
        await self._receipt_service.amend(_asked(typed), caller, key, spoken=self._fits)

    def _fits(self, document: Document, said: str) -> bool:
        """Return whether this is the word agreed with the centre, for reporters without a passphrase."""
        if "sealed" not in document:
            return False
        try:
            known = plain_word(_codeword(document, self._keyring))
        except PermanentError as error:
            _log.critical("call.not_opened", reason=error.reason)
            return False
        return bool(known) and hmac.compare_digest(known.encode(), plain_word(said).encode())


def _codeword(document: Document, keyring: Keyring) -> str:
    """The word of the newest contact; only that part is opened."""
    parts = {name: blob for name, blob in document["sealed"]["fields"].items() if name.partition(":")[0] == _CONTACT}
    key = documents.key_of(document, keyring)
    contact = amendments.latest(
        {name: orjson.loads(key.decrypt(name, bytes(blob))) for name, blob in parts.items()}, _CONTACT
    )
    return str((contact or {}).get("person_codeword") or "")


def _asked(typed: Typed) -> AmendmentAsked:
    asked: Mapping[str, Any] = {
        "receipt": typed.one("receipt"),
        "word": typed.one("word"),
        **addition_of(typed),
    }
    missing = [problems.required(name) for name in ("receipt", "word") if not asked[name].strip()]
    if missing:
        raise invalid(missing)
    return problems.parsed(asked, AmendmentAsked)
