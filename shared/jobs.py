"""Periodic work of one process: each job fails and recovers alone.

A job that raises is logged (``job.failed``), counted, tried again with back-off, and named in readiness as degraded
until a pass succeeds. HTTP, consumers and the other jobs go on. A document that a pass cannot handle is left out
(``Skipped``): the others are handled, and the job stays degraded while the document is there.

Degraded is answered with 200. Readiness asks whether this process should be sent requests, and a failed retention pass
says nothing about that: taking the process out of service would close the form or the console, and the same job would
fail in the process that replaces it. People hear of it by the metric ``ieum_job_failing``.

``FatalError`` still ends the process: it says that memory can no longer be trusted. So does what consumers end for;
they are no jobs.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from prometheus_client import Counter, Gauge

from shared import log
from shared.backoff import backoff
from shared.clock import Clock
from shared.errors import FatalError, IeumError, TransientError
from shared.health import Health
from shared.metrics import REGISTRY
from shared.process import error_fields

_log = log.get(__name__)

SHORTEST_LIMIT_S: Final = 10.0
"""Back-off may grow to this even for a job that runs more often, and for an endless one."""
LONGEST_LIMIT_S: Final = 300.0
"""Back-off never grows beyond this, however seldom the job runs."""
STEADY_S: Final = 30.0
"""An endless job that has run for so long after a failure has recovered. Longer than its longest back-off."""

# Not ``job``: Prometheus gives every target a label of that name.
FAILURES: Final = Counter("ieum_job_failures", "Passes of periodic work that failed.", ["job_name"], registry=REGISTRY)
FAILING: Final = Gauge(
    "ieum_job_failing", "Failures in a row of a job; 0 while it works.", ["job_name"], registry=REGISTRY
)
SKIPPED: Final = Counter(
    "ieum_documents_skipped",
    "Times a stored document could not be handled and was left out, by job or page.",
    ["job_name"],
    registry=REGISTRY,
)

MOST_LOGGED: Final = 1_000
"""Documents of which a reader remembers what it logged; with more of them they are all logged again."""

Work = Callable[[], Awaitable[object]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Periodic:
    name: str
    work: Work
    pace_s: Callable[[], float]
    wake: asyncio.Event | None
    gather_s: float
    at_once: bool
    only_while: asyncio.Event | None


class Jobs:
    """All periodic work of one process."""

    def __init__(self, health: Health, clock: Clock) -> None:
        """Failing jobs are named under ``jobs`` in ``health``; ``clock`` is what periods are measured with."""
        self._clock = clock
        self._jobs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._failures: dict[str, int] = {}
        health.degraded["jobs"] = self.check

    def every(
        self,
        seconds: float | Callable[[], float],
        name: str,
        work: Work,
        *,
        wake: asyncio.Event | None = None,
        gather_s: float = 0.0,
        at_once: bool = True,
        only_while: asyncio.Event | None = None,
    ) -> None:
        """Add a job whose next pass begins ``seconds`` after the last one ended, or ``gather_s`` after ``wake`` is set.

        ``seconds`` that may change are a function, which is asked after each pass. The first pass begins at once unless
        ``at_once`` is False. ``wake`` is cleared before the pass it caused.
        No pass begins, nothing wakes for one, and the job does not count as failing, while ``only_while`` is not set.
        """
        pace_s = seconds if callable(seconds) else lambda: seconds
        job = _Periodic(name, work, pace_s, wake, gather_s, at_once, only_while)
        self._add(name, lambda: self._repeat(job))

    def endless(self, name: str, work: Work) -> None:
        """Add a job that loops itself and should not return; it is restarted if it does."""
        self._add(name, lambda: self._keep(name, work))

    async def run(self) -> None:
        """Run every job until cancelled. Raises only what ends the process on purpose: ``FatalError``."""
        async with asyncio.TaskGroup() as tasks:
            for name, job in self._jobs.items():
                tasks.create_task(job(), name=name)

    def check(self) -> str | None:
        """For health: the failing jobs, or None."""
        return f"degraded: {', '.join(sorted(self._failures))}" if self._failures else None

    def _add(self, name: str, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name in self._jobs:
            raise ValueError(f"two jobs have the name {name}: give each its own, it is a label of metrics")
        self._jobs[name] = job
        FAILURES.labels(name)
        FAILING.labels(name).set(0)

    async def _repeat(self, job: _Periodic) -> None:
        if not job.at_once:
            await self._pause(job)
        while True:
            if job.only_while is not None and not job.only_while.is_set():
                self._recovered(job.name)  # there is nothing left that it fails to do
                await job.only_while.wait()
            if await self._attempt(job.name, job.work):
                await self._pause(job)
            else:
                await self._back_off(job.name, min(max(job.pace_s(), SHORTEST_LIMIT_S), LONGEST_LIMIT_S))

    async def _keep(self, name: str, work: Work) -> None:
        while True:
            steady = asyncio.get_running_loop().call_later(STEADY_S, self._recovered, name)
            try:
                await self._attempt(name, work)
            finally:
                steady.cancel()
            await self._back_off(name, SHORTEST_LIMIT_S)

    async def _attempt(self, name: str, work: Work) -> bool:
        """Do the work once; False where it broke off."""
        try:
            await work()
        except SkippedError as error:
            self._failed(name, error)
            return True  # everything else was handled: no reason to wait longer for what is due next
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._failed(name, error)  # something it waited for was cancelled: the job was not
        except Exception as error:
            if _ends_the_process(error):
                raise
            self._failed(name, error)
        else:
            self._recovered(name)
            return True
        return False

    def _failed(self, name: str, error: BaseException) -> None:
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        FAILURES.labels(name).inc()
        FAILING.labels(name).set(failures)
        if failures & (failures - 1) == 0:  # the 1st, 2nd, 4th, 8th, ...: the metric has every one
            level = logging.WARNING if isinstance(error, TransientError) else logging.ERROR
            _log.log(level, "job.failed", job=name, failures=failures, **error_fields(error))

    def _recovered(self, name: str) -> None:
        if (failures := self._failures.pop(name, 0)) > 0:
            FAILING.labels(name).set(0)
            _log.info("job.recovered", job=name, failures=failures)

    async def _pause(self, job: _Periodic) -> None:
        if job.wake is None:
            await self._clock.sleep(job.pace_s())
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(job.pace_s()):
                await job.wake.wait()
                await asyncio.sleep(job.gather_s)
        job.wake.clear()

    async def _back_off(self, name: str, limit: float) -> None:
        chance = random.random()  # noqa: S311  # spreading, not secrecy
        # By the machine's clock, whatever clock the work goes by.
        await asyncio.sleep(backoff(self._failures.get(name, 1), chance, limit))


class SkippedError(IeumError):
    """A pass left out documents that it could not handle, and handled all others."""


class Skipped:
    """The documents one pass leaves out."""

    def __init__(self, job: str, logged: dict[str, object] | None = None) -> None:
        """``job`` is the label of the metric and of the log.

        ``logged`` keeps, for a reader that asks every few seconds, what the log was told of each document: it is told
        again only when the error changes, or after the document could be read in between. Each pass is counted.
        """
        self._job = job
        self._logged = logged if logged is not None else {}
        self.references: list[str] = []

    @contextmanager
    def on_error(self, reference: str) -> Iterator[None]:
        """Leave a document out if the block raises: log and count it. ``reference`` names it and holds nothing of it.

        The store or broker being away (``TransientError``) is no fault of the document and is raised.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, TransientError) or _ends_the_process(error):
                raise
            self.add(reference, error)
        else:
            self._logged.pop(reference, None)

    def add(self, reference: str, error: Exception) -> None:
        """Leave a document out because of an error."""
        self.references.append(reference)
        SKIPPED.labels(self._job).inc()
        told = error_fields(error)
        if self._logged.get(reference) == told:
            return
        if len(self._logged) >= MOST_LOGGED:
            self._logged.clear()
        self._logged[reference] = told
        _log.error("job.document_skipped", job=self._job, reference=reference, **told)

    def readable(self, documents: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], T]) -> list[T]:
        """Return the result of ``read`` for each document that it can read; the others are left out."""
        found = []
        for document in documents:
            with self.on_error(str(document["_id"])):
                found.append(read(document))
        return found

    def raise_if_any(self) -> None:
        """End a pass: raises ``SkippedError`` if a document was left out, so that the job counts as failed."""
        if self.references:
            raise SkippedError(f"{len(self.references)} documents were left out; their references are in the log")


def _ends_the_process(error: Exception) -> bool:
    return isinstance(error, FatalError) or (
        isinstance(error, ExceptionGroup) and error.subgroup(FatalError) is not None
    )
