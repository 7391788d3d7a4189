from pathlib import Path

import pytest
from pydantic import ValidationError

from services.intake.disk.rules import MB, Marks, Room, room_of
from tests.integration.intake.desk import settings

MARKS = Marks(alarm=2048 * MB, drafts=1024 * MB, reports=200 * MB)


@pytest.mark.parametrize(
    ("free", "room"),
    [
        (None, Room.PLENTY),
        (2048 * MB, Room.PLENTY),
        (2048 * MB - 1, Room.LOW),
        (1024 * MB, Room.LOW),
        (1024 * MB - 1, Room.REPORTS),
        (200 * MB, Room.REPORTS),
        (200 * MB - 1, Room.NONE),
        (0, Room.NONE),
    ],
)
def test_drafts_give_way_before_reports_and_the_alarm_comes_before_both(free: int | None, room: Room) -> None:
    assert room_of(free, MARKS) is room


def test_settings_in_another_order_are_refused() -> None:
    assert settings(disk_alarm_mb=3, disk_drafts_mb=2, disk_reports_mb=1).disk_folder is None
    with pytest.raises(ValidationError, match="must not grow"):
        settings(disk_alarm_mb=10, disk_drafts_mb=20, disk_reports_mb=1)
    assert settings(disk_folder="x").disk_folder == Path("x")
