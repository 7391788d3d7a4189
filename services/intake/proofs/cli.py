"""``ieum proof FILE --key proof-key.json``: check a proof.

Needs no network.

``proof-key.json`` is what ``GET /api/v1/proof-key`` answered, kept by whoever checks proofs; a list of such objects
does too, for a time in which the key was replaced. FILE holds the proof alone or among other text, such as a saved
receipt page. Says it in Korean and English. Ends with 0: signed by one of the keys; 1: not, or changed; 2: a file
cannot be used.
"""

import base64
import binascii
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from services.intake.proofs import rules as proof_rules
from services.intake.proofs import words as proof_words
from services.intake.proofs.rules import ProofStatement

_REAL: Final = 0
_NOT_REAL: Final = 1
_UNUSABLE: Final = 2


def main(file: Path, key: Path) -> int:
    """The command."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        keys = public_keys(key.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
        # Of what a person wrote nothing is repeated; an OSError names the file.
        said = str(error) if isinstance(error, OSError) else f"{key} holds no published key"
        sys.stderr.write(f"{said}\n")
        return _UNUSABLE
    stated = verified(text, keys)
    sys.stdout.write("\n".join(proof_words.lines(stated)) + "\n")
    return _REAL if stated is not None else _NOT_REAL


def verified(text: str, keys: Sequence[bytes]) -> ProofStatement | None:
    """Return the statement of the proof in a text, if one of the keys signed it."""
    proof = proof_rules.proof_in(text)
    if proof is None:
        return None
    return next((stated for key in keys if (stated := proof_rules.verify_proof(proof, key)) is not None), None)


def public_keys(published: str) -> list[bytes]:
    """The keys in a published file. Raises ``ValueError``, ``KeyError``, ``TypeError``."""
    found: Any = json.loads(published)
    entries = found if isinstance(found, list) else [found]
    keys = [base64.urlsafe_b64decode(str(entry["public_key"]) + "==") for entry in entries]
    if not keys or any(len(key) != proof_rules.PUBLIC_KEY_BYTES for key in keys):
        raise ValueError("no key")
    return keys
