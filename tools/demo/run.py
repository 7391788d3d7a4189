"""One demonstration against a running stack: staff take their places, the week comes in, and everything is counted."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import httpx

from shared.centers import CENTER_IDS
from shared.settings import KafkaSettings
from tools.demo import desk, params, simulator
from tools.demo.auditor import DemoAuditor
from tools.demo.frontends import FrontEnds
from tools.demo.ledger import Ledger
from tools.demo.people import Crew
from tools.demo.progress import Progress
from tools.demo.settings import DemoSettings
from tools.demo.submitter import submit_all
from tools.demo.summary import Summary, counted_of_run, summarise
from tools.demo.tour import Tour
from tools.demo.view import View

STAFFED: Final = ("gyeonggi", "busan")
"""The two centres whose staff answer; the others' reports wait, as the console then shows."""
_STAFF_ON_DUTY: Final = 3
"""National allotment of 2026: 48 people in 16 centres."""
_HEAVIEST: Final = 999
_SPARE: Final = 2.0
"""Room of all centres together, in average reports: enough for the week, too little for the largest province alone."""
_REFRESH_S: Final = 0.5
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the running system is."""

    urls: Mapping[str, str]
    kafka: KafkaSettings
    crew: Crew
    front_ends: FrontEnds


class Demonstration:
    """One run. ``summary`` is final when ``run`` has returned."""

    def __init__(self, place: Place, settings: DemoSettings, view: View) -> None:
        """Nothing is sent yet."""
        self.progress = Progress()
        self.steps: list[tuple[str, bool]] = []
        """What the walk at the end showed."""
        self._place = place
        self._settings = settings
        self._view = view
        self._auditor = DemoAuditor(place.kafka, settings.topic_prefix)
        self._requests = simulator.requests(
            params.load(), seed=settings.seed, count=settings.reports, run=f"demo-{secrets.token_hex(6)}"
        )

    def checked(self, step: str, *, fine: bool) -> None:
        """Add a step to the walk that was checked elsewhere."""
        self.steps.append((step, fine))
        if not fine:
            self.progress.unexpected.append(f"trust: not so: {step}")

    async def run(self) -> None:
        """Run the demonstration, from taking the places to the last count."""
        async with AsyncExitStack() as stack:
            intake = await stack.enter_async_context(self._client("intake"))
            analytics = await stack.enter_async_context(self._place.crew.client("ministry-auditor", "analytics"))
            await self._auditor.start()
            stack.push_async_callback(self._auditor.stop)
            await self._take_places(await self._auditor.catch_up())
            stack.push_async_callback(_cancel, await self._open_consoles(stack))
            self._view.say(f"{len(self._requests)} requests at {self._settings.rate:g} a second")
            sending = asyncio.create_task(
                submit_all(intake, self._requests, self.progress, self._settings.rate, self._place.front_ends),
                name="submit",
            )
            stack.push_async_callback(_cancel, [sending])
            await self._watch(sending, analytics)
            self._view.say("everything is counted; a walk through what trust is made of")
            tour = Tour(self._place.crew, intake, self._place.front_ends, self.progress)
            await tour.walk()
            self.steps = tour.steps
            await self._watch(sending, analytics)

    async def _take_places(self, before: Ledger) -> None:
        loads: dict[str, int] = {}
        for summed in before.loads.values():
            for center, weighted in summed.weighted.items():
                loads[center] = loads.get(center, 0) + weighted
        room = desk.capacities(
            CENTER_IDS, loads, reports=self._settings.reports, staff=_STAFF_ON_DUTY, spare=_SPARE, heaviest=_HEAVIEST
        )
        await desk.set_duty(self._place.crew, room, staff=_STAFF_ON_DUTY)
        self._view.say(f"{len(room)} centres are open, {_STAFF_ON_DUTY} people on duty in each")

    async def _open_consoles(self, stack: AsyncExitStack) -> list[asyncio.Task[None]]:
        crew = self._place.crew
        watching = await stack.enter_async_context(crew.client("central-counsellor-lead"))
        lists = [(watching, desk.OVERSIGHT, desk.shower(self.progress))]
        staff = []
        for number, center in enumerate(STAFFED):
            notify = await stack.enter_async_context(crew.client(f"{center}-counsellor"))
            staff.append(desk.Staff(notify, center, self.progress, self._settings.seed + number))
            lists.append((notify, center, staff[-1].rows))
        opened = [asyncio.Event() for _ in lists]
        tasks = [
            asyncio.create_task(desk.follow(notify, center, rows, event), name=f"console {center}")
            for (notify, center, rows), event in zip(lists, opened, strict=True)
        ]
        async with asyncio.timeout(self._settings.settle_s):
            await asyncio.gather(*(event.wait() for event in opened))
        mine = self.progress.accepted_at.__contains__
        return tasks + [asyncio.create_task(person.work(only=mine)) for person in staff]

    async def _watch(self, sending: asyncio.Task[None], analytics: httpx.AsyncClient) -> None:
        """Look and show until everything sent is counted, or the time for that is over."""
        until: float | None = None
        while True:
            done = sending.done()
            ledger = await self._auditor.catch_up()
            await self._ask_analytics(analytics, ledger)
            now = time.monotonic()
            self._view.update(self.progress, ledger, now)
            if done:
                sending.result()
                until = until or now + self._settings.settle_s
                if self._settled(ledger) or now > until:
                    return
            await asyncio.sleep(_REFRESH_S if not done else _REFRESH_S / 2)

    async def _ask_analytics(self, analytics: httpx.AsyncClient, ledger: Ledger) -> None:
        with contextlib.suppress(httpx.TransportError):
            answer = await analytics.get("/api/v1/reconciliation")
            if answer.is_success:
                self.progress.counted = counted_of_run(
                    int(answer.json()["counted"]), self.progress.accepted_at.keys(), ledger
                )

    def _settled(self, ledger: Ledger) -> bool:
        stages = self.progress.stages(ledger)
        whole = {stages[name] for name in ("accepted", "routed", "alerted", "counted", "shown")}
        taken = sum(self.progress.acknowledged.values())
        return len(whole) == 1 and sum(ledger.acknowledged[r] for r in self.progress.accepted_at) >= taken

    def summary(self) -> Summary:
        """Compare the counts."""
        progress, ledger = self.progress, self._auditor.ledger
        return summarise(
            accepted=progress.accepted_at.keys(),
            repeats=progress.repeats,
            refused=progress.refused,
            ledger=ledger,
            counted=progress.counted,
            owners_elsewhere=progress.shown_by,
            shown_ms=progress.latencies_ms(),
            unexpected=progress.unexpected,
        )

    def _client(self, service: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._place.urls[service], limits=_LIMITS, timeout=30, trust_env=False)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
