"""People with receipts, while it burns: some take their report back, some of those think again, some leave a message.

Everybody asks again until there is an answer. What an answer promised is remembered and looked for at the end.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from tools.demo.frontends import FrontEnds

GIVE_UP_S: Final = 180.0
_AGAIN_S: Final = 0.3
_AWAY: Final = frozenset({429, 502, 503, 504})
Ambush = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Takes the broker away, lets something happen, and kills a service as soon as that was answered."""


class Reporters:
    """One task for each who does something; ``lodged`` is told of every accepted report in its turn."""

    def __init__(
        self, base_url: str, front_ends: FrontEnds, seed: int, *, share: float, ambushes: int, ambush: Ambush
    ) -> None:
        """``share`` of the reports get such a visit; the first ``ambushes`` withdrawals fall into an ambush."""
        self.withdrawn: set[str] = set()
        """Taken back, and left so."""
        self.reinstated: set[str] = set()
        self.messages: dict[str, int] = {}
        """How many messages an answer confirmed, by report."""
        self._share = share
        self._draw = random.Random(seed)
        self._ambushes = ambushes
        self._ambush = ambush
        self._headers = front_ends.headers("api")
        self._client = httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: list[BaseException] = []
        self._turn = 0

    def lodged(self, report_id: str, receipt: str) -> None:
        """Somebody has a receipt; perhaps they do something with it, now or a little later."""
        if self._draw.random() >= self._share:
            return
        self._turn += 1
        does = (self._withdraw, self._withdraw_and_think_again, self._write)[self._turn % 3]
        task = asyncio.create_task(does(report_id, receipt, self._draw.choice((0.0, 0.0, 1.5, 4.0))))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def finish(self) -> None:
        """Wait for everybody; raises if somebody got an answer that must not be."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._client.aclose()
        if self._failed:
            raise self._failed[0]

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.append(error)

    async def _withdraw(self, report_id: str, receipt: str, after_s: float) -> None:
        await asyncio.sleep(after_s)  # when somebody thinks again is the load
        if self._ambushes:
            self._ambushes -= 1
            await self._ambush("intake", lambda: self._take_back(receipt))
        else:
            await self._take_back(receipt)
        self.withdrawn.add(report_id)

    async def _withdraw_and_think_again(self, report_id: str, receipt: str, after_s: float) -> None:
        await self._take_back(receipt)
        await asyncio.sleep(after_s)  # when somebody thinks again is the load
        await self._ask("reinstate", {"receipt": receipt})
        self.reinstated.add(report_id)

    async def _write(self, report_id: str, receipt: str, after_s: float) -> None:
        await asyncio.sleep(after_s)  # when somebody thinks again is the load
        await self._ask("messages", {"receipt": receipt, "text": "언제 연락을 주시나요?"}, key=f"message-{report_id}")
        self.messages[report_id] = 1

    async def _take_back(self, receipt: str) -> None:
        await self._ask("withdraw", {"receipt": receipt})

    async def _ask(self, what: str, body: dict[str, Any], key: str = "") -> None:
        """Ask until it is done. Raises AssertionError for a refusal."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        until = time.monotonic() + GIVE_UP_S
        while True:
            try:
                answer = await self._client.post(f"/api/v1/receipts/{what}", json=body, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                return
            if answer is not None and answer.status_code not in _AWAY:
                raise AssertionError(f"{what} was answered {answer.status_code} {answer.text[:200]}")
            if time.monotonic() > until:
                raise AssertionError(f"{what} was not done in {GIVE_UP_S:.0f} s")
            await asyncio.sleep(_AGAIN_S)
