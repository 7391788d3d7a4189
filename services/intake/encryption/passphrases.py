"""The word of the reporter's own: kept only as a slow, salted and keyed hash, and compared in a thread."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.intake.encryption.keys import KeyedDigests
from services.intake.receipts.models import plain_word
from shared.errors import TransientError

T = TypeVar("T")

_PASSES: Final = 2
_KIBIBYTES: Final = 19_456
"""argon2id with 19 MiB and two passes, as OWASP's password storage sheet asks at least (read 2026)."""
WAITING: Final = 64
"""Hashes that may wait in one queue: two seconds' work. Whoever comes then is told to come again."""


class _HashQueue:
    """One hash at a time, each taking a core for some 30 ms and 19 MiB, and a bounded number that waits.

    A thread of its own and not a lock: a hash whose request was given up still takes its core until it ends, and counts
    until then.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._room = threading.Semaphore(WAITING + 1)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        self._take_room()
        hashing = self._thread.submit(work, *arguments)
        # Called in the thread, and not through the loop: a hash that was given up may outlive it.
        hashing.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(hashing)

    async def wait_turn(self) -> None:
        """Wait as long as for a hash, without making one or taking room from those who do."""
        self._take_room()
        self._room.release()
        await asyncio.wrap_future(self._thread.submit(int))

    def _take_room(self) -> None:
        if not self._room.acquire(blocking=False):
            raise TransientError("too many words wait to be hashed")


class PassphraseHasher:
    """Hashes and compares words. A key goes in: the store alone does not let anybody try words out.

    New reports and holders of a receipt have a queue each: a burst of new words keeps nobody from withdrawing.
    All raise ``TransientError`` where too many wait.
    """

    def __init__(self, keys: KeyedDigests) -> None:
        self._keys = keys
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_KIBIBYTES, parallelism=1)
        self._new_reports, self._holders = _HashQueue("words-new-reports"), _HashQueue("words-holders")

    async def hashed(self, report_id: str, word: str, *, new_report: bool = False) -> str:
        """Hash a passphrase for storage; ``new_report``: it comes with a submission."""
        queue = self._new_reports if new_report else self._holders
        return await queue.run(self._hasher.hash, self._keys.mac("word", report_id, plain_word(word)))

    async def fits(self, report_id: str, stored: str, word: str) -> bool:
        """Return whether this is the passphrase."""
        return await self._holders.run(self._verified, stored, self._keys.mac("word", report_id, plain_word(word)))

    async def wait_turn(self) -> None:
        """Wait like ``fits``, where there is nothing to compare: a busy queue must not tell which receipts exist."""
        await self._holders.wait_turn()

    def _verified(self, stored: str, digest: bytes) -> bool:
        with contextlib.suppress(VerificationError, InvalidHashError):
            return self._hasher.verify(stored, digest)
        return False
