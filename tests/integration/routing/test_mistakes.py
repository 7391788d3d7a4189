"""The audit finds builds that are wrong on purpose, on the real bus, and forgives one that only has bad luck."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.routing.fire import Fire, Result
from tests.integration.routing.ground import OneBroker
from tests.integration.routing.mistakes import MISFORTUNE, MISTAKES
from tools.local.engines import Engines

pytestmark = [pytest.mark.kill, pytest.mark.timeout(500)]

TRIES = 5
"""Whether a woken worker writes into what another has decided is a matter of moments: a mistake may go unpunished."""


async def test_every_mistake_is_found_and_misfortune_forgiven(own_engines: Engines, tmp_path: Path) -> None:
    ground = OneBroker(own_engines)

    async def result(name: str, attempt: int) -> Result:
        scenario = MISTAKES[name].scenario
        scenario = replace(scenario, seed=scenario.seed + 100 * attempt)
        return await Fire(scenario, ground, tmp_path / f"{name.replace(' ', '-')}-{attempt}").run()

    left, said = list(MISTAKES), dict[str, str | None]()
    for attempt in range(TRIES):
        # Side by side, each with topics of its own: mostly they wait for zombies to be missed.
        results = dict(zip(left, await asyncio.gather(*(result(name, attempt) for name in left)), strict=True))
        said = {name: MISTAKES[name].verdict(found.faults) for name, found in results.items()}
        assert said.get(MISFORTUNE) is None, said[MISFORTUNE]
        # That nothing was lost shows nothing where no worker came second.
        left = [n for n in left if said[n] is not None or (n == MISFORTUNE and not results[n].audit.ignored)]
        if not left:
            return
    raise AssertionError(f"not within {TRIES} tries: {left}, {said}")
