"""The auditor against the real broker: everything from the first record, garbage and tombstones included."""

import asyncio

import orjson
from aiokafka import AIOKafkaProducer

from shared.kafka.admin import ensure_topics
from shared.settings import KafkaSettings
from tests.support.waiting import DEADLINE_S
from tools.demo.auditor import DemoAuditor

REPORT = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"


def headers(kind: str) -> list[tuple[str, bytes]]:
    return [("ce_type", kind.encode())]


async def test_reads_from_the_first_record_and_again_what_is_new(bus_settings: KafkaSettings) -> None:
    await ensure_topics(bus_settings)
    prefix = bus_settings.topic_prefix
    producer = AIOKafkaProducer(bootstrap_servers=bus_settings.bootstrap_servers)
    auditor = DemoAuditor(bus_settings, prefix)
    await producer.start()
    try:
        received = orjson.dumps({"report_id": REPORT})
        await producer.send_and_wait(f"{prefix}reports", received, headers=headers("report.received.v1"))
        await producer.send_and_wait(f"{prefix}reports", b"\xff not json")
        await producer.send_and_wait(f"{prefix}loads", None, key=b"0")
        await producer.send_and_wait(f"{prefix}reports.dead", b"\xff not json")
        await auditor.start()
        async with asyncio.timeout(DEADLINE_S):
            ledger = await auditor.catch_up()
        assert ledger.received == {REPORT: 1}
        assert ledger.dead == {"reports.dead": 1}
        await producer.send_and_wait(f"{prefix}reports", received, headers=headers("report.received.v1"))
        async with asyncio.timeout(DEADLINE_S):
            assert (await auditor.catch_up()).received == {REPORT: 2}
    finally:
        await auditor.stop()
        await producer.stop()
