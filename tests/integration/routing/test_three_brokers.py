"""Three brokers, each record on all of them: a leader dies while a worker sleeps, and nothing acknowledged is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.routing.blows import LEADERS
from tests.integration.routing.cluster import Cluster
from tests.integration.routing.fire import Fire, Scenario

pytestmark = [pytest.mark.kill, pytest.mark.timeout(480)]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    try:
        yield made.start()
    finally:
        made.stop()


async def test_one_owner_always_though_a_leader_dies(cluster: Cluster, tmp_path: Path) -> None:
    result = await Fire(Scenario(seed=30, workers=2, blows=LEADERS), cluster, tmp_path).run()
    assert not result.faults, result
    assert result.brokers == 3
    assert result.struck["broker"] == 1
    assert result.audit.reports > 100
