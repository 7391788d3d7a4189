"""Cut off at any point: between a withdrawal and its event, between the steps of a key's death, in the daily job.

A process is cut off by an exception nothing catches at the very place, and by ending everything it was doing; another
process on the same store then has to finish.
"""

import asyncio
from typing import Any, NoReturn

import pytest

from services.intake.reports.documents import Document
from services.intake.reports.repository import ReportRepository
from services.intake.retention.jobs import DAILY, ErasureJob
from shared.clock import seoul_day
from shared.outbox import Relay
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running
from tests.integration.intake.holding import Holder, audit_of, erased, holder, nothing_pending, owned
from tests.support.clock import JumpClock
from tests.support.erasing import faults
from tests.support.waiting import eventually

Settings = tuple[KafkaSettings, StoreSettings]


class CutOffError(BaseException):
    """The process is gone."""


async def _gone(*_: Any, **__: Any) -> NoReturn:
    raise CutOffError


@pytest.fixture
def given(bus_settings: KafkaSettings, store_settings: StoreSettings) -> Settings:
    return bus_settings, store_settings


async def _sound(harness: IntakeHarness, clock: JumpClock) -> None:
    assert faults(await harness.collection.find({}).to_list(None), clock.now()) == []


async def test_between_a_withdrawal_and_its_event(given: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = JumpClock()
    async with running(*given, clock=clock) as first:
        someone = await holder(first)
        await eventually(lambda: nothing_pending(first))
    with monkeypatch.context() as patch:

        async def silent(_: Relay) -> None:
            await asyncio.Event().wait()

        def cut(*_: Any) -> NoReturn:
            raise CutOffError

        patch.setattr(Relay, "run", silent)
        patch.setattr(Relay, "enqueue", cut)
        async with running(*given, clock=clock) as second:
            with pytest.raises(CutOffError):
                await Holder(second, vars(someone)).post("withdraw")
            assert len(await second.log()) == 1
    async with running(*given, clock=clock) as third:
        there = Holder(third, vars(someone))
        assert (await third.status(there.receipt))["state"] == "withdrawn"
        events = await there.published()
        assert [event["intake_version"] for event in events] == [1, 2]
        assert "withdrawn_at" in events[1]
        await _sound(third, clock)


async def test_between_a_withdrawal_at_once_and_the_death_of_its_key(
    given: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = JumpClock()
    with monkeypatch.context() as patch:
        patch.setattr(ErasureJob, "destroy", _gone)
        async with running(*given, clock=clock, erasure_pace_s=3600) as first:
            someone = await holder(first, word="umbrella")
            with pytest.raises(CutOffError):
                await someone.post("withdraw", word="umbrella", at_once=True, understood=True)
            assert not await erased(someone)
    async with running(*given, clock=clock, erasure_pace_s=0.1) as second:
        there = Holder(second, vars(someone))
        await eventually(lambda: erased(there))
        # At least once: what was cut off may be published again, as the same version.
        assert list(dict.fromkeys(event["intake_version"] for event in await there.published())) == [1, 2]
        await _sound(second, clock)


@pytest.mark.parametrize("after_the_write", [False, True])
async def test_between_the_steps_of_a_keys_death(
    given: Settings, monkeypatch: pytest.MonkeyPatch, *, after_the_write: bool
) -> None:
    clock, real = JumpClock(), ReportRepository.erase

    async def cut(self: ReportRepository, *arguments: Any) -> NoReturn:
        if after_the_write:
            await real(self, *arguments)
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(ReportRepository, "erase", cut)
        async with running(*given, clock=clock, erasure_pace_s=3600) as first:
            someone = await holder(first)
            await someone.done("withdraw")
            clock.jump(hours=73)
            with pytest.raises(CutOffError):
                await first.intake.erasure_job.minute()
            assert await erased(someone) is after_the_write
            # Said before it is done: the audit has it either way.
            assert ("erasures.destroy", "done", "withdrawn") in await audit_of(first, someone.report_id)
    async with running(*given, clock=clock, erasure_pace_s=0.1) as second:
        there = Holder(second, vars(someone))
        await eventually(lambda: erased(there))
        await _sound(second, clock)
        assert (await second.status(there.receipt))["state"] == "erased"
        assert await second.intake.audit.verify() == []


async def test_in_the_middle_of_the_daily_job(given: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real, written = JumpClock(), ReportRepository.write, 0

    async def second_one_is_cut(self: ReportRepository, *arguments: Any, **more: Any) -> Document | None:
        nonlocal written
        written += 1
        if written > 1:
            raise CutOffError
        return await real(self, *arguments, **more)

    async with running(*given, clock=clock) as first:
        people = [await holder(first) for _ in range(3)]
        for someone in people:
            await owned(someone, closed=True)
        clock.jump(days=365 * 5 + 3)
        with monkeypatch.context() as patch:
            patch.setattr(ReportRepository, "write", second_one_is_cut)
            with pytest.raises(CutOffError):
                await first.intake.erasure_job.daily()
        assert await first.collection.count_documents({"life.plan.cause": "retention"}) == 1
        # This process has the job for as long as the lease says, dead or not.
        now = clock.now()
        assert not await first.intake.reports.claim(DAILY, seoul_day(now), "another process", now)
    clock.jump(minutes=11)
    async with running(*given, clock=clock, erasure_pace_s=0.1) as second:

        async def all_announced() -> bool:
            return bool(await second.collection.count_documents({"life.plan.cause": "retention"}) == len(people))

        await eventually(all_announced)
        clock.jump(hours=25)

        async def all_gone() -> bool:
            return all([await erased(Holder(second, vars(someone))) for someone in people])

        await eventually(all_gone)
        await _sound(second, clock)
