"""Every private part of aiokafka that is used here, and why.

- The partitions of a topic for a consumer without a group: ``partitions_for_topic`` knows only what the metadata
  happen to hold, and nothing public asks for a topic's metadata and waits. aiokafka has this from kafka-python, which
  mended it (its issue 1774).
- Which partitions have no leader: nothing public says it, and all that is asked of one waits for the whole time of a
  call, or for ever (aiokafka issue 1101).
- Whether a client's background tasks have ended, and what the group's coordinator answers: a consumer can be stuck
  while its broker lives, and nothing public shows it (aiokafka issue 1154).
- Ending a producer whose ``stop`` was given up: it waits without end for a batch that it cannot send, its background
  tasks go on, and would send it later (aiokafka issue 1101).
- Header names that are not UTF-8 (no upstream issue yet): aiokafka's parser raises in the middle of a batch, and again
  wherever in that batch reading begins anew. Seeking past the record does not help, and a process that ends for it ends
  for ever. So where that happens the batch is unpacked once more by aiokafka's slower parser, with the bytes that are
  no text written in hexadecimal; what the record is worth is then decided like that of any other.
- How large a batch is once it is unpacked (no upstream issue yet): aiokafka unpacks all of it at once, and six
  kilobytes of zstd are 200 MB. Whoever may write to any topic that a process reads, a dead-letter topic too, could end
  that process for ever: it reads on where it died. A batch that no writer of ours makes is passed over and told of.

``tests/integration/kafka/test_patches.py`` fails once one of them is not needed any more.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import cramjam
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from shared import log

_log = log.get(__name__)


async def partitions_of(consumer: AIOKafkaConsumer, name: str) -> Collection[int]:
    """The numbers of a topic's partitions, asked of the cluster; waits until the topic is known."""
    numbers: Collection[int] = await consumer._client._wait_on_metadata(name)
    return numbers


_NO_LEADER: Final = -1
"""In the cluster's metadata. Of a partition that was never asked for they have nothing."""


def last_seen_without_leader(client: Any, tps: Collection[TopicPartition]) -> frozenset[TopicPartition]:  # noqa: ANN401  # as above
    """Those of these partitions that had no leader when the cluster was asked last, for a started one of either."""
    return frozenset(tp for tp in tps if _asks(client).cluster.leader_for_partition(tp) == _NO_LEADER)


async def without_leader(client: Any, tps: Collection[TopicPartition]) -> frozenset[TopicPartition]:  # noqa: ANN401  # as above
    """Those of these partitions that have no leader now, for a started consumer or producer.

    The cluster is asked anew only where one had none when it was asked last.
    """
    if last_seen_without_leader(client, tps):
        await _asks(client).force_metadata_update()
    return last_seen_without_leader(client, tps)


def _asks(client: Any) -> Any:  # noqa: ANN401  # as above
    """What a consumer or a producer asks the cluster with."""
    return getattr(client, "_client", None) or client.client


_AGAIN_S: Final = 0.1


def background_tasks(client: Any) -> Mapping[str, asyncio.Task[None] | None]:  # noqa: ANN401  # aiokafka ships no types
    """The tasks of a started consumer or producer that live as long as it does."""
    if (sender := getattr(client, "_sender", None)) is not None:
        return {"looking after metadata": client.client._sync_task, "sending": sender._sender_task}
    return {
        "looking after metadata": client._client._sync_task,
        "looking after the group": getattr(client._coordinator, "_coordination_task", None),  # only where there is one
        "fetching": client._fetcher and client._fetcher._fetch_task,
    }


async def abandon(producer: Any) -> None:  # noqa: ANN401  # aiokafka ships no types
    """End a producer with all that it still holds: what it has not sent by now it never sends."""
    sender = background_tasks(producer)["sending"]
    if sender is not None:
        sender.cancel()
    await producer.client.close()
    while sender is not None and not sender.done():
        sender.cancel()  # cancelled once, it waits for what is under way, which may wait for metadata without end
        await asyncio.wait({sender}, timeout=_AGAIN_S)


def observe_coordinator(consumer: AIOKafkaConsumer, answered: Callable[..., None]) -> None:
    """Call ``answered(offsets=…)`` for every answer of the group's coordinator; True for one about offsets."""
    send: Callable[..., Awaitable[Any]] = consumer._client.send

    async def sent(node: object, request: object, *, group: int = ConnectionGroup.DEFAULT) -> Any:  # noqa: ANN401  # as above
        answer = await send(node, request, group=group)
        if group == ConnectionGroup.COORDINATION:
            answered(offsets=isinstance(request, OffsetCommitRequest | OffsetFetchRequest))
        return answer

    consumer._client.send = sent


