"""One at a time per name, inside one process: who races here would only be told no by the store, again and again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

TRIES: Final = 30
"""Changes of other processes that one may lose to before giving up."""


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
