"""The reference consumers in Python, Java and Go read one hard log and agree with each other, and with our reading."""

import asyncio
import copy
import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from services.routing.models import ReportState
from services.routing.state.report_states import report_state_after
from shared.errors import PermanentError, UnknownTypeError
from shared.events.envelope import event_id
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import topic_name
from shared.kafka.decoding import decode_record
from shared.kafka.publisher import Message, Publisher, partition_of
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ROUTINGS
from tests.integration.kafka.tools import log_of
from tests.support.commands import LIMIT_S, failed, fetched, ran
from tools.local.jars import cache_dir

ROOT: Final = Path(__file__).parents[3]
SOURCES: Final = ROOT / "clients" / "consumers"
GOLDEN: Final = ROOT / "tests" / "golden" / "events"
LONGEST: Final = 155
"""Lines of a consumer, its settings of the connection apart."""

ROUTED, REROUTED, UPDATED, ENDED = "report.routed.v1", "report.rerouted.v1", "report.updated.v1", "report.ended.v1"
MOVED_BACK, TIDIED, LATE, TOLERANT, AFTER_GARBAGE, CLOSED, NEWER, BEYOND, UNOWNED = (
    str(uuid.uuid5(uuid.NAMESPACE_DNS, f"consumer-{number}")) for number in range(9)
)


def record(report: str, kind: str, version: int, center: str, ownership: int = 1, **fields: Any) -> Message:
    """A record of routing, made of the golden example of its type."""
    known = GOLDEN / f"{kind}.json"
    example = json.loads((known if known.exists() else GOLDEN / f"{UPDATED}.json").read_bytes())
    body = example["body"] | {"report_id": report, "version": version, "ownership": ownership}
    told = body.get("decision", body)
    told["center_id"] = center
    headers = example["headers"] | {"ce_type": kind, "ce_id": event_id("routing", kind, report, version)}
    return (
        report.encode(),
        json.dumps(body | fields).encode(),
        [(name, value.encode()) for name, value in headers.items()],
    )


def altered(
    message: Message, *, key: bytes | None = None, value: bytes | None = b"", **headers: bytes | None
) -> Message:
    """The same with another key, value or header; a header of None is left out."""
    with_headers = {**dict(message[2]), **headers}
    kept = [(name, text) for name, text in with_headers.items() if text is not None]
    return key or message[0], message[1] if value == b"" else value, kept


def words_of_tomorrow(message: Message) -> Message:
    """The same by a newer build: a field and a word that nobody knows today, header names in capitals, one twice."""
    body = copy.deepcopy(json.loads(message[1] or b""))
    body["decision"] |= {"reason": "by_moonlight", "Center_ID": "busan"}
    body |= {"Version": 7, "mood": {"center_id": "busan"}}
    headers = [(name.upper(), value) for name, value in message[2]]
    return message[0], json.dumps(body).encode(), [*headers, ("ce_type", b"report.later.v1"), ("ce_extra", None)]


def hard_log() -> list[Message]:
    """Duplicates, records of a worker that woke up too late, types and words of tomorrow, garbage."""
    first = record(AFTER_GARBAGE, ROUTED, 1, "daegu")
    garbage = [
        altered(first, value=b"not JSON"),
        altered(first, value=None),
        altered(first, value=(first[1] or b"") + b" {}"),
        altered(first, value=b"[1]"),
        altered(first, value=b"null"),
        altered(first, value=b'"\xff"'),
        altered(first, key=b"another report"),
        altered(first, ce_source=b"/ieum/notify"),
        altered(first, ce_id=None),
        altered(first, ce_type=None),
        altered(first, ce_specversion=b"2.0"),
        record(AFTER_GARBAGE, ROUTED, 0, "busan"),
        record(AFTER_GARBAGE, ROUTED, 1, "Nowhere 1"),
        record(AFTER_GARBAGE, ROUTED, 1, "busan", decision=None),
    ]
    return [
        record(MOVED_BACK, ROUTED, 1, "gwangju"),
        record(TIDIED, ROUTED, 1, "seoul"),
        record(LATE, ROUTED, 1, "daejeon"),
        words_of_tomorrow(record(TOLERANT, ROUTED, 1, "jeju")),
        *garbage,
        first,
        record(CLOSED, ROUTED, 1, "ulsan"),
        record(NEWER, ROUTED, 1, "incheon"),
        record(BEYOND, ROUTED, 1, "incheon"),
        record(MOVED_BACK, REROUTED, 2, "jeonnam", 2),
        record(TIDIED, UPDATED, 2, "seoul"),
        record(LATE, REROUTED, 2, "chungnam", 2),
        record(CLOSED, ENDED, 2, "ulsan"),
        # A worker that slept from here on has decided from what it knew: the same version again, with the same id
        # where the type is the same. Neither counts, whatever they say.
        record(MOVED_BACK, REROUTED, 2, "busan", 2),
        record(MOVED_BACK, UPDATED, 2, "gwangju"),
        record(LATE, REROUTED, 3, "gyeongnam", 3),
        record(LATE, UPDATED, 2, "daejeon"),
        record(LATE, ENDED, 1, "daejeon"),
        record(LATE, REROUTED, 3, "busan", 9),
        # Published again after an answer that got lost.
        record(TIDIED, ROUTED, 1, "seoul"),
        record(TIDIED, UPDATED, 2, "seoul"),
        # Types of tomorrow: what they do to a report is not known here.
        record(NEWER, "report.parked.v1", 2, "busan", 2),
        record(UNOWNED, "report.routed.v2", 1, "busan"),
        record(BEYOND, "report.parked.v1", 2, "busan", 2),
        record(BEYOND, REROUTED, 3, "gyeonggi", 3),
    ]


