"""``ieum redrive``: look at dead letters and send them back to the topic they came from.

Prints places, times, reasons and details, never a value, and of keys only what has the form of a report's id. Sending
back continues where the last run stopped (own group ``redrive``). A run that began elsewhere (``--from``) moves that
place no further than to the first letter that was never dealt with: what it left out is still to be sent back. The
record keeps its partition, so its order among the others of its key is what a person makes of it: what comes behind a
later event of a report is passed over. What fails again is dead again, behind the end this run saw. A dead
letter that lacks part of its record, or another one than stands at its origin, is passed over with a line that says so:
whoever may write dead letters could else make records of topics they may not write to.
"""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared import settings as configuration
from shared.errors import FatalError, IeumError, TransientError
from shared.kafka.connection import Stall, bounded, client_options, dead_topic_name, group_name, topic_name
from shared.kafka.dead_letters import from_dead_letter, is_whole, names_origin_in, origin_headers
from shared.kafka.patches import partitions_of, read_any_batch
from shared.kafka.publisher import Message, Publisher
from shared.kafka.reader import PartitionReader
from shared.process import EXIT_AWAY
from shared.progress import Progress, silent
from shared.settings import KafkaSettings
from shared.topics import Topic

GROUP: Final = "redrive"
_BATCH: Final = 500
_OFFSET: Final = re.compile(r"[0-9]{1,18}")
_REPORT_ID: Final = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def main(
    topic: Topic,
    *,
    listing: bool = False,
    start: int | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> int:
    """List or send back; exit status 75 with one line when Kafka does not answer, 1 where it refuses."""
    settings = configuration.load(KafkaSettings)
    try:
        if listing:
            asyncio.run(_list(settings, topic, start, limit))
        else:
            count = asyncio.run(redrive(settings, topic, start=start, limit=limit, dry_run=dry_run, progress=progress))
            verb = "would be sent back" if dry_run else "sent back"
            sys.stdout.write(f"{count} dead letters {verb} to {topic.name}\n")
    except (IeumError, KafkaError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_AWAY if isinstance(error, TransientError) else 1
    return 0


async def _list(settings: KafkaSettings, topic: Topic, start: int | None, limit: int | None) -> None:
    count = 0
    async with _Letters(settings, topic) as letters:
        async for batch in letters.read(start or 0, limit):
            for record in batch:
                sys.stdout.write(f"{describe(record)}\n")
            count += len(batch)
    sys.stdout.write(f"{count} dead letters of {topic.name}\n")


async def redrive(
    settings: KafkaSettings,
    topic: Topic,
    *,
    start: int | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    until: Mapping[int, int] | None = None,
    progress: Progress = silent,
) -> int:
    """Send dead letters that are whole back and return how many. ``start`` None: where the last run stopped.

    Another start leaves what lies between for a later run.

    ``until`` ends each partition earlier than it does: only records already seen are redriven, not later ones.
    Published first, committed afterwards: a run that dies in between sends some twice. Raises ``TransientError``, and
    ``KafkaError`` where these credentials may not do that.
    """
    publisher, originals = Publisher(settings), PartitionReader(settings, topic)
    count = 0
    try:
        await publisher.start()
        await originals.start()
        async with _Letters(settings, topic) as letters:
            async for batch in letters.read(start, limit, until):
                good = []
                for record in batch:
                    wrong = await _wrong(record, topic, originals)
                    if wrong is None:
                        good.append(record)
                    else:
                        sys.stderr.write(f"not sent back, {wrong}: {describe(record)}\n")
                count += len(good)
                progress(count, None)
                if dry_run:
                    continue
                for tp in {record.partition for record in good}:
                    mine = [record for record in good if record.partition == tp]
                    messages = [from_dead_letter(r.key, r.value, r.headers) for r in mine]
                    await publisher.send(topic_name(settings, topic), tp, messages)
                await letters.commit()
    finally:
        await originals.stop()
        await publisher.stop()
    return count


async def _wrong(letter: ConsumerRecord[bytes, bytes], topic: Topic, originals: PartitionReader) -> str | None:
    """Return why a dead letter differs from the record at its origin, whatever its headers say; None if it does not."""
    if not is_whole(letter.headers):
        return "it is not whole, the original is"
    found_at = origin_headers(letter.headers).get("offset", "")
    if not names_origin_in(letter.headers, topic.name, letter.partition) or not _OFFSET.fullmatch(found_at):
        return f"its origin is no record of {topic.name}/{letter.partition}"
    offset = int(found_at)
    if offset >= (await originals.ends([letter.partition]))[letter.partition]:
        return f"there is no record {topic.name}/{letter.partition}/{offset}"
    try:
        found = [record async for record in originals.read({letter.partition: (offset, offset + 1)})]
    except FatalError:
        return f"the record {topic.name}/{letter.partition}/{offset} is gone"
    if any(_content(r.key, r.value, r.headers) == _content(letter.key, letter.value, letter.headers) for r in found):
        return None
    return f"it differs from the record {topic.name}/{letter.partition}/{offset}"


def _content(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Message:
    # An empty key stands for none in a dead letter without a value.
    key, value, theirs = from_dead_letter(key, value, headers)
    return key or b"", value, list(theirs)


def describe(record: ConsumerRecord[bytes, bytes]) -> str:
    """One line about a dead letter, without its value; a key that may be anything is left out too."""
    said = origin_headers(record.headers)
    size = len(record.value or b"")
    about = f"  about {record.key.decode()}" if _REPORT_ID.fullmatch(record.key or b"") else ""
    origin = f"{said.get('topic', '?')}/{said.get('partition', '?')}/{said.get('offset', '?')}"
    return (
        f"{record.partition}/{record.offset}  {said.get('time', '?')}  {said.get('reason', '?')}: "
        f"{said.get('detail', '')}  from {origin}"
        f"  by {said.get('service', '?')}:{said.get('group', '?')}  {size} bytes{about}"
    )


class _Letters:
    """The dead-letter topic of a topic, from where the last run stopped to its present end."""

    def __init__(self, settings: KafkaSettings, topic: Topic) -> None:
        self._name = dead_topic_name(settings, topic)
        self._limit = settings.call_timeout_s
        read_any_batch()
        self._consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=group_name(settings, GROUP),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        self._place: dict[TopicPartition, int] = {}
        """Where the next run begins: no letter before it is left to be sent back."""
        self._read_to: dict[TopicPartition, int] = {}
        """As far as all was read from the place on, in the partitions where this run leaves nothing before it."""

    async def __aenter__(self) -> "_Letters":
        try:
            await bounded(self._consumer.start(), self._limit, "connecting")
        except BaseException:
            with contextlib.suppress(IeumError, KafkaError):
                await self.__aexit__()
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
        begins = await bounded(consumer.beginning_offsets(tps), self._limit, "asking for the beginnings")
        positions = {}
        for tp in tps:
            committed = await bounded(consumer.committed(tp), self._limit, "asking for committed offsets")
            self._place[tp] = max(committed or 0, begins[tp])
            positions[tp] = max(start, begins[tp]) if start is not None else self._place[tp]
            if positions[tp] <= self._place[tp]:
                self._read_to[tp] = positions[tp]
            consumer.seek(tp, positions[tp])
        ends = await bounded(consumer.end_offsets(tps), self._limit, "asking for the ends")
        if until is not None:
            ends = {tp: min(end, until.get(tp.partition, 0)) for tp, end in ends.items()}
        left, stall = limit, Stall(self._limit, f"reading {self._name}")
        while any(positions[tp] < ends[tp] for tp in tps) and left != 0:
            stall.check(dict(positions))
            polled = consumer.getmany(timeout_ms=500, max_records=min(_BATCH, left or _BATCH))
            got = await bounded(polled, self._limit, "reading")
            batch = [r for tp, records in got.items() for r in records if r.offset < ends[tp]]
            for tp in tps:
                # Not the last record's: compaction and transactions leave offsets without one, at the end too.
                positions[tp] = await bounded(consumer.position(tp), self._limit, "asking for a position")
            self._read_to.update({tp: min(positions[tp], ends[tp]) for tp in self._read_to})
            left = None if left is None else left - len(batch)
            yield batch

    async def commit(self) -> None:
        """Let the next run begin behind what was read, where this one left no letter before it."""
        moved = {tp: offset for tp, offset in self._read_to.items() if offset > self._place[tp]}
        if moved:
            self._place |= moved
            await bounded(self._consumer.commit(moved), self._limit, "committing")
