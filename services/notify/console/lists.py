"""Work lists: which cases a console shows, page by page; how many stand where; what a filter asks for."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from services.notify.cases.attention import STATES, CaseFilter
from services.notify.cases.models import CENTRAL_DESK, Case, CaseState
from services.notify.cases.repository import CaseStore
from shared.events.vocabulary import HarmType, Urgency

PAGE: Final = 100


SHOWN: Final = 500
"""Rows a console holds at most; the rest is counted and comes up as these are done."""


BOUNDS: Final[dict[CaseState | None, tuple[str, str]]] = {
    None: ("0", "3"),
    CaseState.WAITING: ("0", "1"),
    CaseState.ACKNOWLEDGED: ("1", "3"),
    CaseState.ENDED: ("3", "4"),
}
"""Sort keys of each state; without a state: everything that is open."""


UNANSWERED: Final = ("0", "2")
"""Waiting, or with something unread: what the central desk watches in all centres."""


_CURSOR: Final = re.compile(r"^[0-3][0-29]:[0-9T]{18}:[0-9a-f-]{36}$")


def is_cursor(text: str) -> bool:
    """Return whether a cursor can be one of ours."""
    return _CURSOR.match(text) is not None


async def page(
    store: CaseStore, center_id: str | None, state: CaseState | None, cursor: str | None, limit: int = PAGE
) -> tuple[list[Case], str | None]:
    """One page and the cursor of the next. ``central`` without a state: what no centre has answered."""
    low, high = BOUNDS[state]
    if center_id == CENTRAL_DESK and state is None:
        center_id, (low, high) = None, UNANSWERED
    cases = await store.page(center_id, (max(cursor or low, low), high), limit + 1)
    more = len(cases) > limit
    return cases[:limit], cases[limit - 1].sort_key if more else None


async def whole(store: CaseStore, center_id: str) -> tuple[list[Case], bool]:
    """Return a console's list, and whether there is more."""
    cases: list[Case] = []
    cursor: str | None = None
    while len(cases) < SHOWN:
        found, cursor = await page(store, center_id, None, cursor)
        cases.extend(found)
        if cursor is None:
            break
    if center_id == CENTRAL_DESK:
        # Beside what nobody has answered: its own, what it has on copy, and what was answered and then left.
        more = [*await store.page(CENTRAL_DESK, ("2", "3"), PAGE), *await store.copied(PAGE), *await store.late(PAGE)]
        cases = sorted({case.report_id: case for case in (*cases, *more)}.values(), key=lambda case: case.sort_key)
    return cases[:SHOWN], cursor is not None


def by_center(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The cases by the centre that has them; the centre with the most urgent case first."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.center_id, []).append(case)
    return groups


async def offers(store: CaseStore, center_id: str) -> list[Case]:
    """Return other centres' offers to this one. The central desk is offered nothing."""
    return [] if center_id == CENTRAL_DESK else await store.offers_to(center_id)


AT_ONCE: Final = 4
"""Lists loaded at a time: after a restart every console comes back at once, and each list is hundreds of cases."""


Shown = tuple[list[Case], bool]
"""A console's list, its first offers, and whether there is more."""


T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Loads something once for all who wait when its turn comes; they have subscribed already and miss nothing."""

    def __init__(self, load: Callable[[str], Awaitable[T]]) -> None:
        """``load`` gives the list, or the banners, of a centre."""
        self._load = load
        self._waiting: dict[str, asyncio.Task[T]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def get(self, center_id: str) -> T:
        """Return the result of a load begun after this call. A waiter that leaves takes it from no other."""
        task = self._waiting.get(center_id)
        if task is None:
            task = self._waiting[center_id] = asyncio.create_task(self._one(center_id))
            task.add_done_callback(_looked_at)
        return await asyncio.shield(task)

    async def _one(self, center_id: str) -> T:
        async with self._turns:
            # From here on whoever comes needs another: what changed before they listened may be missing in this one.
            del self._waiting[center_id]
            return await self._load(center_id)


def _looked_at(task: "asyncio.Task[T]") -> None:
    """Consume the exception: if all waiters are gone, no one is left to hear of a failure."""
    if not task.cancelled():
        task.exception()


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """Counts by state, without drills, each up to ``COUNTED``. Held ones wait, or are new, as well."""

    waiting: int
    new: int
    working: int
    held: int
    offered: int


async def count_cases(store: CaseStore, center_id: str) -> CaseCounts:
    """The counts above a console: of a centre, or for ``central`` of all."""
    whose = None if center_id == CENTRAL_DESK else center_id
    return CaseCounts(
        waiting=await store.waiting(whose),
        new=await store.unread(whose),
        working=await store.working(whose),
        held=await store.held(whose),
        offered=await store.offered(whose),
    )


def wanted_of(state: str, urgency: str, harm: str, mine: str) -> CaseFilter:
    """Parse a filter; an unknown word filters nothing."""
    return CaseFilter(
        state=state if state in STATES else "",
        urgency=Urgency(urgency) if urgency in set(Urgency) else None,
        harm=HarmType(harm) if harm in set(HarmType) else None,
        mine=mine == "yes",
    )
