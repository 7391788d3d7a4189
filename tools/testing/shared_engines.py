"""One broker and one store for a whole test run, or for as long as ``make engines`` keeps them.

Tests find them through two environment variables (set for the workers of a run) or through the file that
``make engines`` leaves. They are not the variables of a deployment: a test that starts a whole stack must not use them.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tools.local import processes
from tools.local.engines import Addresses, EngineError, Engines
from tools.local.settings import LocalSettings

KAFKA: Final = "IEUM_TEST_KAFKA"
STORE: Final = "IEUM_TEST_STORE"
MISSING: Final = "IEUM_TEST_ENGINES_MISSING"

_START_LIMIT_S: Final = 180.0
_STOP_LIMIT_S: Final = 20.0
_CONNECT_LIMIT_S: Final = 1.0


def running() -> Addresses | None:
    """Engines that a test may share: those named in the environment, else those of ``make engines``, else None."""
    kafka, store = os.environ.get(KAFKA), os.environ.get(STORE)
    if kafka and store:
        return Addresses(kafka, store)
    kept = _kept()
    return Addresses(kept["kafka"], kept["mongodb"]) if kept else None


def announce(engines: Addresses | Engines) -> None:
    """Tell every process started from here where the engines are."""
    os.environ[KAFKA], os.environ[STORE] = engines.kafka, engines.mongodb


def announce_missing(reason: str) -> None:
    """Tell every process started from here that there are no engines, and why."""
    os.environ[MISSING] = " ".join(reason.split())


def missing() -> str:
    """Return why there are no engines; empty if that is not known."""
    return os.environ.get(MISSING, "")


def keep() -> None:
    """Start engines in the background if none are kept, and say where they are."""
    if kept := _kept():
        print(f"already running: kafka {kept['kafka']}, store {kept['mongodb']}", flush=True)
        return
    log = _file().with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tools.testing", "keep-engines"],
            cwd=processes.PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + _START_LIMIT_S
    while not (kept := _kept()):
        if keeper.poll() is not None or time.monotonic() > until:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise EngineError(lines[-1] if lines else "the engines did not start")
        time.sleep(0.1)  # the poll of a wait with a deadline
    print(f"running for tests: kafka {kept['kafka']}, store {kept['mongodb']}", flush=True)
    print("`make t K=expression` uses them; `make engines-down` stops them", flush=True)


def keep_in_this_process() -> None:
    """Run engines until SIGTERM; what ``keep`` starts."""
    engines = Engines()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        engines.start()
        text = json.dumps({"pid": os.getpid(), "kafka": engines.kafka, "mongodb": engines.mongodb})
        _file().write_text(text, encoding="utf-8")
        while True:
            signal.pause()
    finally:
        _file().unlink(missing_ok=True)
        engines.stop()


def stop() -> None:
    """Stop the kept engines, if there are any."""
    kept = _kept()
    if kept is None:
        print("no engines are kept for tests", flush=True)
        return
    os.kill(int(kept["pid"]), signal.SIGTERM)
    until = time.monotonic() + _STOP_LIMIT_S
    while _file().exists() and time.monotonic() < until:
        time.sleep(0.05)  # the poll of a wait with a deadline
    print("stopped", flush=True)


def _file() -> Path:
    return LocalSettings().var / "tests" / "engines.json"


def _kept() -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    host, _, port = found["kafka"].partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_CONNECT_LIMIT_S):
            return found
    except OSError:
        return None
