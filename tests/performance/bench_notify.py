"""Due steps told per second with many timers waiting: ``python -m tests.performance.bench_notify``.

100,000 cases wait for a step that is hours away; 5,000 of the 16 centres are due now. The alerter claims, mails (a real
SMTP sink in a process of its own), records and offers to the outbox, as in production, until nothing is due. Beside it
a bare loop reads and writes the same number of documents in the same pages, so that the number is worth something on
another machine. What a step costs is counted too, whatever else the machine does: commands to the store, documents
written, and the CPU of notify and of the store. A console's numbers are measured elsewhere.

The engines are the local ones, or those of ``KAFKA_BOOTSTRAP_SERVERS`` and ``MONGODB_URI`` where both are set: the
store must then run on this machine, or its CPU is not told.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psutil
from pydantic import SecretStr
from pymongo import MongoClient, UpdateOne, monitoring
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from services.notify.cases.models import Case, rescheduled
from services.notify.cases.projection import fold
from services.notify.cases.repository import CaseStore, Change
from services.notify.escalation.rules import Rules
from services.notify.main import build
from services.notify.settings import NotifySettings
from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.settings import KafkaSettings, StoreSettings
from tests.unit.notify.samples import TRACE, event
from tools.local import ports
from tools.local.engines import Engines
from tools.local.keys import HOOK_KEY, new_key

WAITING: Final = 100_000
DUE: Final = 5_000
PAGE: Final = 200
BATCH: Final = 100
CALL_TIMEOUT_S: Final = 60.0
"""A hundred thousand cases are written in one go, during which the embedded store now and then stops to tidy up."""
_STATEMENTS: Final = {"insert": "documents", "update": "updates", "delete": "deletes"}
GOAL: Final = 0.15
"""Steps told per document the bare loop reads and writes: a step is claimed, read, looked at again, and written."""


class Commands(CommandListener):
    """Commands to the store, by collection and kind, and the documents they write."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.documents = 0

    def started(self, event: CommandStartedEvent) -> None:
        """One command."""
        kind = event.command_name
        self.of[f"{event.command.get('collection', event.command[kind])} {kind}"] += 1
        if kind in _STATEMENTS:
            self.documents += len(event.command[_STATEMENTS[kind]])

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing more."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing more."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The engines of a run, and the process id of the store if it is on this machine."""

    kafka: str
    mongodb: str
    store_pid: int | None
    lent: bool
    """They were there before and stay: what a run wrote is dropped at its end."""


@contextmanager
def engines() -> Iterator[Stage]:
    """The environment's engines, or fresh ones."""
    kafka, mongodb = os.environ.get("KAFKA_BOOTSTRAP_SERVERS"), os.environ.get("MONGODB_URI")
    if kafka and mongodb:
        yield Stage(kafka, mongodb, listener_of(mongodb), lent=True)
        return
    started = Engines()
    try:
        started.start()
        yield Stage(started.kafka, started.mongodb, started.pids["store"], lent=False)
    finally:
        started.stop()


