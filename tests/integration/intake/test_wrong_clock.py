"""An intake whose clock is wrong: it ends no report, and no time in which somebody may change their mind."""

from datetime import timedelta

import pytest

from services.intake.retention.rules import UNDO_FOR
from shared.clock import SystemClock
from shared.settings import KafkaSettings, StoreSettings
from shared.store_clock import ClocksApartError
from tests.integration.intake.harness import running
from tests.integration.intake.holding import Holder, erased, holder
from tests.support.clock import JumpClock

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
        planned = (await someone.stored())["life"]["plan"]["at"]
        assert abs(planned - right.now() - UNDO_FOR) < _MINUTE
        with pytest.raises(ClocksApartError):
            await there.intake.erasure_job.minute()
        assert await elsewhere.intake.erasure_job.minute() == 0
        assert not await erased(someone)
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
