"""Services as forks of one process: each has its own environment and nothing of another's, and none outlives it."""

import errno
import json
import os
import resource
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.local.alive import alive
from tests.support.waiting import DEADLINE_S, eventually_blocking
from tools.local import preloading, processes
from tools.local.preloading import ForkedChild, Preloader
from tools.local.supervisor import Program, Supervisor

pytestmark = pytest.mark.skipif(not preloading.can_fork(), reason="forks are for Linux")
MODULE = "tests.integration.local.forked"


@pytest.fixture(scope="module")
def preloader() -> Iterator[Preloader]:
    started = processes.preloader()
    yield started
    started.stop()


def forked(preloader: Preloader, log: Path, *arguments: str, **env: str) -> tuple[ForkedChild, dict[str, Any]]:
    """A fork, and what it said."""
    child = processes.fork(preloader, [MODULE, *arguments], log=log, env={**processes.base_environment(), **env})
    eventually_blocking(lambda: log.read_bytes().endswith(b"\n"), "the fork having spoken")
    said: dict[str, Any] = json.loads(log.read_text(encoding="utf-8"))
    return child, said


def test_a_fork_has_its_arguments_environment_output_and_session(preloader: Preloader, tmp_path: Path) -> None:
    child, said = forked(preloader, tmp_path / "one.log", "a", "b", MINE="1")
    given = {**processes.base_environment(), "MINE": "1"}
    assert {name: said["env"].get(name) for name in given} == given
    assert (said["argv"], said["name"], said["leads"], said["imported"]) == (["a", "b"], "forked", True, True)
    assert processes.stop(child, DEADLINE_S)
    assert child.returncode == -signal.SIGTERM


def test_a_fork_holds_nothing_of_what_another_was_given(preloader: Preloader, tmp_path: Path) -> None:
    secret = secrets.token_hex(32)
    holder, said = forked(preloader, tmp_path / "one.log", "seek", SECRET=secret, BACKWARDS=secret[::-1])
    assert said["found"]  # the search finds what is there
    other, said = forked(preloader, tmp_path / "two.log", "seek", BACKWARDS=secret[::-1])
    assert not said["found"]
    assert "SECRET" not in said["env"]
    for child in (holder, other):
        processes.kill(child)


def test_the_status_a_fork_ends_with_is_known(preloader: Preloader, tmp_path: Path) -> None:
    child = processes.fork(preloader, [MODULE, "end", "78"], log=tmp_path / "one.log", env={})
    assert child.wait(DEADLINE_S) == 78


def test_when_the_preloader_dies_its_forks_die_and_all_begin_again(tmp_path: Path) -> None:
    logs = tmp_path / "logs"

    def program(name: str) -> Program:
        command = [sys.executable, "-m", MODULE]
        env = processes.base_environment()
        return Program(name=name, command=command, env=env, stage=0, ready=lambda: True, preloaded=True)

    supervisor = Supervisor([program("one"), program("two")], logs, lambda _: None)
    try:
        supervisor.start(DEADLINE_S)
        before, first = supervisor.pids, supervisor.preloader_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        eventually_blocking(lambda: not alive(before.values()), "the forks being gone")

        def again() -> bool:
            now = supervisor.pids
            return now.keys() == before.keys() and not set(now.values()) & set(before.values())

        eventually_blocking(again, "both running again")
    finally:
        supervisor.stop()
    assert not alive(supervisor.pids.values())
    assert supervisor.preloader_pid is not None
    assert not alive([supervisor.preloader_pid])


def test_who_asks_a_preloader_that_then_ends_is_told(tmp_path: Path) -> None:
    started = processes.preloader()
    os.kill(started.process.pid, signal.SIGSTOP)  # what it is sent it does not read
    killing = threading.Timer(1.0, started.process.kill)
    killing.start()
    with pytest.raises(OSError, match="has ended"):
        processes.fork(started, [MODULE], log=tmp_path / "one.log", env={})
    killing.join()


def test_who_asks_a_preloader_that_has_ended_is_told(tmp_path: Path) -> None:
    started = processes.preloader()
    started.stop()
    with pytest.raises(OSError, match="has ended"):
        processes.fork(started, [MODULE], log=tmp_path / "one.log", env={})


def test_a_preloader_that_does_not_answer_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preloading, "_ANSWER_LIMIT_S", 0.1)
    started = processes.preloader()
    os.kill(started.process.pid, signal.SIGSTOP)
    with pytest.raises(OSError, match="did not answer"):
        processes.fork(started, [MODULE], log=tmp_path / "one.log", env={})
    assert not alive([started.process.pid])


@pytest.mark.parametrize("free", [0, 2])  # not enough to take the files that are sent, or to watch the child
def test_a_fork_that_cannot_be_is_told_and_ends_no_other(preloader: Preloader, tmp_path: Path, free: int) -> None:
    other, _ = forked(preloader, tmp_path / "other.log")
    pid = preloader.process.pid
    used = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}  # noqa: PTH208  # names, not paths
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    few = [fd for fd in range(len(used) + free + 1) if fd not in used][free]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            processes.fork(preloader, [MODULE], log=tmp_path / "one.log", env={})
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert alive([other.pid]) == {other.pid}
    assert len(psutil.Process(pid).children()) == 1
    processes.kill(other)


def test_where_forks_cannot_be_watched_processes_are_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refused)
    preloading.can_fork.cache_clear()
    program = Program(
        name="one",
        command=[sys.executable, "-m", MODULE],
        env=processes.base_environment(),
        stage=0,
        ready=lambda: True,
        preloaded=True,
    )
    supervisor = Supervisor([program], tmp_path, lambda _: None)
    try:
        supervisor.start(DEADLINE_S)
        assert supervisor.preloader_pid is None
        assert alive(supervisor.pids.values())
    finally:
        supervisor.stop()
        preloading.can_fork.cache_clear()
