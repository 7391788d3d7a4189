"""Print who owns each report: the first record of its highest version in the topic `routings`.

Reads the topic once, from its beginning to the end it has now, without a consumer group. Prints one JSON line per
report, sorted, and what was passed over as one JSON line on standard error. Needs aiokafka and cramjam (snappy).
"""

import asyncio
import json
import os
import re
import sys
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

MOVES = {"report.routed.v1", "report.rerouted.v1"}
"""Types whose `decision` names the owner."""
STAYS = {"report.updated.v1", "report.ended.v1"}
"""Types that name the owner themselves."""
CENTER = re.compile(r"[a-z][a-z-]{1,30}")
PATIENCE_S = float(os.environ.get("KAFKA_READ_TIMEOUT_S") or 60)
"""Without a record for so long, the program gives up: aiokafka itself connects anew for ever."""
CONDITIONS = ("records", "duplicates", "superseded", "unknown_types", "garbage", "gaps")


class GarbageError(ValueError):
    """A record that is no event of routing."""


class Owner(NamedTuple):
    """Who owns a report, by the newest version known."""

    center_id: str
    ownership: int
    version: int


class Owners:
    """Takes record after record, in the order of each partition."""

    def __init__(self) -> None:
        self.found: dict[str, Owner] = {}
        self.counts = Counter(dict.fromkeys(CONDITIONS, 0))
        self._ids: set[str] = set()

    def take(self, record: "ConsumerRecord[bytes, bytes]") -> None:
        """Count one record in."""
        self.counts["records"] += 1
        try:
            kind, event_id = attributes(record)
            if kind not in MOVES | STAYS:
                self.counts["unknown_types"] += 1  # a newer writer: its reports may be ahead of what is known here
                return
            report, owner = content(kind, record)
        except (GarbageError, ValueError, RecursionError):
            self.counts["garbage"] += 1
            return
        known = self.found[report].version if report in self.found else 0
        if event_id in self._ids:
            self.counts["duplicates"] += 1
        elif owner.version <= known:
            self.counts["superseded"] += 1  # written late by a worker that no longer had the partition: never counts
        else:
            self.counts["gaps"] += owner.version > known + 1
            self.found[report] = owner
        self._ids.add(event_id)


def attributes(record: "ConsumerRecord[bytes, bytes]") -> tuple[str, str]:
    """The type and id of a CloudEvent of routing."""
    # Backwards, so that the first header of a name counts.
    headers = {name.lower(): value.decode() for name, value in reversed(record.headers) if value is not None}
    if headers.get("ce_specversion") != "1.0" or headers.get("ce_source") != "/ieum/routing":
        raise GarbageError
    if not headers.get("ce_type") or not headers.get("ce_id"):
        raise GarbageError
    return headers["ce_type"], headers["ce_id"]


def content(kind: str, record: "ConsumerRecord[bytes, bytes]") -> tuple[str, Owner]:
    """The report and the owner a record names. Fields and words that are not known here are no error."""
    if record.key is None or record.value is None:
        raise GarbageError
    body: Any = json.loads(record.value.decode())
    if not isinstance(body, dict):
        raise GarbageError
    told = body.get("decision") if kind in MOVES else body
    center = told.get("center_id") if isinstance(told, dict) else None
    if body.get("report_id") != record.key.decode() or not isinstance(center, str) or not CENTER.fullmatch(center):
        raise GarbageError
    return record.key.decode(), Owner(center, number(body.get("ownership")), number(body.get("version")))


def number(found: object) -> int:
    """A version: a whole number from 1."""
    if type(found) is not int or not 1 <= found < 1 << 63:
        raise GarbageError
    return found


def options() -> dict[str, Any]:
    """How to connect, from KAFKA_* variables."""
    given = {name.removeprefix("KAFKA_").lower(): value for name, value in os.environ.items() if value}
    protocol = given.get("security_protocol", "PLAINTEXT")
    found = {"bootstrap_servers": given.get("bootstrap_servers", "127.0.0.1:9092"), "security_protocol": protocol}
    if protocol.endswith("SSL"):
        files = (given.get(f"ssl_{one}") for one in ("cafile", "certfile", "keyfile"))
        found["ssl_context"] = create_ssl_context(**dict(zip(("cafile", "certfile", "keyfile"), files, strict=True)))
    if protocol.startswith("SASL_"):
        found["sasl_mechanism"] = given.get("sasl_mechanism", "SCRAM-SHA-512")
        found["sasl_plain_username"] = given.get("sasl_username", "")
        found["sasl_plain_password"] = given.get("sasl_password", "")
    return found


async def read(topic: str) -> Owners:
    """Read the topic to the end it has when this begins. Raises ``TimeoutError`` where Kafka says nothing."""
    owners = Owners()
    consumer = AIOKafkaConsumer(topic, **options(), auto_offset_reset="earliest")
    async with AsyncExitStack() as ending, asyncio.timeout(PATIENCE_S) as silence:
        ending.push_async_callback(consumer.stop)  # also where it does not start
        await consumer.start()
        if not (numbers := consumer.partitions_for_topic(topic)):
            sys.exit(f"there is no topic {topic}, or these credentials may not see it")
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in sorted(numbers)])
        consumer.unsubscribe()
        consumer.assign(list(ends))
        await consumer.seek_to_beginning()
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                silence.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)
                for record in records:
                    if record.offset < ends[place]:
                        owners.take(record)
    return owners


def main() -> None:
    """Read and print."""
    try:
        owners = asyncio.run(read(os.environ.get("KAFKA_TOPIC_PREFIX", "") + "routings"))
    except (KafkaError, OSError) as error:
        sys.exit(f"reading failed: {error!r}")
    for report, owner in sorted(owners.found.items()):
        print(json.dumps({"report_id": report, **owner._asdict()}, separators=(",", ":")))
    print(json.dumps(owners.counts, separators=(",", ":")), file=sys.stderr)


if __name__ == "__main__":
    main()
