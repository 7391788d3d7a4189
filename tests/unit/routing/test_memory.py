"""Memory that forgets, recalls and is read back from snapshots knows exactly what a reader of the whole log knows.

One worker with almost no memory plays against an oracle that folds both logs from their first record after every step.
"""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.routing.handlers import recalling
from services.routing.handlers.recounting import Recounter
from services.routing.projection import PartitionState
from services.routing.store import Copied
from shared.errors import TransientError
from tests.unit.routing.builders import NOW, report_id
from tests.unit.routing.fake_log import received_record
from tests.unit.routing.memory_table import STEPS, Table, real

PLACES = frozenset({("reports", 0), ("cases", 0)})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=60), st.integers(0, 2**32))
@example(["report", "acknowledge", "report", "copy", "keep", "restart", "old_report", "transfer", "acknowledge"] * 3, 1)
@example(["report", "report", "copy", "keep", "store", "amend", "close", "reopen", "store", "restart"] * 4, 2)
def test_whatever_happens_memory_is_the_log(steps: list[str], seed: int) -> None:
    async def play() -> None:
        table = Table(random.Random(seed))
        await table.start()
        for name in steps:
            await table.step(name)
            table.assert_true()

    asyncio.run(play())


@pytest.mark.parametrize("seed", range(5))
async def test_long_games_too(seed: int) -> None:
    table = Table(random.Random(seed))
    await table.start()
    for number, name in enumerate(random.Random(1000 + seed).choices(STEPS, k=150)):
        await table.step(name)
        if number % 5 == 0:
            table.assert_true()
    table.assert_true()


async def filled(reports: int = 30, acknowledged: int = 25) -> Table:
    """Reports of which most are answered, copied, and all but one forgotten, with a snapshot written."""
    table = Table(random.Random(3))
    await table.start()
    for _ in range(reports):
        await table.step("report")
    for number in range(1, acknowledged + 1):
        await table.send(table.about(number, "acknowledge", table.place.clock.now()))
    table.place.copy.catch_up()
    await table.keeper.look()
    await table.keeper.look()
    return table


async def test_forgotten_means_not_in_memory_and_still_counted() -> None:
    table = await filled()
    assert len(table.state.standings) == 1
    assert sum(t.open_cases for t in table.state.tallies.values()) > 20
    table.assert_true()


async def test_a_new_report_is_never_looked_up() -> None:
    table = await filled()
    await table.step("report")
    assert table.place.copy.asked == []


async def test_an_old_duplicate_is_looked_up_and_not_counted_twice() -> None:
    table = await filled()
    before = real(table.state)
    records = len(table.place.routings.records[0])
    await table.step("old_report")
    assert table.place.copy.asked
    assert (real(table.state), len(table.place.routings.records[0])) == (before, records)


async def test_without_the_lookup_an_old_duplicate_would_be_routed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table = await filled()
    monkeypatch.setattr("services.routing.handlers.worker.may_be_forgotten", lambda incoming, state: [])
    records = len(table.place.routings.records[0])
    await table.step("old_report")
    assert len(table.place.routings.records[0]) == records + 1, "what the lookup is for"


async def test_with_the_store_away_the_log_itself_is_asked() -> None:
    table = await filled()
    table.place.copy.away = True
    await table.send(table.about(1, "close", table.place.clock.now()))
    table.place.copy.away = False
    table.assert_true()
    assert table.place.routings.events()[-1].report_id == report_id(1)


async def test_a_silent_store_is_waited_for_once_and_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalling, "COPY_SECONDS", 0.01)
    table = await filled()
    copy, clock = table.place.copy, table.place.clock
    copy.silent, copy.questions = True, 0
    for number in (1, 2, 3):
        async with asyncio.timeout(5):
            await table.send(table.about(number, "close", clock.now()))
        assert table.place.routings.events()[-1].report_id == report_id(number)
    assert copy.questions == 1
    copy.silent = False
    await clock.advance(recalling.AWAY_SECONDS)
    await table.send(table.about(4, "close", clock.now()))
    assert copy.asked[-1] == report_id(4)
    table.assert_true()


async def test_a_copy_that_lost_records_is_not_believed() -> None:
    table = await filled()
    table.place.copy.reached.clear()
    await table.send(table.about(1, "close", table.place.clock.now()))
    table.assert_true()
    assert table.place.routings.events()[-1].report_id == report_id(1)


async def test_a_copy_ahead_of_memory_is_believed_only_up_to_where_memory_is() -> None:
    table = await filled()
    other, _, _ = await table.place.worker()
    closed = table.about(1, "close", table.place.clock.now())
    await other.handle([received_record(closed, 900)])
    table.place.copy.catch_up()
    await table.send(table.about(1, "assign", table.place.clock.now()))
    assert table.state.standings[report_id(1)].ended is None, "its end lies beyond what this worker has read"
    await table.ledger.read_on([0])
    table.assert_true()


