"""The log as a stranger reads it: raw records with plain aiokafka and JSON. Knows neither the bus nor any service."""

import asyncio
import json
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

LIMIT_S = 120.0
BY_REPORT = ("reports", "routings", "cases", "reports.dead", "cases.dead")
SINGLE = ("loads", "centers")
"""Topics of one partition."""


class Line(NamedTuple):
    """One raw record."""

    topic: str
    partition: int
    offset: int
    type: str
    id: str
    body: dict[str, Any]
    dead_reason: str = ""
    """Why a dead letter is one."""


async def read_everything(bootstrap: str, prefix: str, partitions: int) -> list[Line]:
    """All records that matter, in log order within a partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=100
    )
    await consumer.start()
    try:
        places = [TopicPartition(f"{prefix}{t}", p) for t in BY_REPORT for p in range(partitions)]
        places += [TopicPartition(f"{prefix}{t}", 0) for t in SINGLE]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        lines: list[Line] = []
        async with asyncio.timeout(LIMIT_S):
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    topic = place.topic.removeprefix(prefix)
                    lines += [line for record in records if (line := line_of(topic, record))]
        return lines
    finally:
        await consumer.stop()


def line_of(topic: str, record: Any) -> Line | None:
    """A record as a line; nothing where it is garbage."""
    headers = {name: value for name, value in record.headers if value is not None}
    try:
        body = json.loads(record.value)
        kind, ident = headers["ce_type"].decode(), headers["ce_id"].decode()
        reason = headers.get("dead_reason", b"").decode()
    except (ValueError, KeyError, TypeError):
        return None
    return Line(topic, record.partition, record.offset, kind, ident, body if isinstance(body, dict) else {}, reason)


def states_of(decision: dict[str, Any]) -> dict[str, str]:
    """The state of each centre by a decision's own account."""
    return {
        center: state
        for by_state in decision["compared"].values()
        for state, loads in by_state.items()
        for center in loads
    }
