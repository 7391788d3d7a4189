"""A front end that does not give up: every report is sent with its key until a 202 comes back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx

from tools.demo.frontends import FrontEnds
from tools.demo.simulator import Request
from tools.demo.submitter import send

_IN_FLIGHT = 64
_ANSWER_LIMIT_S = 10.0
GIVE_UP_S = 180.0
"""Longer than any outage of a run; a report still not accepted then is a failure of the run, not of the promise."""


async def _at_once(_: int) -> None:
    """No request waits for anything."""


class Lodger:
    """Remembers what was promised: ``accepted`` maps each key to the id its 202 named."""

    def __init__(
        self,
        base_url: str,
        rate: float,
        told: Callable[[int, str, str], None],
        front_ends: FrontEnds,
        may_send: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        """``rate`` requests a second; ``told`` hears of each new report: how many there are, its id, its receipt.

        ``may_send`` returns when the request of that number may be sent.
        """
        self._may_send = may_send or _at_once
        self.accepted: dict[str, str] = {}
        self.conflicts: list[str] = []
        self.asked_again = 0
        self._rate = rate
        self._told = told
        self._front_ends = front_ends
        self._room = asyncio.Semaphore(_IN_FLIGHT)
        limits = httpx.Limits(max_connections=_IN_FLIGHT, max_keepalive_connections=_IN_FLIGHT)
        self._client = httpx.AsyncClient(base_url=base_url, limits=limits, timeout=_ANSWER_LIMIT_S, trust_env=False)

    async def lodge(self, requests: Sequence[Request]) -> None:
        """Send all; returns when every one is accepted. Raises for an answer that is neither 202 nor "try again"."""
        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, request in enumerate(requests):
                held = time.monotonic()
                await self._may_send(number)
                start += time.monotonic() - held  # no burst afterwards
                await asyncio.sleep(max(0.0, start + number / self._rate - time.monotonic()))
                await self._room.acquire()
                group.create_task(self._one(request))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _one(self, request: Request) -> None:
        try:
            await self.hand_in(request)
        finally:
            self._room.release()

    async def hand_in(self, request: Request, *, tell: bool = True) -> str:
        """Send one until it is accepted; the id it was given. Raises for an answer neither 202 nor "try again".

        ``tell``: whether ``told`` is to hear of it.
        """
        answer = await send(self._client, request, front_ends=self._front_ends, give_up_s=GIVE_UP_S)
        if answer.status_code != httpx.codes.ACCEPTED:
            raise AssertionError(f"a good report was answered {answer.status_code}: {answer.text[:200]}")
        report_id = str(answer.json()["report_id"])
        first = request.key not in self.accepted
        known = self.accepted.setdefault(request.key, report_id)
        if known != report_id:
            self.conflicts.append(request.key)
        if first and tell:
            self._told(len(self.accepted), report_id, str(answer.json()["receipt"]))
        return report_id
