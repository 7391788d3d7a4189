"""Child processes that end with their parent, write to bounded log files and stop within a time limit.

Linux kills such a child when the *thread* that started it ends, so all are started from one thread that lives as long
as the process.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOG_LIMIT_BYTES = 5_000_000
PROJECT = Path(__file__).resolve().parents[2]


def start(command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path = PROJECT) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, killed by the kernel when this process dies; output goes to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    return _starter().submit(_start, list(command), log, dict(env), cwd).result()


def stop(child: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Ask the child to end, then kill it and whatever it started. True if it ended by itself in time."""
    in_time = True
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            in_time = False
    kill(child)
    return in_time


def kill(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the child and its process group; waits until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # it leads a group of its own
    child.wait()


def rotate(log: Path, limit: int = _LOG_LIMIT_BYTES) -> None:
    """Keep a log bounded: beyond ``limit`` bytes its contents move to ``<log>.1`` and it starts empty.

    The file stays the same one, since running children append to it; lines written between the two steps are lost.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return
    log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)


def base_environment() -> dict[str, str]:
    """Return the environment that any child inherits: nothing that names a secret or a setting of ours."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")
    found = {name: os.environ[name] for name in keep if name in os.environ}
    # A run of the tests by another wall clock (libfaketime) is one for its children too.
    found |= {name: value for name, value in os.environ.items() if name == "LD_PRELOAD" or name.startswith("FAKETIME")}
    return {"LANG": "C.UTF-8", **found, "PYTHONUNBUFFERED": "1"}


@cache
def _starter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="child-starter")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _start(command: list[str], log: Path, env: dict[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    libc, parent = _libc(), os.getpid()

    def end_with_parent() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509  # two system calls, no lock taken
        )
