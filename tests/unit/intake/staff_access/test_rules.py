import itertools
from datetime import UTC, datetime, timedelta

import pytest

from services.intake.reports.lifecycle import Access
from services.intake.reports.models import Ownership
from services.intake.staff_access.rules import AccessRefusal, judge
from services.intake.staff_access.words import REFUSALS
from shared.events.vocabulary import EndReason
from shared.identity.roles import StaffRole
from shared.identity.tokens import Purpose, Ticket

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ticket(*roles: StaffRole) -> Ticket:
    return Ticket(
        ticket_id="t" * 24,
        report_id="r",
        ownership=2,
        organisation="busan",
        subject="s-1",
        roles=frozenset(roles or {StaffRole.COUNSELLOR}),
        session="s" * 24,
        purpose=Purpose.FIRST_CONTACT,
        expires_at=NOW + timedelta(seconds=60),
    )


def owned(ownership: int = 2, center_id: str = "busan", ended: EndReason | None = None) -> Ownership:
    return Ownership(version=ownership, ownership=ownership, center_id=center_id, assigned_at=NOW, ended=ended)


@pytest.mark.parametrize("role", StaffRole)
def test_only_counsellors_and_leads_open(role: StaffRole) -> None:
    opens = judge(ticket(role), Access.OPEN, owned()) is None
    assert opens == (role in {StaffRole.COUNSELLOR, StaffRole.LEAD})


def test_one_role_that_may_is_enough() -> None:
    assert judge(ticket(StaffRole.OPERATOR, StaffRole.LEAD), Access.OPEN, owned()) is None


def test_the_ownership_must_be_the_present_one_and_of_that_centre() -> None:
    for at, center_id in itertools.product((1, 2, 3), ("busan", "jeju")):
        refusal = judge(ticket(), Access.OPEN, owned(at, center_id))
        if at < 2:
            assert refusal is AccessRefusal.BEHIND
        elif at > 2 or center_id != "busan":
            assert refusal is AccessRefusal.OWNER_CHANGED
        else:
            assert refusal is None
    assert judge(ticket(), Access.OPEN, None) is AccessRefusal.BEHIND


def test_the_end_of_a_report_comes_before_who_owns_it() -> None:
    for owner in (None, owned(), owned(3, "jeju")):
        assert judge(ticket(), Access.SEALED, owner) is AccessRefusal.WITHDRAWN
        assert judge(ticket(), Access.ERASED, owner) is AccessRefusal.ERASED


def test_a_closed_case_still_opens_for_its_owner() -> None:
    assert judge(ticket(), Access.OPEN, owned(ended=EndReason.CLOSED)) is None


def test_somebody_without_the_role_learns_nothing_about_the_report() -> None:
    assert {judge(ticket(StaffRole.OPERATOR), access, None) for access in Access} == {AccessRefusal.NOT_ALLOWED}


def test_every_refusal_has_words() -> None:
    assert set(REFUSALS) == set(AccessRefusal)
    assert all(status >= 400 for status, _ in REFUSALS.values())
