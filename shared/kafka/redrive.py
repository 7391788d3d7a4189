"""``python -m shared.kafka.dead_letters``: look at dead letters and send them back to the topic they came from.

Prints places, times, reasons and details, never a key or a value. Sending back continues where the last run stopped
(own group ``redrive``); the record keeps its partition, so its order among the others of its key is what a person
makes of it. What fails again is dead again, behind the end this run saw. A letter that does not hold the whole record
is passed over, and the place of the original said.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared import settings as configuration
from shared.errors import IeumError
from shared.kafka.connection import bounded, client_options, dead_topic_name, group_name, topic_name
from shared.kafka.dead_letters import PREFIX, from_dead_letter, is_whole
from shared.kafka.patches import partitions_of
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings
from shared.topics import BY_NAME, Topic

GROUP: Final = "redrive"
_BATCH: Final = 500


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run; exit status 1 with one line when Kafka does not answer."""
    parser = argparse.ArgumentParser(prog="python -m shared.kafka.dead_letters", description=__doc__)
    parser.add_argument("action", choices=("list", "redrive"))
    parser.add_argument("--topic", required=True, choices=sorted(BY_NAME), help="the topic, not its dead twin")
    parser.add_argument(
        "--from", dest="start", type=int, default=None, metavar="OFFSET", help="begin here, each partition"
    )
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="at most so many records")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent back, send and commit nothing")
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(_run(chosen))
    except IeumError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


async def _run(chosen: argparse.Namespace) -> None:
    settings = configuration.load(KafkaSettings)
    topic = BY_NAME[chosen.topic]
    if chosen.action == "list":
        count = 0
        async with _Letters(settings, topic) as letters:
            async for batch in letters.read(chosen.start or 0, chosen.limit):
                for record in batch:
                    sys.stdout.write(f"{describe(record)}\n")
                count += len(batch)
        sys.stdout.write(f"{count} dead letters of {topic.name}\n")
        return
    count = await redrive(settings, topic, start=chosen.start, limit=chosen.limit, dry_run=chosen.dry_run)
    verb = "would be sent back" if chosen.dry_run else "sent back"
    sys.stdout.write(f"{count} dead letters {verb} to {topic.name}\n")


async def redrive(
    settings: KafkaSettings,
    topic: Topic,
    *,
    start: int | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    until: Mapping[int, int] | None = None,
) -> int:
    """Send dead letters that are whole back and return how many. ``start`` None: where the last run stopped.

    ``until`` ends each partition earlier than it does: only records already seen are redriven, not later ones.
    Published first, committed afterwards: a run that dies in between sends some twice. Raises ``TransientError``.
    """
    publisher = Publisher(settings)
    await publisher.start()
    count = 0
    try:
        async with _Letters(settings, topic) as letters:
            async for batch in letters.read(start, limit, until):
                whole = [record for record in batch if is_whole(record.headers)]
                for record in batch:
                    if not is_whole(record.headers):
                        sys.stderr.write(f"not sent back, it is not whole, the original is: {describe(record)}\n")
                count += len(whole)
                if dry_run:
                    continue
                for tp in {record.partition for record in whole}:
                    mine = [record for record in whole if record.partition == tp]
                    messages = [from_dead_letter(r.key, r.value, r.headers) for r in mine]
                    await publisher.send(topic_name(settings, topic), tp, messages)
                await letters.commit(batch)
    finally:
        await publisher.stop()
    return count


def describe(record: ConsumerRecord[bytes, bytes]) -> str:
    """One line about a dead letter, without key and value."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    said = {name.removeprefix(PREFIX): value for name, value in headers.items() if name.startswith(PREFIX)}
    size = len(record.value or b"")
    origin = f"{said.get('topic', '?')}/{said.get('partition', '?')}/{said.get('offset', '?')}"
    return (
        f"{record.partition}/{record.offset}  {said.get('time', '?')}  {said.get('reason', '?')}: "
        f"{said.get('detail', '')}  from {origin}"
        f"  by {said.get('service', '?')}:{said.get('group', '?')}  {size} bytes"
    )


class _Letters:
    """The dead twin of a topic, from where the last run stopped to the end as it is now."""

    def __init__(self, settings: KafkaSettings, topic: Topic) -> None:
        self._settings = settings
        self._name = dead_topic_name(settings, topic)
        self._limit = settings.call_timeout_s
        self._consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=group_name(settings, GROUP),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> "_Letters":
        try:
            await bounded(self._consumer.start(), self._limit, "connecting")
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await bounded(self._consumer.stop(), self._limit, "disconnecting")

    async def read(
        self, start: int | None, limit: int | None, until: Mapping[int, int] | None = None
    ) -> AsyncIterator[list[ConsumerRecord[bytes, bytes]]]:
        consumer = self._consumer
        numbers = await bounded(partitions_of(consumer, self._name), self._limit, "looking for the topic")
        tps = [TopicPartition(self._name, number) for number in sorted(numbers)]
        consumer.assign(tps)
        positions = {}
        for tp in tps:
            committed = await bounded(consumer.committed(tp), self._limit, "asking for committed offsets")
            positions[tp] = start if start is not None else committed or 0
            consumer.seek(tp, positions[tp])
        ends = await bounded(consumer.end_offsets(tps), self._limit, "asking for the ends")
        if until is not None:
            ends = {tp: min(end, until.get(tp.partition, 0)) for tp, end in ends.items()}
        left = limit
        while any(positions[tp] < ends[tp] for tp in tps) and left != 0:
            polled = consumer.getmany(timeout_ms=500, max_records=min(_BATCH, left or _BATCH))
            got = await bounded(polled, self._limit, "reading")
            batch = [r for tp, records in got.items() for r in records if r.offset < ends[tp]]
            for tp, records in got.items():
                positions[tp] = records[-1].offset + 1
            left = None if left is None else left - len(batch)
            if batch:
                yield batch

    async def commit(self, batch: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        offsets = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in batch}
        await bounded(self._consumer.commit(offsets), self._limit, "committing")
