"""Sums that cannot be true: routing goes on, tells nobody, and counts anew at once."""

import asyncio
from typing import cast

from services.routing.handlers.loads import LoadTeller, LoadView
from services.routing.handlers.recounting import Recounter
from shared.events.base import Record
from shared.health import Health
from shared.jobs import Jobs
from shared.kafka.publisher import Publisher
from tests.unit.routing.memory_table import real
from tests.unit.routing.test_memory import filled


async def test_sums_below_nothing_end_nothing_are_told_to_nobody_and_mended_at_once() -> None:
    """A snapshot that lies: whoever ended for it would begin anew with the same sums, and end again."""
    table = await filled()
    clock = table.place.clock
    recounter = Recounter(table.worker, table.ledger, table.place.routings, table.place.snapshots, clock)
    told: list[Record] = []

    class Loads:
        async def publish(self, records: list[Record]) -> None:
            told.extend(records)

    view = LoadView(cases_per_person=20)
    teller = LoadTeller(
        cast("Publisher", Loads()),
        table.worker.owned,
        view,
        clock,
        worker="w",
        partitions=1,
        suspect=recounter.suspected.set,
    )
    await teller.tell(table.worker.owned())
    assert len(told) == 1
    jobs = Jobs(Health(), clock)
    jobs.every(3600, "recounting", recounter.recount_all, wake=recounter.suspected, at_once=False)
    running = asyncio.create_task(jobs.run())
    center, tally = next(iter(real(table.state).items()))
    table.state.tallies[center] = tally._replace(weighted=-5, guests=-5, severe=-1)
    table.state.changes += 1
    seat = view.board(table.worker.owned())[center]
    assert (seat.load, seat.guests, seat.severe) == (0, 0, 0), "deciding goes on"
    await teller.tell(table.worker.owned())
    assert len(told) == 1, "what cannot be true is told to nobody"
    async with asyncio.timeout(5):
        while table.state.tallies[center] != tally:  # noqa: ASYNC110  # the recounter has no signal
            await asyncio.sleep(0.01)
    running.cancel()
    table.assert_true()
    await teller.tell(table.worker.owned())
    assert len(told) == 2
