"""What places were told lately: known at once, written once for many passes, kept where the store does not take it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from services.notify.escalation import repository
from services.notify.escalation.repository import KEPT, RecentAlertStore
from services.notify.escalation.rules import RecentAlerts
from shared.errors import TransientError
from tests.unit.notify.samples import NOW

LATER = NOW + timedelta(seconds=1)


class Tallies:
    """As much of the collection as is used."""

    def __init__(self) -> None:
        self.stored: dict[str, list[Any]] = {}
        self.reads = self.writes = 0
        self.away = False

    async def by_ids(self, _: object, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        self.reads += 1
        return {key: {"at": list(self.stored[key])} for key in keys if key in self.stored}

    async def bulk_write(self, writes: Sequence[Any], *, ordered: bool) -> None:
        assert not ordered
        if self.away:
            raise TransientError("store: away")
        self.writes += len(writes)
        for write in writes:
            key, push = write._filter["_id"], write._doc["$push"]["at"]
            self.stored[key] = [*self.stored.get(key, ()), *push["$each"]][push["$slice"] :]


@pytest.fixture
def tallies(monkeypatch: pytest.MonkeyPatch) -> Tallies:
    made = Tallies()
    monkeypatch.setattr(repository, "by_ids", made.by_ids)
    return made


def store_of(tallies: Tallies) -> RecentAlertStore:
    return RecentAlertStore(cast("Any", {"tallies": tallies}))


async def test_what_was_told_counts_at_once_and_is_written_once_for_many_passes(tallies: Tallies) -> None:
    store = store_of(tallies)
    assert await store.load(["a", "b"]) == {}
    for _ in range(3):
        store.note(["a", "a"], NOW)
        assert (await store.load(["a", "b"]))["a"].within(LATER) > 0
    store.note(["a"], LATER)
    assert await store.load(["a"]) == {"a": RecentAlerts((*[NOW] * (KEPT - 1), LATER))}
    assert (tallies.reads, tallies.writes, store.told.is_set()) == (1, 0, True)
    await store.save()
    assert tallies.writes == 1
    assert await store_of(tallies).load(["a"]) == await store.load(["a"])
    await store.save()
    assert tallies.writes == 1, "nothing was told since"


async def test_what_another_process_told_is_read_and_what_the_store_did_not_take_is_kept(
    tallies: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = store_of(tallies), store_of(tallies)
    tallies.away = True
    store.note(["a"], LATER)
    with pytest.raises(TransientError):
        await store.save()
    tallies.away = False
    other.note(["a"], NOW)
    await other.save()
    assert await store.load(["a"]) == {"a": RecentAlerts((NOW, LATER))}
    await store.save()
    monkeypatch.setattr(repository, "RECENT_S", -1.0)
    assert await other.load(["a"]) == {"a": RecentAlerts((NOW, LATER))}, "what was read is not good for ever"
