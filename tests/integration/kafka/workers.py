"""Starts, kills and reads ``tests.integration.kafka.worker``."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.settings import KafkaSettings
from tests.support.waiting import DEADLINE_S


class Workers:
    """Worker processes of one test; all are gone when it ends."""

    def __init__(self, settings: KafkaSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self.effects_file = folder / "effects"
        self.sign = folder / "sign"

    def start(self, group: str = "workers", **plan: Any) -> subprocess.Popen[bytes]:
        plan |= {
            "settings": self._settings.model_dump(mode="json", exclude_none=True),
            "group": group,
            "effects": str(self.effects_file),
            "sign": str(self.sign),
        }
        command = [sys.executable, "-m", "tests.integration.kafka.worker", json.dumps(plan)]
        with self.log.open("ab") as output:
            child = subprocess.Popen(command, stderr=output, stdout=output)
        self._running.append(child)
        return child

    @property
    def log(self) -> Path:
        return self._folder / "workers.log"

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def effects(self) -> list[tuple[int, int]]:
        """(partition, offset) of every effect, in the order it happened."""
        if not self.effects_file.exists():
            return []
        pairs = (line.split() for line in self.effects_file.read_text().splitlines())
        return [(int(partition), int(offset)) for partition, offset in pairs]

    def end(self) -> None:
        for child in self._running:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.kill()
            child.wait()


@contextmanager
def workers(settings: KafkaSettings, folder: Path) -> Iterator[Workers]:
    some = Workers(settings, folder)
    try:
        yield some
    finally:
        some.end()


async def ended(child: subprocess.Popen[bytes], deadline: float = DEADLINE_S) -> int:
    """The exit status, waited for without blocking the loop."""
    return await asyncio.to_thread(child.wait, deadline)