def listener_of(mongodb: str) -> int | None:
    """Return the process on this machine that listens where the store is; None if there is none."""
    with MongoClient[dict[str, Any]](mongodb) as client:
        _, port = client.address or ("", 0)
    listening = (one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    return next((one.pid for one in listening if one.laddr and one.laddr.port == port), None)


def cpu_s(pid: int | None) -> float:
    """Seconds of CPU a process and its children have used."""
    if pid is None:
        return 0.0
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def case_of(number: int, now: datetime, *, due: bool) -> Case:
    """A case that waits: for its first step, or for the one after it."""
    routed = event("report.routed", number, urgency="high", center=CENTER_IDS[number % len(CENTER_IDS)])
    case = fold(None, routed, TRACE, Rules(), now)
    if case is None or case.escalation is None:
        raise RuntimeError("a routed case has a ladder")
    named = case.model_copy(update={"alias": f"bench-{number}"})
    if due:
        return named
    later = case.escalation.model_copy(update={"due_at": now + timedelta(hours=6 + number % 20)})
    return rescheduled(named.model_copy(update={"escalation": later}))


async def fill(store: CaseStore, numbers: range, now: datetime, *, due: bool) -> None:
    """Write cases."""
    for start in range(numbers.start, numbers.stop, BATCH):
        some = range(start, min(start + BATCH, numbers.stop))
        await store.save([Change(case_of(number, now, due=due), None) for number in some], now)


async def raw(store: CaseStore, count: int) -> float:
    """Documents a second that are read by id and written back, in pages, with the same durability."""
    ids = [d["_id"] for d in await store.collection.find({}, {"_id": 1}).limit(count).to_list(None)]
    began = time.monotonic()
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        for part in range(0, len(page), 100):
            await store.collection.find({"_id": {"$in": page[part : part + 100]}}).to_list(None)
        writes = [UpdateOne({"_id": i}, {"$set": {"touched": start}}) for i in page]
        await store.collection.bulk_write(writes, ordered=False)
    return len(ids) / (time.monotonic() - began)


async def measure(stage: Stage, smtp_port: int, waiting: int, due: int, rounds: int) -> dict[str, Any]:
    """Fill once, then tell in rounds."""
    settings = NotifySettings(
        smtp_port=smtp_port,
        IEUM_TICKET_KEY=SecretStr(new_key()),
        IEUM_DIRECTORY_KEY=SecretStr(new_key()),
        audit_key=SecretStr(new_key()),
        claim_size=PAGE,
        poll_s=0.05,
    )
    bus = KafkaSettings(bootstrap_servers=stage.kafka, topic_prefix="bench-notify.", topic_partitions=3)
    commands = Commands()
    monitoring.register(commands)  # before the client is made
    prefix = f"b{uuid.uuid4().hex[:8]}_"
    store = StoreSettings(uri=SecretStr(stage.mongodb), database_prefix=prefix, call_timeout_s=CALL_TIMEOUT_S)
    notify = build(settings, bus, store, SystemClock())
    await notify.cases.prepare()
    now = datetime.now(UTC)
    await fill(notify.cases, range(waiting), now, due=False)
    told, bare = [], []
    cost = dict.fromkeys(("notify_cpu_s", "store_cpu_s", "documents"), 0.0)
    sent: Counter[str] = Counter()
    for number in range(rounds):
        first = waiting + number * due
        await fill(notify.cases, range(first, first + due), datetime.now(UTC), due=True)
        bare.append(await raw(notify.cases, due))
        commands.of.clear()
        commands.documents = 0
        stored, used, began = cpu_s(stage.store_pid), time.process_time(), time.monotonic()
        await _until_told(notify, due)
        told.append(due / (time.monotonic() - began))
        cost["notify_cpu_s"] += time.process_time() - used
        cost["store_cpu_s"] += cpu_s(stage.store_pid) - stored
        cost["documents"] += commands.documents
        sent.update(commands.of)
    await notify.delivery.close()
    if stage.lent:
        _drop(stage.mongodb, notify.cases.database.name)
    steps = rounds * due
    return {
        "bench": "notify",
        "waiting": waiting,
        "due_steps_per_s": round(statistics.median(told)),
        "bare_documents_per_s": round(statistics.median(bare)),
        "ratio": round(statistics.median(a / b for a, b in zip(told, bare, strict=True)), 2),
        "goal": GOAL,
        "goal_is": "at least",
        "notify_cpu_ms_per_step": round(cost["notify_cpu_s"] * 1000 / steps, 2),
        "store_cpu_ms_per_step": round(cost["store_cpu_s"] * 1000 / steps, 2) if stage.store_pid else None,
        "store_commands_per_step": round(sent.total() / steps, 3),
        "documents_written_per_step": round(cost["documents"] / steps, 2),
        "commands": dict(sent),
        "rounds": {"told": [round(rate) for rate in told], "bare": [round(rate) for rate in bare]},
    }


def _drop(mongodb: str, database: str) -> None:
    """However long it takes: the embedded store deletes each of a hundred thousand cases and their index entries."""
    with MongoClient[dict[str, Any]](mongodb) as client:
        client.drop_database(database)


async def _until_told(notify: Any, due: int) -> None:  # notify's own type names all its parts
    """As in the service: two alerters, one mails while the other writes down."""
    left = due

    async def work() -> None:
        nonlocal left
        while left > 0:
            told = await notify.escalation_worker.pass_once()
            left -= told
            if not told:
                await asyncio.sleep(0.2)

    await asyncio.gather(work(), work())


def main() -> int:
    """Run, print one JSON line, return 0 if the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=WAITING)
    parser.add_argument("--due", type=int, default=DUE)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    smtp_port, http_port = ports.free_ports(2)
    where = ("--smtp-port", str(smtp_port), "--http-port", str(http_port))
    command = [sys.executable, "-m", "tools.local.mailbox", *where]
    sink = subprocess.Popen(command, env={**os.environ, HOOK_KEY: new_key()})
    try:
        while not ports.is_open(smtp_port):
            time.sleep(0.1)  # the poll of a start
        with engines() as stage:
            result = asyncio.run(measure(stage, smtp_port, given.waiting, given.due, given.rounds))
    finally:
        sink.terminate()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["ratio"] >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
