"""Checks that do not take intake out of service are shown all the same, every one of them."""

import pytest

from tests.integration.intake.desk import Desk


@pytest.mark.parametrize("name", ["identity", "centers", "relay.intake", "routings.holes", "disk.room"])
async def test_a_check_kept_aside_is_among_the_metrics(desk: Desk, name: str) -> None:
    found = (await desk.http.get("/metrics")).text
    assert f'check="{name}"' in found
