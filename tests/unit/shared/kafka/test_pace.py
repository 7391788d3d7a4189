"""A consumer that is not urgent rests after a batch, but not while there is more than a batch holds; an idle one asks
less often. One that is behind takes what all partitions have.
"""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, LeaderNotAvailableError
from aiokafka.protocol.fetch import FetchRequest

from shared.kafka import consumer as consuming
from shared.kafka.consumer import FETCH_WAIT_MS, IDLE_SECONDS, IDLE_WAIT_MS, LongPollingConsumer, Subscription
from shared.kafka.patches import fetch_apart

REPORTS, CASES = TopicPartition("reports", 0), TopicPartition("cases", 0)
Answer = dict[TopicPartition, list[int]] | Exception


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> tuple[Any, list[int]]:
    """A consumer that gets these answers, then nothing; and how long the broker was told to wait after each poll."""
    waits: list[int] = []
    left = list(answers)

    async def polled(*_: object, **__: object) -> dict[TopicPartition, list[int]]:
        answer = left.pop(0) if left else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", polled)
    monkeypatch.setattr(consuming, "wait_for_records", lambda _, milliseconds: waits.append(milliseconds))
    monkeypatch.setattr(consuming, "ask_for_all", lambda one, *, full: setattr(one, "asks_for_all", not full))
    consumer: Any = object.__new__(LongPollingConsumer)
    consumer._closed = True  # it was never opened
    consumer._owner = SimpleNamespace(on_polled=lambda: None, generation=1)
    consumer._pace_s, consumer._rest_until, consumer._busy_until, consumer._returned_at = 60.0, 0.0, 0.0, 0.0
    return consumer, waits


def polling(records: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[int]]:
    """A consumer that waits for records and gets so many."""
    return answering(monkeypatch, {}, {REPORTS: [0] * records} if records else {})


async def rests_after(records: int, monkeypatch: pytest.MonkeyPatch, *, most: int | None) -> bool:
    consumer, _ = polling(records, monkeypatch)
    await consumer.getmany(max_records=most)
    return bool(consumer._rest_until)


async def test_it_rests_after_a_batch_that_took_all_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rests_after(2, monkeypatch, most=3)
    assert await rests_after(2, monkeypatch, most=None)


async def test_it_reads_on_at_once_while_batches_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await rests_after(3, monkeypatch, most=3)


async def test_it_reads_on_at_once_where_nothing_came(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await rests_after(0, monkeypatch, most=3)


async def test_the_broker_is_to_wait_longer_once_no_record_has_come_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, waits = polling(1, monkeypatch)
    await consumer.getmany()
    consumer, later = answering(monkeypatch)
    consumer._busy_until = asyncio.get_running_loop().time() + IDLE_SECONDS
    await consumer.getmany()
    consumer._busy_until = 0.0
    await consumer.getmany()
    assert (waits, later) == ([FETCH_WAIT_MS], [FETCH_WAIT_MS, IDLE_WAIT_MS])


async def test_one_that_is_behind_takes_what_other_partitions_have_in_the_same_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, _ = answering(monkeypatch, {REPORTS: [1, 2]}, {REPORTS: [3], CASES: [1]})
    assert await consumer.getmany(max_records=10) == {REPORTS: [1, 2, 3], CASES: [1]}
    assert consumer.asks_for_all
    consumer, _ = answering(monkeypatch, {REPORTS: [1, 2]}, {CASES: [1]})
    assert await consumer.getmany(max_records=2) == {REPORTS: [1, 2]}, "the batch was full"
    assert not consumer.asks_for_all


async def test_an_error_of_other_partitions_loses_no_record_that_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, _ = answering(monkeypatch, {REPORTS: [1, 2]}, LeaderNotAvailableError())
    assert await consumer.getmany(max_records=10) == {REPORTS: [1, 2]}


async def test_an_error_after_which_records_may_be_taken_and_not_given_out_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, _ = answering(monkeypatch, {REPORTS: [1, 2]}, CorruptRecordException())
    failed: list[Exception] = []

    async def on_poll_failed(error: Exception) -> None:
        failed.append(error)

    consumer._owner.on_poll_failed = on_poll_failed
    assert await consumer.getmany(max_records=10) == {}
    assert [type(error) for error in failed] == [CorruptRecordException]


async def test_of_an_assignment_that_changes_meanwhile_only_what_was_read_after_it_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, _ = answering(monkeypatch, {REPORTS: [1, 2]}, {CASES: [1]})

    class Changing:
        """Another generation at every look."""

        on_polled = staticmethod(lambda: None)
        looks = 0

        @property
        def generation(self) -> int:
            self.looks += 1
            return self.looks

    consumer._owner = Changing()
    assert await consumer.getmany(max_records=10) == {CASES: [1]}


class Client:
    """aiokafka's client with one connection of each group, to a broker that answers nothing."""

    def __init__(self) -> None:
        self.asked = list[tuple[object, int]]()
        self.closed = list[int]()
        closing = [SimpleNamespace(close=lambda group=group: self.closed.append(group)) for group in range(3)]
        self._conns = {(1, group): connection for group, connection in enumerate(closing)}

    async def send(self, node: object, request: object, *, group: int) -> None:
        assert node == 1
        self.asked.append((request, group))
        await asyncio.Event().wait()


def question(wait_ms: int) -> FetchRequest:
    return FetchRequest(wait_ms, 1, 1024, 0, [])


@pytest.mark.parametrize(("wait_ms", "closed"), [(IDLE_WAIT_MS, [2]), (10, [])])
async def test_a_question_for_records_has_its_own_connection_that_ends_with_one_given_up(
    wait_ms: int, closed: list[int]
) -> None:
    client = Client()
    fetch_apart(cast("AIOKafkaConsumer", SimpleNamespace(_client=client)))
    others, asked = ["for the ends", "for metadata"], question(wait_ms)
    for request in (*others, asked):
        sending = asyncio.create_task(client.send(1, request))  # type: ignore[call-arg]  # aiokafka has a default
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait({sending})
    assert client.asked == [*((other, 0) for other in others), (asked, 2)]
    assert client.closed == closed


def test_a_consumer_waits_for_records_on_a_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = list[object]()
    monkeypatch.setattr(AIOKafkaConsumer, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(AIOKafkaConsumer, "__del__", lambda _: None)
    monkeypatch.setattr(consuming, "observe_coordinator", lambda *_: None)
    monkeypatch.setattr(consuming, "fetch_apart", apart.append)
    owner = SimpleNamespace(coordinator=SimpleNamespace(answered=None), use=lambda _: None)
    made = LongPollingConsumer(owner=cast("Subscription", owner), pace_s=0.0)
    assert apart == [made]
