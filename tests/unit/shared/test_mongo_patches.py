"""What is used of PyMongo without being public: threads that wake for what they have to do, and for nothing else."""

import inspect
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from pymongo import common
from pymongo.synchronous.mongo_client import MongoClient

from shared import mongo_patches
from shared.mongo import connect
from shared.mongo_patches import CURSORS_EVERY_S, WaitingExecutor
from shared.settings import StoreSettings

SECONDS = 10.0
"""Until what is waited for must have happened."""
LEAST_S = 0.05


class Thread:
    """A thread that is due once an hour; counts its passes and how often it woke."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: Callable[[], bool] = lambda: True) -> None:
        self.passes = queue.SimpleQueue[float]()
        self.waits = queue.SimpleQueue[float]()
        self._work = work
        waits = self.waits

        class Signals(queue.SimpleQueue[None]):
            def get(self, block: bool = True, timeout: float | None = None) -> None:  # Python's
                waits.put(timeout or 0.0)
                super().get(block, timeout)

        monkeypatch.setattr(mongo_patches, "SimpleQueue", Signals)
        self.executor = WaitingExecutor(3600, LEAST_S, self._pass, "tried")

    def _pass(self) -> bool:
        self.passes.put(time.monotonic())
        return self._work()


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[Thread]:
    made = Thread(monkeypatch)
    made.executor.open()
    yield made
    made.executor.close()


def test_a_thread_waits_until_it_is_due_and_is_woken_at_once(thread: Thread) -> None:
    thread.passes.get(timeout=SECONDS)
    assert thread.waits.get(timeout=SECONDS) == pytest.approx(3600, abs=SECONDS)
    thread.executor.wake()
    thread.passes.get(timeout=SECONDS)
    assert thread.passes.empty()


def test_a_thread_that_is_woken_all_the_time_rests_between_its_passes(thread: Thread) -> None:
    times = list[float]()
    while len(times) < 4:
        thread.executor.wake()
        try:
            times.append(thread.passes.get(timeout=LEAST_S / 10))
        except queue.Empty:
            continue
    assert all(later - earlier >= LEAST_S for earlier, later in itertools.pairwise(times))


def test_a_thread_that_waits_ends_at_once_and_begins_again(thread: Thread) -> None:
    thread.passes.get(timeout=SECONDS)
    thread.waits.get(timeout=SECONDS)
    thread.executor.close()
    thread.executor.join(SECONDS)  # type: ignore[arg-type]  # PyMongo says whole seconds
    assert "tried" not in {one.name for one in threading.enumerate()}
    thread.executor.open()
    thread.passes.get(timeout=SECONDS)


def test_a_thread_asked_not_to_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [True, True, False]

    def work() -> bool:
        restless.executor.skip_sleep()
        return left.pop(0)

    restless = Thread(monkeypatch, work)
    restless.executor.open()
    restless.executor.join(SECONDS)  # type: ignore[arg-type]  # as above
    assert left == []
    assert restless.waits.empty()


def test_a_client_of_ours_has_such_threads() -> None:
    client = connect(StoreSettings(uri=SecretStr("mongodb://127.0.0.1:1")), "intake").client
    try:
        cursors = client.delegate._kill_cursors_executor
        assert isinstance(cursors, WaitingExecutor)
        assert cursors._interval == CURSORS_EVERY_S
    finally:
        client.close()


def test_pymongo_itself_still_sleeps_half_a_second_at_a_time() -> None:
    (theirs,) = WaitingExecutor.__bases__
    assert common.MIN_HEARTBEAT_INTERVAL == 0.5
    assert "time.sleep(self._min_interval)" in inspect.getsource(theirs)
    assert "common.KILL_CURSOR_FREQUENCY" in inspect.getsource(MongoClient)
