"""An intake whose clock is wrong: it ends no report, and no time in which somebody may change their mind."""

from datetime import timedelta
from typing import NoReturn

import pytest

from services.intake.caller import Caller
from services.intake.phone import rules as call_rules
from services.intake.phone.submitting import CallSubmitter
from services.intake.retention.jobs import DAILY
from services.intake.retention.rules import UNDO_FOR
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.settings import KafkaSettings, StoreSettings
from shared.store_clock import MOST_APART, ClocksApartError
from tests.integration.intake.calling import LEAST, Operator, receipt_on, stored
from tests.integration.intake.harness import running
from tests.integration.intake.holding import Holder, erased, holder
from tests.support.clock import JumpClock
from tests.support.waiting import eventually

_MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("days", [-4, 4])
async def test_a_withdrawal_there_can_be_undone_for_as_long_as_everywhere(
    bus_settings: KafkaSettings, store_settings: StoreSettings, days: int
) -> None:
    right, wrong = SystemClock(), JumpClock()
    wrong.jump(days=days)
    async with (
        running(bus_settings, store_settings, clock=wrong, store_clock=right) as there,
        running(bus_settings, store_settings, clock=right) as elsewhere,
    ):
        someone = await holder(there)
        await someone.done("withdraw")
        withdrawn = (await someone.stored())["life"]["withdrawal"]
        assert abs(withdrawn["at"] - right.now()) < _MINUTE
        assert abs(withdrawn["undo_until"] - max(right.now(), wrong.now()) - UNDO_FOR) < _MINUTE
        with pytest.raises(ClocksApartError):
            await there.intake.erasure_job.minute()
        assert await elsewhere.intake.erasure_job.minute() == 0
        await there.collection.database["jobs"].delete_one({"_id": DAILY})  # the first pass of the day is over
        await elsewhere.intake.erasure_job.daily()

        async def as_long_as_any() -> bool:
            planned = (await someone.stored())["life"]["plan"]["at"]
            return bool(planned - right.now() < UNDO_FOR + MOST_APART + _MINUTE)

        await eventually(as_long_as_any)
        assert not await erased(someone)
        assert (await someone.done("reinstate"))["state"] != "withdrawn"
        assert abs((await someone.stored())["life"]["reinstated_at"] - right.now()) < _MINUTE


async def test_a_withdrawal_while_the_stores_clock_was_behind_can_be_undone_once_it_is_right(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    """Nothing told which of the two was wrong."""
    right, of_store = SystemClock(), JumpClock()
    of_store.jump(days=-4)
    async with running(bus_settings, store_settings, clock=right, store_clock=of_store) as harness:
        someone = await holder(harness)
        await someone.done("withdraw")
        of_store.jump(days=4)
        assert await harness.intake.erasure_job.minute() == 0
        assert not await erased(someone)
        assert (await someone.done("reinstate"))["state"] != "withdrawn"


async def test_what_was_withdrawn_before_the_stores_clock_was_ahead_can_still_be_undone(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    right, of_store = SystemClock(), JumpClock()
    async with running(bus_settings, store_settings, clock=right, store_clock=of_store) as harness:
        someone = await holder(harness)
        await someone.done("withdraw")
        of_store.jump(days=4)
        assert (await someone.done("reinstate"))["state"] != "withdrawn"


async def test_what_is_asked_for_at_once_is_destroyed_by_a_process_whose_clock_is_right(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    right, wrong = SystemClock(), JumpClock()
    wrong.jump(hours=1)
    async with running(bus_settings, store_settings, clock=wrong, store_clock=right) as there:
        someone = await holder(there, word="umbrella")
        told = await someone.done("withdraw", word="umbrella", at_once=True, understood=True)
        assert (told["state"], told["erasure"]) == ("withdrawn", "planned")
        assert not await erased(someone)
    async with running(bus_settings, store_settings, clock=right) as elsewhere:
        await elsewhere.intake.erasure_job.minute()
        assert await erased(Holder(elsewhere, vars(someone)))


async def test_a_call_sent_there_is_kept_until_it_is_a_report(
    bus_settings: KafkaSettings, store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store forgets calls by its own clock: at once those of a process whose clock is a day behind."""
    right, wrong = SystemClock(), JumpClock()
    wrong.jump(hours=-26)
    async with running(bus_settings, store_settings, clock=wrong, store_clock=right) as there:
        await there.intake.store_clock.look()
        operator = Operator(there)
        at = await operator.begin()
        assert (await stored(there, at))["until"] > right.now()
        with monkeypatch.context() as patch:
            patch.setattr(CallSubmitter, "send", _away)
            assert (await operator.page(at, "send", **LEAST)).status_code == 503
        assert (await stored(there, at))["until"] - right.now() > call_rules.UNSENT_KEPT - _MINUTE
        receipt_on(await operator.get(at))
        assert (await stored(there, at))["until"] > right.now(), "its receipt is still read out"


async def _away(*_: object) -> NoReturn:
    raise TransientError("away")


async def test_a_process_whose_clock_is_ahead_forgets_no_wrong_receipt_of_the_others(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    right, wrong = SystemClock(), JumpClock()
    wrong.jump(days=1)
    async with (
        running(bus_settings, store_settings, clock=wrong, store_clock=right) as there,
        running(bus_settings, store_settings, clock=right) as elsewhere,
    ):
        counted = elsewhere.intake.wrong_receipts
        counted.count(Caller("198.51.100.0/24"))
        await counted.exchange()
        before = await counted.store.collection.count_documents({})
        await there.intake.store_clock.look()
        await there.intake.wrong_receipts.sweep()
        assert await counted.store.collection.count_documents({}) == before > 0
