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


async def main() -> None:
    log.configure("worker")
    bus = KafkaClient(KafkaSettings(**PLAN["settings"]), "worker", Health(), SystemClock())
    subscribe(bus, REPORTS, group=PLAN["group"], handler=handler, max_records=PLAN.get("max_records", 50))
    await bus.run_forever()


if __name__ == "__main__":
    process.run(main)
