"""The audit finds builds that are wrong on purpose, on the real bus, and forgives one that only has bad luck."""

import asyncio
from pathlib import Path

import pytest

from deploy.local.engines import Engines
from tests.integration.routing.fire import Fire, Result
from tests.integration.routing.ground import OneBroker
from tests.integration.routing.mistakes import MISFORTUNE, MISTAKES

pytestmark = [pytest.mark.kill, pytest.mark.timeout(240)]


async def test_every_mistake_is_found_and_misfortune_forgiven(own_engines: Engines, tmp_path: Path) -> None:
    ground = OneBroker(own_engines)

    async def result(name: str) -> Result:
        return await Fire(MISTAKES[name].scenario, ground, tmp_path / name.replace(" ", "-")).run()

    # Side by side, each with topics of its own: mostly they wait for zombies to be missed.
    results = dict(zip(MISTAKES, await asyncio.gather(*map(result, MISTAKES)), strict=True))
    verdicts = {name: MISTAKES[name].verdict(found.faults) for name, found in results.items()}
    assert not any(verdicts.values()), verdicts
    assert results[MISFORTUNE].audit.ignored > 0, "no worker came second: that nothing was lost shows nothing"
