"""What a worker knows on disk is exactly what a reader of the whole log knows, whatever becomes of the disk.

One worker plays against an oracle that folds both logs from their first record after every step. It is stopped, killed,
set back to a state of before, and its folder is deleted.
"""

import asyncio
import random
import shutil
from collections.abc import Mapping
from typing import Any

import lmdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.routing.assignment import rules
from services.routing.state import changelog, restore
from services.routing.state.store import Checkpoint, StateStore
from shared.errors import FatalError, TransientError
from shared.events.base import Record
from tests.unit.routing.builders import received, report_id
from tests.unit.routing.fake_log import Place, agrees, kill, received_record
from tests.unit.routing.state_table import STEPS, Table, lists, real

PLACES = frozenset({("reports", 0), ("cases", 0)})


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=60), st.integers(0, 2**32))
@example(["report", "acknowledge", "report", "kill", "old_report", "transfer", "acknowledge"] * 3, 1)
@example(["report", "report", "set_aside", "amend", "close", "reopen", "go_back", "lose"] * 4, 2)
def test_whatever_happens_the_state_is_the_log(steps: list[str], seed: int) -> None:
    async def play() -> None:
        table = Table(random.Random(seed))
        await table.start()
        for name in steps:
            await table.step(name)
            table.assert_true()

    asyncio.run(play())


@pytest.mark.parametrize("seed", range(3))
async def test_long_games_too(seed: int) -> None:
    table = Table(random.Random(seed))
    await table.start()
    for number, name in enumerate(random.Random(1000 + seed).choices(STEPS, k=150)):
        await table.step(name)
        if number % 5 == 0:
            table.assert_true()
    table.assert_true()


async def filled(reports: int = 30, acknowledged: int = 25) -> Table:
    """Reports of which most are answered."""
    table = Table(random.Random(3))
    await table.start()
    for _ in range(reports):
        await table.step("report")
    for number in range(1, acknowledged + 1):
        await table.send(table.about(number, "acknowledge", table.place.clock.now()))
    return table


def waits(table: Table, number: int) -> bool:
    return any(report_id(number) in waiting for waiting in lists(table.state).values())


async def test_an_old_duplicate_is_not_counted_twice_after_a_restart() -> None:
    table = await filled()
    before, records = real(table.state), len(table.place.routings.records[0])
    await table.step("kill")
    await table.step("old_report")
    assert (real(table.state), len(table.place.routings.records[0])) == (before, records)


def watch(table: Table) -> list[tuple[int, int]]:
    """What is read of `routings` from now on."""
    read: list[tuple[int, int]] = []
    real_read = table.place.routings.read

    def watched(wanted: Any) -> Any:
        read.extend(wanted.values())
        return real_read(wanted)

    table.place.routings.read = watched  # type: ignore[method-assign]  # watches what is asked for
    return read


async def test_a_restart_reads_only_what_came_after_the_checkpoint() -> None:
    table = await filled()
    await table.step("set_aside")
    await table.step("report")
    read = watch(table)
    await table.step("go_back")
    assert read == [(29, 30), (30, 31)], "the record the checkpoint stands for, and what came after"
    table.assert_true()


async def test_an_acknowledgement_after_the_checkpoint_is_read_at_the_restart() -> None:
    table = await filled()
    assert waits(table, 26)
    table.append(table.case(26, "acknowledge", table.place.clock.now()))
    await table.step("kill")
    assert not waits(table, 26)
    table.assert_true()


async def test_a_state_folder_that_was_deleted_gives_the_same_decisions() -> None:
    kept, lost = await filled(), await filled()
    await lost.step("lose")
    for table in (kept, lost):
        for name in ("report", "old_report", "amend", "close_center", "report", "transfer", "reopen"):
            await table.step(name)

    def decided(table: Table) -> list[Any]:
        return [(e.report_id, e.version, getattr(e, "decision", None)) for e in table.place.routings.events()]

    assert decided(lost) == decided(kept)


def spoil(table: Table) -> None:
    """Wrong sums on disk, by which it shows whether a store was believed."""
    state = table.state
    center, totals = next(iter(real(state).items()))
    state.case_totals[center] = totals._replace(weighted=totals.weighted + 10)
    table.changelog.commit(0)


