"""Sums that cannot be true: routing goes on, tells nobody, and restores the partition at once."""

import asyncio
from typing import cast

import pytest

from services.routing.state import restore
from services.routing.state.loads import LoadPublisher, LoadView
from services.routing.state.restorer import AGAIN_S, Restorer
from shared.errors import TransientError
from shared.events.base import Record
from shared.health import Health
from shared.jobs import Jobs
from shared.kafka.publisher import Publisher
from tests.support.waiting import DEADLINE_S
from tests.unit.routing.state_table import Table, real
from tests.unit.routing.test_state import filled, watch


class Loads:
    """Takes what a worker tells."""

    def __init__(self) -> None:
        self.told: list[Record] = []

    async def publish(self, records: list[Record]) -> None:
        self.told.extend(records)


def teller_of(table: Table, loads: Loads, view: LoadView, restorer: Restorer) -> LoadPublisher:
    return LoadPublisher(
        cast("Publisher", loads),
        table.worker.owned,
        view,
        table.place.clock,
        worker="w",
        partitions=1,
        suspect=restorer.suspect,
    )


def below_nothing(table: Table) -> str:
    center, totals = next(iter(real(table.state).items()))
    table.state.case_totals[center] = totals._replace(weighted=-5, guests=-5, severe=-1)
    table.state.changes += 1
    return center


async def test_sums_below_nothing_end_nothing_are_told_to_nobody_and_mended_at_once() -> None:
    table = await filled()
    restorer, loads, view = Restorer(table.changelog, table.place.clock), Loads(), LoadView(cases_per_person=20)
    load_publisher = teller_of(table, loads, view, restorer)
    await load_publisher.tell(table.worker.owned())
    assert len(loads.told) == 1
    jobs = Jobs(Health(), table.place.clock)
    jobs.every(AGAIN_S, "restoring", restorer.restore_suspected, wake=restorer.suspected)
    running = asyncio.create_task(jobs.run())
    center = below_nothing(table)
    center_load = view.center_loads(table.worker.owned())[center]
    assert (center_load.load, center_load.guests, center_load.severe) == (0, 0, 0), "deciding goes on"
    await load_publisher.tell(table.worker.owned())
    assert len(loads.told) == 1, "what cannot be true is told to nobody"
    async with asyncio.timeout(DEADLINE_S):
        while table.state.case_totals[center].impossible:  # noqa: ASYNC110  # the restorer has no signal
            await asyncio.sleep(0.01)
    running.cancel()
    table.assert_true()
    await load_publisher.tell(table.worker.owned())
    assert len(loads.told) == 2
    await table.step("kill")
    table.assert_true()


async def test_a_partition_is_not_read_again_and_again_where_reading_does_not_help() -> None:
    table = await filled()
    restorer, read = Restorer(table.changelog, table.place.clock), watch(table)
    for wanted in (1, 1):
        restorer.suspect({0})
        await restorer.restore_suspected()
        assert len(read) == wanted
    await table.place.clock.advance(AGAIN_S)
    restorer.suspect({0})
    await restorer.restore_suspected()
    assert len(read) == 2


async def test_a_partition_that_could_not_be_read_to_its_end_is_read_again_though_nothing_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restore, "FOLDED_AT_ONCE", 10)
    table = await filled()
    restorer, end = Restorer(table.changelog, table.place.clock), table.state.position
    restorer.suspect({0})
    table.place.routings.fail_after = 15
    with pytest.raises(TransientError):
        await restorer.restore_suspected()
    assert table.state.position < end
    await restorer.restore_suspected()
    assert table.state.position == end
    table.assert_true()


async def test_what_is_read_by_half_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "FOLDED_AT_ONCE", 10)
    table = await filled()
    restorer, loads, view = Restorer(table.changelog, table.place.clock), Loads(), LoadView(cases_per_person=20)
    load_publisher = teller_of(table, loads, view, restorer)
    restorer.suspect({0})
    table.place.routings.fail_after = 15
    with pytest.raises(TransientError):
        await restorer.restore_suspected()
    assert any(totals.open_cases for totals in table.state.case_totals.values()), "or there is nothing to tell"
    await load_publisher.look()
    assert (loads.told, table.worker.owned()) == ([], {})
    await restorer.restore_suspected()
    await load_publisher.look()
    assert len(loads.told) == 1
