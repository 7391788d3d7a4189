"""Ownership under every interleaving hypothesis finds, on the real bus and store.

``IEUM_OWNERSHIP_EXAMPLES=2000`` runs long, with other examples each time; without it a few, the same ones each time.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.settings import BusSettings, StoreSettings
from tests.integration.ownership.house import House
from tests.integration.ownership.machine import Ownership
from tests.integration.routing.verifier import verify

EXAMPLES = int(os.environ.get("IEUM_OWNERSHIP_EXAMPLES", "0"))
FEW = 20
STEPS = 25


@pytest.fixture
def house(bus_settings: BusSettings, store_settings: StoreSettings) -> Iterator[House]:
    made = House(bus_settings, store_settings)
    made.open()
    yield made
    made.close()


@pytest.mark.timeout(300 + 30 * EXAMPLES)
def test_one_owner_whatever_happens_in_whatever_order(house: House) -> None:
    class Here(Ownership):
        pass

    Here.house = house
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=EXAMPLES or FEW,
            stateful_step_count=STEPS,
            deadline=None,
            # Time is part of an example: shrinking one would not find the same order again, and says its steps anyway.
            phases=[Phase.generate],
            derandomize=not EXAMPLES,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    bus = house.bus
    audit = house.run(verify(bus.bootstrap_servers, bus.topic_prefix, bus.topic_partitions))
    assert audit.sound, audit
    assert audit.transfers_done > 0
    assert audit.moved_by_closing > 0