async def test_a_checkpoint_that_fits_is_believed() -> None:
    table = await filled()
    spoil(table)
    await table.step("kill")
    with pytest.raises(AssertionError):
        table.assert_true()


def replaced(record: Record) -> Record:
    return Record(topic=record.topic, key=record.key, headers=record.headers, value=record.value + b" ")


@pytest.mark.parametrize("wrong", ["other_record", "short_log", "short_cases", "other_rule"])
async def test_a_checkpoint_that_does_not_fit_is_found_and_the_log_restored(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = await filled()
    spoil(table)
    routings, cases = table.place.routings.records[0], table.place.cases.records[0]
    if wrong == "other_record":
        # Of the same report and version, as after Kafka lost its newest record.
        routings[-1] = replaced(routings[-1])
    elif wrong == "short_log":
        routings.pop()
    elif wrong == "short_cases":
        cases.pop()
    else:
        monkeypatch.setattr(restore, "RULE_VERSION", rules.RULE_VERSION + 1)
    await table.step("kill")
    table.assert_true()


async def test_a_log_that_no_longer_reaches_back_to_the_checkpoint_is_read_from_its_first_record() -> None:
    table = await filled()
    spoil(table)
    real_read, refused = table.place.routings.read, list[tuple[int, int]]()

    def cut(wanted: Mapping[int, tuple[int, int]]) -> Any:
        if not refused:
            refused.extend(wanted.values())
            raise FatalError("routings does not reach back or up to what it should hold")
        return real_read(wanted)

    table.place.routings.read = cut  # type: ignore[method-assign]  # answers as a log that was cut
    await table.step("kill")
    assert refused == [(29, 30)]
    table.assert_true()


async def test_all_partitions_are_compared_at_once_and_only_those_that_do_not_fit_are_restored() -> None:
    place = Place()
    worker, _, _ = await place.worker(*range(4))
    await worker.handle([received_record(received(1 + partition), partition=partition) for partition in range(4)])
    kill(place.folders[-1])
    routings = place.routings
    routings.records[1][0] = replaced(routings.records[1][0])
    real_read, asked, refusals = routings.read, list[dict[int, tuple[int, int]]](), [1, 1]

    def read(wanted: Mapping[int, tuple[int, int]]) -> Any:
        asked.append(dict(wanted))
        if 2 in wanted and refusals:
            refusals.pop()
            raise FatalError("routings does not reach back or up to what it should hold")
        return real_read(wanted)

    routings.read = read  # type: ignore[method-assign]  # one partition cannot be read, and which one is not said
    with capture_logs() as said:
        _, changelog, _ = await place.worker(*range(4))
    assert asked[0] == dict.fromkeys(range(4), (0, 1))
    assert {line["partition"]: line["reason"] for line in said if line["event"] == "routing.checkpoint_unfit"} == {
        1: "another record lies before 1",
        2: "routings does not reach back or up to what it should hold",
    }
    assert asked[-1] == {1: (0, 1), 2: (0, 1)}
    assert all(agrees(changelog.states[partition], routings, partition) for partition in range(4))


async def test_what_was_decided_and_not_committed_is_in_the_log_and_found_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed between the acknowledgement and the commit: the store is behind, and nothing is published twice."""
    table = await filled()

    def killed(self: StateStore, checkpoint: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "commit", killed)
        with pytest.raises(RuntimeError, match="killed"):
            await table.step("report")
    records = len(table.place.routings.records[0])
    await table.step("kill")
    table.assert_true()
    last = table.place.routings.events()[-1]
    again = received(31).model_copy(update={"received_at": last.received_at, "facts": last.facts})
    await table.send(again)
    assert len(table.place.routings.records[0]) == records


async def test_a_batch_is_committed_in_pieces_and_one_killed_in_between_goes_on_from_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LMDB keeps the memory of all pages that one commit changes: one for each record of a large store."""
    monkeypatch.setattr(changelog, "FOLDED_AT_ONCE", 4)
    table = await filled()
    real_commit, committed = StateStore.commit, list[int]()

    def killed(self: StateStore, checkpoint: Checkpoint) -> None:
        committed.append(checkpoint.position)
        if len(committed) == 3:
            raise RuntimeError("killed")
        real_commit(self, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "commit", killed)
        with pytest.raises(RuntimeError, match="killed"):
            await table.worker.handle([received_record(table.lodge()) for _ in range(10)])
    assert committed == [34, 38, 40]
    read = watch(table)
    await table.step("kill")
    assert read == [(37, 38), (38, 40)], "the record the checkpoint stands for, and what came after"
    table.assert_true()


async def test_nothing_is_written_down_before_the_log_has_it() -> None:
    """Killed before the publish: whoever comes next must decide, for nobody has."""
    table = await filled()
    position = table.state.position

    async def away(*_: Any, **__: Any) -> int:
        raise TransientError("kafka is away")

    real_send = table.place.routings.send
    table.place.routings.send = away  # type: ignore[method-assign]  # Kafka is away
    lodged = table.lodge()
    with pytest.raises(TransientError):
        await table.send(lodged)
    assert table.state.position == position
    assert lodged.report_id not in table.state.report_states
    table.place.routings.send = real_send  # type: ignore[method-assign]  # and back
    table.changelog.commit(0)
    await table.step("kill")
    await table.send(lodged)
    assert table.place.routings.events()[-1].report_id == lodged.report_id
    table.assert_true()


async def test_closed_centres_give_up_reports_of_before_a_restart_too() -> None:
    table = await filled()
    await table.step("kill")
    assert "busan" in lists(table.state), "or the test shows nothing"
    await table.step("close_center")
    assert "busan" not in lists(table.state)
    table.assert_true()


async def test_nobody_moves_anything_while_a_partition_is_taken_over() -> None:
    table = await filled()
    await table.worker.on_revoked(PLACES)
    async with table.changelog.locks[0]:
        again = asyncio.create_task(table.worker.on_assigned(PLACES))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not again.done(), "what somebody is in the middle of comes first"
    await again
    table.assert_true()


async def test_a_restore_that_fails_half_way_goes_on_before_anything_is_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restore, "FOLDED_AT_ONCE", 10)
    table = await filled()
    table.place.routings.fail_after = 15
    with pytest.raises(TransientError):
        async with table.changelog.locks[0]:
            await table.changelog.restore_from_start(0)
    assert 0 < table.state.position < 30
    await table.step("old_report")
    table.assert_true()


