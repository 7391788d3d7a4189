"""The supervisor over small stand-in processes: restarts, back-off, time limits, order, no leftovers."""

import dataclasses
import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.local.alive import alive
from tests.integration.local.launch import FAKE
from tests.support.waiting import DEADLINE_S, eventually_blocking
from tools.local import plan, ports, processes, supervisor
from tools.local.supervisor import Program, StartError, Supervisor

Make = Callable[..., Supervisor]


class Said:
    """What the supervisor said; safe from any thread."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def has(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in self.lines)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def make(tmp_path: Path, said: Said) -> Iterator[Make]:
    made: list[Supervisor] = []

    def build(*programs: Program) -> Supervisor:
        made.append(Supervisor(programs, tmp_path / "logs", said))
        return made[-1]

    yield build
    for each in made:
        each.stop()


def fake(name: str, *traits: str, stage: int = 0, stop_limit_s: float = 10) -> Program:
    port = ports.free_port()
    return Program(
        name=name,
        command=[sys.executable, FAKE, str(port), *traits],
        env=processes.base_environment(),
        stage=stage,
        ready=lambda: plan.http_ready(port),
        port=port,
        stop_limit_s=stop_limit_s,
    )


def test_a_killed_process_is_started_again_and_that_is_said(make: Make, said: Said) -> None:
    supervisor = make(fake("one"), fake("two"))
    supervisor.start(DEADLINE_S)
    before = supervisor.pids
    os.kill(before["one"], signal.SIGKILL)
    eventually_blocking(lambda: supervisor.restarts["one"] == 1, "a restart of one")
    supervisor.wait_ready(DEADLINE_S)
    assert supervisor.pids["one"] != before["one"]
    assert supervisor.pids["two"] == before["two"]
    assert supervisor.restarts == {"one": 1, "two": 0}
    assert said.has("one", "ended by SIGKILL", "starting it again in 0.2 s")


def test_what_ended_is_started_again_though_nothing_can_be_said(tmp_path: Path) -> None:
    """On a full disk the launcher's own log takes no line: its watch over the others ended with the first."""
    full = threading.Event()

    def say(_: str) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")

    supervisor = Supervisor([fake("one")], tmp_path / "logs", say)
    try:
        supervisor.start(DEADLINE_S)
        full.set()
        os.kill(supervisor.pids["one"], signal.SIGKILL)
        eventually_blocking(lambda: supervisor.restarts["one"] == 1, "a restart of one")
        supervisor.wait_ready(DEADLINE_S)
    finally:
        full.clear()
        supervisor.stop()


def test_restarts_come_slower_and_slower(make: Make, tmp_path: Path) -> None:
    started = tmp_path / "started"
    started.touch()  # the first start may come later than the second in which it is to be ready
    quick = Program(
        name="quick",
        command=[sys.executable, "-c", f"open({str(started)!r}, 'a').write('x')"],
        env=processes.base_environment(),
        stage=0,
        ready=lambda: False,
    )
    began = time.monotonic()
    supervisor = make(quick)
    with pytest.raises(StartError, match="quick is not ready"):
        supervisor.start(1.0)
    eventually_blocking(lambda: len(started.read_text()) >= 4, "a fourth start")
    assert time.monotonic() - began >= 0.2 + 0.4 + 0.8


def test_a_paused_process_is_left_paused(make: Make) -> None:
    supervisor = make(fake("one"), fake("two"))
    supervisor.start(DEADLINE_S)
    before = supervisor.pids
    os.kill(before["one"], signal.SIGSTOP)
    os.kill(before["two"], signal.SIGKILL)
    eventually_blocking(lambda: supervisor.restarts["two"] == 1, "a restart of two")
    assert supervisor.pids["one"] == before["one"]
    os.kill(before["one"], signal.SIGCONT)
    supervisor.wait_ready(DEADLINE_S)
    assert supervisor.restarts["one"] == 0


def test_one_that_does_not_stop_is_killed_with_what_it_started(make: Make, said: Said) -> None:
    supervisor = make(fake("stubborn", "stubborn", "parent", stop_limit_s=0.5))
    supervisor.start(DEADLINE_S)
    family = {supervisor.pids["stubborn"]}
    family |= {child.pid for child in psutil.Process(supervisor.pids["stubborn"]).children()}
    assert len(family) == 2
    supervisor.stop()
    eventually_blocking(lambda: not alive(family), "the end of all")
    assert said.has("stubborn did not stop within", "was killed")


