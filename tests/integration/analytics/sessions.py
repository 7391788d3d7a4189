"""Analytics that notes the session of each transaction it begins: those of a dead process can be ended, and no others.

``python -m tests.integration.analytics.sessions FILE MODULE [ARGUMENT ...]`` runs the module.
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bson import Binary
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import monitoring


class Noted(monitoring.CommandListener):
    """Writes down a session before its transaction begins."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("ab", buffering=0)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command.get("startTransaction"):
            self._file.write(bytes(event.command["lsid"]["id"]).hex().encode() + b"\n")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        del event

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        del event


def noted_in(file: Path, module: Sequence[str]) -> tuple[str, ...]:
    """The module and its arguments, as a process that notes its sessions in the file."""
    return (__name__, str(file), *module)


async def end(client: AsyncIOMotorClient[dict[str, Any]], file: Path) -> None:
    """Undo the transactions of the process that noted its sessions there."""
    await client.admin.command("killSessions", _read(file))


def _read(file: Path) -> list[dict[str, Binary]]:
    lines = set(file.read_text(encoding="ascii").split())
    return [{"id": Binary(bytes.fromhex(line), 4)} for line in sorted(lines)]


if __name__ == "__main__":
    monitoring.register(Noted(Path(sys.argv[1])))
    sys.argv[:] = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
