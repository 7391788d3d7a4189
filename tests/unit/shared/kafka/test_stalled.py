"""A broker that answers and gives nothing ends a command with a line, and does not keep it for ever."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.errors import TransientError
from shared.kafka import connection, inspector, redrive
from shared.kafka.inspector import ClusterInspector
from shared.kafka.redrive import _Letters
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.clock import ManualClock
from tools.backup.topics import TopicReader

LIMIT_S = 5.0
SETTINGS = KafkaSettings(call_timeout_s=LIMIT_S)
TP = TopicPartition("reports.dead", 0)
WAITS_S = 10.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The one that a read looks at, so that no machine is too slow for these tests."""
    made = ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
    monkeypatch.setattr(connection, "time", made)
    return made


def silent(clock: ManualClock, *records: Any) -> Any:
    """A client whose broker holds three records and gives ``records``, each in an answer of its own, then nothing."""
    consumer: Any = create_autospec(AIOKafkaConsumer, instance=True)
    given = list(records)

    async def getmany(*_: object, **__: object) -> dict[TopicPartition, list[Any]]:
        await clock.advance(0.75 * LIMIT_S)  # two such waits are longer than the limit, each by itself is not
        return {TP: [given.pop(0)]} if given else {}

    async def position(_: object) -> int:
        return len(records) - len(given)

    consumer.getmany.side_effect = getmany
    consumer.position.side_effect = position
    consumer.committed = AsyncMock(return_value=None)
    consumer.beginning_offsets = AsyncMock(return_value={TP: 0})
    consumer.end_offsets = AsyncMock(return_value={TP: 3})
    return consumer


def record(offset: int) -> Any:
    made: Any = AsyncMock()
    made.offset = offset
    return made


async def _worked_off(found: AsyncIterator[Any], read: list[Any]) -> None:
    async for one in found:
        read.append(one)  # noqa: PERF401  # an error must not take what came before it


async def test_sending_back_ends_where_no_more_letters_come(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr(redrive, "partitions_of", AsyncMock(return_value={0}))
    letters = _Letters(SETTINGS, REPORTS)
    letters._consumer = silent(clock, record(0), record(1))
    read: list[Any] = []
    with pytest.raises(TransientError, match=r"reading reports\.dead: nothing more came within 5 s"):
        await asyncio.wait_for(_worked_off(letters.read(None, None), read), WAITS_S)
    assert [one.offset for batch in read for one in batch] == [0, 1], "what came slowly is worked off"


async def test_the_list_of_dead_letters_ends_where_no_more_come(clock: ManualClock) -> None:
    assert inspector._LIMIT_S == LIMIT_S
    looking = ClusterInspector(SETTINGS)
    looking._consumer = silent(clock, record(0), record(1))
    read: list[Any] = []
    with pytest.raises(TransientError, match="reading dead letters: nothing more came within 5 s"):
        await asyncio.wait_for(_worked_off(looking._read({TP: 0}, {TP: 3}), read), WAITS_S)
    assert [one.offset for one in read] == [0, 1]


async def test_a_backup_ends_where_no_more_records_come(clock: ManualClock) -> None:
    reader = TopicReader(SETTINGS)
    reader._consumer = silent(clock, record(0), record(1))
    read: list[Any] = []
    with pytest.raises(TransientError, match=r"reading reports\.dead: nothing more came within 5 s"):
        await asyncio.wait_for(_worked_off(reader.read((REPORTS.dead, 0), 3), read), WAITS_S)
    assert [one.offset for one in read] == [0, 1]


async def test_a_client_that_neither_connects_nor_closes_ends_with_why_it_did_not_connect(
    clock: ManualClock,
) -> None:
    letters = _Letters(KafkaSettings(call_timeout_s=0.2), REPORTS)
    consumer = silent(clock)
    consumer.start = consumer.stop = lambda: asyncio.sleep(WAITS_S * 2)
    letters._consumer = consumer
    with pytest.raises(TransientError, match="connecting got no answer"):
        await asyncio.wait_for(letters.__aenter__(), WAITS_S)
