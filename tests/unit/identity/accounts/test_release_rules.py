"""Who waits for a second person, and who that may be."""

from datetime import UTC, datetime, timedelta

import pytest

from services.identity.accounts.models import Account, AccountState, PendingRelease, Session
from services.identity.accounts.rules import ChangeRefusal, of_now, release_wrong, usable, waiting
from shared.identity.roles import StaffRole

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ONE, TWO, OWNER = "s-aaaaaaaa", "s-bbbbbbbb", "s-oooooooo"


def account(*roles: str, waits: PendingRelease | None = None, state: AccountState = AccountState.ACTIVE) -> Account:
    return Account(
        subject=OWNER,
        name="x",
        display="x",
        organisation="jeju",
        roles=tuple(StaffRole(role) for role in roles),
        state=state,
        waits=waits,
        created_at=NOW,
        changed_at=NOW,
    )


@pytest.mark.parametrize(
    ("before", "after", "by", "anew", "waits"),
    [
        ("operator", "counsellor", ONE, False, True),
        ("counsellor", "counsellor lead", ONE, False, True),
        ("operator", "administrator", ONE, False, True),
        ("counsellor lead", "lead", ONE, False, False),
        ("counsellor", "operator", ONE, False, False),
        ("counsellor", "counsellor", ONE, True, True),
        ("operator", "operator", ONE, True, False),
        ("counsellor", "counsellor", None, True, False),
    ],
)
def test_who_waits(before: str, after: str, by: str | None, anew: bool, waits: bool) -> None:
    roles = [StaffRole(role) for role in after.split()]
    found = waiting(account(*before.split()), roles, by, NOW, anew=anew)
    assert found == (PendingRelease(by=(by or "",), since=NOW) if waits else None)


def test_whoever_asked_before_is_not_forgotten_and_fewer_roles_release_nobody() -> None:
    held = PendingRelease(by=(ONE,), since=NOW)
    counsellor = account("counsellor", "lead", waits=held)
    again = waiting(counsellor, counsellor.roles, TWO, NOW, anew=True)
    assert again is not None
    assert again.by == (ONE, TWO)
    assert waiting(counsellor, [StaffRole.COUNSELLOR], TWO, NOW, anew=False) == held


def test_who_handed_over_the_invitation_does_not_release_what_another_one_widened() -> None:
    mine = account("operator").model_copy(update={"invited_by": ONE})
    widened = waiting(mine, [StaffRole.COUNSELLOR], TWO, NOW, anew=False)
    assert widened is not None
    assert widened.by == (ONE, TWO)
    alone = waiting(mine, [StaffRole.COUNSELLOR], ONE, NOW, anew=False)
    assert alone is not None
    assert alone.by == (ONE,)
    again = waiting(mine, [StaffRole.COUNSELLOR], TWO, NOW, anew=True)
    assert again is not None
    assert again.by == (TWO,), "the invitation of before counts no more"


def test_who_releases() -> None:
    held = PendingRelease(by=(ONE,), since=NOW)
    ready = account("counsellor", waits=held)
    assert release_wrong(ready, TWO) is None
    assert release_wrong(ready, ONE) is release_wrong(ready, OWNER) is ChangeRefusal.SAME_PERSON
    assert (
        release_wrong(account("counsellor", waits=held, state=AccountState.INVITED), TWO) is ChangeRefusal.NOT_WAITING
    )
    assert release_wrong(account("counsellor"), TWO) is ChangeRefusal.NOT_WAITING
    assert not usable(ready)
    assert usable(account("counsellor"))


def test_sessions_from_before_the_last_change_are_over_but_the_one_it_was_made_in() -> None:
    changed = account("counsellor").model_copy(update={"sessions_from": NOW, "session_kept": "kept"})
    old = Session(digest="d", session="old", subject=OWNER, started_at=NOW - timedelta(seconds=1), seen_at=NOW)
    assert not of_now(old, changed)
    assert of_now(old, account("counsellor"))
    assert of_now(old.model_copy(update={"session": "kept"}), changed)
    assert of_now(old.model_copy(update={"started_at": NOW}), changed)
