"""A browser that has given a receipt rightly keeps its place while its network is held back. Pure.

The proof is in the browser's cookie alone: when it ends, and keyed digests of that and the receipt. It says nothing to
whoever has no key, not even about which report it is, counts only together with the same receipt, and so is worth
nothing to who guesses others.
"""

import hmac
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.intake.encryption.keys import KeyedDigests

LASTS: Final = timedelta(hours=12)
"""Shorter than the day a word waits that was set with a receipt alone, so that no proof from before outlives that."""
FRESH: Final = timedelta(minutes=30)
"""For how long the word that a browser gave counts for the status, where that needs it: as long as a draft is kept."""
_MOST_CHARS: Final = 160
_MAC_CHARS: Final = 40


class DeviceProof(NamedTuple):
    """Earlier proof by this browser of knowing a receipt or its passphrase."""

    receipt: bool = False
    word: str = ""
    """Under which name its wrong words are counted, where it gave the right one before; empty where it did not."""
    fresh: bool = False
    """It gave the word a short while ago."""


NOTHING: Final = DeviceProof()


def proof_for(keys: KeyedDigests, receipt: str, now: datetime, *, word: str | None) -> str:
    """The cookie of a browser that gave a receipt (its 16 digits) rightly; ``word``: and the word with this hash."""
    ends = str(int((now + LASTS).timestamp()))
    parts = [ends, _mac(keys, "receipt", receipt, ends)]
    return ".".join(parts if word is None else [*parts, _mac(keys, "word", receipt, ends, word)])


def proven(keys: KeyedDigests, cookie: str, receipt: str, now: datetime, word: str | None = None) -> DeviceProof:
    """Return what a cookie proves of this receipt, and of the word in force, named by its hash.

    Whoever gave a word that was replaced since is a stranger to the new one.
    """
    ends, _, rest = cookie.partition(".")
    shown, _, given = rest.partition(".")
    if len(cookie) > _MOST_CHARS or not (ends.isascii() and ends.isdigit()) or int(ends) <= now.timestamp():
        return NOTHING
    if not _same(shown, _mac(keys, "receipt", receipt, ends)):
        return NOTHING
    if word is None or not _same(given, _mac(keys, "word", receipt, ends, word)):
        return DeviceProof(receipt=True)
    return DeviceProof(receipt=True, word=given, fresh=int(ends) > (now + LASTS - FRESH).timestamp())


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _mac(keys: KeyedDigests, *parts: str) -> str:
    return keys.mac("device", *parts).hex()[:_MAC_CHARS]
