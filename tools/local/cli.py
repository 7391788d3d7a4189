"""The launcher's commands: ``ieum up``, ``ieum down`` and the others."""

import contextlib
import errno
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import IO

from shared.settings import load
from tools.local import beside, cleaning, compose_secrets, keys, processes
from tools.local.beside import BesideError
from tools.local.jars import JarError
from tools.local.kafka import KafkaError
from tools.local.keys import SecretsError
from tools.local.ports import PortTakenError
from tools.local.settings import LocalSettings
from tools.local.stack import START_LIMIT_S, Stack
from tools.local.state import RENEW, AlreadyRunningError, RunFolder, State
from tools.local.store import StoreError
from tools.local.supervisor import StartError

EXPECTED_ERRORS = (
    AlreadyRunningError,
    BesideError,
    PortTakenError,
    JarError,
    KafkaError,
    SecretsError,
    StartError,
    StoreError,
)
"""Errors of a person's machine: told in their own words, without a traceback."""
_RIGHTS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
ROOM_MB = 200
"""With less on the store's disk intake takes no report (``INTAKE_DISK_REPORTS_MB``)."""
_STOP_LIMIT_S = 90.0
_POLL_S = 0.2


class Stopped(BaseException):  # not an error: somebody asked
    """A signal asked this process to stop."""


def run() -> None:
    """Start everything in the foreground, until Ctrl-C or SIGTERM."""
    stack = Stack(load(LocalSettings), say=say)
    stop_on_signals()
    try:
        stack.start()
        say("everything is ready")
        say_where(stack.urls)
        stay(stack)
    except Stopped:
        say("stopping")
    finally:
        ignore_signals()
        stack.stop()


def stay(stack: Stack) -> None:
    """Keep the stack up until a signal to stop; on SIGUSR1 it takes the secrets as they are in the file now."""
    asked: SimpleQueue[None] = SimpleQueue()
    signal.signal(RENEW, lambda *_: asked.put(None))
    while True:
        asked.get()
        say("taking the secrets as they are now")
        try:
            stack.renew_secrets()
        except Exception as error:  # whatever it was: what runs goes on with the secrets it has
            say(f"not taken: {type(error).__name__}: {error}")


def up() -> None:
    """Start everything in the background; returns when it is ready."""
    settings = load(LocalSettings)
    folder = RunFolder(settings.var / "run")
    if folder.runner() is not None:
        raise AlreadyRunningError(f"Ieum already runs from {settings.var}: see `ieum status`")
    log = settings.var / "logs" / "launcher.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say_room(settings.var)
    processes.rotate(log)
    with log.open("ab") as output:
        began = output.tell()
        launcher = _fork_launcher(output)
    stop_on_signals()
    try:
        state = _follow(launcher, folder, log, began)
    except Stopped:
        os.kill(launcher, signal.SIGTERM)
        os.waitpid(launcher, 0)
        raise
    print_state(state)
    sys.stdout.write("\nfirst administrator: ieum admin invite · logs: ieum logs · stop: ieum down\n")


def _fork_launcher(output: IO[bytes]) -> int:
    """Run ``run`` in the background and return its process id. A fork: importing all this again takes a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setsid()
            os.chdir(processes.PROJECT)
            with Path(os.devnull).open("rb") as nothing:
                os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # a pipe of whoever called us would stay open
            status = guarded(run)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)  # what comes after `up` is its parent's
    return pid


def down() -> None:
    """Stop what `up` or `run` started, from any terminal."""
    settings = load(LocalSettings)
    folder = RunFolder(settings.var / "run")
    pid = folder.runner()
    if pid is None:
        sys.stdout.write("nothing runs here\n")
        return
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_LIMIT_S
    while folder.runner() is not None:
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)  # its children die with it
            sys.stdout.write(f"the launcher (pid {pid}) did not stop in {_STOP_LIMIT_S:.0f} s and was killed\n")
            return
        time.sleep(_POLL_S)
    sys.stdout.write("stopped\n")


def status() -> None:
    """Show each process; exit status 3 if nothing runs, 1 if something is not ready."""
    settings = load(LocalSettings)
    state = RunFolder(settings.var / "run").read()
    if state is None:
        sys.stdout.write("nothing runs here: ieum up\n")
        raise SystemExit(3)
    print_state(state)
    if any(entry.health != "ready" for entry in state.entries):
        raise SystemExit(1)


def logs(names: Sequence[str]) -> None:
    """Follow the logs of all processes, or of the named ones, until Ctrl-C."""
    folder = load(LocalSettings).var / "logs"
    files = [folder / f"{name}.log" for name in names] or sorted(folder.glob("*.log"))
    missing = [file.stem for file in files if not file.exists()]
    if missing or not files:
        have = ", ".join(sorted(file.stem for file in folder.glob("*.log"))) or "none yet"
        raise StartError(f"no log of {', '.join(missing) or 'anything'}; there are: {have}")
    os.execvp("tail", ["tail", "-n", "50", "-F", *map(str, files)])  # noqa: S606  # tail follows better than we would


def secrets() -> None:
    """Print the local secrets, making them if there are none."""
    settings = load(LocalSettings)
    for name, value in keys.ensure(settings.var).items():
        sys.stdout.write(f"{name}={value}\n")


def compose() -> None:
    """Make the secrets of ``deploy/compose``; prints the folder."""
    sys.stdout.write(f"{compose_secrets.ensure(load(LocalSettings).var)}\n")


def rotate_key() -> None:
    """Give reports a new master key while everything runs, and wrap every report's key anew."""
    beside.rotate_master_key(load(LocalSettings), say)