async def test_a_restart_reads_only_what_came_after_the_snapshot() -> None:
    table = await filled()
    await table.step("report")
    read: list[tuple[int, int]] = []
    real_read = table.place.routings.read

    def watched(wanted: Any) -> Any:
        read.extend(wanted.values())
        return real_read(wanted)

    table.place.routings.read = watched  # type: ignore[method-assign]  # watches what is asked for
    await table.start()
    assert read == [(29, 30), (30, 31)], "the record the snapshot stands for, and what came after"
    table.assert_true()


async def test_an_acknowledgement_after_the_snapshot_is_read_at_the_restart() -> None:
    table = await filled()
    assert table.state.is_waiting(report_id(26))
    table.append(table.case(26, "acknowledge", table.place.clock.now()))
    await table.start()
    assert not table.state.is_waiting(report_id(26))
    table.assert_true()


@pytest.mark.parametrize("wrong", ["other_record", "short_log", "short_copy", "damaged", "store_away"])
async def test_a_snapshot_that_does_not_fit_is_not_used(wrong: str) -> None:
    table = await filled()
    head, parts = table.place.snapshots.written[0]
    head["tallies"] = {"jeju": [9, 9, 9, 9]}
    if wrong == "other_record":
        head["last_id"] = "something else"
    elif wrong == "short_log":
        head["position"] = 1000
        table.place.copy.reached[0] = table.place.copy.reached[0]._replace(upto=1000)
    elif wrong == "short_copy":
        table.place.copy.reached.clear()
    elif wrong == "damaged":
        parts.pop()
    else:
        table.place.snapshots.away = True
    await table.start()
    table.assert_true()


async def test_closed_centres_give_up_forgotten_reports_too() -> None:
    table = await filled()
    waiting = set(table.state.waiting["busan"]) if "busan" in table.state.waiting else set()
    assert waiting - set(table.state.standings), "some of them are forgotten, or the test shows nothing"
    await table.step("close_center")
    assert not table.state.waiting["busan"]
    table.assert_true()


async def test_a_recount_agrees_and_finds_and_mends_what_is_wrong() -> None:
    table = await filled()
    recounter = Recounter(table.worker, table.ledger, table.place.routings, table.place.snapshots, table.place.clock)
    assert await recounter.recount_all() == 0
    center, tally = next(iter(real(table.state).items()))
    table.state.tallies[center] = tally._replace(weighted=tally.weighted + 10)
    assert await recounter.recount_all() == 1
    assert 0 not in table.place.snapshots.written, "what it was restored from may be wrong too"
    table.assert_true()
    assert await recounter.recount_all() == 0


async def test_nothing_is_forgotten_that_the_copy_lacks() -> None:
    table = Table(random.Random(4))
    await table.start()
    for _ in range(5):
        await table.step("report")
    await table.keeper.look()
    assert len(table.state.standings) == 5
    table.place.copy.reached[0] = table.place.copy.reached.get(0, Copied(2, None))
    await table.keeper.look()
    assert len(table.state.standings) == 3


def test_a_clock_that_is_behind_makes_a_report_old_not_new() -> None:
    """Receipt times are compared with each other, never with a clock: an equal one may be known."""
    state = PartitionState(forgotten_until=NOW)
    assert state.may_have_forgotten(NOW)
    assert not state.may_have_forgotten(NOW + timedelta(milliseconds=1))


def test_marks_of_a_busy_report_do_not_pile_up() -> None:
    state = PartitionState()
    for number in range(5000):
        state.marks.append((number, report_id(1), number))
    state.forget(0, 10)
    assert len(state.marks) == 0


async def test_nobody_forgets_or_moves_while_a_partition_is_taken_over() -> None:
    table = await filled()
    await table.worker.on_revoked(PLACES)
    async with table.ledger.locks[0]:
        again = asyncio.create_task(table.worker.on_assigned(PLACES))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not again.done(), "what somebody is in the middle of comes first"
    await again
    table.assert_true()


async def test_a_partition_that_cannot_be_read_anew_is_kept_as_it_was() -> None:
    table = await filled()
    before = table.state
    table.place.routings.read_failures = 1
    with pytest.raises(TransientError):
        async with table.ledger.locks[0]:
            await table.ledger.rebuild(0)
    assert table.state is before


async def test_a_snapshot_of_wrong_sums_is_not_written_after_the_recount_dropped_it() -> None:
    table = await filled()
    center, tally = next(iter(real(table.state).items()))
    table.state.tallies[center] = tally._replace(weighted=tally.weighted + 10)
    await table.step("report")
    await table.keeper.look()  # taken, and waits for the copy
    recounter = Recounter(table.worker, table.ledger, table.place.routings, table.keeper, table.place.clock)
    assert await recounter.recount_all() == 1
    table.place.copy.catch_up()
    await table.keeper.look()
    await table.start()
    table.assert_true()


async def test_a_refused_acknowledgement_answers_nobody() -> None:
    table = await filled()
    ahead = table.case(26, "acknowledge", table.place.clock.now()).model_copy(update={"ownership": 7})
    (rejected,) = await table.send(ahead)
    assert rejected.reason == "unknown_ownership"
    assert table.state.is_waiting(report_id(26))