def test_stages_start_in_order_and_stop_in_reverse(make: Make, said: Said) -> None:
    supervisor = make(fake("roof", stage=2), fake("ground", stage=0), fake("walls", stage=1))
    supervisor.start(DEADLINE_S)
    assert [line.split()[0] for line in said.lines] == ["ground", "walls", "roof"]
    said.lines.clear()
    supervisor.stop()
    assert [line.split()[0] for line in said.lines] == ["roof", "walls", "ground"]


def test_what_only_a_later_stage_needs_keeps_no_earlier_one_waiting(make: Make, said: Said) -> None:
    early: list[str] = []

    def ready() -> bool:
        early.extend(line for line in said.lines if line.startswith("roof"))
        return said.has("walls", "started")

    ground = dataclasses.replace(fake("ground"), ready=ready, needed_from=2)
    supervisor = make(ground, fake("roof", stage=2), fake("walls", stage=1))
    supervisor.start(DEADLINE_S)
    assert [line.split()[0] for line in said.lines] == ["ground", "walls", "roof"]
    assert early == []


def test_a_wrong_setting_ends_the_start_at_once_with_its_line(make: Make) -> None:
    supervisor = make(fake("misset", "misset"))
    with pytest.raises(StartError, match=r"misset has a wrong setting:\nsetting FAKE_PORT: must be lovelier"):
        supervisor.start(60)


def test_a_wrong_setting_is_told_though_another_program_answers_on_its_port(make: Make) -> None:
    misset = dataclasses.replace(fake("misset", "misset"), ready=lambda: True)
    waiting = dataclasses.replace(fake("waiting"), ready=lambda: False)
    supervisor = make(misset, waiting)
    with pytest.raises(StartError, match=r"misset has a wrong setting:\nsetting FAKE_PORT: must be lovelier"):
        supervisor.start(60)


def test_a_held_process_stays_stopped_until_it_is_released(make: Make) -> None:
    supervisor = make(fake("one"), fake("two"))
    supervisor.start(DEADLINE_S)
    supervisor.hold("one")
    assert set(supervisor.pids) == {"two"}
    os.kill(supervisor.pids["two"], signal.SIGKILL)
    eventually_blocking(
        lambda: supervisor.restarts["two"] == 1,
        what="a restart of two, which shows that the watcher went by",
    )
    assert "one" not in supervisor.pids
    supervisor.release("one")
    supervisor.wait_ready(DEADLINE_S)
    assert set(supervisor.pids) == {"one", "two"}


def test_children_outlive_the_thread_that_asked_for_them(make: Make) -> None:
    """Linux ends such children with the thread that forked them; ours all come from one that stays."""
    supervisor = make(fake("one"))
    thread = threading.Thread(target=supervisor.start, args=(DEADLINE_S,))
    thread.start()
    thread.join()
    pid = supervisor.pids["one"]
    with pytest.raises(AssertionError):
        eventually_blocking(lambda: not alive({pid}), "its end, which must not come", seconds=1)
    assert supervisor.restarts["one"] == 0


def test_a_log_stays_bounded_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    child = processes.start(
        [sys.executable, "-c", "import sys; [print(line.strip(), flush=True) for line in iter(input, 'end')]"],
        log=log,
        env=processes.base_environment(),
    )
    child.wait()
    with log.open("ab") as file:
        file.write(b"x" * 100 + b"\n")
    processes.rotate(log, limit=50)
    assert log.stat().st_size == 0
    assert log.with_name("one.log.1").stat().st_size > 50
    again = processes.start([sys.executable, "-c", "print('more')"], log=log, env=processes.base_environment())
    again.wait()
    assert log.read_text() == "more\n"


@pytest.mark.parametrize("forks", [True, False])
def test_a_module_is_run_once_to_its_end(forks: bool, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "can_fork", lambda: forks)
    watching = make()
    try:
        env = {**processes.base_environment(), "MINE": "told"}
        assert watching.run_once(["tests.integration.local.forked", "write"], env) == (3, "beside\ntold\n")
        assert (watching.preloader_pid is not None) is forks
    finally:
        watching.stop()
