"""A header name that is not UTF-8, on the real broker: its record is dead, those beside it are processed."""

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from shared.kafka.connection import client_options, topic_name
from shared.kafka.publisher import MAX_BATCH_BYTES
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import Seen, dead_letters, id_in, message_left, new_bus, running, until_committed
from tests.support.subscribing import subscribe


class NoText(str):
    """No client writes such a name of its own accord; this one says bytes of its own when asked for UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return b"\xffname\xfe"


@pytest.mark.parametrize("compression", [0, 1], ids=["plain", "gzip"])
async def test_it_loses_nobody_elses_record_and_ends_nothing(bus_settings: KafkaSettings, compression: int) -> None:
    report = id_in(1, 3)
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscribe(bus, REPORTS, group="names", handler=seen)
    async with running(bus):
        producer = AIOKafkaProducer(**client_options(bus_settings))
        await producer.start()
        try:
            batch = producer.create_batch()
            batch._builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, 0, MAX_BATCH_BYTES)
            for version in (1, 2):
                good = message_left(report, version)
                batch.append(timestamp=None, key=good.key.encode(), value=good.value, headers=list(good.headers))
                batch.append(timestamp=None, key=b"k", value=b"garbage" * 40, headers=[(NoText("x"), b"content")])
            await (await producer.send_batch(batch, topic_name(bus_settings, REPORTS), partition=1))
        finally:
            await producer.stop()
        await bus.publisher.publish([message_left(report, 3), message_left(id_in(0, 3), 1)])
        await until_committed(bus_settings, "names")
    assert sorted(seen.keys) == sorted([(report, 1), (report, 2), (report, 3), (id_in(0, 3), 1)])
    letters = await dead_letters(bus_settings)
    assert [dict(letter.headers)["dead_offset"] for letter in letters] == [b"1", b"3"]
    assert all(letter.value == b"garbage" * 40 for letter in letters)
    assert all(dict(letter.headers)["\\xffname\\xfe"] == b"content" for letter in letters)
