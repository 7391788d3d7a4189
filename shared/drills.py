"""What tells a drill that notify begins from one that a front end sends."""

import hashlib
import hmac
from typing import Final

_PREFIX: Final = "drill:"
_CODE: Final = 32
"""Hexadecimal digits."""


def key_of(ticket_key: bytes, drill_id: str) -> str:
    """The idempotency key of a drill that notify begins, by the calendar or by its button.

    ``ticket_key`` is what notify and intake share: no front end can make such a key.
    """
    # A blank stands in no token, so that no ticket is signed as this is.
    code = hmac.new(ticket_key, f"ieum drill {drill_id}".encode(), hashlib.sha256).hexdigest()
    return f"{_PREFIX}{drill_id}:{code[:_CODE]}"


def begun_by_notify(ticket_key: bytes, idempotency_key: str) -> bool:
    """Return whether a drill that came with this idempotency key is one of notify's."""
    drill_id = idempotency_key.removeprefix(_PREFIX).rpartition(":")[0]
    return hmac.compare_digest(key_of(ticket_key, drill_id).encode(), idempotency_key.encode())
