"""The gauges: what they tell is right, and looking costs the same however many cases wait."""

from datetime import datetime, timedelta
from typing import cast

from services.notify.cases.models import waiting_key
from services.notify.cases.repository import CaseStore
from services.notify.escalation.jobs import OldestWaiting
from tests.unit.notify.samples import NOW

HOUR = timedelta(hours=1)


class Waiting:
    """A store of waiting cases, by rank and when they were received; counts what a look has to read."""

    def __init__(self, *cases: tuple[int, datetime]) -> None:
        self.cases = set(cases)
        self.read = 0

    async def first_waiting(self, rank: int, since: datetime | None, until: datetime | None) -> datetime | None:
        low = f"0{rank}:" if since is None else waiting_key(rank, since)
        high = f"0{rank}:~" if until is None else waiting_key(rank, until)
        found = sorted(at for one, at in self.cases if one == rank and low < f"{waiting_key(rank, at)}000:id" < high)
        self.read += len(found)
        return found[0] if found else None


async def test_the_case_that_has_waited_longest_is_found_without_reading_all_that_wait() -> None:
    many = [(2, NOW - HOUR + timedelta(seconds=number)) for number in range(3000)]
    store = Waiting(*many, (1, NOW - timedelta(minutes=5)))
    oldest = OldestWaiting(cast("CaseStore", store))
    assert await oldest.look(NOW) == NOW - HOUR
    store.read = 0
    assert await oldest.look(NOW) == NOW - HOUR
    store.cases -= set(many[:1200])
    assert await oldest.look(NOW) == NOW - HOUR + timedelta(seconds=1200)
    store.cases -= set(many)
    assert await oldest.look(NOW) == NOW - timedelta(minutes=5)
    store.cases.clear()
    assert await oldest.look(NOW) is None
    assert store.read < len(many)


async def test_an_older_case_that_comes_back_is_the_oldest_again() -> None:
    store = Waiting((0, NOW - HOUR))
    oldest = OldestWaiting(cast("CaseStore", store))
    assert await oldest.look(NOW) == NOW - HOUR
    store.cases.add((0, NOW - 9 * HOUR))
    assert await oldest.look(NOW) == NOW - 9 * HOUR
    store.cases = {(0, NOW + timedelta(seconds=3))}
    assert await oldest.look(NOW + timedelta(seconds=5)) == NOW + timedelta(seconds=3)
