"""How a process begins and ends: signals, a watchdog for a silent loop, and an end that cannot hang.

A worker that meets what it does not understand stops hard and is started again by its supervisor; nothing that matters
lives only in memory. Exit codes: 0 asked to stop, 70 (EX_SOFTWARE) stopped by itself, 71 (EX_OSERR) the event loop was
silent, 75 (EX_TEMPFAIL) a command could not ask what it needs, run it again; 78 (EX_CONFIG) a setting is wrong.
"""

import asyncio
import contextlib
import faulthandler
import importlib
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from shared import log, spans
from shared.errors import IeumError
from shared.settings import SettingsError

_log = log.get(__name__)

EXIT_FATAL: Final = 70
EXIT_AWAY: Final = 75
EXIT_CONFIG: Final = 78
EXIT_SILENT: Final = 71
GRACE_SECONDS: Final = 25.0
"""From the first signal to a hard end; Kubernetes gives 30 by default."""
SILENCE_SECONDS: Final = 30.0
"""How long the event loop may be silent. No work of this project holds it for a hundredth of that."""
_DEBUGGED_FACTOR: Final = 5
_TICKS: Final = 15
"""So many times within the limit, every two seconds, the watchdog asks the loop for an answer, which wakes it."""
_FRAMES: Final = 12


def run_service(module: str) -> NoReturn:
    """Import a service's ``main`` module and run it: ``services.routing.main``."""
    run(importlib.import_module(module).run)


def run(main: Callable[[], Awaitable[None]]) -> NoReturn:
    """Run a service until it returns, is asked to stop, or fails; never returns and never waits for stray threads."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    threading.Thread(target=watch, args=(loop,), name="watchdog", daemon=True).start()
    try:
        loop.run_until_complete(_supervise(main))
    except SystemExit as error:
        lines = str(error)
        if lines and not lines.isdigit():
            sys.stderr.write(f"{lines}\n")
        leave(error.code if isinstance(error.code, int) else int(error.code is not None))
    except BaseException as error:
        die("process.failed", error)
    spans.shut_down()  # here, since no exit handler runs
    leave(0)


def run_command(main: Callable[[], int]) -> NoReturn:
    """Run a command and end with its exit status; a wrong setting is one line each and status 78, as in a service."""
    sys.exit(status_of(main))


def status_of(main: Callable[[], int]) -> int:
    """Run a command to its exit status; a wrong setting is one line each."""
    try:
        return main()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG


def die(event: str, error: BaseException | None = None, **fields: object) -> NoReturn:
    """Log why and end the process at once with status 70.

    Of errors that are not ours only type and place are logged: their text may repeat what a person wrote.
    """
    if error is not None:
        fields |= error_fields(error)
    with contextlib.suppress(Exception):
        _log.critical(event, **fields)
    leave(EXIT_FATAL)


def error_fields(error: BaseException) -> dict[str, object]:
    """Return what may be logged of an error: type, place, and only our own errors' text. Of a group, its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    told: dict[str, object] = {"error": type(error).__name__, "where": _places(error)}
    return told | ({"detail": str(error)} if isinstance(error, IeumError) else {})


def leave(code: int) -> NoReturn:
    """Flush what was written and end the process without waiting for threads or exit handlers."""
    for handler in logging.getLogger().handlers:
        with contextlib.suppress(Exception):
            handler.flush()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


class Silence:
    """Adds up how long the event loop has not answered, by the watchdog's own ticks.

    A process that was stopped (SIGSTOP, a sleeping laptop) makes one late tick, and a tick never counts for more than
    twice its length: the time it was stopped is not held against it.
    """

    def __init__(self, tick_s: float) -> None:
        self.seconds = 0.0
        self._longest = 2 * tick_s
        self._seen = -1

    def tick(self, answers: int, elapsed: float) -> float:
        """One look: ``answers`` as counted so far, ``elapsed`` seconds since the last look. Returns the silence."""
        if answers != self._seen:
            self._seen = answers
            self.seconds = 0.0
        else:
            self.seconds += min(elapsed, self._longest)
        return self.seconds


def watch(loop: asyncio.AbstractEventLoop, limit: float = SILENCE_SECONDS) -> None:
    """Body of the watchdog thread: ends the process with status 71 when the loop is silent for ``limit`` seconds."""
    answers = 0

    def answer() -> None:
        nonlocal answers
        answers += 1

    tick_s = limit / _TICKS
    silence = Silence(tick_s)
    last = time.monotonic()
    while True:
        loop.call_soon_threadsafe(answer)
        time.sleep(tick_s)
        now = time.monotonic()
        quiet = silence.tick(answers, now - last)
        last = now
        if quiet >= limit * (_DEBUGGED_FACTOR if sys.gettrace() is not None else 1):
            os.write(2, b'{"event": "process.loop_silent", "level": "critical"}\n')
            faulthandler.dump_traceback(all_threads=True)
            os._exit(EXIT_SILENT)


async def _supervise(main: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main())
    asked = False

    def stop(number: int) -> None:
        nonlocal asked
        if asked:
            die("process.stopped_hard", signal=signal.Signals(number).name)
        asked = True
        _log.info("process.stopping", signal=signal.Signals(number).name)
        loop.call_later(GRACE_SECONDS, die, "process.stop_took_too_long")
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not asked:
            raise
    _log.info("process.stopped")


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{os.path.relpath(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
