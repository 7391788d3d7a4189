"""Routed → shown in an open console: ``python -m tests.performance.bench_console``.

One notify process with 200 open consoles of 16 centres (rows as the page shows them), records of routing at 50 a
second or at another rate. Each is timed from the acknowledgement of the record (it is in the log) to the row at a
console of its centre; beside it in turns a raw round trip of the same size at the same rate on the same broker. Memory:
what 200 streams add to the process. In half of the rounds one client that reads nothing sits among them; what that does
to the others is shown. CPU: what the process uses for a record and all that follows from it (its alert, too), which
compares on a busy machine as well.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import psutil

from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.events.base import encode
from shared.kafka.publisher import Publisher
from tests.performance.routing_latency import PER_SECOND, Spread, raw_trip
from tests.performance.routing_stage import Stage, say
from tests.support.mail import mail_sink
from tests.unit.notify.samples import TRACE, event
from tools.local import ports
from tools.local.engines import Engines

STREAMS: Final = 200
SAMPLES: Final = 300
ROUNDS: Final = 4
GOAL: Final = 2.0
"""p99 of routed → shown over p99 of the raw round trip, at most."""
STREAM_KB: Final = 60.0
_LATE_S: Final = 30.0
_SMALL: Final = 4096
"""Bytes of a slow client's receive buffer."""


