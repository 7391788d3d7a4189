"""What the watch over the disk says while the store tells it nothing."""

from typing import cast

import pytest

from services.intake.disk.repository import DiskSpace
from services.intake.disk.rules import MB, DiskLevel, DiskThresholds
from services.intake.disk.service import DiskMonitor
from shared.errors import TransientError
from shared.metrics import REGISTRY

MARKS = DiskThresholds(2048 * MB, 1024 * MB, 200 * MB)


class Store:
    """Says how much is free, or is away."""

    def __init__(self) -> None:
        self.said: int | TransientError | None = TransientError("away")

    async def free(self) -> int | None:
        if isinstance(self.said, TransientError):
            raise self.said
        return self.said


def gauges() -> tuple[float | None, float | None]:
    return REGISTRY.get_sample_value("ieum_intake_disk_free_bytes"), REGISTRY.get_sample_value("ieum_intake_disk_level")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def disk(store: Store) -> DiskMonitor:
    return DiskMonitor(cast("DiskSpace", store), MARKS)


async def test_a_disk_that_was_full_when_the_store_went_is_full_until_it_says_otherwise(
    store: Store, disk: DiskMonitor
) -> None:
    store.said = 1 * MB
    await disk.look()
    assert not disk.takes_reports()
    store.said = TransientError("ended, because its disk is full")
    await disk.look()
    assert not disk.takes_reports()
    assert disk.full() is not None
    assert gauges() == (1 * MB, DiskLevel.NONE)
    store.said = 4096 * MB
    await disk.look()
    assert disk.takes_drafts()
    assert gauges() == (4096 * MB, DiskLevel.PLENTY)


async def test_before_a_store_that_is_away_says_anything_no_disk_is_full(store: Store, disk: DiskMonitor) -> None:
    await disk.look()
    assert disk.takes_drafts()
    assert gauges() == (-1, DiskLevel.PLENTY)
    store.said = None
    await disk.look()
    assert gauges() == (-1, DiskLevel.PLENTY)
