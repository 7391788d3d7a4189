"""The word of the reporter's own: kept only as a slow, salted and keyed hash, and compared in a thread."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.intake.model.asking import plain_word
from services.intake.policy.lodging import LodgingKeys
from shared.errors import TransientError

_PASSES: Final = 2
_KIBIBYTES: Final = 19_456
"""argon2id with 19 MiB and two passes, as OWASP's password storage sheet asks at least (read 2026)."""
WAITING: Final = 64
"""Hashes that may wait in one line: two seconds' work. Whoever comes then is told to come again."""


class _Line:
    """One hash at a time, each taking a core for some 30 ms and 19 MiB, and a bounded number that waits."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._inside = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if self._inside > WAITING:
            raise TransientError("too many words wait to be hashed")
        self._inside += 1
        try:
            async with self._turn:
                yield
        finally:
            self._inside -= 1


class Words:
    """Hashes and compares words. The receipt key goes in: the store alone does not let anybody try words out.

    Who lodges and who holds a receipt stand in lines of their own: a flood of new words keeps nobody from withdrawing.
    All raise ``TransientError`` where too many wait.
    """

    def __init__(self, keys: LodgingKeys) -> None:
        """``keys`` are those that receipts are derived with."""
        self._keys = keys
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_KIBIBYTES, parallelism=1)
        self._lodging, self._holders = _Line(), _Line()
        self._nobodys: str | None = None

    async def hashed(self, report_id: str, word: str, *, lodging: bool = False) -> str:
        """What may be stored of a word; ``lodging``: of a new report."""
        async with (self._lodging if lodging else self._holders).turn():
            return await asyncio.to_thread(self._hasher.hash, self._keyed(report_id, word))

    async def fits(self, report_id: str, stored: str | None, word: str | None) -> bool:
        """Whether it is the word. Takes as long where there is no report, no stored word or no given one."""
        if self._nobodys is None:
            self._nobodys = await self.hashed("", "nobody's word")
        against = stored if stored is not None and word is not None else self._nobodys
        async with self._holders.turn():
            same = await asyncio.to_thread(self._verified, against, self._keyed(report_id, word or ""))
        return same and against is stored

    def _verified(self, stored: str, keyed: bytes) -> bool:
        try:
            return self._hasher.verify(stored, keyed)
        except (VerificationError, InvalidHashError):
            return False

    def _keyed(self, report_id: str, word: str) -> bytes:
        return self._keys.mac("word", report_id, plain_word(word))
