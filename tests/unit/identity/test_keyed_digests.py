"""Marks: nothing of an account or a session can be changed, moved or made up without the account key."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.identity.accounts.models import Account, AccountState, Invitation, PendingRelease, Sealed, Session
from services.identity.keyed_digests import AccountDigests
from shared.identity.roles import StaffRole

AT = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
KEY = b"k" * 32
ACCOUNT = Account(
    subject="s-abcdefgh",
    name="jeju-one",
    display="김",
    organisation="jeju",
    roles=(StaffRole.OPERATOR,),
    state=AccountState.ACTIVE,
    password="$argon2id$one",
    totp=Sealed(key_id="a", key=b"b", blob=b"c"),
    invitation=Invitation(digest="d", expires_at=AT),
    created_at=AT,
    changed_at=AT,
)
SESSION = Session(digest="d", session="n", subject="s-abcdefgh", started_at=AT, seen_at=AT)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "s-abcdefgx"},
        {"name": "jeju-two"},
        {"organisation": "busan"},
        {"roles": (StaffRole.COUNSELLOR,)},
        {"state": AccountState.DISABLED},
        {"password": "$argon2id$two"},
        {"totp": Sealed(key_id="a", key=b"b", blob=b"x")},
        {"invitation": Invitation(digest="x", expires_at=AT)},
        {"invitation": Invitation(digest="d", expires_at=AT + timedelta(days=1))},
        {"external": True},
        {"break_glass": True},
        {"waits": PendingRelease(by=("s-x",), since=AT)},
        {"invited_by": "s-x"},
        {"sessions_from": AT},
        {"changes": 1},
        {"mail": Sealed(key_id="a", key=b"b", blob=b"c")},
    ],
)
def test_a_changed_account_does_not_fit_its_seal(change: dict[str, Any]) -> None:
    marks = AccountDigests(KEY)
    assert marks.account_seal(ACCOUNT.model_copy(update=change)) != marks.account_seal(ACCOUNT)


def test_what_is_used_up_one_by_one_and_what_the_store_rounds_does_not_break_the_seal() -> None:
    rounded = AT.replace(microsecond=123000)
    same = {"totp_step": 7, "recovery": ("x",), "rev": 9, "invitation": Invitation(digest="d", expires_at=rounded)}
    assert AccountDigests(KEY).account_seal(ACCOUNT.model_copy(update=same)) == AccountDigests(KEY).account_seal(
        ACCOUNT
    )
    seen = SESSION.model_copy(update={"seen_at": AT + timedelta(hours=1), "started_at": rounded})
    assert AccountDigests(KEY).session_seal(seen) == AccountDigests(KEY).session_seal(SESSION)


@pytest.mark.parametrize(
    "change", [{"subject": "s-abcdefgx"}, {"digest": "x"}, {"session": "x"}, {"started_at": AT + timedelta(hours=1)}]
)
def test_a_changed_session_does_not_fit_its_seal(change: dict[str, Any]) -> None:
    assert AccountDigests(KEY).session_seal(SESSION.model_copy(update=change)) != AccountDigests(KEY).session_seal(
        SESSION
    )


def test_marks_differ_by_key_purpose_and_person() -> None:
    marks, secret = AccountDigests(KEY), "a secret somebody chose"
    made = [
        marks.session(secret),
        marks.invitation(secret),
        marks.recovery("s-abcdefgh", secret),
        marks.recovery("s-abcdefgx", secret),
        AccountDigests(os.urandom(32)).session(secret),
        hashlib.sha256(secret.encode()).hexdigest(),
        hashlib.sha256(b"ieum secret\x00" + secret.encode()).hexdigest(),
    ]
    assert len(set(made)) == len(made)
