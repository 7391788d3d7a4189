"""The same numbers, counted a second way: DuckDB over an export of the topics, after the fact, by ``recount.sql``."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.support.waiting import DEADLINE_S

TOPICS = ("reports", "routings", "cases", "alerts", "centers")
_SQL = Path(__file__).with_name("recount.sql")
_COLUMNS = "columns = {topic: 'VARCHAR', partition: 'BIGINT', 'offset': 'BIGINT', kind: 'VARCHAR', body: 'JSON'}"


@dataclass(frozen=True, slots=True)
class Recounted:
    """Every cell that is not 0, by (day or month, cell), and the sums by stage."""

    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    months: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def stages(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (_, cell), n in self.days.items():
            if cell.startswith("stage|"):
                found[cell.removeprefix("stage|")] += n
        return found


async def export(bootstrap: str, prefix: str, file: Path) -> int:
    """Write every record of the topics that can be read as a line of JSON; how many there were."""
    lines = 0
    with file.open("wb") as into:
        for topic in TOPICS:
            for record in await read_all(bootstrap, prefix + topic):
                try:
                    body = orjson.loads(record.value)
                except orjson.JSONDecodeError:  # in nobody's numbers
                    continue
                line = {
                    "topic": topic,
                    "partition": record.partition,
                    "offset": record.offset,
                    "kind": dict(record.headers)["ce_type"].decode(),
                    "body": body,
                }
                into.write(orjson.dumps(line) + b"\n")
                lines += 1
    return lines


async def read_all(bootstrap: str, topic: str) -> list[Any]:
    """All records of a topic, in order within each partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        numbers = await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, p) for p in sorted(numbers)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        left = {place for place, end in ends.items() if end}
        async with asyncio.timeout(DEADLINE_S):
            while left:
                for place, records in (await consumer.getmany(timeout_ms=500)).items():
                    found += records
                    if records and records[-1].offset + 1 >= ends[place]:
                        left.discard(place)
        return found
    finally:
        await consumer.stop()


def counted(file: Path) -> Recounted:
    """The cells of an export."""
    with duckdb.connect() as database:
        database.execute("set threads = 1")
        database.execute(
            f"create table log as from read_json(?, format = 'newline_delimited', {_COLUMNS})", [str(file)]
        )
        database.execute(_SQL.read_text())
        days, months = (
            Counter({(span, cell): int(n) for span, cell, n in database.execute(f"from {name}").fetchall() if n})
            for name in ("days", "months")
        )
    return Recounted(days, months)


async def recount(bootstrap: str, prefix: str) -> Recounted:
    """Export and count."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "log.ndjson"
        assert await export(bootstrap, prefix, file) > 0
        return await asyncio.to_thread(counted, file)
