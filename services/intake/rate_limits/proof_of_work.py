"""Proof of work, asked of a browser if many reports come from its network: work done, or time passed. Pure.

A challenge is a signed text for one network, so any intake process can judge the answer, and none stores who asked. The
work is sixteen small puzzles instead of one large one: together they take nearly the same time for everybody, where one
large one would keep the unlucky waiting five times as long.
"""

import hashlib
import hmac
from typing import Final

from services.intake.encryption.keys import KeyedDigests

PUZZLES: Final = 16
BITS: Final = 10
"""Zero bits each puzzle's digest begins with: 16,384 digests in all on average. A slow phone makes more than 20,000 a
second in script (measured in Chromium slowed down twenty times), so it is through in about a second."""
WAIT_S: Final = 30
"""Without script: how long after the challenge the same button works all the same."""
VALID_S: Final = 30 * 60
"""As long as a half-filled form is kept."""
_MAC_CHARS: Final = 32
_ANSWER_CHARS: Final = 400


def challenge(keys: KeyedDigests, network: str, now_s: int, nonce: str) -> str:
    """A challenge for a network, made at a time (whole seconds since 1970). ``nonce``: 16 hex digits, random."""
    return f"{now_s}.{nonce}.{_mac(keys, network, str(now_s), nonce)}"


def age_of(keys: KeyedDigests, given: str, network: str, now_s: int) -> int | None:
    """Seconds since a challenge was made; None if it is none of ours, for another network, or too old."""
    made, _, rest = given.partition(".")
    nonce, _, mac = rest.partition(".")
    if not (made.isascii() and made.isdigit()) or not hmac.compare_digest(
        mac.encode(), _mac(keys, network, made, nonce).encode()
    ):
        return None
    age = now_s - int(made)
    return age if 0 <= age <= VALID_S else None


def seed_of(given: str) -> str:
    """Derive the seed of the puzzles: short, so that each attempt is one block of SHA-256."""
    return hashlib.sha256(given.encode()).hexdigest()[:16]


def solved(given: str, answer: str) -> bool:
    """Return whether an answer (sixteen numbers, separated by commas) solves the puzzles of a challenge."""
    if len(answer) > _ANSWER_CHARS:
        return False
    numbers = answer.split(",")
    seed = seed_of(given)
    return len(numbers) == PUZZLES and all(
        _zero_bits(hashlib.sha256(f"{seed}.{index}.{number}".encode()).digest()) >= BITS
        for index, number in enumerate(numbers)
    )


def _zero_bits(digest: bytes) -> int:
    return 32 - int.from_bytes(digest[:4], "big").bit_length()


def _mac(keys: KeyedDigests, *parts: str) -> str:
    return keys.mac("passage", *parts).hex()[:_MAC_CHARS]
