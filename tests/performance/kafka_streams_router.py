"""The same job with Kafka Streams, in Java (``kafka_streams/``): read, decide by the same rule, explain, remember.

It gets as many cores as it has stream threads, for one worker of ours uses one: left alone, a JVM with one stream
thread compiles, collects and sends on the others.

It is built with Maven the first time. Where no JDK or no Maven is, there is no such row, and that is said. The Java
rule is the Python rule written again: decisions it recorded are decided again by ours and must not differ.
"""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition

from services.routing.assignment.geography import Origin, origin_of
from services.routing.assignment.replay import differing, replay
from services.routing.state.loads import LoadView
from shared.centers import TABLES
from shared.clock import SystemClock, seoul_date
from shared.events.catalog import parse_event
from shared.events.routings import ReportRouted
from shared.events.schemas import dataschema
from tests.performance.routing_stage import PARTITIONS, Stage, reading
from tools.local import processes
from tools.local.processes import PROJECT

_SOURCES: Final = PROJECT / "tests" / "performance" / "kafka_streams"
_BUILD_LIMIT_S: Final = 600
CASES_PER_PERSON: Final = 15
_DECIDED_AGAIN: Final = 2_000


class StreamsError(Exception):
    """The Java program could not be built, or did not do the job."""


def missing() -> str | None:
    """What this machine lacks for it; None: nothing."""
    lacking = [program for program in ("javac", "mvn", "taskset") if shutil.which(program) is None]
    return f"{' and '.join(lacking)} not found" if lacking else None


def classpath() -> str:
    """Build if a source is newer than what was built. Raises ``StreamsError`` with Maven's words."""
    built = _SOURCES / "target" / "router.jar"
    sources = [_SOURCES / "pom.xml", *(_SOURCES / "src").rglob("*.java")]
    if not built.exists() or built.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        command = ["mvn", "--quiet", "--batch-mode", "package"]
        done = subprocess.run(
            command, cwd=_SOURCES, capture_output=True, text=True, timeout=_BUILD_LIMIT_S, check=False
        )
        if done.returncode:
            raise StreamsError(f"mvn package failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return f"{built}{os.pathsep}{built.parent / 'lib' / '*'}"


class StreamsRouter:
    """One JVM with so many stream threads."""

    def __init__(self, stage: Stage, topic: str, threads: int) -> None:
        """``topic`` is what it writes to."""
        self._stage = stage
        self._topic = topic
        self._threads = threads
        self._folder = stage.folder / f"{stage.bus.topic_prefix}streams"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Build, hand it the tables, run."""
        path = classpath()
        self._folder.mkdir()
        tables = self._folder / "tables.json"
        tables.write_text(json.dumps(_tables()), encoding="utf-8")
        bus = self._stage.bus
        given = [bus.bootstrap_servers, bus.topic_prefix, self._topic, tables, self._folder / "state", self._threads]
        command = ["java", "-Xmx512m", "-cp", path, "router.Router", *map(str, given)]
        log, env = self._folder / "log", processes.base_environment()
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[-self._threads :]))
        self.child = processes.start(["taskset", "--cpu-list", cores, *command], log=log, env=env, cwd=self._folder)

    def kill(self) -> None:
        """End it at once."""
        if self.child is not None:
            processes.kill(self.child)

    async def differences(self) -> Sequence[str]:
        """What our rule decides otherwise, of the first decisions of each partition."""
        found = []
        async with reading(self._stage.bus, self._topic) as (consumer, places):
            ends = await consumer.end_offsets(places)
            for place in places:
                found += await _differing(consumer, place, min(ends[place], _DECIDED_AGAIN // PARTITIONS))
        return found


async def _differing(consumer: Any, place: TopicPartition, most: int) -> list[str]:
    consumer.seek(place, 0)
    found, seen = [], 0
    while seen < most:
        for record in (await consumer.getmany(place, timeout_ms=500, max_records=most - seen)).get(place, []):
            seen += 1
            event, _ = parse_event("routings", record.key, record.headers, record.value)
            if not isinstance(event, ReportRouted):
                raise StreamsError(f"wrote {type(event).__name__}")
            again = replay(event.decision, event.facts, seoul_date(event.received_at))
            if said := differing(event.decision, again):
                found.append(f"{event.report_id}: {said}")
    return found


def _tables() -> dict[str, Any]:
    """What the rule looks up, for every place a report may come from. A district decides only where one is given."""
    day = seoul_date(SystemClock().now())
    loads = LoadView(cases_per_person=CASES_PER_PERSON).center_loads({})
    places = [*TABLES.divisions, *TABLES.elsewhere]
    return {
        "version": TABLES.version,
        "ids": uuid.uuid5(uuid.NAMESPACE_DNS, "events.ieum").hex,
        "schema": dataschema(ReportRouted),
        "centers": [
            {
                "id": load.center_id,
                "state": load.state.value,
                "staff": load.staff_on_duty,
                "capacity": load.capacity,
                "severe_cap": load.severe_cap,
            }
            for load in loads.values()
        ],
        "origins": {f"{place}/": _origin(origin_of(place, None, day)) for place in places},
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {"home": origin.home, "reason": origin.reason.value, "rings": origin.rings}


def cpu_seconds(child: processes.Child | None) -> float:
    """CPU time of a process so far, its own and the kernel's for it."""
    if child is None:
        return 0.0
    fields = Path(f"/proc/{child.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
