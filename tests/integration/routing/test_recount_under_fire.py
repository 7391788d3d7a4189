"""Sums that are wrong while workers are killed, frozen and given other partitions: the recount finds, heals and alarms.

The workers miscount while they are young, and their snapshots always lie. Without a recount the audit finds wrong sums
(``mistakes``: "no recount"); with one there must be none in the end, and neither a second owner nor a lost report.
"""

import asyncio
import re
from pathlib import Path
from typing import Final

import pytest

from tests.integration.routing.blows import Blow
from tests.integration.routing.broken import MISCOUNTED, SPOILED
from tests.integration.routing.fire import Fire, Scenario
from tests.integration.routing.ground import OneBroker
from tests.integration.routing.mistakes import FORGETFUL
from tests.integration.routing.watching import highest
from tools.local.engines import Engines

pytestmark = [pytest.mark.kill, pytest.mark.timeout(480)]

ALARM: Final = "ieum_routing_recount_difference"
BLOWS: Final = (
    Blow("peace", pause=3),
    Blow("kill", pause=3),
    Blow("freeze", 4.5, 1),
    Blow("scale", 5, 3),
    Blow("kill", pause=2),
    Blow("store", 2, 2),
    Blow("scale", 2, 3),
    Blow("freeze", 4.5, 2),
    Blow("kill", pause=3),
    Blow("scale", 3, 3),
)
OFTEN: Final = {**FORGETFUL, "ROUTING_RECOUNT_EVERY_S": "1"}


def alarms(folder: Path) -> list[str]:
    """The lines in which workers said that sums were wrong."""
    logs = [log.read_text("utf-8", errors="replace") for log in sorted(folder.glob("worker*.log"))]
    return [line for log in logs for line in log.splitlines() if "routing.sums_wrong" in line]


async def test_wrong_sums_are_found_healed_and_told_while_everything_is_killed(
    own_engines: Engines, tmp_path: Path
) -> None:
    scenario = Scenario(seed=31, blows=BLOWS, env=OFTEN, changes="miscount,spoiled-snapshot")
    fire, seen = Fire(scenario, OneBroker(own_engines), tmp_path), dict[str, float]()
    watching = asyncio.create_task(highest(fire.crew, [ALARM], seen))
    try:
        result = await fire.run()
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    # The audit recounts owners, transfers and the sums told last from the raw log.
    assert not result.faults, result
    assert result.zombies > 0
    assert min(result.audit.transfers_done, result.audit.moved_by_closing) > 0
    found = alarms(tmp_path)
    wrong = {center for line in found for center in re.findall(r'"([a-z]+)": \[\[', line)}
    assert {MISCOUNTED, SPOILED} <= wrong, f"both mistakes are found: {found[:3]}"
    assert seen[ALARM] > 0, "whoever is on call sees it"
