"""How far counting has caught up: a kept sample under steady traffic, and garbage at the end of a quiet partition."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any

import pytest

from services.analytics.counting.reconciliation import ReconciliationCounts
from services.analytics.counting.watch import DEAD_REPORTS, WATCHED, Watch
from shared.errors import TransientError
from shared.events.base import encode
from shared.kafka.decoding import RawRecord
from shared.metrics import REGISTRY
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS, TOPICS, Topic
from tests.support.clock import ManualClock
from tests.unit.analytics import events as make

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
GARBAGE = RawRecord("reports", 0, 0, 0, b"key", b"no event", [])


class Lines:
    """A log of one partition."""

    def __init__(self) -> None:
        self.records: list[RawRecord] = []
        self.reads = 0
        self.away = False
        self.hangs = False
        self.asked: list[int] = []

    def add(self, *records: RawRecord) -> None:
        for record in records:
            self.records.append(replace(record, offset=len(self.records)))

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise TransientError("the broker is away")
        self.asked = list(partitions)
        return {0: len(self.records)}

    async def read(self, wanted: Mapping[int, tuple[int, int]]) -> AsyncGenerator[RawRecord, None]:
        self.reads += 1
        ((start, end),) = wanted.values()
        for record in self.records[start:end]:
            yield record


class Counted:
    """The store: what is folded of `reports`, and of other topics where a test says so."""

    def __init__(self) -> None:
        self.next = 0
        self.others: dict[tuple[str, int], int] = {}
        self.sums: dict[str, int] = {}
        self.waiting: tuple[int, datetime | None] = (0, None)
        self.ahead_since: datetime | None = None
        self.dead = 0
        self.away = False
        self.tallied = 0

    async def offsets(self) -> dict[tuple[str, int], int]:
        if self.away:
            raise TransientError("the store is away")
        return {("reports", 0): self.next, **self.others}

    async def reconciliation_counts(self) -> ReconciliationCounts:
        self.tallied += 1
        if self.away:
            raise TransientError("the store is away")
        n, oldest = self.waiting
        ahead = int(self.ahead_since is not None)
        return ReconciliationCounts(self.sums, n, self.dead, ahead, oldest, self.ahead_since)


class Office:
    """A watch with its log and store."""

    def __init__(self, partitions: int = 1, patience_s: float = 0.0) -> None:
        self.clock = ManualClock(NOW)
        self.logs = {topic: Lines() for topic in (*WATCHED, DEAD_REPORTS)}
        self.reports = self.logs[REPORTS]
        self.store = Counted()
        reader: Any = self.store
        self.watch = Watch(reader, self.logs, self.clock, partitions=partitions, patience_s=patience_s)

    async def look(self) -> datetime | None:
        await self.watch.look()
        return self.watch.caught_up()


def good() -> RawRecord:
    record = encode(make.received(make.report_id(1)), source="intake", time=NOW, traceparent=TRACE)
    return RawRecord("reports", 0, 0, 0, record.key.encode(), record.value, record.headers)


async def test_under_steady_traffic_it_lags_by_what_is_being_counted_and_no_more() -> None:
    office = Office()
    for second in range(20):
        office.store.next = len(office.reports.records)  # one round behind, always
        office.reports.add(good())
        caught_up = await office.look()
        if second >= 2:
            assert caught_up is not None
            assert office.clock.now() - caught_up <= timedelta(seconds=2)
        await office.clock.advance(1)


async def test_nothing_is_caught_up_before_it_is_counted() -> None:
    office = Office()
    office.reports.add(good(), good())
    for next_offset in (0, 0, 1, 1):
        office.store.next = next_offset
        assert await office.look() is None
        await office.clock.advance(1)
    office.store.next = 2
    assert await office.look() == NOW, "what was written before the first look is counted now"


async def test_every_topic_that_analytics_counts_is_watched_with_the_partitions_it_has() -> None:
    assert set(WATCHED) == {topic for topic in TOPICS if "analytics" in topic.readers}
    office = Office(partitions=3)
    await office.look()
    assert {topic.name: office.logs[topic].asked for topic in WATCHED} == {
        topic.name: [0] if topic is CENTERS else [0, 1, 2] for topic in WATCHED
    }


@pytest.mark.parametrize("topic", [ROUTINGS, CASES, ALERTS, CENTERS])
async def test_one_topic_that_is_not_read_to_its_end_holds_a_release_back(topic: Topic) -> None:
    """Hours on duty come from `centers`: a month that froze before it was read had wrong hours for ever."""
    office = Office()
    rid = make.report_id(1)
    made = {ROUTINGS: make.routed(rid), CASES: make.acknowledged(rid), ALERTS: make.alert_sent(rid)}
    event = made.get(topic) or make.center_changed("busan", 1, 2, NOW)
    record = encode(event, source=topic.writer, time=NOW, traceparent=TRACE)
    office.logs[topic].add(RawRecord(topic.name, 0, 0, 0, record.key.encode(), record.value, record.headers))
    for _ in range(3):
        assert await office.look() is None
        await office.clock.advance(1)
    office.store.others = {(topic.name, 0): 1}
    assert await office.look() == NOW


def lag() -> float:
    value = REGISTRY.get_sample_value("ieum_analytics_lag_seconds")
    assert value is not None
    return value


async def test_during_the_first_catch_up_the_lag_is_the_age_of_the_oldest_uncounted_record() -> None:
    office = Office()
    assert isnan(lag()), "not known yet, which is not 0"
    for days in (2, 1):
        written = int((NOW - timedelta(days=days)).timestamp() * 1000)
        office.reports.add(replace(good(), timestamp_ms=written))
    for read, seconds in ((0, 2 * 86_400), (1, 86_400)):
        office.store.next = read
        assert await office.look() is None
        assert lag() == seconds
    office.store.next = 2
    await office.look()
    assert lag() == 0


async def test_garbage_at_the_end_of_a_quiet_partition_keeps_nobody_waiting() -> None:
    office = Office()
    office.reports.add(good(), *[GARBAGE] * 450)
    office.store.next = 1
    for _ in range(4):
        await office.look()
        await office.clock.advance(1)
    assert await office.look() is not None
    reads = office.reports.reads
    await office.look()
    assert office.reports.reads == reads, "what was looked through once is not read again"


async def test_while_counting_rests_no_record_is_looked_at() -> None:
    office = Office(patience_s=10)
    assert await office.look() == NOW
    office.reports.add(good())
    for _ in range(5):
        assert await office.look() == NOW
        await office.clock.advance(2)
    assert office.reports.reads == 0
    office.store.next = 1
    await office.look()
    office.reports.add(GARBAGE)
    added = office.clock.now()
    for _ in range(8):
        await office.look()
        await office.clock.advance(2)
    assert office.reports.reads == 1, "ten seconds later it is taken for what it is"
    assert (office.watch.caught_up() or NOW) > added


async def test_a_record_that_can_be_counted_after_garbage_is_waited_for() -> None:
    office = Office()
    office.reports.add(GARBAGE, good(), GARBAGE)
    for _ in range(4):
        assert await office.look() is None
        await office.clock.advance(1)
    office.store.next = 2
    await office.look()
    assert await office.look() is not None


async def test_whether_all_is_accounted_for_is_what_the_last_look_found() -> None:
    office = Office()
    assert office.watch.accounted() is None
    await office.look()
    assert office.watch.accounted() is True
    office.store.sums = {"accepted": 1}
    await office.look()
    assert office.watch.accounted() is False
    office.store.away = True
    with pytest.raises(TransientError):
        await office.look()
    assert office.watch.accounted() is None


async def test_what_is_missing_is_in_the_gauges_by_which_somebody_is_called() -> None:
    """One that nobody sets is 0 as well, which is what each of them must be."""
    office = Office()
    office.store.sums, office.store.waiting, office.store.dead = {"accepted": 7, "routed": 3}, (3, NOW), 1
    await office.look()
    assert missing() == (1, 2, 1), "7 were accepted; 3 were routed, 2 are in flight and 1 is dead"
    office.store.sums, office.store.waiting, office.store.dead = {"accepted": 7, "routed": 7}, (0, None), 0
    await office.look()
    assert missing() == (0, 0, 0)


def missing() -> tuple[float | None, ...]:
    names = ("reconciliation_difference_reports", "in_flight_reports", "dead_lettered_reports")
    return tuple(REGISTRY.get_sample_value(f"ieum_analytics_{name}") for name in names)


async def test_while_store_or_broker_are_away_the_lag_grows() -> None:
    office = Office()
    await office.look()
    office.store.away = True
    for minutes in (10, 20):
        await office.clock.advance(600)
        with pytest.raises(TransientError):
            await office.look()
        assert lag() == minutes * 60


async def test_a_look_that_is_cancelled_asks_for_nothing_more() -> None:
    office = Office()
    office.reports.hangs = True
    looking = asyncio.create_task(office.watch.look())
    await asyncio.sleep(0)
    assert not looking.done()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert office.store.tallied == 0


async def test_while_the_broker_is_away_a_report_without_an_owner_grows_older() -> None:
    office = Office()
    office.store.waiting = (1, NOW - timedelta(seconds=10))
    await office.look()
    office.reports.away = True
    await office.clock.advance(600)
    with pytest.raises(TransientError):
        await office.look()
    assert REGISTRY.get_sample_value("ieum_analytics_oldest_in_flight_report_age_seconds") == 610
    assert office.watch.accounted() is None


@pytest.mark.parametrize(
    ("minutes", "dead", "nothing"), [(59, 0, True), (61, 0, False), (435 * 1440, 0, False), (1, 1, False)]
)
async def test_a_report_that_has_had_no_owner_for_an_hour_is_unaccounted_for(
    minutes: int, dead: int, nothing: bool
) -> None:
    """The equation holds, since it is counted as in flight; nobody looks after it all the same."""
    office = Office()
    office.store.sums = {"accepted": 23}
    office.store.waiting, office.store.dead = (23, NOW - timedelta(minutes=minutes)), dead
    await office.look()
    assert office.watch.accounted() is nothing


@pytest.mark.parametrize(("minutes", "nothing"), [(59, True), (61, False)])
async def test_a_report_whose_acceptance_could_not_be_read_for_an_hour_is_unaccounted_for(
    minutes: int, nothing: bool
) -> None:
    """It has a centre and is in no table; the equation holds, since it is taken to be read ahead."""
    office = Office()
    office.store.sums = {"routed": 1}
    office.store.ahead_since = NOW - timedelta(minutes=minutes)
    await office.look()
    assert office.watch.accounted() is nothing
    assert ahead() == (1, minutes * 60), "operators see how many, and since when"
    office.store.ahead_since = None
    office.store.sums = {"routed": 1, "accepted": 1}
    await office.look()
    assert office.watch.accounted() is True, "sent back, it is counted"
    assert ahead() == (0, 0)


def ahead() -> tuple[float | None, float | None]:
    shown = REGISTRY.get_sample_value
    return shown("ieum_analytics_ahead_reports"), shown("ieum_analytics_oldest_ahead_report_age_seconds")


async def test_counting_that_stands_still_says_since_when_and_keeping_up_says_nothing() -> None:
    office = Office()
    await office.look()
    assert office.watch.stopped_since() is None
    office.reports.add(good())
    for _ in range(20):
        await office.clock.advance(60)
        await office.look()
    stopped = office.watch.stopped_since()
    assert stopped is not None
    assert NOW <= stopped <= NOW + timedelta(minutes=1), "the last moment up to which all was counted"
    office.store.next = 1
    for _ in range(2):
        await office.look()
    assert office.watch.stopped_since() is None


async def test_while_counting_stands_still_it_is_not_said_that_nothing_is_missing() -> None:
    """What was accepted since is counted at neither end, so that the two agree."""
    office = Office()
    await office.look()
    assert office.watch.accounted() is True
    office.reports.add(good())
    for _ in range(20):
        await office.clock.advance(60)
        await office.look()
    assert office.watch.accounted() is None
    office.store.sums, office.store.waiting, office.store.dead = {"accepted": 1}, (1, NOW), 1
    await office.look()
    assert office.watch.accounted() is False, "what is missing already is missing"
