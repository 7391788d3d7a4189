"""Keeps processes running: starts them in stages, starts again what ends, stops them in reverse.

A thread watches; every public method may be called from any other thread. It restarts what *ended* and nothing else: a
process that hangs ends itself (its watchdog), and one that was paused from outside is left paused.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from shared.backoff import backoff
from tools.local import processes
from tools.local.preloading import Preloader, can_fork

EXIT_CONFIG = 78
"""Ended because of a wrong setting (sysexits.h): before everything was up once there is no use in repeating."""
FIRST_S = 0.2
LONGEST_S = 30.0
"""Between the end of a process and its next start, after its first end in a row and at most."""
HEALTHY_AFTER_S = 30.0
"""A process that ran this long counts as well: its next end is its first again."""
_TICK_S = 0.1
_ROTATE_EVERY_S = 10.0
_TAIL_CHARACTERS = 3000
_MODULE = 2
"""Place of the module in ``[python, "-m", module, …]``."""

Say = Callable[[str], None]


def next_failures(failures: int, ran_s: float) -> int:
    """Return how many ends in a row this one makes."""
    return 1 if ran_s >= HEALTHY_AFTER_S else failures + 1


class StartError(Exception):
    """Something did not come up; the text names it and holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to keep running. ``ready`` must return within a few seconds and not raise."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    stage: int
    """Programs of a stage start together, once what they need is ready; stages stop in reverse."""
    ready: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    """Runs before every start."""
    port: int = 0
    stop_limit_s: float = 28.0
    """After this time it is killed. Services end themselves within 25 s."""
    cwd: Path = processes.PROJECT
    needed_from: int = 0
    """The first stage that waits until it is ready, where that is not the next one."""
    preloaded: bool = False
    """It is a module (``python -m``) of this project that runs as a fork of the preloader, where there can be one."""


