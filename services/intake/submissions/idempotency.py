"""Requests about a stored report that may come twice: known again by their idempotency key, and written once."""

import secrets
from typing import Any, Final, NamedTuple

from services.intake.encryption.keys import KeyedDigests
from services.intake.reports.documents import Document
from services.intake.reports.models import Taken
from services.intake.retention.rules import RefusedError
from shared.web.form_body import Typed

_FORM_BYTES: Final = 24
_FORM_CHARS: Final = 32
"""Of the key of a page's own form: 24 bytes in base64."""
_KEY_BYTES: Final = 16


class IdempotencyRecord(NamedTuple):
    """A request's idempotency key and content, as they may be stored."""

    key: str
    what: str


def new_key() -> str:
    """A key for a page's own form."""
    return secrets.token_urlsafe(_FORM_BYTES)


def key_of(typed: Typed) -> str | None:
    """The key of a page's own button; none where it is not one of ours."""
    key = typed.one("idempotency_key")
    return key if len(key) == _FORM_CHARS else None


def mark(keys: KeyedDigests, action: str, content: str, key: str | None) -> IdempotencyRecord | None:
    """Digest a request's idempotency key for storage, if it has one."""
    if key is None:
        return None
    return IdempotencyRecord(
        keys.mac("request", action, key)[:_KEY_BYTES].hex(), keys.mac("request content", content).hex()
    )


def is_repeat(document: Document, mark: IdempotencyRecord | None) -> bool:
    """Return whether this very request was made before. Raises ``RefusedError`` if the key was used for another one."""
    known = request_of(document, mark)
    if known is None or mark is None:
        return False
    if known["what"] != mark.what:
        raise RefusedError("idempotency_conflict")
    return True


def noted(mark: IdempotencyRecord | None, taken: Taken) -> dict[str, Any]:
    """Return the update that records a request, so that a repeat is answered alike."""
    if mark is None:
        return {}
    return {"requests": {"key": mark.key, "what": mark.what, "number": taken.number, "at": taken.at}}


def request_of(document: Document, mark: IdempotencyRecord | None) -> dict[str, Any] | None:
    """Return what is stored of a request that was made before."""
    if mark is None:
        return None
    return next((known for known in document.get("requests") or () if known["key"] == mark.key), None)
