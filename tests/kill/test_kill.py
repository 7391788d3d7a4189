"""Kill runs: 300 reports for `make test`, 500 for `make test-all`; everything else that breaks is in `tests.chaos`."""

from collections import Counter
from pathlib import Path

import pytest

from tests.kill import plan
from tests.kill.run import Options, run_kill_test

pytestmark = pytest.mark.kill
SEED = 20260824
REPORTS = 500
SHORT = 300


@pytest.mark.timeout(1500)
async def test_every_process_is_killed_once_and_no_report_is_lost(tmp_path: Path) -> None:
    short = Options(seed=SEED, reports=SHORT, kills=1, freezes=0, ambushes=0, rotate_after=0)
    result = await run_kill_test(short, logs=tmp_path / "logs")
    assert result.faults == [], f"seed {SEED}; logs of the services: {tmp_path / 'logs'}"
    assert result.accepted == SHORT
    assert Counter(result.struck) == Counter({f"kill {target}": 1 for target in plan.TARGETS})
    assert sum(result.restarts.get(name, 0) for name in ("routing", "routing-2")) >= 1
    assert all(result.restarts.get(name, 0) >= 1 for name in ("intake", "notify", "analytics", "kafka", "store"))


@pytest.mark.thorough
@pytest.mark.timeout(1500)
async def test_every_accepted_report_is_owned_alerted_and_counted_once_whatever_is_killed(tmp_path: Path) -> None:
    result = await run_kill_test(Options(seed=SEED, reports=REPORTS, kills=1, freezes=1), logs=tmp_path / "logs")
    assert result.faults == [], f"seed {SEED}; logs of the services: {tmp_path / 'logs'}"
    assert result.accepted == REPORTS
    ambushes = {"freeze routing": 1, "ambush intake": 1, "ambush notify": 1}
    assert Counter(result.struck) == Counter({f"kill {target}": 1 for target in plan.TARGETS} | ambushes)
    # Blows that hit nothing would prove nothing: every kill must have led to a new start.
    assert sum(result.restarts.get(name, 0) for name in ("routing", "routing-2")) >= 1
    assert all(result.restarts.get(name, 0) >= 1 for name in ("intake", "notify", "analytics", "kafka", "store"))
    # Nor would trust that nobody put to the test.
    assert min(result.withdrawn, result.reinstated, result.messages) >= REPORTS * 0.02
    assert result.moved >= 5
    assert result.rotated
    assert result.rotations_killed >= 1