_LENGTH_AT: Final = 8
_OVERHEAD: Final = 12
"""Base offset and length come before what the length counts (Kafka protocol, record batch)."""


MOST_UNPACKED: Final = 4 * 1024 * 1024
"""Bytes of a batch. Writers make batches of a mebibyte at most, and all that is read at once has to have room."""
_GZIP, _LZ4, _ZSTD = 1, 3, 4
"""Kafka's numbers of codecs. Snappy, which our publisher uses, makes of a byte no more than some twenty."""
_WITH_GZIP_HEADER: Final = 16 + zlib.MAX_WBITS


def read_any_batch() -> None:
    """Make every consumer of this process read batches of any names and pass over those that swell. May be repeated."""
    fetcher.MemoryRecords = _Fetched


class _Fetched:
    """One partition's records of one fetch; takes the place of aiokafka's ``MemoryRecords``."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._records = MemoryRecords(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:  # noqa: ANN401  # aiokafka ships no types
        batch = self._records.next_batch()
        begin = self._at
        length = int.from_bytes(self._data[begin + _LENGTH_AT : begin + _OVERHEAD], "big", signed=True)
        self._at = begin + _OVERHEAD + length
        return batch if batch is None else _Batch(batch, memoryview(self._data)[begin : self._at])


class _Batch:
    """A batch of aiokafka's that is read to its end."""

    def __init__(self, batch: Any, data: memoryview) -> None:  # noqa: ANN401  # aiokafka ships no types
        self._batch = batch
        self._data = data
        self._records: Iterator[Any] | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever else the fetcher asks of a batch
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        if self._records is None:  # not before: aiokafka checks the sum of the batch first
            self._records = self._read()
        return self._records

    def __next__(self) -> Any:  # noqa: ANN401  # aiokafka ships no types
        return next(iter(self))

    def _read(self) -> Iterator[Any]:
        if swells(self._batch.compression_type, self._data[_DefaultRecordBatchPy.HEADER_STRUCT.size :]):
            _log.critical("kafka.batch_refused", offset=self._batch.base_offset, bytes=len(self._data))
            return iter(())
        return self._with_any_names()

    def _with_any_names(self) -> Iterator[Any]:
        given = 0
        try:
            for record in self._batch:
                yield record
                given += 1
        except (UnicodeDecodeError, CorruptRecordException) as error:
            if not _is_header_name_error(error):
                raise
        else:
            return
        again = _DefaultRecordBatchPy(bytes(self._data))
        again._maybe_uncompress()
        again._buffer = _LenientBytes(again._buffer)
        yield from islice(again, given, None)


def swells(codec: int, packed: memoryview) -> bool:
    """Return whether a batch's records have more than ``MOST_UNPACKED`` bytes once unpacked, or cannot be."""
    if codec == _GZIP:
        return _swells_by_gzip(packed)
    if codec not in (_LZ4, _ZSTD):
        return False
    unpack = (cramjam.lz4 if codec == _LZ4 else cramjam.zstd).decompress_into
    try:
        unpack(packed, bytearray(MOST_UNPACKED))
    except cramjam.DecompressionError:
        return True
    return False


def _swells_by_gzip(packed: memoryview) -> bool:
    left: bytes | memoryview = packed
    room = MOST_UNPACKED
    while left:  # one part behind the other counts as one whole
        part = zlib.decompressobj(_WITH_GZIP_HEADER)
        try:
            room -= len(part.decompress(left, room + 1))
        except zlib.error:
            return True
        if room < 0 or not part.eof:
            return True
        left = part.unused_data
    return False


def _is_header_name_error(error: Exception) -> bool:
    """The compiled parser lets the error through, the other one wraps it."""
    return isinstance(error, UnicodeDecodeError) or isinstance(error.__cause__, UnicodeDecodeError)


class _LenientBytes(bytearray):
    """Bytes of which every part can be decoded."""

    def __getitem__(self, tp: Any) -> Any:  # noqa: ANN401  # as bytearray's, which is overloaded
        part = super().__getitem__(tp)
        return _LenientBytes(part) if isinstance(part, bytearray) else part

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
