"""Leads of two centres who move cases to each other while it burns, in two steps, and remember what was promised."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from tests.kill.reporters import Ambush
from tools.demo.people import Crew

_PAUSE_S: Final = 0.4
_AGAIN_S: Final = 0.3
_TRIES: Final = 20
_AWAY: Final = frozenset({502, 503, 504})
JSON = dict[str, Any]


class Movers:
    """``moved`` holds every acceptance that notify confirmed: report and ownership, and whereto."""

    def __init__(self, crew: Crew, centers: tuple[str, str], seed: int, *, ambushes: int, ambush: Ambush) -> None:
        """The first ``ambushes`` acceptances fall into an ambush."""
        self.moved: dict[tuple[str, int], str] = {}
        self.declined = 0
        self.recalled = 0
        self.unexpected: list[str] = []
        self._centers = centers
        self._draw = random.Random(seed)
        self._ambushes = ambushes
        self._ambush = ambush
        self._leads = {center: crew.client(f"{center}-lead", timeout=10) for center in centers}

    async def work(self) -> None:
        """Move one case after the other, until cancelled."""
        turn = 0
        while True:
            await asyncio.sleep(_PAUSE_S)  # the rate of the load
            turn += 1
            here, there = self._centers if turn % 2 else self._centers[::-1]
            if (case := await self._some_case(here)) is not None:
                await self._move(case, here, there, ("accept", "accept", "decline", "recall")[turn % 4])

    async def close(self) -> None:
        """Let go of the connections."""
        for lead in self._leads.values():
            await lead.aclose()

    async def _some_case(self, center: str) -> JSON | None:
        path, params = "/api/v1/cases", {"center": center, "state": "acknowledged", "limit": "50"}
        answer = await self._ask(lambda: self._leads[center].get(path, params=params))
        rows = answer.json()["cases"] if answer is not None and answer.is_success else []
        free = [row for row in rows if row["offer"] is None and row["awaiting"] is None]
        return self._draw.choice(free) if free else None

    async def _move(self, case: JSON, here: str, there: str, end: str) -> None:
        path = f"/api/v1/cases/{case['report_id']}/transfer"
        offered = {"to_center_id": there, "ownership": case["ownership"], "reason": "capacity", "agreed": True}
        answer = await self._ask(lambda: self._leads[here].post(path, json=offered))
        if answer is None or not answer.is_success:
            self._note("offer", answer)
            return
        offer = {"offer_id": answer.json()["offer_id"]}
        who = self._leads[here if end == "recall" else there]

        async def ask() -> httpx.Response | None:
            return await self._ask(lambda: who.post(f"{path}/{end}", json=offer))

        if end == "accept" and self._ambushes:
            self._ambushes -= 1
            answer = await self._ambush("notify", ask)
        else:
            answer = await ask()
        if answer is None or not answer.is_success:
            self._note(end, answer)
        elif end == "accept":
            self.moved[case["report_id"], case["ownership"]] = there
        elif end == "decline":
            self.declined += 1
        else:
            self.recalled += 1

    async def _ask(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response | None:
        """The answer; None where there was none for a long time."""
        for _ in range(_TRIES):
            try:
                answer = await send()
            except httpx.TransportError:
                await asyncio.sleep(_AGAIN_S)
                continue
            if answer.status_code not in _AWAY:
                return answer
            await asyncio.sleep(_AGAIN_S)
        return None

    def _note(self, what: str, answer: httpx.Response | None) -> None:
        # Withdrawn, moved or ended meanwhile, or said twice because the first answer was lost: explained, no fault.
        if answer is not None and answer.status_code not in {409, 410}:
            self.unexpected.append(f"{what}: status {answer.status_code} {answer.json().get('code')}")
