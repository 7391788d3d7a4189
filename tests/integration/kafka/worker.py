"""A process that consumes `reports` and appends what it did to a file: what crash tests kill, stop and start again.

``python -m tests.integration.kafka.worker '{"settings": …, "group": …, "effects": path, …}'``. An effect is one line
``partition offset``, written and synced before the handler returns, as a store write would be.
"""

import asyncio
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

from shared import log, process
from shared.clock import SystemClock
from shared.errors import FatalError
from shared.health import Health
from shared.kafka.broker import KafkaClient
from shared.kafka.decoding import Received
from shared.kafka.reader import PartitionReader
from shared.kafka.router import Partitions
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.support.subscribing import subscribe

PLAN: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


def take_effect(batch: list[Received]) -> None:
    lines = "".join(f"{r.partition} {r.offset}\n" for r in batch)
    file = os.open(PLAN["effects"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, lines.encode())
    os.fsync(file)
    os.close(file)
    if len(Path(PLAN["effects"]).read_text().splitlines()) >= PLAN.get("killed_after", math.inf):
        os.kill(os.getpid(), signal.SIGKILL)


async def handler(batch: list[Received]) -> None:
    behaviour = PLAN.get("behaviour")
    if behaviour == "fatal":
        raise FatalError("told to end")
    if behaviour == "unexpected":
        raise ValueError("a value nobody should read in the log: secret-value")
    take_effect(batch)
    if behaviour == "hang_before_return":
        await asyncio.to_thread(Path(PLAN["sign"]).touch)
        await asyncio.Event().wait()


def ask_to_stop(point: str) -> None:
    """Ask this process to stop, as a supervisor does and once, where that is planned for this point."""
    if PLAN.get("stops_at") == point:
        PLAN["stops_at"] = "never"
        os.kill(os.getpid(), signal.SIGTERM)


async def main() -> None:
    log.configure("worker")
    settings = KafkaSettings(**PLAN["settings"])
    bus, reader = KafkaClient(settings, "worker", Health(), SystemClock()), PartitionReader(settings, REPORTS)

    async def restore(assigned: Partitions) -> dict[tuple[str, int], int]:
        """Read the log before anything is handled; more of it than there is, so that this goes on until the stop."""
        ask_to_stop("assignment")
        ends = await reader.ends(number for _, number in assigned)
        async for _ in reader.read({number: (0, end + 1) for number, end in ends.items()}):
            ask_to_stop("restore")
            await asyncio.to_thread(Path(PLAN["sign"]).touch)
        return {}

    async def on_revoked(_: Partitions) -> None:
        ask_to_stop("rebalance")

    hooks: dict[str, Any] = {"on_assigned": restore, "on_revoked": on_revoked} if "stops_at" in PLAN else {}
    subscribe(bus, REPORTS, group=PLAN["group"], handler=handler, max_records=PLAN.get("max_records", 50), **hooks)
    try:
        if hooks:
            await reader.start()
        await bus.run_forever()
    finally:
        await reader.stop()


if __name__ == "__main__":
    process.run(main)
