"""Accounts for what each process asks of the store and of Kafka, for ``bench_system``; Python imports it at its start.

The benchmark puts this folder on ``PYTHONPATH`` and names a folder in ``IEUM_ACCOUNT``; each process keeps one file of
counters there, named by its id. A service counts the documents it writes and its requests to Kafka. The embedded store,
a Python program too, measures the CPU of each command where it is worked off: what a client waits for would be the time
of all who use the store at once.
"""

import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

_STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes"}
_EVERY_S = 2.0


def _keep(file: Path, counters: dict[str, Counter[str]]) -> None:
    while True:
        time.sleep(_EVERY_S)
        draft = file.with_suffix(".new")
        # Copied at once: the threads that count go on.
        draft.write_text(json.dumps({name: dict(counter.copy()) for name, counter in counters.items()}))
        draft.replace(file)


def _of_service() -> dict[str, Counter[str]]:
    from aiokafka.conn import AIOKafkaConnection  # noqa: PLC0415  # other Python processes of the stack need no client
    from pymongo import monitoring  # noqa: PLC0415  # as above

    written: Counter[str] = Counter()
    requests: Counter[str] = Counter()

    updates: dict[int, tuple[str, int]] = {}

    class Writes(monitoring.CommandListener):
        """Counts statements as they are sent, and of one that updates many documents each of them."""

        def started(self, event: monitoring.CommandStartedEvent) -> None:
            """One command."""
            kind = event.command_name
            if kind in _STATEMENTS:
                statements = len(event.command[_STATEMENTS[kind]])
                written[f"{event.command[kind]} {kind}"] += statements
                if kind == "update":
                    updates[event.request_id] = event.command[kind], statements

        def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
            """It was done."""
            if (update := updates.pop(event.request_id, None)) is not None:
                name, statements = update
                written[f"{name} update"] += max(0, event.reply["n"] - statements)

        def failed(self, event: monitoring.CommandFailedEvent) -> None:
            """It was not done."""
            updates.pop(event.request_id, None)

    send = AIOKafkaConnection.send

    def counted(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        kind = type(request).__name__.removesuffix("Request")
        # The topics tell one consumer of a process from the other.
        of = "+".join(sorted(topic for topic, _ in request.topics)) if kind == "Fetch" else ""
        requests[f"{kind} {of}".rstrip()] += 1
        return send(self, request, *args, **options)

    monitoring.register(Writes())
    AIOKafkaConnection.send = counted
    return {"writes": written, "kafka": requests}


def _of_store() -> dict[str, Counter[str]]:
    from secantus import server  # noqa: PLC0415  # the store alone has it

    calls: Counter[str] = Counter()
    cpu_ns: Counter[str] = Counter()
    lock = threading.Lock()
    dispatch = server.dispatch

    def measured(body: dict[str, Any], ctx: Any) -> Any:
        began = time.thread_time_ns()
        try:
            return dispatch(body, ctx)
        finally:
            spent = time.thread_time_ns() - began
            kind = next(iter(body), "")
            collection = body.get("collection", "") if kind == "getMore" else body.get(kind, "")
            name = f"{body.get('$db', '')} {collection if isinstance(collection, str) else '-'} {kind}"
            with lock:  # a thread for each connection
                calls[name] += 1
                cpu_ns[name] += spent

    server.dispatch = measured
    return {"calls": calls, "cpu_ns": cpu_ns}


if _FOLDER := os.environ.get("IEUM_ACCOUNT"):
    _COUNTERS = _of_store() if os.environ.get("IEUM_ACCOUNT_OF") == "store" else _of_service()
    threading.Thread(
        target=_keep, args=(Path(_FOLDER) / f"{os.getpid()}.json", _COUNTERS), name="accounting", daemon=True
    ).start()
