"""Leave to write: for one report, one ownership, one person, one sign-in, half an hour; and what else must hold."""

from datetime import UTC, datetime, timedelta

import pytest

from services.intake.encryption.keys import KeyedDigests
from services.intake.reports.lifecycle import Access
from services.intake.reports.models import LimitedBecause, Ownership
from services.intake.staff_access.correspondence_rules import (
    LASTS,
    WriteRefusal,
    judge,
    leave_for,
    may_answer,
    meant_for,
    ownership_in,
)

KEYS = KeyedDigests(b"r" * 32)
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
REPORT = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"
LEAVE = leave_for(KEYS, REPORT, 2, "s-1", "session", NOW + LASTS)
OWNED = Ownership(version=3, ownership=2, center_id="busan", assigned_at=NOW)


def test_a_leave_counts_for_what_it_was_given_for_and_nothing_else() -> None:
    assert ownership_in(KEYS, LEAVE, REPORT, "s-1", "session", NOW) == 2
    assert ownership_in(KEYS, LEAVE, REPORT, "s-1", "session", NOW + LASTS) == 2
    assert ownership_in(KEYS, LEAVE, REPORT, "s-1", "session", NOW + LASTS + timedelta(seconds=1)) is None
    assert ownership_in(KEYS, LEAVE, REPORT[:-1] + "2", "s-1", "session", NOW) is None
    assert ownership_in(KEYS, LEAVE, REPORT, "s-2", "session", NOW) is None
    assert ownership_in(KEYS, LEAVE, REPORT, "s-1", "another", NOW) is None
    assert ownership_in(KeyedDigests(b"x" * 32), LEAVE, REPORT, "s-1", "session", NOW) is None


@pytest.mark.parametrize("forged", ["", "..", "2.9999999999", "x.1.y", "2.9999999999.00", "가.나.다"])
def test_what_is_no_leave_counts_for_nothing(forged: str) -> None:
    assert ownership_in(KEYS, forged, REPORT, "s-1", "session", NOW) is None


def test_a_leave_cannot_be_made_longer_or_moved_to_another_ownership() -> None:
    ownership, until, mark = LEAVE.split(".")
    assert ownership_in(KEYS, f"3.{until}.{mark}", REPORT, "s-1", "session", NOW) is None
    assert ownership_in(KEYS, f"{ownership}.{int(until) + 60}.{mark}", REPORT, "s-1", "session", NOW) is None


@pytest.mark.parametrize(
    ("ownership", "organisation", "access", "owned", "room", "why"),
    [
        (2, "busan", Access.OPEN, OWNED, True, None),
        (None, "busan", Access.OPEN, OWNED, True, WriteRefusal.LEAVE_OVER),
        (2, "busan", Access.SEALED, OWNED, True, WriteRefusal.WITHDRAWN),
        (None, "busan", Access.ERASED, None, True, WriteRefusal.ERASED),
        (1, "busan", Access.OPEN, OWNED, True, WriteRefusal.OWNER_CHANGED),
        (2, "jeju", Access.OPEN, OWNED, True, WriteRefusal.OWNER_CHANGED),
        (2, "busan", Access.OPEN, None, True, WriteRefusal.OWNER_CHANGED),
        (2, "busan", Access.OPEN, OWNED, False, WriteRefusal.TOO_MANY),
    ],
)
def test_who_may_write_when(
    ownership: int | None,
    organisation: str,
    access: Access,
    owned: Ownership | None,
    *,
    room: bool,
    why: WriteRefusal | None,
) -> None:
    assert judge(ownership, organisation, access, owned, room=room) is why


def test_an_answer_is_left_only_where_the_reporter_chose_it() -> None:
    assert may_answer({"channels": ["message_here"]}, 0)
    assert may_answer({"channels": []}, 1)
    assert not may_answer({"channels": ["phone", "email"]}, 0)
    assert not may_answer({}, 0)


@pytest.mark.parametrize(
    ("reader", "marked", "because", "why"),
    [
        ("", False, None, None),
        ("tip", True, LimitedBecause.TIP, None),
        ("tip", False, LimitedBecause.TIP, WriteRefusal.NOT_MARKED),
        ("", True, LimitedBecause.TAKEN_OVER, WriteRefusal.READER_CHANGED),
        ("not_confirmed", True, LimitedBecause.TAKEN_OVER, WriteRefusal.READER_CHANGED),
        ("not_confirmed", True, None, WriteRefusal.READER_CHANGED),
        ("made_up", True, LimitedBecause.TIP, WriteRefusal.READER_CHANGED),
    ],
)
def test_an_answer_is_left_only_for_whoever_reads_it_now(
    reader: str, marked: bool, because: LimitedBecause | None, why: WriteRefusal | None
) -> None:
    assert meant_for(reader, because, marked=marked) is why