class Consoles:
    """Open streams. One of each centre is looked at; the others are read and forgotten, as fast as they come."""

    def __init__(self, port: int, people: Sequence[tuple[str, str]]) -> None:
        """``people`` are centre and token of each console."""
        self._port = port
        self._people = people
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._watched: set[str] = set()
        self.shown: dict[str, float] = {}
        """When each report was first seen."""
        self.waiting: set[str] = set()
        self._open = 0

    async def open(self) -> None:
        """Open all; wait until each has its whole list."""
        for center, token in self._people:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
            writer.write(_request(center, token))
            self._writers.append(writer)
            look = center not in self._watched
            self._watched.add(center)
            self._tasks.append(asyncio.create_task(self._read(reader, look=look)))
        async with asyncio.timeout(_LATE_S):
            while self._open < len(self._people):  # noqa: ASYNC110  # readers have no signal
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Close all."""
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, *, look: bool) -> None:
        listed = False
        while line := await reader.readline():
            if not listed and b'"last":true' in line:
                listed, self._open = True, self._open + 1
            if look and line.startswith(b"data:") and self.waiting:
                now, text = time.perf_counter(), line.decode()
                for report_id in [one for one in self.waiting if f'"report_id":"{one}"' in text]:
                    self.shown.setdefault(report_id, now)
                    self.waiting.discard(report_id)


@dataclass(frozen=True, slots=True)
class House:
    """A notify process and what it needs."""

    stage: Stage
    process: psutil.Process
    port: int
    people: list[tuple[str, str]]

    def cpu_ms(self) -> float:
        """What the process has used so far, with its threads."""
        used = self.process.cpu_times()
        return float(used.user + used.system) * 1000

    def memory_kb(self) -> float:
        """What the process holds for itself."""
        return float(self.process.memory_full_info().uss) / 1024


@asynccontextmanager
async def house(engines: Engines) -> AsyncIterator[House]:
    """Start one and end it."""
    stage = await Stage.new(engines.kafka, engines.mongodb, engines.folder)
    port = ports.free_port()
    env = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": stage.bus.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": stage.bus.topic_prefix,
        "KAFKA_TOPIC_PARTITIONS": str(stage.bus.topic_partitions),
        "KAFKA_REPLICATION_FACTOR": str(stage.bus.replication_factor),
        "MONGODB_URI": stage.store.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": stage.store.database_prefix,
    }
    with mail_sink() as sink:
        command = [sys.executable, "-m", "tests.performance.console_process", str(port), str(sink.port), str(STREAMS)]
        child = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE, limit=2**20)
        try:
            line = await child.stdout.readline() if child.stdout is not None else b"[]"
            yield House(stage, psutil.Process(child.pid), port, [(center, token) for center, token in json.loads(line)])
        finally:
            child.kill()
            await child.wait()


async def shown(made: House, publisher: Publisher, consoles: Consoles, samples: int, per_second: float) -> Spread:
    """Route so many reports at the rate, and time each until a console of its centre has it."""
    run = uuid.uuid4().int % 10**9
    routed: dict[str, float] = {}

    async def send(number: int) -> None:
        center, now = CENTER_IDS[number % len(CENTER_IDS)], SystemClock().now()
        record = event("report.routed", run + number, center=center, decided_at=now)
        consoles.waiting.add(record.report_id)
        encoded = encode(record, source="routing", time=now, traceparent=TRACE)
        await publisher.publish([encoded])
        routed[record.report_id] = time.perf_counter()

    start = time.monotonic()
    async with asyncio.timeout(samples / per_second + _LATE_S), asyncio.TaskGroup() as tasks:
        for number in range(samples):
            await asyncio.sleep(max(0.0, start + number / per_second - time.monotonic()))
            tasks.create_task(send(number))
    async with asyncio.timeout(_LATE_S):
        while not routed.keys() <= consoles.shown.keys():  # noqa: ASYNC110  # readers have no signal
            await asyncio.sleep(0.02)
    return Spread.of([max(0.0, consoles.shown[one] - at) * 1000 for one, at in routed.items()])


def slow_client(made: House) -> socket.socket:
    """A console of the busiest kind whose browser reads nothing."""
    center, token = made.people[0]
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
    held.connect(("127.0.0.1", made.port))
    held.sendall(_request(center, token))
    return held


async def measure(engines: Engines, rounds: int, samples: int, per_second: float) -> dict[str, Any]:
    """Everything, as one result."""
    found: dict[str, list[Spread]] = {"alone": [], "with_slow": [], "raw": []}
    async with house(engines) as made, made.stage.publisher() as publisher:
        raw_topic = await made.stage.extra_topic("raw.trip")
        warm = Consoles(made.port, made.people[:16])
        await warm.open()
        await shown(made, publisher, warm, samples, PER_SECOND)
        await warm.close()
        before = made.memory_kb()
        consoles = Consoles(made.port, made.people)
        await consoles.open()
        added, used = made.memory_kb() - before, made.cpu_ms()
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            held = slow_client(made) if number % 2 else None
            found["with_slow" if held else "alone"].append(await shown(made, publisher, consoles, samples, per_second))
            if held is not None:
                held.close()
            found["raw"].append(await raw_trip(made.stage, raw_topic, samples, per_second))
        record_cpu_ms = (made.cpu_ms() - used) / (rounds * samples)
        await consoles.close()
    return {**result_of(found, added / STREAMS, record_cpu_ms), "per_second": per_second}


def result_of(found: dict[str, list[Spread]], stream_kb: float, record_cpu_ms: float) -> dict[str, Any]:
    """Medians over the rounds, and their ratios."""

    def median(name: str, of: str) -> float:
        return float(statistics.median(getattr(spread, of) for spread in found[name]))

    ratio = round(median("alone", "p99") / median("raw", "p99"), 2)
    slow = round(median("with_slow", "p99") / median("alone", "p99"), 2)
    return {
        "bench": "console",
        "p50_ms": round(median("alone", "p50"), 1),
        "p99_ms": round(median("alone", "p99"), 1),
        "raw_p50_ms": round(median("raw", "p50"), 1),
        "raw_p99_ms": round(median("raw", "p99"), 1),
        "p50/raw": round(median("alone", "p50") / median("raw", "p50"), 2),
        "with_slow_client/alone": slow,
        "cpu_ms_per_record": round(record_cpu_ms, 2),
        "stream_kb": round(stream_kb, 1),
        "stream_kb_goal": f"{'met' if stream_kb <= STREAM_KB else 'MISSED'}: at most {STREAM_KB:g}",
        "streams": STREAMS,
        "ratio": ratio,
        "goal": GOAL,
        "goal_is": "at most",
    }


def _request(center: str, token: str) -> bytes:
    return (
        f"GET /api/v1/stream?center={center}&html=true HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"Accept-Language: ko\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


def main() -> int:
    """Run, print one JSON line, return 0 if every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at least two: with and without a slow client")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="in each round")
    parser.add_argument("--rate", type=float, default=PER_SECOND, help="records of routing a second")
    given = parser.parse_args()
    engines = Engines().start()
    try:
        result = asyncio.run(measure(engines, max(2, given.rounds), given.samples, given.rate))
    finally:
        engines.stop()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ratio"] <= GOAL and result["stream_kb"] <= STREAM_KB else 1


if __name__ == "__main__":
    sys.exit(main())
