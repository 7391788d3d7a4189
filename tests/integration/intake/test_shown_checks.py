"""Checks that do not take intake out of service are shown all the same, every one of them."""

import pytest

from tests.integration.intake.harness import IntakeHarness


@pytest.mark.parametrize("name", ["identity", "centers", "relay.intake", "routings.holes", "disk.room"])
async def test_a_check_kept_aside_is_among_the_metrics(harness: IntakeHarness, name: str) -> None:
    found = (await harness.http.get("/metrics")).text
    assert f'check="{name}"' in found
