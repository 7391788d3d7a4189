"""Starts, kills and reads ``tests.integration.kafka.worker``."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.settings import KafkaSettings
from tests.support import forking
from tools.local.processes import Child


class Workers:
    """Worker processes of one test; all are gone when it ends."""

    def __init__(self, settings: KafkaSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._running: list[Child] = []
        self.effects_file = folder / "effects"
        self.sign = folder / "sign"

    def start(self, group: str = "workers", **plan: Any) -> Child:
        plan |= {
            "settings": self._settings.model_dump(mode="json", exclude_none=True),
            "group": group,
            "effects": str(self.effects_file),
            "sign": str(self.sign),
        }
        command = ("tests.integration.kafka.worker", json.dumps(plan))
        child = forking.start(command, log=self.log, env=os.environ)
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
            child.send_signal(signal.SIGCONT)
            child.send_signal(signal.SIGKILL)
            child.wait()


@contextmanager
def workers(settings: KafkaSettings, folder: Path) -> Iterator[Workers]:
    some = Workers(settings, folder)
    try:
        yield some
    finally:
        some.end()