def rotate_receipt_key() -> None:
    """Give new receipts a new key while everything runs."""
    beside.rotate_receipt_key(load(LocalSettings), say)


def rotate_secrets() -> None:
    """Give every user of the engines a new password while everything runs."""
    beside.rotate_secrets(load(LocalSettings), say)


def clean() -> None:
    """Remove data, logs and what tests left below the var folder; the secrets stay."""
    for line in cleaning.clean(load(LocalSettings)):
        sys.stdout.write(f"{line}\n")


def guarded(work: Callable[[], None]) -> int:
    """Run one command; expected trouble becomes lines on stderr. Returns the exit status."""
    try:
        work()
        sys.stdout.flush()
    except EXPECTED_ERRORS as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Stopped:
        return 130
    except BrokenPipeError:  # `ieum status | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.stderr.write(f"{trouble(error)}\n")
        return 1
    return 0


def trouble(error: OSError) -> str:
    """What to do about a folder without rights or without room. Raises any other error as it is."""
    if error.errno in _RIGHTS:
        return (
            f"no right to {error.filename}: run this as the user it belongs to, or set IEUM_VAR_DIR to another folder"
        )
    if error.errno in _ROOM:
        return f"no room on the disk of {error.filename or 'IEUM_VAR_DIR'}: make room there, then try again"
    raise error


def say(line: str) -> None:
    """One line with the time, to standard output; on a full disk nothing: no work may end for what cannot be told."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {line}\n")
        sys.stdout.flush()


def say_where(urls: dict[str, str]) -> None:
    """Print where to look."""
    for name, url in urls.items():
        say(f"  {name:<10} {url}")


def say_room(var: Path) -> None:
    """Say where a disk is full: the lines of engines that end for it name no cause, and their logs have no room."""
    free = shutil.disk_usage(var).free // 1_000_000
    if free < ROOM_MB:
        say(f"the disk of {var} has {free} MB left: make room; below {ROOM_MB} reports are refused and engines may end")


def print_state(state: State) -> None:
    """The table of `status`."""
    sys.stdout.write(f"launcher pid {state.pid}, {state.phase} since {state.started}\n\n")
    sys.stdout.write(f"{'process':<12}{'pid':>8}{'port':>7}{'restarts':>10}  health\n")
    for entry in state.entries:
        pid = entry.pid or "-"
        sys.stdout.write(f"{entry.name:<12}{pid:>8}{entry.port:>7}{entry.restarts:>10}  {entry.health}\n")
    sys.stdout.write("\n")
    for name, url in state.urls.items():
        sys.stdout.write(f"{name:<12}{url}\n")


def stop_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise Stopped in the main thread."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    signal.signal(RENEW, signal.SIG_IGN)  # until there is somebody to renew: its default is to end the process


def ignore_signals() -> None:
    """A second Ctrl-C must not interrupt an orderly end; SIGKILL still does, and takes the children along."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _follow(launcher: int, folder: RunFolder, log: Path, began: int) -> State:
    until = time.monotonic() + START_LIMIT_S + _STOP_LIMIT_S
    with log.open("r", encoding="utf-8", errors="replace") as lines:
        lines.seek(began)
        while True:
            state = folder.read()
            ended = os.waitpid(launcher, os.WNOHANG)[0] == launcher
            _pass_on(lines)
            if ended:
                raise StartError(f"not started; the whole log: {log}")
            ours = state is not None and state.pid == launcher
            if ours and state is not None and state.phase == "up" and all(e.health == "ready" for e in state.entries):
                return state
            if time.monotonic() > until:
                raise StartError(f"not up in time; see {log} and `ieum status`")
            time.sleep(_POLL_S)


def _pass_on(lines: IO[str]) -> None:
    sys.stdout.write(lines.read())
    sys.stdout.flush()
