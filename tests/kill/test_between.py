"""Intake dies at every named place between two effects, by form and by API: nothing is lost and nothing is twice."""

from collections import Counter
from pathlib import Path

import pytest

from tests.kill.between import POINTS
from tests.kill.edges import WAYS, Edges, deadly_intake

pytestmark = [pytest.mark.kill, pytest.mark.timeout(480)]
EVERY = [(way, point) for way in WAYS for point in POINTS if (way, point) != ("api", "draft")]


async def test_nothing_is_lost_or_twice_wherever_intake_dies(tmp_path: Path) -> None:
    with deadly_intake(tmp_path) as (stack, marks):
        edges = Edges(stack, marks)
        for way, point in EVERY:
            await edges.lodge(way, point)
        assert await edges.accounts() == []
        assert edges.struck == Counter({f"{way}, {point}": 1 for way, point in EVERY})
        assert stack.restarts["intake"] == len(EVERY), "every blow was struck"
