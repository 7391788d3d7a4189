"""Ids, receipts and the proof that a report was lodged: keyed functions of what was submitted.

Nothing here is random: the same submission under the same keys gives the same id, receipt and proof, so a repeated
request is answered as the first one was, without the receipt or the text's digest being stored.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.intake.model import receipts
from services.intake.model.submission import Submission
from shared.errors import IeumError

_UUID_VERSION: Final = 8
"""UUID of our own making (RFC 9562): the other bits are a keyed digest."""
_PROOF_TYPE: Final = "ieum-lodging+jws"
_PROOF: Final = re.compile(r"eyJ[A-Za-z0-9_-]{10,300}\.[A-Za-z0-9_-]{10,600}\.[A-Za-z0-9_-]{86}(?![A-Za-z0-9_-])")
"""A compact JWS: the header begins with an opening brace, the signature has 64 bytes."""
PUBLIC_KEY_BYTES: Final = 32


class ConflictError(IeumError):
    """The idempotency key was used before, with another content."""


class LodgingKeys:
    """The keys of this page, each derived from one secret for one purpose."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: 32 bytes that must never change, or receipts and repeats are no longer recognised."""
        self._secret = secret

    def mac(self, purpose: str, *parts: str | bytes) -> bytes:
        """HMAC-SHA256 of the parts, 32 bytes, for one purpose; parts cannot run into each other."""
        digest = hmac.new(self._secret, f"ieum intake {purpose}".encode(), hashlib.sha256)
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.digest()


def report_id_for(keys: LodgingKeys, front_end: str, idempotency_key: str) -> str:
    """The id of the one report a front end may lodge under this key, as UUID text."""
    raw = bytearray(keys.mac("report id", front_end, idempotency_key)[:16])
    raw[6] = (raw[6] & 0x0F) | _UUID_VERSION << 4
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def receipt_for(keys: LodgingKeys, report_id: str, counter: int) -> str:
    """The receipt of a report. ``counter`` is 0, or one more for each receipt another report already had."""
    return receipts.from_number(int.from_bytes(keys.mac("receipt", report_id, str(counter)), "big") % receipts.SPACE)


def receipt_hash(keys: LodgingKeys, receipt: str) -> str:
    """What is stored of a receipt: enough to find its report, useless without the key."""
    return keys.mac("receipt hash", receipt).hex()


def content_digest(submission: Submission) -> str:
    """SHA-256 of the submission in canonical form, hex. Never shown or stored: most reports could be guessed."""
    # Without the word: it is no content. Without what is left at its default: a field added later must not change the
    # digest of a report that does not have it, or an honest repeat across an upgrade would be a conflict.
    return hashlib.sha256(submission.model_dump_json(exclude={"word"}, exclude_defaults=True).encode()).hexdigest()


def content_mac(keys: LodgingKeys, digest: str) -> str:
    """What is stored to tell a repeat from a conflict: a keyed digest of the content's digest."""
    return keys.mac("content", digest).hex()


def content_mark(keys: LodgingKeys, digest: str) -> str:
    """The content as a proof names it: keyed, so that whoever sees a proof cannot try out what was reported.

    Intake can tell whether a given report is the one proven. Not the stored MAC, for the reason of ``mark_of``.
    """
    return keys.mac("proof content", digest).hex()


@dataclass(frozen=True, slots=True)
class Lodged:
    """What a proof states: that a report with this content and this receipt was lodged at this time."""

    receipt_mark: str
    """Keyed digest of the receipt; ``mark_of`` of the right receipt equals it."""
    received_at: str
    content_mark: str
    """Keyed digest of the content; ``content_mark`` of the right content's digest equals it."""


def mark_of(keys: LodgingKeys, receipt: str) -> str:
    """The receipt as a proof names it. Not the stored hash: a proof shown around leads to no row of the store."""
    return keys.mac("proof", receipt).hex()


class ProofSigner:
    """Signs proofs of lodging as compact JWS (RFC 7515) with Ed25519 (RFC 8037)."""

    def __init__(self, seed: bytes) -> None:
        """``seed``: the 32 bytes of an Ed25519 private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: Final = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id: Final = hashlib.sha256(self.public_key).hexdigest()[:16]
        self._header = _encoded({"alg": "EdDSA", "kid": self.key_id, "typ": _PROOF_TYPE})

    def sign(self, lodged: Lodged) -> str:
        """The proof. The same statement always gives the same text."""
        payload = {
            "content_mark": lodged.content_mark,
            "received_at": lodged.received_at,
            "receipt_mark": lodged.receipt_mark,
        }
        signed = f"{self._header}.{_encoded(payload)}"
        return f"{signed}.{_base64(self._key.sign(signed.encode()))}"


def proof_in(text: str) -> str | None:
    """The first thing in a text that has the form of a proof; spaces and line ends inside it do not matter."""
    found = _PROOF.search(text) or _PROOF.search("".join(text.split()))
    return found[0] if found else None


def verify_proof(proof: str, public_key: bytes) -> Lodged | None:
    """What a proof states, or None if it was not signed by this key or was changed. Never raises."""
    try:
        header, payload, signature = proof.split(".")
        Ed25519PublicKey.from_public_bytes(public_key).verify(_bytes(signature), f"{header}.{payload}".encode())
        head, body = json.loads(_bytes(header)), json.loads(_bytes(payload))
        if head["alg"] != "EdDSA" or head["typ"] != _PROOF_TYPE:
            return None
        return Lodged(
            receipt_mark=body["receipt_mark"], received_at=body["received_at"], content_mark=body["content_mark"]
        )
    except (ValueError, KeyError, TypeError, InvalidSignature):
        return None


def iso(moment: datetime) -> str:
    """A moment in UTC to the millisecond, as the store, the bus and the answer all name it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(fields: dict[str, str]) -> str:
    return _base64(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())
