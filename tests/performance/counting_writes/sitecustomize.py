"""Counts the documents each process writes, for ``bench_system``: Python imports this at its start.

The benchmark puts this folder on ``PYTHONPATH`` and names a folder in ``IEUM_COUNT_WRITES``; each process keeps a file
there, named by its id. The embedded store's own counters count commands, not documents.
"""

import json
import os
import threading
import time
from collections import Counter
from pathlib import Path

_STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes"}
_EVERY_S = 0.5


def _count(folder: Path) -> None:
    from pymongo import monitoring  # noqa: PLC0415  # other Python processes of the stack need no driver

    written: Counter[str] = Counter()

    class Writes(monitoring.CommandListener):
        """Counts statements as they are sent."""

        def started(self, event: monitoring.CommandStartedEvent) -> None:
            """One command."""
            kind = event.command_name
            if kind in _STATEMENTS:
                written[f"{event.command[kind]} {kind}"] += len(event.command[_STATEMENTS[kind]])

        def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
            """Nothing more."""

        def failed(self, event: monitoring.CommandFailedEvent) -> None:
            """Nothing more."""

    def keep() -> None:
        file = folder / f"{os.getpid()}.json"
        while True:
            time.sleep(_EVERY_S)
            draft = file.with_suffix(".new")
            draft.write_text(json.dumps(dict(written)))
            draft.replace(file)

    monitoring.register(Writes())
    threading.Thread(target=keep, name="counting-writes", daemon=True).start()


if _FOLDER := os.environ.get("IEUM_COUNT_WRITES"):
    _count(Path(_FOLDER))
