"""Many consoles that come back at once: few lists are loaded, and nobody gets one that began before they listened."""

import asyncio

import pytest

from services.notify.console.lists import AT_ONCE, Shown, SingleFlight
from shared.errors import TransientError


class Store:
    """Counts what is loaded, and waits until it is told to go on."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go = asyncio.Event()
        self.fail = False

    async def load(self, center_id: str) -> Shown:
        self.began.append(center_id)
        number = len(self.began)
        await self.go.wait()
        if self.fail:
            raise TransientError("away")
        return [], number > 1


async def asked(together: SingleFlight[Shown], *centers: str) -> "list[asyncio.Task[Shown]]":
    tasks = [asyncio.create_task(together.get(center)) for center in centers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_who_waits_together_gets_one_list_and_who_comes_later_another() -> None:
    store = Store()
    together = SingleFlight(store.load)
    first = await asked(together, *["jeju"] * 50)
    assert store.began == ["jeju"]
    later = await asked(together, *["jeju"] * 50)
    assert store.began == ["jeju"] * 2, "a list that had begun before they listened may lack what changed since"
    store.go.set()
    assert {more for _, more in await asyncio.gather(*first)} == {False}
    assert {more for _, more in await asyncio.gather(*later)} == {True}


async def test_only_so_many_lists_are_loaded_at_a_time() -> None:
    store = Store()
    together = SingleFlight(store.load)
    tasks = await asked(together, *[f"c{number}" for number in range(3 * AT_ONCE)])
    assert len(store.began) == AT_ONCE
    store.go.set()
    await asyncio.gather(*tasks)
    assert len(store.began) == 3 * AT_ONCE


async def test_one_who_leaves_takes_the_list_from_nobody_and_a_failure_is_everybodys() -> None:
    store = Store()
    together = SingleFlight(store.load)
    one, two = await asked(together, "jeju", "jeju")
    one.cancel()
    store.fail = True
    store.go.set()
    with pytest.raises(TransientError):
        await two
    assert one.cancelled() or one.cancelling()
