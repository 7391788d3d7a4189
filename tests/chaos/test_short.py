"""One broker: connections, disks and clocks break while people report, staff work and the master key is rotated.

The part of `make chaos` that runs in `make test-all`.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.kinds import chosen
from tests.chaos.run import SHORT, run_chaos, short

pytestmark = [pytest.mark.kill, pytest.mark.timeout(1500)]
SEED = 20261128


async def test_every_accepted_report_is_owned_alerted_and_counted_once_whatever_breaks(tmp_path: Path) -> None:
    options = short(SEED)
    result = await run_chaos(options, logs=tmp_path / "logs")
    assert result.faults == [], f"seed {SEED}; logs of the services: {tmp_path / 'logs'}"
    assert Counter(line["kind"] for line in result.timeline) == Counter(kind.name for kind in chosen(SHORT))
    # Blows that hit nothing would prove nothing, nor would trust that nobody put to the test.
    assert result.zombies == 1
    assert result.ambushes == 2
    assert min(result.withdrawn, result.reinstated, result.messages) >= options.reports * 0.02
    assert result.moved >= 5
    assert result.garbage > 0
    assert result.rotated
    assert result.rotations_killed >= 1
