"""The proof that a report was submitted: a signed statement of keyed digests (compact JWS, Ed25519). Pure."""

import hashlib
import json
import re
from dataclasses import dataclass, fields
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from services.intake.encryption.keys import KeyedDigests

_PROOF_TYPE: Final = "ieum-lodging+jws"
_ALGORITHM: Final = "EdDSA"
_JWS: Final = PyJWS(algorithms=[_ALGORITHM])
_ELSE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
"""Whatever stands in no proof."""
_BRACE: Final = "eyJ"
"""How the header of a compact JWS begins: an opening brace."""
_HEADER_CHARS: Final = range(13, 304)
_STATEMENT_CHARS: Final = range(10, 601)
_SIGNATURE_CHARS: Final = 86
"""64 bytes."""
PUBLIC_KEY_BYTES: Final = 32


def content_mark(keys: KeyedDigests, digest: str) -> str:
    """The content as a proof names it: keyed, so that whoever sees a proof cannot try out what was reported.

    Intake can tell whether a given report is the one proven. Not the stored MAC, for the reason of ``mark_of``.
    """
    return keys.mac("proof content", digest).hex()


@dataclass(frozen=True, slots=True)
class ProofStatement:
    """The statement of a proof: a report with this content and this receipt was received at this time."""

    receipt_mark: str
    """Keyed digest of the receipt; ``mark_of`` of the right receipt equals it."""
    received_at: str
    content_mark: str
    """Keyed digest of the content; ``content_mark`` of the right content's digest equals it."""


_STATED: Final = tuple(field.name for field in fields(ProofStatement))


def mark_of(keys: KeyedDigests, receipt: str) -> str:
    """The receipt as a proof names it. Not the stored hash: a proof shown around leads to no row of the store."""
    return keys.mac("proof", receipt).hex()


class ProofSigner:
    """Signs proofs as compact JWS (RFC 7515) with Ed25519 (RFC 8037)."""

    def __init__(self, seed: bytes) -> None:
        """``seed``: the 32 bytes of an Ed25519 private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: Final = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id: Final = hashlib.sha256(self.public_key).hexdigest()[:16]
        self._header = {"kid": self.key_id, "typ": _PROOF_TYPE}

    def sign(self, stated: ProofStatement) -> str:
        """The proof. The same statement always gives the same text."""
        said = {name: getattr(stated, name) for name in _STATED}  # asdict copies each value, which takes as long again
        payload = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        return _JWS.encode(payload, self._key, _ALGORITHM, self._header, sort_headers=True)


def proof_in(text: str) -> str | None:
    """The first thing in a text that has the form of a proof; spaces and line ends inside it do not matter."""
    return _found(text) or _found("".join(text.split()))


def _found(text: str) -> str | None:
    # Once through the text, however it is made: a pattern would begin anew at each of 20,000 braces.
    for run in _ELSE.split(text):
        parts = run.split(".")
        for header, statement, signature in zip(parts, parts[1:], parts[2:], strict=False):
            begin = header.find(_BRACE, max(0, len(header) - _HEADER_CHARS[-1]))
            whole = len(header) - begin in _HEADER_CHARS and len(statement) in _STATEMENT_CHARS
            if begin >= 0 and whole and len(signature) == _SIGNATURE_CHARS:
                return f"{header[begin:]}.{statement}.{signature}"
    return None


def verify_proof(proof: str, public_key: bytes) -> ProofStatement | None:
    """Return the statement of a proof, or None if this key did not sign it or it was changed. Never raises."""
    try:
        found = _JWS.decode_complete(proof, Ed25519PublicKey.from_public_bytes(public_key), [_ALGORITHM])
        body = json.loads(found["payload"])
        if found["header"]["typ"] != _PROOF_TYPE:
            return None
        return ProofStatement(
            receipt_mark=body["receipt_mark"], received_at=body["received_at"], content_mark=body["content_mark"]
        )
    except (ValueError, KeyError, TypeError, PyJWTError):
        return None
