"""Everything breaks once while people report, with one broker and with three: `make chaos` as a test."""

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos import kinds
from tests.chaos.run import one_broker, run_chaos, three_brokers

pytestmark = pytest.mark.kill
SEED = 20260824


@pytest.mark.timeout(1500)
async def test_every_promise_is_kept_whatever_breaks(tmp_path: Path) -> None:
    options = one_broker(SEED)
    result = await run_chaos(options, logs=tmp_path / "logs")
    assert result.faults == [], f"seed {SEED}; logs of the services: {tmp_path / 'logs'}"
    possible = [kind.name for kind in kinds.KINDS if 1 in kind.brokers]
    assert Counter(fault["kind"] for fault in result.timeline) == Counter(possible), "every kind once"
    # Blows that hit nothing would prove nothing, nor would trust that nobody put to the test.
    assert result.zombies >= 1
    assert result.ambushes == 2
    assert result.garbage > 0
    assert all(result.restarts.get(name, 0) for name in ("intake", "notify", "kafka"))
    assert min(result.withdrawn, result.reinstated, result.messages) >= options.reports * 0.02
    assert result.moved >= 5
    assert result.rotated
    assert result.rotations_killed >= 1


@pytest.mark.timeout(900)
async def test_every_promise_is_kept_though_leaders_die_and_brokers_are_restarted(tmp_path: Path) -> None:
    result = await run_chaos(three_brokers(SEED), logs=tmp_path / "logs")
    assert result.faults == [], f"seed {SEED}; logs of the services: {tmp_path / 'logs'}"
    assert {"leader kill", "rolling restart"} <= {fault["kind"] for fault in result.timeline}
    assert "intake" not in result.restarts, "people can report all the time"