@dataclass(slots=True)
class _Run:
    program: Program
    child: processes.Child | None = None
    started: float = 0.0
    restarts: int = 0
    failures: int = 0
    due: float | None = None
    held: bool = False
    last_exit: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Supervisor:
    """Runs a set of programs until told to stop."""

    def __init__(self, programs: Sequence[Program], logs: Path, say: Say) -> None:
        """Nothing runs yet. Logs go to ``<logs>/<name>.log``; ``say`` gets one line per event, from any thread."""
        self._runs = {program.name: _Run(program) for program in programs}
        self._logs = logs
        self._say = say
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._preloader: Preloader | None = None
        self._preloading = threading.Lock()
        self.was_up = False

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by name."""
        children = {name: run.child for name, run in self._runs.items()}
        return {name: child.pid for name, child in children.items() if child is not None and child.poll() is None}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each was started again."""
        return {name: run.restarts for name, run in self._runs.items()}

    @property
    def programs(self) -> tuple[Program, ...]:
        """Its programs."""
        return tuple(run.program for run in self._runs.values())

    def log_file(self, name: str) -> Path:
        """Return the file of a program's output."""
        return self._logs / f"{name}.log"

    def start(self, timeout_s: float) -> None:
        """Start all, stage by stage. Raises StartError if one is not ready in time; then nothing is stopped yet."""
        self._watcher.start()
        until = time.monotonic() + timeout_s
        if any(_is_forked(run.program) for run in self._runs.values()):
            self._current_preloader()  # it imports while the engines start
        begun: list[_Run] = []
        for stage in sorted({run.program.stage for run in self._runs.values()}):
            self._await([run.program.name for run in begun if run.program.needed_from <= stage], until)
            begun = [run for run in begun if run.program.needed_from > stage]
            runs = [run for run in self._runs.values() if run.program.stage == stage]
            with ThreadPoolExecutor(len(runs)) as pool:  # preparing one takes seconds
                list(pool.map(self._begin, runs))
            begun += runs
        self._await([run.program.name for run in begun], until)
        self.was_up = True

    def wait_ready(self, timeout_s: float, names: Sequence[str] | None = None) -> None:
        """Return once all (or the named ones) run and are ready; StartError after ``timeout_s``."""
        self._await(list(names or self._runs), time.monotonic() + timeout_s)

    def stop(self) -> None:
        """Stop all, last stage first; each gets its time and is then killed. Nothing is left when this returns."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for stage in sorted({run.program.stage for run in self._runs.values()}, reverse=True):
            runs = [run for run in self._runs.values() if run.program.stage == stage and run.child is not None]
            if runs:
                with ThreadPoolExecutor(len(runs)) as pool:
                    list(pool.map(self._end, runs))
        if self._preloader is not None:
            self._preloader.stop()

    def hold(self, name: str) -> None:
        """Stop one and leave it stopped until ``release``."""
        run = self._runs[name]
        with run.lock:
            run.held = True
        if run.child is not None:
            self._end(run)

    def release(self, name: str) -> None:
        """Start one that was held."""
        run = self._runs[name]
        with run.lock:
            run.held, run.due, run.failures = False, None, 0
        if run.child is None or run.child.poll() is not None:
            self._begin(run)

    def replace(self, program: Program) -> None:
        """Stop the process of this name in an orderly way and start it as it is described now."""
        self.hold(program.name)
        self._runs[program.name].program = program
        self.release(program.name)

    def run_once(self, module: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
        """Run a module with its arguments to its end: its exit status and what it wrote. Raises ``OSError``.

        As a fork where there can be one, since a process of its own spends most of its time on imports.
        """
        if not can_fork():
            return processes.run_module(module, env)
        with os.fdopen(os.memfd_create("output"), "rb") as output:  # in memory: it may hold a secret
            status = self._current_preloader().start(module, output=output, env=env).wait()
            output.seek(0)
            return status, output.read().decode(errors="replace")

    def _await(self, names: Sequence[str], until: float) -> None:
        with ThreadPoolExecutor(max(len(names), 1)) as pool:  # asking an engine gives it its users and rights
            self._await_with(pool, list(names), until)

    def _await_with(self, pool: ThreadPoolExecutor, waiting: list[str], until: float) -> None:
        while True:
            ready = list(pool.map(self._is_ready, [self._runs[name] for name in waiting]))
            waiting = [name for name, is_ready in zip(waiting, ready, strict=True) if not is_ready]
            if not waiting:
                return
            # Of all: one whose port another program uses seems ready, since that program answers there.
            for run in self._runs.values():
                self._give_up_on_wrong_setting(run)
            if time.monotonic() > until:
                tails = "\n".join(f"--- {name} is not ready; its log ends:\n{self._tail(name)}" for name in waiting)
                raise StartError(tails)
            self._stopping.wait(_TICK_S)
            if self._stopping.is_set():
                raise StartError("stopped while starting")

    def _is_ready(self, run: _Run) -> bool:
        child = run.child
        return child is not None and child.poll() is None and run.program.ready()

    def _give_up_on_wrong_setting(self, run: _Run) -> None:
        if not self.was_up and run.last_exit == EXIT_CONFIG:
            raise StartError(f"{run.program.name} has a wrong setting:\n{self._tail(run.program.name)}")

    def _watch(self) -> None:
        rotate_at = time.monotonic() + _ROTATE_EVERY_S
        while not self._stopping.wait(_TICK_S):
            for run in self._runs.values():
                try:
                    self._look_at(run)
                except Exception as error:  # this thread must go on, whatever one program does
                    with contextlib.suppress(Exception):  # and where a full disk takes not even this line
                        self._say(f"{run.program.name}: {type(error).__name__}: {error}")
            if time.monotonic() > rotate_at:
                rotate_at = time.monotonic() + _ROTATE_EVERY_S
                for name in self._runs:
                    with contextlib.suppress(OSError):
                        processes.rotate(self.log_file(name))

    def _look_at(self, run: _Run) -> None:
        now = time.monotonic()
        with run.lock:
            if run.child is None or run.held or (status := run.child.poll()) is None:
                return
            if run.due is None:
                run.last_exit = status
                self._plan_restart(run, now, _how_it_ended(status))
                return
            if now < run.due:
                return
            run.due = None
        run.restarts += 1
        self._begin(run)

    def _plan_restart(self, run: _Run, now: float, what: str) -> None:
        run.failures = next_failures(run.failures, now - run.started)
        wait_s = backoff(run.failures, 1.0, LONGEST_S, FIRST_S)
        run.due = now + wait_s
        self._say(f"{run.program.name} {what}; starting it again in {wait_s:.1f} s")

    def _begin(self, run: _Run) -> None:
        program = run.program
        with run.lock:
            if run.held or self._stopping.is_set():
                return
            run.started = time.monotonic()
            try:
                program.prepare()
                run.child = self._run(program)
            except Exception as error:
                if run.child is None:  # its first start: the caller waits and must hear of it
                    raise StartError(f"{program.name} cannot be started: {error}") from error
                self._plan_restart(run, time.monotonic(), f"could not be started ({error})")
                return
        self._say(f"{program.name} started (pid {run.child.pid})")

    def _run(self, program: Program) -> processes.Child:
        log = self.log_file(program.name)
        if _is_forked(program):
            return processes.fork(self._current_preloader(), program.command[_MODULE:], log=log, env=program.env)
        return processes.start(program.command, log=log, env=program.env, cwd=program.cwd)

    def _current_preloader(self) -> Preloader:
        """The process that forks; another one where it has ended, which ended all that it had forked."""
        with self._preloading:
            if self._preloader is None or self._preloader.process.poll() is not None:
                self._preloader = processes.preloader()
            return self._preloader

    @property
    def preloader_pid(self) -> int | None:
        """The process id of the one that forks; None where there is none."""
        return self._preloader.process.pid if self._preloader is not None else None

    def _end(self, run: _Run) -> None:
        child, name = run.child, run.program.name
        if child is None:
            return
        began = time.monotonic()
        if child.poll() is None and not processes.stop(child, run.program.stop_limit_s):
            self._say(f"{name} did not stop within {run.program.stop_limit_s:.0f} s and was killed")
            return
        processes.kill(child)
        self._say(f"{name} stopped in {time.monotonic() - began:.1f} s")

    def _tail(self, name: str) -> str:
        try:
            return self.log_file(name).read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:]
        except OSError:
            return "(no log)"


def _is_forked(program: Program) -> bool:
    # What PYTHONPATH names is for Python's start (``sitecustomize``), which a fork does not have.
    return program.preloaded and "PYTHONPATH" not in program.env and can_fork()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
