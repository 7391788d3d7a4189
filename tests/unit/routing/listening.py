"""Listening to a live page's stream without a socket, and time that passes for it."""

import asyncio
import re
from typing import Any

import httpx
import orjson

from tests.integration.trust.asgi import FirstAnswer
from tests.support.clock import ManualClock
from tests.support.waiting import DEADLINE_S
from tests.unit.routing.harness import WHERE, RoutingHarness


class Ear:
    """Listens to one stream of a house, without a socket."""

    def __init__(self, harness: RoutingHarness, who: dict[str, str], query: str = "html=true&lang=en") -> None:
        self.messages: list[tuple[str, Any]] = []
        scope = FirstAnswer(harness.app)._scope(
            httpx.Request("GET", f"{WHERE}/api/v1/centers/live/stream?{query}", headers=who)
        )
        self.task = asyncio.create_task(harness.app(scope, self._receive, self._send))
        self._asked = False
        self._heard = asyncio.Event()

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Any) -> None:
        for event, data in re.findall(r"event: (\w+)\r?\ndata: (.*)", message.get("body", b"").decode()):
            self.messages.append((event, orjson.loads(data)))
        self._heard.set()

    async def hears(self, number: int) -> tuple[str, Any]:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.messages) < number:
                self._heard.clear()
                await self._heard.wait()
        return self.messages[number - 1]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def move(clock: ManualClock, seconds: float) -> None:
    """Time passes in steps in which sleepers are woken and go to sleep again."""
    for _ in range(int(seconds / 0.5)):
        await clock.advance(0.5)
        for _ in range(20):
            await asyncio.sleep(0)