async def test_a_restore_that_fails_half_way_is_done_again() -> None:
    table = await filled()
    await table.step("lose")
    kill(table.folder)
    shutil.rmtree(table.place.state_dir)
    table.place.cases.read_failures = 1
    with pytest.raises(TransientError):
        await table.start()
    kill(table.folder)
    await table.start()
    table.assert_true()


async def test_a_store_that_fails_ends_the_process_and_is_not_believed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table = await filled()
    spoil(table)

    def fails(self: StateStore, checkpoint: object) -> None:
        raise lmdb.DiskError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "commit", fails)
        with pytest.raises(FatalError, match="no space left"):
            await table.step("report")
    await table.step("kill")
    table.assert_true()


async def test_two_workers_on_one_partition_have_stores_of_their_own() -> None:
    place = Place()
    a, changelog_a, _ = await place.worker()
    b, changelog_b, _ = await place.worker()
    await a.handle([received_record(received(1))])
    await b.handle([received_record(received(2), 1)])
    await a.handle([received_record(received(3), 2)])
    assert agrees(changelog_a.states[0], place.routings)
    assert not agrees(changelog_b.states[0], place.routings)
    await changelog_b.read_on([0])
    assert agrees(changelog_b.states[0], place.routings)


async def test_a_refused_acknowledgement_answers_nobody() -> None:
    table = await filled()
    ahead = table.case(26, "acknowledge", table.place.clock.now()).model_copy(update={"ownership": 7})
    (rejected,) = await table.send(ahead)
    assert rejected.reason == "unknown_ownership"
    assert waits(table, 26)
