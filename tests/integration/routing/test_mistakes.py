"""The audit finds builds that are wrong on purpose, on the real bus, and forgives one that only has bad luck."""

import asyncio
from pathlib import Path

import pytest

from deploy.local.engines import Engines
from tests.integration.routing.fire import Fire
from tests.integration.routing.ground import OneBroker
from tests.integration.routing.mistakes import MISTAKES

pytestmark = [pytest.mark.kill, pytest.mark.timeout(240)]


async def test_every_mistake_is_found_and_misfortune_forgiven(own_engines: Engines, tmp_path: Path) -> None:
    ground = OneBroker(own_engines)

    async def verdict(name: str) -> str | None:
        result = await Fire(MISTAKES[name].scenario, ground, tmp_path / name.replace(" ", "-")).run()
        return MISTAKES[name].verdict(result.faults)

    # Side by side, each with topics of its own: mostly they wait for zombies to be missed.
    verdicts = await asyncio.gather(*map(verdict, MISTAKES))
    assert {name: wrong for name, wrong in zip(MISTAKES, verdicts, strict=True) if wrong} == {}
