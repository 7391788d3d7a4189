"""Three workers, SIGKILL, zombies, a broker and a store that die, 3 → 5 → 2 workers, while reports come in.

The short form of ``python -m tests.integration.routing.torture``: complete in kind.
"""

from pathlib import Path

import pytest

from tests.integration.routing.fire import Fire, Scenario
from tests.integration.routing.ground import OneBroker
from tools.local.engines import Engines

pytestmark = [pytest.mark.kill, pytest.mark.timeout(480)]


async def test_one_owner_always_whatever_dies(own_engines: Engines, tmp_path: Path) -> None:
    result = await Fire(Scenario(seed=10), OneBroker(own_engines), tmp_path).run()
    assert not result.faults, result
    assert result.zombies > 0
    assert min(result.audit.transfers_done, result.audit.transfers_told_void, result.audit.transfers_refused) > 0
    assert result.audit.moved_by_closing > 0
