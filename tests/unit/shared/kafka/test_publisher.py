"""A producer the broker takes nothing from is replaced, and one that gets no answer is given up in time."""

import asyncio
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber

from shared.errors import TransientError
from shared.kafka import publisher as publishing
from shared.kafka.publisher import Message, NoLeaderError, Publisher
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.waiting import DEADLINE_S
from tools.local.ports import LOOPBACK


class Cluster:
    """What a client knows of the leaders; asking anew it learns the next one."""

    def __init__(self, *leaders: int) -> None:
        self.leaders = list(leaders) or [1]
        self.cluster = self
        self.asked = 0

    def leader_for_partition(self, _: TopicPartition) -> int:
        return self.leaders[0]

    async def force_metadata_update(self) -> bool:
        self.asked += 1
        self.leaders = self.leaders[1:] or self.leaders
        return True


class Producer:
    """In place of aiokafka's: the first one made is broken, and the broker is away when the second is connected."""

    made: list["Producer"]

    def __init__(self, **_: object) -> None:
        self.client = Cluster()
        self.number = len(self.made)
        self.is_stopped = False
        self.made.append(self)

    async def start(self) -> None:
        if self.number == 1:
            raise KafkaConnectionError

    async def stop(self) -> None:
        self.is_stopped = True

    def create_batch(self) -> Any:
        return Batch()

    async def send_batch(self, *_: object, **__: object) -> "asyncio.Future[Any]":
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.number == 0:
            answer.set_exception(OutOfOrderSequenceNumber())
        else:
            answer.set_result(Metadata())
        return answer


class Batch:
    def append(self, **_: object) -> object:
        return self


class Metadata:
    offset = 7


async def test_a_broken_producer_is_replaced_and_what_failed_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Producer.made = []
    monkeypatch.setattr(publishing, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(publishing, "ended_task", lambda producer: "sender" if producer.is_stopped else None)
    publisher = Publisher(KafkaSettings(bootstrap_servers=f"{LOOPBACK}:1"))
    await publisher.start()
    message: Message = (b"key", b"value", [])
    with pytest.raises(TransientError, match="OutOfOrderSequenceNumber"):
        await publisher.send("reports", 0, [message])
    with pytest.raises(TransientError):  # nobody answers yet
        await publisher.send("reports", 0, [message])
    assert publisher.ended() is None, "what is being replaced has not ended by itself"
    assert await publisher.send("reports", 0, [message]) == 7
    assert [producer.is_stopped for producer in Producer.made] == [True, True, False]
    assert publisher.ended() is None
    await publisher.stop()


class Hanging(Producer):
    """In place of aiokafka's while the broker is away: one call is never answered, whatever its own timeout says."""

    hangs: str

    async def start(self) -> None:
        await self._hang("start")

    async def partitions_for(self, name: str) -> set[int]:
        del name
        await self._hang("partitions_for")
        return {0}

    async def send_batch(self, *_: object, **__: object) -> "asyncio.Future[Any]":
        await self._hang("send_batch")
        return asyncio.get_running_loop().create_future()

    async def _hang(self, call: str) -> None:
        if call == self.hangs:
            await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("hangs", ["start", "partitions_for", "send_batch", "the acknowledgement"])
async def test_a_call_that_is_never_answered_is_given_up_in_time(hangs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Producer.made, Hanging.hangs = [], hangs
    monkeypatch.setattr(publishing, "AIOKafkaProducer", Hanging)
    publisher = Publisher(KafkaSettings(bootstrap_servers=f"{LOOPBACK}:1", topic_partitions=1, call_timeout_s=0.05))
    with pytest.raises(TransientError, match=r"got no answer within 0\.05 s$"):
        await start_and_send(publisher)
    await publisher.stop()
    assert Producer.made[0].is_stopped


@pytest.mark.parametrize(("leaders", "sent"), [((-1,), False), ((-1, 2), True)])
async def test_a_partition_without_a_leader_is_told_at_once_unless_it_has_one_again(
    leaders: tuple[int, ...], *, sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for the call's time would keep all others waiting, and leave a gap in the producer's numbering."""
    Producer.made, Hanging.hangs = [], "" if sent else "the acknowledgement"
    monkeypatch.setattr(publishing, "AIOKafkaProducer", Producer if sent else Hanging)
    publisher = Publisher(KafkaSettings(bootstrap_servers=f"{LOOPBACK}:1"))
    Producer.made.append(cast("Producer", None))  # the first one would be broken
    publisher._producer = producer = (Producer if sent else Hanging)()
    producer.client = cluster = Cluster(*leaders)
    async with asyncio.timeout(DEADLINE_S):
        if sent:
            assert await publisher.send("reports", 3, [(b"key", b"value", [])]) == 7
        else:
            with pytest.raises(NoLeaderError, match="reports/3 has no leader"):
                await publisher.send("reports", 3, [(b"key", b"value", [])])
    assert cluster.asked == 1


async def start_and_send(publisher: Publisher) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await publisher.start()
        await publisher.partitions(REPORTS)
        await publisher.send("reports", 0, [(b"key", b"value", [])])
