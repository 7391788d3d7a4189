"""The staff's side of the demonstration: who is on duty, what the console's stream shows, who acknowledges."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import orjson

from tools.demo.people import Crew
from tools.demo.progress import Progress

OVERSIGHT: Final = "central"
"""The desk whose list holds what no centre has answered yet, of all centres."""
_AGAIN_SECONDS: Final = 0.5
_STAFF_PAUSE: Final = (0.15, 0.6)
"""Seconds a simulated person takes for one case; a real one takes longer."""
_LADDER_WAITS: Final = timedelta(seconds=60)
"""Between a retry after a failure (seconds) and the next step of the most urgent escalation (minutes)."""

Rows = Callable[[list[dict[str, Any]], float], None]


async def set_duty(crew: Crew, capacity: Mapping[str, int], *, staff: int) -> None:
    """Every centre's lead says: open, with ``staff`` people who carry ``capacity[centre]`` normal cases each."""

    async def one(center_id: str, cases: int) -> None:
        body = {"state": "open", "staff_on_duty": staff, "cases_per_person": cases}
        async with crew.client(f"{center_id}-lead") as notify:
            answer = await notify.put(f"/api/v1/centers/{center_id}/duty", json=body)
            answer.raise_for_status()

    async with asyncio.TaskGroup() as group:
        for center_id, cases in capacity.items():
            group.create_task(one(center_id, cases))


async def events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """Name and data of each server-sent event in a stream of lines."""
    name, data = "message", ""
    async for line in lines:
        if not line:
            if data:
                yield name, data
            name, data = "message", ""
        elif line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data += line.removeprefix("data:").strip()


async def follow(notify: httpx.AsyncClient, center_id: str, rows: Rows, opened: asyncio.Event) -> None:
    """Hand every row of a centre's stream to ``rows`` with the time it came; connects again until cancelled."""
    while True:
        try:
            async with notify.stream("GET", "/api/v1/stream", params={"center": center_id}, timeout=None) as answer:
                answer.raise_for_status()
                async for name, data in events(answer.aiter_lines()):
                    at = time.monotonic()
                    if name in {"list", "rows"}:
                        body = orjson.loads(data)
                        rows(body["rows"], at)
                        if name == "list" and body.get("last"):
                            opened.set()
        except httpx.HTTPError:
            await asyncio.sleep(_AGAIN_SECONDS)


def shower(progress: Progress) -> Rows:
    """Notes in ``progress`` what the oversight desk sees."""

    def rows(found: list[dict[str, Any]], at: float) -> None:
        for row in found:
            progress.shown(row["report_id"], row["center_id"], at)

    return rows


def was_alerted(row: Mapping[str, Any], now: datetime) -> bool:
    """Return whether an alert about the case has gone out: the escalation then waits minutes for its next step.

    Simulated staff come when they are called. A person may be faster than the alert, which is then not sent; here every
    report must have one. It is the time left that says so: what came late to notify is due at once, however long ago it
    was routed.
    """
    if row["next_alert_at"] is None:
        return False
    return datetime.fromisoformat(row["next_alert_at"]) - now > _LADDER_WAITS


class Staff:
    """The people of one centre: they take what they were called for, most urgent and longest waiting first."""

    def __init__(self, notify: httpx.AsyncClient, center_id: str, progress: Progress, seed: int) -> None:
        """``seed`` draws how long a person takes for a case."""
        self._notify = notify
        self._center = center_id
        self._progress = progress
        self._draw = random.Random(seed)  # noqa: S311  # a simulation, no secret
        self._waiting: dict[str, str] = {}
        self._something = asyncio.Event()

    def rows(self, found: list[dict[str, Any]], _: float) -> None:
        """Return the rows of the console now."""
        now = datetime.now(UTC)
        for row in found:
            if row["state"] == "waiting" and row["center_id"] == self._center and was_alerted(row, now):
                self._waiting[row["report_id"]] = row["sort_key"]
                self._something.set()
            else:
                self._waiting.pop(row["report_id"], None)

    async def work(self, *, only: Callable[[str], bool]) -> None:
        """Acknowledge until cancelled. ``only`` leaves out cases that are none of this run's."""
        while True:
            await self._something.wait()
            mine = [report_id for report_id in self._waiting if only(report_id)]
            if not mine:
                self._something.clear()
                continue
            await asyncio.sleep(self._draw.uniform(*_STAFF_PAUSE))
            # Meanwhile a case may have moved, or its reporter taken it back.
            if left := [report_id for report_id in mine if report_id in self._waiting]:
                await self._acknowledge(min(left, key=self._waiting.__getitem__))

    async def _acknowledge(self, report_id: str) -> None:
        try:
            answer = await self._notify.post(f"/api/v1/cases/{report_id}/acknowledge", json={})
        except httpx.TransportError:
            return  # It stays on the list and is tried again.
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return
        self._waiting.pop(report_id, None)
        if answer.is_success:
            self._progress.acknowledged[self._center] += 1
        elif answer.status_code != httpx.codes.CONFLICT:
            self._progress.unexpected.append(f"acknowledge at {self._center}: status {answer.status_code}")


def capacities(
    centers: Iterable[str], loads: Mapping[str, int], *, reports: int, staff: int, spare: float, heaviest: int
) -> dict[str, int]:
    """Cases per person for each centre: room for this run in the whole country, above what is open already.

    ``loads`` are weighted open cases in tenths of a normal case. The same room everywhere, while reports come by
    population: so the large provinces overflow to their neighbours. ``heaviest`` is the largest number allowed.
    """
    ids = sorted(centers)
    room = reports * spare / len(ids)
    return {c: max(1, min(heaviest, round((loads.get(c, 0) / 10 + room) / staff))) for c in ids}
