"""Run pytest in forks of a process that has already imported the packages: that import is most of a short run.

A script of its own, so that nothing of this project is imported before the fork: each run takes that from its tree. A
line of JSON on standard input asks for a run (``tree``, ``arguments``, ``output``, ``limit_s``); the answer is a line
with pytest's exit status, or ``null`` if it took longer than the limit and was killed.
"""

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    *("pytest", "pytest_asyncio", "pytest_timeout", "xdist.plugin", "hypothesis", "anyio.pytest_plugin"),
    *("aiokafka", "faststream.kafka", "motor.motor_asyncio", "lmdb", "jwt", "cryptography.x509", "orjson", "yaml"),
    *("fastapi", "uvicorn", "httpx", "jinja2", "pydantic_settings", "prometheus_client"),
    *("structlog", "rich.console", "babel.dates", "holidays", "opentelemetry.trace"),
)
"""What unit tests of all services import."""


def main() -> None:
    """Answer until standard input ends."""
    sys.path.pop(0)  # this script's folder
    for name in PACKAGES:
        importlib.import_module(name)
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(_run(json.loads(line)))}\n")
        sys.stdout.flush()


def _run(asked: dict[str, Any]) -> int | None:
    parent = os.getpid()
    child = os.fork()
    if not child:
        _become(parent, asked)
    until = time.monotonic() + asked["limit_s"]
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.02)  # the poll of a wait with a deadline


def _become(parent: int, asked: dict[str, Any]) -> None:
    """Never returns: this process is the run of pytest now."""
    os.setsid()
    with Path(os.devnull).open("rb") as nothing, Path(asked["output"]).open("wb") as output:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.chdir(asked["tree"])
    sys.path.insert(0, asked["tree"])
    status = 70
    try:
        # It leads a session of its own, so Ctrl-C reaches its parent alone.
        importlib.import_module("tools.local.lifeline").tie(parent)()
        status = int(importlib.import_module("pytest").main(asked["arguments"]))
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
