"""Run programs that a test needs. What only lacks a network is skipped; any other failure is a failure."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

LIMIT_S: Final = 400
"""A build that downloads what it needs takes minutes; one that takes longer than this hangs."""
_AWAY: Final = re.compile(
    # Go, Maven, pip, npm, and the resolver that all of them ask
    r"no such host|dial tcp|proxyconnect|TLS handshake timeout"
    r"|Unknown host|UnknownHostException|Could not transfer artifact"
    r"|NewConnectionError|ConnectTimeoutError|ProxyError"
    r"|\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b"
    r"|Network is unreachable|Temporary failure in name resolution",
    re.IGNORECASE,
)
Done = subprocess.CompletedProcess[str]


def ran(command: Sequence[str | Path], folder: Path | None = None, **environment: str) -> Done:
    """Run a command in a folder and return what it printed; fail with its last words where it does not end well."""
    return _ended_well(_run(command, folder, LIMIT_S, environment))


def failed(command: Sequence[str | Path], folder: Path | None = None, **environment: str) -> Done:
    """Run a command in a folder and return what it printed; fail where it ends well, or not at all."""
    done = _run(command, folder, LIMIT_S, environment)
    assert done.returncode, f"{done.args[0]} did not fail:\n{done.stdout[-4000:]}"
    return done


def fetched(command: Sequence[str | Path], folder: Path, *, limit_s: float = LIMIT_S, **environment: str) -> Done:
    """Run a command that may fetch packages; skip the test where the network is away."""
    what = " ".join(map(str, command[:3]))
    try:
        done = _run(command, folder, limit_s, environment)
    except subprocess.TimeoutExpired:
        pytest.skip(f"the network is away: {what} fetched nothing within {limit_s:.0f} s")
    if done.returncode:
        skip_without_network(done.stdout + done.stderr, what)
    return _ended_well(done)


def monitoring_tool(name: str) -> str:
    """Where a program of Prometheus or Alertmanager is; skip the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"left out: {name} is not installed (Debian: prometheus, prometheus-alertmanager)")
    return found


def skip_without_network(said: str, what: str) -> None:
    """Skip the test if a failed command says that it reached no server with packages."""
    for line in said.splitlines():
        if _AWAY.search(line):
            pytest.skip(f"the network is away: {what} says {line.strip()[:160]}")


def _run(command: Sequence[str | Path], folder: Path | None, limit_s: float, environment: dict[str, str]) -> Done:
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=limit_s,
    )


def _ended_well(done: Done) -> Done:
    assert done.returncode == 0, f"{done.args[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}"
    return done
