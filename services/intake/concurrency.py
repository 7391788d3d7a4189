"""Optimistic updates: tried again after a conflict, with a pause; and one at a time per name inside one process."""

import asyncio
import contextlib
import random
from asyncio import sleep
from collections.abc import AsyncIterator
from typing import Final

from shared.backoff import backoff
from shared.errors import TransientError

ATTEMPTS: Final = 30
"""Changes of other processes that one may lose to before giving up."""
_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.2


class UpdateConflictError(TransientError):
    """Others changed the same document at each attempt."""

    def __init__(self) -> None:
        super().__init__("update conflict: gave up, others changed the same document at each attempt")


class Attempts:
    """Numbers the attempts at an update that is made only on what was read: ``async for attempt in Attempts()``.

    Between them is a random pause that grows. Whoever comes to the end raises ``UpdateConflictError``, or says so.
    """

    def __init__(self, most: int = ATTEMPTS) -> None:
        """``most`` attempts are made."""
        self._most = most
        self._made = 0

    def __aiter__(self) -> "Attempts":
        return self

    async def __anext__(self) -> int:
        if self._made == self._most:
            raise StopAsyncIteration
        if self._made:
            chance = random.random()  # noqa: S311  # spreads writers, keeps no secret
            await sleep(backoff(self._made, chance, _LONGEST_PAUSE_S, _FIRST_PAUSE_S))
        self._made += 1
        return self._made - 1


class KeyedLocks:
    """Locks by name, forgotten when nobody holds or awaits them."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn, and have it."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._users[name] = self._users.get(name, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]
