"""What a routing process does one after the other when it starts, and what it does meanwhile."""

import asyncio
from typing import Any

from services.routing.main import Routing
from tests.support.waiting import eventually


class Part:
    """Something that is started; says so, and may wait for something else first."""

    def __init__(self, name: str, began: list[str], until: asyncio.Event | None = None) -> None:
        self._name, self._began, self._until = name, began, until

    def take(self) -> None:
        self._began.append(self._name)

    async def connect(self) -> None:
        self._began.append(f"{self._name} connected")

    async def partitions(self) -> tuple[int, ...]:
        self._began.append(f"{self._name} led")
        return (0,)

    async def start(self) -> None:
        self._began.append(self._name)
        if self._until is not None:
            await self._until.wait()


async def test_loads_and_centers_are_read_while_the_group_waits_for_a_member_that_was_killed() -> None:
    began: list[str] = []
    sees = asyncio.Event()
    parts: dict[str, Any] = {
        "folder": Part("folder", began),
        "bus": Part("joining", began, until=sees),  # it is given partitions last of all
        "readers": (Part("routings", began), Part("cases", began)),
        "follower": Part("loads", began),
    }
    others: Any = object()
    routing = Routing(**parts, app=others, jobs=others, identity=others, sees=sees, streams=others)
    await asyncio.wait_for(routing.start(), 20)
    assert began[:2] == ["folder", "joining connected"]
    assert sorted(began[2:]) == ["cases", "cases led", "joining", "loads", "routings", "routings led"]


async def test_nothing_is_taken_over_before_loads_and_centers_are_known() -> None:
    began: list[str] = []
    sees, known = asyncio.Event(), asyncio.Event()
    parts: dict[str, Any] = {
        "folder": Part("folder", began),
        "bus": Part("joining", began),
        "readers": (),
        "follower": Part("loads", began, until=known),
    }
    others: Any = object()
    routing = Routing(**parts, app=others, jobs=others, identity=others, sees=sees, streams=others)
    starting = asyncio.create_task(routing.start())
    await eventually(lambda: "loads" in began, "it begins to read")
    assert not sees.is_set()
    known.set()
    await starting
    assert sees.is_set()
