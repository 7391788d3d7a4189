"""Intake's consumers under FastStream's test broker."""

from typing import cast

from services.intake.reports.consumers import ProgressFollower, consumers
from shared.topics import CASES, ROUTINGS
from tests.support.driving import Heard, driving, golden, publish, record_of, types
from tests.unit.intake.reports.test_following import NO_RELAY, Kept, known
from tests.unit.intake.reports.test_rules import REPORT, T0, routed


async def test_every_event_of_routings_and_cases_reaches_the_status() -> None:
    heard = Heard()
    async with driving(consumers(cast("ProgressFollower", heard))) as broker:
        await publish(broker, *golden(ROUTINGS, CASES))
    assert heard.types == types(golden(ROUTINGS, CASES))


async def test_a_record_on_the_wire_moves_the_status() -> None:
    kept = Kept()
    async with driving(consumers(ProgressFollower(kept, NO_RELAY))) as broker:
        await publish(broker, record_of(routed(), T0))
    assert known(kept, REPORT) == 1
