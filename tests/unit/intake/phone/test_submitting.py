"""Calls that nobody came back to, by which clock."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest

from services.intake.phone.repository import CallRepository
from services.intake.phone.submitting import CallSubmitter
from shared.store_clock import ClocksApartError
from tests.support.clock import StillClock, agreeing
from tests.unit.intake.retention.test_erasure import NOW


@pytest.mark.parametrize("days", [-1, 1])
async def test_no_call_is_ended_for_its_time_while_clocks_are_apart(days: int) -> None:
    """Nothing brings back what was said, and nothing tells which of the two is right."""
    store = create_autospec(CallRepository, instance=True)
    store.overdue.return_value = []
    parts: Any = SimpleNamespace(store=store)
    clock = StillClock(NOW)
    apart = CallSubmitter(parts, parts, parts, parts, agreeing(clock, ahead=timedelta(days=days)))
    with pytest.raises(ClocksApartError):
        await apart.sweep()
    assert not store.mock_calls
    agreed = CallSubmitter(parts, parts, parts, parts, agreeing(clock))
    assert await agreed.sweep() == 0
    assert store.overdue.await_args.args[0] == NOW
