"""A centre's name tells where somebody lives: when a status says it."""

from datetime import UTC, datetime

import pytest

from services.intake.receipts.status import names_centers
from services.intake.reports.models import ReportStatus, State, Stay

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
BUSAN = {"division": "busan"}


def standing(*centers: str, contacted_at: datetime | None = None) -> ReportStatus:
    return ReportStatus(
        state=State.ASSIGNED,
        since=AT,
        center_id=centers[-1],
        received_at=AT,
        stays=tuple(Stay(center_id=one, assigned_at=AT) for one in centers),
        contacted_at=contacted_at,
    )


@pytest.mark.parametrize(
    ("facts", "centers", "named"),
    [
        (BUSAN, ("busan",), True),
        (BUSAN, ("ulsan",), False),
        (BUSAN, ("central",), True),
        (BUSAN, ("ulsan", "busan"), False),
        (BUSAN, ("busan", "ulsan"), False),
        # Seoul has no centre of its own, and those around it are asked first.
        ({"division": "seoul"}, ("gyeonggi",), True),
        ({"division": "seoul"}, ("jeju",), False),
        ({"division": "unknown"}, ("busan",), False),
        ({"division": "overseas"}, ("busan",), False),
        # A drill is linked with drills alone.
        (BUSAN | {"synthetic": True}, ("ulsan",), True),
    ],
)
def test_centers_of_the_reporters_own_place_are_named(
    facts: dict[str, object], centers: tuple[str, ...], named: bool
) -> None:
    assert names_centers(standing(*centers), facts) is named


@pytest.mark.parametrize("division", ["busan", "unknown"])
def test_once_a_center_has_been_in_contact_it_is_named(division: str) -> None:
    assert names_centers(standing("ulsan", contacted_at=AT), {"division": division})
