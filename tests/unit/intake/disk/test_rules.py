import pytest
from pydantic import ValidationError

from services.intake.disk.rules import MB, DiskLevel, DiskThresholds, room_of
from tests.integration.intake.harness import settings

MARKS = DiskThresholds(alarm=2048 * MB, drafts=1024 * MB, reports=200 * MB)


@pytest.mark.parametrize(
    ("free", "room"),
    [
        (None, DiskLevel.PLENTY),
        (2048 * MB, DiskLevel.PLENTY),
        (2048 * MB - 1, DiskLevel.LOW),
        (1024 * MB, DiskLevel.LOW),
        (1024 * MB - 1, DiskLevel.REPORTS),
        (200 * MB, DiskLevel.REPORTS),
        (200 * MB - 1, DiskLevel.NONE),
        (0, DiskLevel.NONE),
    ],
)
def test_drafts_give_way_before_reports_and_the_alarm_comes_before_both(free: int | None, room: DiskLevel) -> None:
    assert room_of(free, MARKS) is room


def test_settings_in_another_order_are_refused() -> None:
    assert settings(disk_alarm_mb=3, disk_drafts_mb=2, disk_reports_mb=1).disk_reports_mb == 1
    with pytest.raises(ValidationError, match="must not grow"):
        settings(disk_alarm_mb=10, disk_drafts_mb=20, disk_reports_mb=1)
