"""The identifiers of a report: its id, and digests of its content, all keyed functions of the submission.

Nothing here is random: the same submission under the same key gives the same id and digests, so a repeated request
finds the report it made, whose receipt ``encryption.receipt_issuer`` makes again.
"""

import hashlib
from typing import Final

from services.intake.encryption.keys import KeyedDigests
from services.intake.submissions.models import Submission
from shared.errors import IeumError

_UUID_VERSION: Final = 8
"""UUID of our own making (RFC 9562): the other bits are a keyed digest."""


class ConflictError(IeumError):
    """The idempotency key was used before, with another content."""


def report_id_for(keys: KeyedDigests, front_end: str, idempotency_key: str) -> str:
    """The id of the one report a front end may submit under this key, as UUID text."""
    raw = bytearray(keys.mac("report id", front_end, idempotency_key)[:16])
    raw[6] = (raw[6] & 0x0F) | _UUID_VERSION << 4
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def content_of(submission: Submission) -> bytes:
    """The submission in canonical form, as JSON."""
    # Without the word and what it guards: they are no content. Without what is left at its default: a field added later
    # must not change the digest of a report that does not have it, or an honest repeat across an upgrade would be a
    # conflict.
    return submission.model_dump_json(exclude={"word", "word_for_status"}, exclude_defaults=True).encode()


def content_digest(content: bytes) -> str:
    """SHA-256 of the content, hex. Never shown or stored: most reports could be guessed."""
    return hashlib.sha256(content).hexdigest()


def content_mac(keys: KeyedDigests, digest: str) -> str:
    """Digest the content's digest with a key, to tell a repeat from a conflict."""
    return keys.mac("content", digest).hex()
