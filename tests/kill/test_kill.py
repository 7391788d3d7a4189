"""The kill run of `make test`; everything else that breaks is in `tests.chaos`."""

from collections import Counter
from pathlib import Path

import pytest

from tests.kill import plan
from tests.kill.run import Options, run_kill_test

pytestmark = pytest.mark.kill
SEED = 20260824
REPORTS = 300


@pytest.mark.timeout(1500)
async def test_every_process_is_killed_once_and_no_report_is_lost(tmp_path: Path) -> None:
    short = Options(seed=SEED, reports=REPORTS, kills=1, freezes=0, ambushes=0, rotate_after=0)
    result = await run_kill_test(short, logs=tmp_path / "logs")
    assert result.faults == [], f"seed {SEED}; logs of the services: {tmp_path / 'logs'}"
    assert result.accepted == REPORTS
    assert min(result.withdrawn, result.reinstated, result.messages) > 0, "trust that nobody put to the test"
    assert Counter(result.struck) == Counter({f"kill {target}": 1 for target in plan.TARGETS})
    assert sum(result.restarts.get(name, 0) for name in ("routing", "routing-2")) >= 1
    assert all(result.restarts.get(name, 0) >= 1 for name in ("intake", "notify", "analytics", "kafka", "store"))
