"""A plan is told by its seed and leaves nothing out."""

import pytest

from tests.integration.routing.blows import BRIEF, draw, kinds_of

ALL = {"kill", "freeze", "broker", "store", "scale"}


def test_the_short_form_is_complete_in_kind() -> None:
    assert kinds_of(BRIEF) == ALL


@pytest.mark.parametrize("seed", range(1000, 1010))
def test_so_is_every_plan_that_is_drawn(seed: int) -> None:
    plan = draw(seed, 30)
    assert plan == draw(seed, 30)
    assert kinds_of(plan) == ALL
    assert [blow.number for blow in plan if blow.kind == "scale"] == [5, 2, 3]
    assert all(blow.number > 3 for blow in plan if blow.kind == "freeze"), "shorter than the session, and no zombie"
