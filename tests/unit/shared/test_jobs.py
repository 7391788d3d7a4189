"""Periodic work: each job fails and recovers alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from shared import jobs as module
from shared.backoff import backoff
from shared.errors import FatalError, TransientError
from shared.health import Health
from shared.jobs import Jobs, Skipped, SkippedError
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.support.waiting import eventually

EVERY_S = 60.0


class Work:
    """A job's work that fails as often as it is told to."""

    def __init__(self, *fails: BaseException) -> None:
        self.fails = list(fails)
        self.passes = 0

    async def __call__(self) -> None:
        self.passes += 1
        if self.fails:
            raise self.fails.pop(0)


class House:
    """A supervisor on a clock that stands still; waits after failures are written down and not waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock(datetime(2026, 11, 27, tzinfo=UTC))
        self.health = Health()
        self.jobs = Jobs(self.health, self.clock)
        self.waits: list[float] = []
        real = backoff

        def noted(attempt: int, _: float, most: float) -> float:
            self.waits.append(real(attempt, 1.0, most))
            return 0.0

        monkeypatch.setattr(module, "backoff", noted)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.jobs.run())
        yield task
        task.cancel()
        await asyncio.wait([task])

    def word(self) -> str | None:
        return self.health.degraded["jobs"]()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def passed(work: Work, number: int) -> Callable[[], Awaitable[bool]]:
    async def so_often() -> bool:
        return work.passes == number

    return so_often


def metric(name: str, job: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"job_name": job})


async def test_a_job_that_fails_is_named_counted_tried_again_and_takes_nothing_with_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = Work(*[ValueError("Kim, 010-1234-5678")] * 5), Work()
    house.jobs.every(EVERY_S, "t-retention", bad)
    house.jobs.every(EVERY_S, "t-other", good)
    assert house.word() is None
    async with house.running() as task:
        bad.fails.append(asyncio.CancelledError())  # a future it waited for was cancelled
        seen: list[str | None] = []
        real = house.jobs._failed

        def failed(name: str, error: BaseException) -> None:
            real(name, error)
            seen.append(house.word())

        house.jobs._failed = failed  # type: ignore[method-assign]  # to look between two attempts
        await eventually(passed(bad, 7), "it goes on until it succeeds")
        assert seen == ["degraded: t-retention"] * 6
        assert house.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
        assert house.word() is None
        assert (good.passes, task.done()) == (1, False)
        await house.clock.advance(EVERY_S)
        await eventually(passed(bad, 8), "and then at its own pace")
        await eventually(passed(good, 2))
    assert metric("ieum_job_failures_total", "t-retention") == 6
    assert metric("ieum_job_failing", "t-retention") == 0
    assert metric("ieum_job_failures_total", "t-other") == 0
    said = capsys.readouterr()
    told = said.out + said.err
    assert "job.failed" in told
    assert "ValueError" in told
    assert "job.recovered" in told
    assert "010-1234" not in told, "the text of an error that is not ours may repeat what a person wrote"


async def test_back_off_grows_to_the_period_and_never_beyond_five_minutes(house: House) -> None:
    often, seldom = Work(*[TransientError("away")] * 20), Work(*[TransientError("away")] * 20)
    house.jobs.every(0.5, "t-often", often)
    async with house.running():
        await eventually(passed(often, 21))
    assert max(house.waits) == module.SHORTEST_LIMIT_S
    house.waits.clear()
    jobs = Jobs(house.health, house.clock)
    jobs.every(86_400, "t-seldom", seldom)
    house.jobs = jobs
    async with house.running():
        await eventually(passed(seldom, 21))
    assert max(house.waits) == module.LONGEST_LIMIT_S


@pytest.mark.parametrize("error", [FatalError("memory is wrong"), ExceptionGroup("", [FatalError("memory is wrong")])])
async def test_what_ends_the_process_on_purpose_still_does(house: House, error: Exception) -> None:
    house.jobs.every(EVERY_S, "t-fatal", Work(error))
    with pytest.raises(ExceptionGroup) as raised:
        await house.jobs.run()
    assert raised.value.subgroup(FatalError) is not None


async def test_the_end_of_the_process_ends_every_job_in_the_middle_of_what_it_does(house: House) -> None:
    stopped: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("endless")

    work = Work()
    house.jobs.endless("t-endless", endless)
    house.jobs.every(EVERY_S, "t-every", work)
    async with house.running() as task:
        await eventually(passed(work, 1))
    assert task.cancelled()
    assert stopped == ["endless"]
    assert metric("ieum_job_failures_total", "t-endless") == 0


async def test_a_document_that_cannot_be_handled_degrades_its_job_and_slows_nothing(house: House) -> None:
    handled: list[str] = []
    documents = ["bad", "good"]

    async def walk() -> None:
        skipped = Skipped("t-walk")
        for document in documents:
            with skipped.on_error(document):
                if document == "bad":
                    raise KeyError("facts")
                handled.append(document)
        skipped.raise_if_any()

    house.jobs.every(EVERY_S, "t-walk", walk)
    async with house.running():

        async def rounds(number: int) -> bool:
            return len(handled) == number

        await eventually(lambda: rounds(1))
        await eventually(lambda: _is(house.word, "degraded: t-walk"))
        assert house.waits == []
        await house.clock.advance(EVERY_S)
        await eventually(lambda: rounds(2))
        assert metric("ieum_documents_skipped_total", "t-walk") == 2
        documents.remove("bad")
        await house.clock.advance(EVERY_S)
        await eventually(lambda: _is(house.word, None), "it recovers once the document is gone")
    assert metric("ieum_job_failing", "t-walk") == 0


async def _is(word: Callable[[], str | None], wanted: str | None) -> bool:
    return word() == wanted


def test_a_store_that_is_away_is_no_fault_of_a_document() -> None:
    skipped = Skipped("t-away")
    for error in (TransientError("away"), FatalError("over")):
        with pytest.raises(type(error)), skipped.on_error("one"):
            raise error
    skipped.raise_if_any()
    assert skipped.readable([{"_id": 1}, {"_id": 2, "name": "b"}], lambda document: document["name"]) == ["b"]
    assert skipped.references == ["1"]
    with pytest.raises(SkippedError, match="1 documents"):
        skipped.raise_if_any()


def test_a_document_is_logged_again_when_its_error_changes_or_too_many_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged: dict[str, object] = {}

    def lines(*errors: Exception, reference: str = "one") -> int:
        with capture_logs() as said:
            for error in errors:
                Skipped("t-logged", logged).add(reference, error)
        return len(said)

    assert lines(KeyError("a"), KeyError("b"), ValueError("c"), ValueError("d")) == 2
    monkeypatch.setattr(module, "MOST_LOGGED", 2)
    assert lines(KeyError("a"), reference="two") == lines(KeyError("a"), reference="three") == 1
    assert set(logged) == {"three"}


async def test_an_endless_job_begins_again_and_has_recovered_once_it_ran_for_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEADY_S", 0.05)
    work, said = Work(OSError("gone"), OSError("gone")), list[str | None]()

    async def loop() -> None:
        await work()
        said.append(house.word())  # right when it works: a little later it has recovered
        await asyncio.Event().wait()

    house.jobs.endless("t-loop", loop)
    async with house.running():
        await eventually(passed(work, 3))
        assert said == ["degraded: t-loop"]
        await eventually(lambda: _is(house.word, None))
    assert house.waits == [0.1, 0.2]


async def test_a_job_is_woken_before_its_time_and_may_wait_for_the_first(house: House) -> None:
    work, wake = Work(), asyncio.Event()
    house.jobs.every(3600, "t-woken", work, wake=wake, at_once=False)
    async with house.running():
        for number in (1, 2):
            assert work.passes == number - 1
            wake.set()
            await eventually(passed(work, number))
            assert not wake.is_set()


async def test_a_jobs_pace_may_change(house: House) -> None:
    work, paces = Work(), [1.0, 2.0, 3.0]
    house.jobs.every(lambda: paces.pop(0) if paces else EVERY_S, "t-paced", work)
    async with house.running():
        for number in range(1, 5):
            await eventually(passed(work, number))
            await house.clock.advance(number)


async def test_a_job_rests_while_there_is_nothing_that_it_is_for(house: House) -> None:
    work, there = Work(), asyncio.Event()
    house.jobs.every(EVERY_S, "t-resting", work, only_while=there)

    async def settled() -> int:
        for _ in range(100):
            await asyncio.sleep(0)
        return work.passes

    async with house.running():
        assert await settled() == 0
        there.set()
        assert await settled() == 1
        there.clear()
        await house.clock.advance(EVERY_S)
        assert await settled() == 1
        there.set()
        assert await settled() == 2
        await house.clock.advance(EVERY_S)
        assert await settled() == 3


async def test_a_job_that_rests_is_not_called_failing(house: House) -> None:
    there = asyncio.Event()

    async def fails() -> None:
        raise TransientError("store: away")

    async def failing() -> bool:
        return house.word() is not None

    async def resting() -> bool:
        return house.word() is None and metric("ieum_job_failing", "t-failing-rests") == 0

    house.jobs.every(EVERY_S, "t-failing-rests", fails, only_while=there)
    async with house.running():
        there.set()
        await eventually(failing)
        there.clear()
        await eventually(resting)
        there.set()
        await eventually(failing)


def test_two_jobs_of_one_name_are_refused(house: House) -> None:
    house.jobs.every(1, "t-same", Work())
    with pytest.raises(ValueError, match="two jobs have the name t-same"):
        house.jobs.endless("t-same", Work())
