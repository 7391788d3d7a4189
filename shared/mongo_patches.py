"""Every private part of PyMongo that is used here, and why.

- How a client's background threads wait (PyMongo's PYTHON-983): each sleeps half a second at a time and then looks
  whether it was woken, because ``threading.Event`` was costly in Python 2 and may not be set where objects are freed.
  An idle process woke four times a second for the two that it has. ``queue.SimpleQueue`` may be used there, so here
  they wait until they are due, and are woken or ended at once.
- How often a client looks for cursors that were given up and for connections that were idle for too long: every
  second, and no option says otherwise. The server ends such a cursor by itself after ten minutes.

``tests/unit/shared/test_mongo_patches.py`` fails once one of them is not needed any more.
"""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

from pymongo import common, periodic_executor
from pymongo.periodic_executor import PeriodicExecutor

CURSORS_EVERY_S: Final = 10


def wake_rarely() -> None:
    """Make every client of this process that is made from now on wake for what it has to do. May be repeated."""
    periodic_executor.PeriodicExecutor = WaitingExecutor  # type: ignore[misc, assignment]  # in its place
    common.KILL_CURSOR_FREQUENCY = CURSORS_EVERY_S


class WaitingExecutor(PeriodicExecutor):
    """A background thread that waits until it is due, woken or closed. Its pace is that of PyMongo's own."""

    def __init__(self, interval: float, min_interval: float, target: Callable[[], object], name: str | None) -> None:
        super().__init__(interval, min_interval, target, name)
        self._signals = SimpleQueue[None]()

    def wake(self) -> None:
        """Run the target soon, at least ``min_interval`` after it ended last."""
        super().wake()
        self._signals.put(None)

    def close(self, dummy: Any = None) -> None:  # noqa: ANN401  # PyMongo's, which makes it a callback of ``weakref``
        """End the thread, which may be started again."""
        super().close(dummy)
        self._signals.put(None)

    def _run(self) -> None:
        while not self._should_stop():
            try:
                if not self._target():
                    self._stopped = True
                    break
            except BaseException:
                with self._lock:
                    self._stopped = True
                    self._thread_will_exit = True
                raise
            if self._skip_sleep:
                self._skip_sleep = False
            else:
                began = time.monotonic()
                self._wait_until(began + self._interval, woken=True)
                self._wait_until(began + self._min_interval, woken=False)
            self._event = False

    def _wait_until(self, deadline: float, *, woken: bool) -> None:
        """Wait until then or until it is closed, and no longer than until it is ``woken``."""
        while not self._stopped and not (woken and self._event) and (left := deadline - time.monotonic()) > 0:
            try:
                self._signals.get(timeout=left)
            except Empty:
                return