OWNERS: Final = {
    MOVED_BACK: ("jeonnam", 2, 2),
    TIDIED: ("seoul", 1, 2),
    LATE: ("gyeongnam", 3, 3),
    TOLERANT: ("jeju", 1, 1),
    AFTER_GARBAGE: ("daegu", 1, 1),
    CLOSED: ("ulsan", 1, 2),
    NEWER: ("incheon", 1, 1),
    BEYOND: ("gyeonggi", 3, 3),
}
"""Of each report: centre, ownership, version."""
COUNTS: Final = {
    "records": len(hard_log()),
    "duplicates": 4,
    "superseded": 3,
    "unknown_types": 3,
    "garbage": 14,
    "gaps": 1,
}


async def write(settings: KafkaSettings) -> None:
    await ensure_topics(settings)
    publisher = Publisher(settings)
    await publisher.start()
    try:
        for message in hard_log():
            place = partition_of(message[0] or b"", settings.topic_partitions)
            await publisher.send(topic_name(settings, ROUTINGS), place, [message])
    finally:
        await publisher.stop()


@pytest.fixture(scope="module")
def bus(shared_settings: tuple[KafkaSettings, StoreSettings]) -> KafkaSettings:
    """A bus whose `routings` is the hard log."""
    asyncio.run(write(shared_settings[0]))
    return shared_settings[0]


def built(language: str, command: Sequence[str], *programs: str) -> Path:
    """The folder where a consumer was built from these sources, kept from one run to the next."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"left out: the consumer in {language} needs {' and '.join(missing)}")
    folder = SOURCES / language.lower()
    sources = sorted(path for path in folder.rglob("*") if path.is_file() and "target" not in path.parts)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    home = cache_dir() / "consumers" / f"{language.lower()}-{digest}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as parent:
            place = Path(parent) / "build"
            shutil.copytree(folder, place, ignore=shutil.ignore_patterns("target"))
            fetched(command, place)
            place.rename(home)
    return home


def python() -> list[str | Path]:
    return [sys.executable, SOURCES / "python" / "owners.py"]


def java() -> list[str | Path]:
    target = built("Java", ["mvn", "--quiet", "--batch-mode", "package"], "javac", "mvn") / "target"
    return ["java", "-Xmx256m", "-cp", f"{target / 'owners.jar'}{os.pathsep}{target / 'lib' / '*'}", "ieum.Owners"]


def go() -> list[str | Path]:
    return [built("Go", ["go", "build", "-o", "owners", "."], "go") / "owners"]


@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.parametrize("consumer", [python, java, go])
def test_a_reference_consumer_finds_the_owners(
    bus: KafkaSettings, tmp_path: Path, consumer: Callable[[], list[str | Path]]
) -> None:
    done = ran(consumer(), tmp_path, KAFKA_BOOTSTRAP_SERVERS=bus.bootstrap_servers, KAFKA_TOPIC_PREFIX=bus.topic_prefix)
    expected = [
        {"report_id": report, "center_id": center, "ownership": ownership, "version": version}
        for report, (center, ownership, version) in sorted(OWNERS.items())
    ]
    # The bytes, so that all three say it alike.
    assert done.stdout.splitlines() == [json.dumps(line, separators=(",", ":")) for line in expected]
    assert json.loads(done.stderr) == COUNTS


@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.parametrize("consumer", [python, java, go])
def test_a_reference_consumer_ends_where_kafka_takes_a_connection_and_says_nothing(
    tmp_path: Path, consumer: Callable[[], list[str | Path]]
) -> None:
    command = consumer()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = failed(command, tmp_path, KAFKA_BOOTSTRAP_SERVERS=address, KAFKA_READ_TIMEOUT_S="2")
    assert (done.returncode, done.stdout) == (1, "")


async def test_our_own_reading_finds_the_same_owners(bus: KafkaSettings) -> None:
    states: dict[str, ReportState] = {}
    for found in await log_of(bus, topic_name(bus, ROUTINGS)):
        try:
            event = decode_record(found, ROUTINGS.name).event
        except (PermanentError, UnknownTypeError):
            continue
        assert isinstance(event, ReportRouted | ReportRerouted | ReportUpdated | ReportEnded)
        before = states.get(event.report_id)
        if event.version == (before.version if before else 0) + 1:
            states[event.report_id] = report_state_after(event, before)
    owners = {report: (state.center_id, state.ownership, state.version) for report, state in states.items()}
    # Ours stop before a type they do not know, and do not leap over what they could not read.
    assert owners.pop(BEYOND) == ("incheon", 1, 1)
    assert owners == {report: owner for report, owner in OWNERS.items() if report != BEYOND}


def test_the_consumers_are_short() -> None:
    files = ("python/owners.py", "java/src/main/java/ieum/Owners.java", "go/main.go")
    assert [name for name in files if len((SOURCES / name).read_text().splitlines()) >= LONGEST] == []
