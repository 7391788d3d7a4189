"""Somebody who reads `routings` while it is written, as notify or analytics would: record by record from the start.

Two of them that began at different times must agree about every report. Knows neither the bus nor any service, and not
the audit's way of folding either: it keeps what it knows and never looks back.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tests.integration.routing.records import Line, line_of


class Seen(NamedTuple):
    """What a reader knows of a report."""

    version: int
    ownership: int
    owner: str
    ended: str | None
    declined: tuple[str, ...]


class Reader:
    """Follows until stopped, through brokers that die."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._next = {TopicPartition(f"{prefix}routings", p): 0 for p in range(partitions)}
        self._task: asyncio.Task[None] | None = None
        self.stands: dict[str, Seen] = {}
        self.holes: list[str] = []
        self.ignored = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def check(self) -> None:
        """Raise what ended the following, if anything did."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    @property
    def positions(self) -> Mapping[TopicPartition, int]:
        """The offset of the next record of each partition."""
        return dict(self._next)

    async def _follow(self) -> None:
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=None,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=50,
                request_timeout_ms=5000,
            )
            try:
                await consumer.start()
                await self._read(consumer)
            except (KafkaError, OSError):
                await asyncio.sleep(0.2)
            finally:
                await asyncio.wait([asyncio.ensure_future(consumer.stop())], timeout=5)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign(list(self._next))
        for place, offset in self._next.items():
            consumer.seek(place, offset)
        while True:
            for place, records in (await consumer.getmany(timeout_ms=100)).items():
                for record in records:
                    if (line := line_of("routings", record)) is not None:
                        self._take(line)
                    self._next[place] = record.offset + 1

    def _take(self, line: Line) -> None:
        body = line.body
        report, version = body["report_id"], body["version"]
        before = self.stands.get(report)
        known = before.version if before else 0
        if version <= known:
            self.ignored += 1
            return
        if version != known + 1:
            self.holes.append(f"{report}/{version} after {known}")
            return
        ended = before.ended if before else None
        if line.type == "report.ended.v1":
            ended = body["reason"]
        elif "decision" in body or body.get("kind") in {"reopened", "reinstated"}:
            ended = None
        owner = body["decision"]["center_id"] if "decision" in body else body["center_id"]
        declined = body["facts"].get("declined_centers", ()) if "facts" in body else before.declined if before else ()
        self.stands[report] = Seen(version, body["ownership"], owner, ended, tuple(declined))


def differences(name: str, one: Mapping[str, Seen], other: Mapping[str, Seen]) -> list[str]:
    """Reports of which two readers do not know the same."""
    differ = sorted(report for report in one.keys() | other.keys() if one.get(report) != other.get(report))
    return [f"{name}: {report}: {one.get(report)} and {other.get(report)}" for report in differ[:5]]
