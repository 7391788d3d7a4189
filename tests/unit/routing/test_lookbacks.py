"""With the store away: the log is passed through once an outage, and whoever has just reported does not wait for it."""

from collections.abc import AsyncGenerator, Mapping
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.routing.handlers import recalling
from services.routing.policy.known import certainly_new, fresh_first
from services.routing.projection import PartitionState
from services.routing.projection.whereabouts import Whereabouts, spans
from shared.errors import TransientError
from shared.kafka.decoding import RawRecord
from tests.unit.routing.builders import report_id
from tests.unit.routing.fake_log import FakeLog, received_record
from tests.unit.routing.memory_table import Table
from tests.unit.routing.test_memory import filled

Span = tuple[int, int]


class Watched:
    """What is read of a log, by stretch and in records, and what the log held when a read began."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self._read = log.read
        self.spans: list[Span] = []
        self.held: list[int] = []
        self.fail_after: int | None = None
        log.read = self.read  # type: ignore[method-assign]  # watches what is asked for

    @property
    def records(self) -> int:
        return sum(end - start for start, end in self.spans)

    async def read(self, wanted: Mapping[int, Span]) -> AsyncGenerator[RawRecord, None]:
        self.spans += wanted.values()
        self.held.append(len(self._log.records.get(0, ())))
        number = 0
        async for raw in self._read(wanted):
            if self.fail_after is not None and number == self.fail_after:
                self.fail_after = None
                raise TransientError("no answer")
            number += 1
            yield raw


async def close(table: Table, number: int) -> Any:
    await table.send(table.about(number, "close", table.place.clock.now()))
    last = table.place.routings.events()[-1]
    assert (last.report_id, last.TYPE) == (report_id(number), "report.ended.v1")


async def test_the_log_is_passed_through_once_an_outage_however_many_old_cases_come() -> None:
    table = await filled()
    table.place.copy.away = True
    watched, end = Watched(table.place.routings), table.state.position
    for number in range(1, 8):
        await close(table, number)
    whole = [span for span in watched.spans if span[0] == 0 and span[1] > 1]
    assert whole == [(0, end)]
    # Every other read is of one report's record, or of what came since.
    assert watched.records <= end + 7 + 7
    table.place.copy.away = False
    table.assert_true()


async def test_what_was_read_before_a_failure_is_not_read_again() -> None:
    table = await filled()
    table.place.copy.away = True
    watched, end = Watched(table.place.routings), table.state.position
    watched.fail_after = 20
    event = table.about(1, "close", table.place.clock.now())
    try:
        await table.worker.handle([received_record(event, 900)])
        raise AssertionError("it could not be read")
    except TransientError:
        pass
    await close(table, 1)
    assert watched.spans[:2] == [(0, end), (20, end)]


async def test_once_the_store_is_back_nothing_is_kept_and_the_next_outage_begins_anew() -> None:
    table = await filled()
    copy, clock = table.place.copy, table.place.clock
    copy.away = True
    await close(table, 1)
    copy.away = False
    copy.catch_up()
    await clock.advance(recalling.AWAY_SECONDS)
    watched = Watched(table.place.routings)
    await close(table, 2)
    assert (watched.spans, copy.asked[-1]) == ([], report_id(2))
    copy.away = True
    end = table.state.position
    await close(table, 3)
    assert watched.spans[0] == (0, end)


async def test_a_new_report_is_decided_before_an_old_one_is_looked_up() -> None:
    table = await filled()
    table.place.copy.away = True
    watched, held = Watched(table.place.routings), len(table.place.routings.records[0])
    old = table.about(1, "close", table.place.clock.now())
    again = table.about(1, "old_report", table.place.clock.now())
    await table.place.clock.advance(0.01)
    new = table.lodge()
    await table.worker.handle([received_record(again), received_record(new), received_record(old, table.append(old))])
    assert watched.held[0] == held + 1, "the new one is in the log before it is passed through"
    told = [(event.report_id, event.TYPE) for event in table.place.routings.events()[held:]]
    assert told == [(new.report_id, "report.routed.v1"), (report_id(1), "report.ended.v1")]
    table.place.copy.away = False
    table.assert_true()


async def test_a_batch_is_parted_only_where_something_is_looked_up() -> None:
    table = await filled()
    state, now = table.state, table.place.clock.now()
    remembered = next(iter(state.standings))
    known = received_record(table.about(int(remembered[-12:]), "close", now))
    old, again = (received_record(table.about(1, name, now)) for name in ("close", "old_report"))
    await table.place.clock.advance(0.01)
    new = received_record(table.lodge())
    assert fresh_first([known, new], state) == [[known, new]]
    assert fresh_first([old, again], state) == [[old, again]]
    assert fresh_first([again, new, known, old], state) == [[new], [again, known, old]]
    assert fresh_first([old, new], PartitionState()) == [[old, new]], "nothing is forgotten"
    assert [certainly_new(one.event, state) for one in (known, old, again, new)] == [False, False, False, True]


KEYS = st.sampled_from([*(report_id(n).encode() for n in range(4)), None, b"garbage", b"ab", b"\xff\xfe"])


@given(st.lists(KEYS, max_size=60), st.integers(0, 60))
def test_whereabouts_are_all_offsets_of_a_report_in_order(keys: list[bytes | None], below: int) -> None:
    noted = Whereabouts()
    for key in keys:
        noted.note(key)
    assert noted.upto == len(keys)
    for number in range(5):
        wanted = report_id(number)
        there = [at for at, key in enumerate(keys) if key == wanted.encode() and at < below]
        assert noted.of(wanted, below) == there


@given(st.sets(st.integers(0, 300)), st.integers(1, 50))
def test_spans_hold_every_offset_once_and_nothing_that_is_far(offsets: set[int], near: int) -> None:
    found = spans(offsets, near)
    inside = [at for start, end in found for at in range(start, end)]
    assert offsets <= set(inside)
    assert len(inside) == len(set(inside))
    assert all(start in offsets and end - 1 in offsets for start, end in found)
    assert all(later[0] - earlier[1] >= near for earlier, later in pairwise(found))
    assert len(inside) <= len(offsets) * near
