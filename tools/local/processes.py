"""Child processes that end with their parent, write to bounded log files and stop within a time limit.

Linux kills such a child when the *thread* that started it ends, so all are started from one thread that lives as long
as the process.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from tools.local import lifeline
from tools.local.preloading import ForkedChild, Preloader

Child = subprocess.Popen[bytes] | ForkedChild
_LOG_LIMIT_BYTES = 5_000_000
PROJECT = Path(__file__).resolve().parents[2]
"""Where the packages are: a checkout, or what they were installed into."""
HERE = PROJECT if (PROJECT / "pyproject.toml").is_file() else Path.cwd()


def start(command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path = PROJECT) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, killed by the kernel when this process dies; output goes to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    return _starter().submit(_start, list(command), log, dict(env), cwd).result()


def preloader() -> Preloader:
    """Start the process that forks services; it ends with this one, and what it forked with it."""
    return _starter().submit(Preloader, PROJECT, base_environment()).result()


def fork(preloaded: Preloader, module: Sequence[str], *, log: Path, env: Mapping[str, str]) -> ForkedChild:
    """Run ``python -m module`` as ``start`` would, as a fork. Raises ``OSError`` if the preloader has ended."""
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    with log.open("ab") as output:
        return preloaded.start(module, output=output, env=env)


def run_module(module: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run ``python -m module`` and its arguments to the end: its exit status and what it wrote. Raises ``OSError``."""
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=PROJECT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def stop(child: Child, timeout_s: float) -> bool:
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


def kill(child: Child) -> None:
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


def _start(command: list[str], log: Path, env: dict[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lifeline.tie(),  # noqa: PLW1509  # two system calls, no lock taken
        )
