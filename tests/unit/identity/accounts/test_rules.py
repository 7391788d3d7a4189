import itertools
import math
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.accounts.models import (
    Account,
    AccountState,
    KeyRecord,
    PendingRelease,
    RefusedError,
    Sealed,
    Session,
)
from services.identity.accounts.rules import (
    DELAYS,
    FORGOTTEN,
    KEY_LASTS,
    SESSION_IDLE,
    SESSION_LASTS,
    SESSIONS_FREE,
    SESSIONS_PAUSE,
    ChangeRefusal,
    FailedAttempts,
    Source,
    Weakness,
    acceptable_steps,
    after_attempt,
    after_success,
    alive,
    change_wrong,
    is_mail_address,
    key_ends,
    key_until,
    normal,
    roles_wrong,
    session_over,
    session_wait,
    step_of,
    wait,
    weakness,
)
from services.identity.common_passwords import is_common
from services.identity.credentials import new_session_name
from services.identity.oidc.service import mapped
from services.identity.settings import Mapped
from shared.identity.keys import KeyDocument, RevokedSession, RootKey, RootKeys
from shared.identity.roles import StaffRole
from shared.identity.tokens import GRACE

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("elevenchars", Weakness.TOO_SHORT),
        ("twelve chars", None),
        ("비가 오는 양철 지붕 아래", None),
        ("all lower case is fine", None),
        ("x" * 12, Weakness.COMMON),
        ("Password1234", Weakness.COMMON),
        ("passwordpassword!", Weakness.COMMON),
        ("QWERTYUIOP12", Weakness.COMMON),
        # Of the list: as it is there, with a capital, with a year behind it.
        ("iloveyouforever", Weakness.COMMON),
        ("Iloveyouforever", Weakness.COMMON),
        ("iloveyouforever2026!", Weakness.COMMON),
        ("1q2w3e4r5t6y7u8i9o0p", Weakness.COMMON),
        ("qwertyuiopasdfghjklzxcvbnm", Weakness.COMMON),
        ("dkssudgktpdy1", Weakness.COMMON),
        ("kim.minji.ieum", Weakness.NAMED),
        ("kim.minji loves long walks", None),
        ("이음이음이음이음이음이음 abc", Weakness.NAMED),
        ("a b c d e f " * 11, Weakness.TOO_LONG),
    ],
)
def test_passwords(password: str, wrong: Weakness | None) -> None:
    assert weakness(password, "kim.minji", common=is_common(password)) is wrong


@pytest.mark.parametrize("text", ["kim@work.example", "kim.lee+ieum@mail.work.example", "o'neil_2@a-b.kr"])
def test_what_counts_as_a_mail_address_is_the_one_that_a_header_names(text: str) -> None:
    assert is_mail_address(text)
    header = EmailMessage(policy=SMTP)
    header["To"] = text
    assert [one.addr_spec for one in header["To"].addresses] == [text]


NO_ADDRESSES = (
    *("kim", "kim@work", "a@b@c.kr", "a b@c.kr", "a,b@c.kr", "a;b@c.kr", "group:;a@c.kr", "(a@c.kr", "<a@c.kr"),
    *('"a@c.kr', "=?utf-8?q?a?=@c.kr", ".a@c.kr", "a..b@c.kr", "김@c.kr", f"{'a' * 120}@c.kr"),
)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_a_header_would_read_as_another_or_as_several_is_no_mail_address(text: str) -> None:
    assert not is_mail_address(text)


def test_a_password_is_the_same_however_the_keyboard_composed_it() -> None:
    assert normal("가나다") == normal("가나다") == "가나다"


@pytest.mark.parametrize("source", list(Source))
def test_waits_begin_after_some_attempts_double_and_end(source: Source) -> None:
    delays = DELAYS[source]
    attempts: FailedAttempts | None = None
    now, waits = NOW, []
    for _ in range(delays.free + 15):
        attempts = after_attempt(attempts, source, now)
        waits.append(wait(attempts, now))
        now = attempts.until
    assert waits[: delays.free] == [0] * delays.free
    grown = waits[delays.free :]
    assert grown[0] == delays.first.total_seconds()
    for before, after in itertools.pairwise(grown):
        assert after == min(2 * before, delays.longest.total_seconds())
    assert grown[-1] == delays.longest.total_seconds()


def test_a_network_where_people_sign_in_all_day_waits_for_nothing_and_one_that_guesses_between_does() -> None:
    attempts: FailedAttempts | None = None
    now = NOW
    for _ in range(3 * DELAYS[Source.NETWORK].free):
        attempts = after_success(after_attempt(attempts, Source.NETWORK, now), now)
    assert wait(attempts, now) == 0
    waits = []
    for _ in range(DELAYS[Source.NETWORK].free + 5):
        attempts = after_attempt(attempts, Source.NETWORK, now)
        waits.append(wait(attempts, now))
        now = attempts.until
        attempts = after_success(after_attempt(attempts, Source.NETWORK, now), now)
    assert waits[-1] > waits[-2] > 0


def test_after_a_clock_was_ahead_only_who_had_to_wait_waits() -> None:
    ahead = NOW + timedelta(days=1)
    attempts = after_success(after_attempt(None, Source.NETWORK, ahead), ahead + timedelta(seconds=1))
    assert wait(attempts, NOW) == 0
    assert wait(after_attempt(attempts, Source.NETWORK, ahead), NOW) == 0
    for _ in range(DELAYS[Source.NETWORK].free + 1):
        attempts = after_attempt(attempts, Source.NETWORK, ahead)
    assert wait(attempts, NOW) > 0


def test_one_s_own_browser_waits_a_minute_at_most_and_strangers_a_quarter_of_an_hour() -> None:
    assert DELAYS[Source.DEVICE].longest <= timedelta(minutes=1)
    assert DELAYS[Source.STRANGE].longest <= timedelta(minutes=15)
    assert DELAYS[Source.NETWORK].longest <= timedelta(minutes=5)


def test_after_a_day_of_quiet_the_count_begins_anew() -> None:
    attempts = FailedAttempts(50, NOW, NOW)
    assert after_attempt(attempts, Source.STRANGE, NOW + FORGOTTEN - timedelta(seconds=1)).failures == 51
    assert after_attempt(attempts, Source.STRANGE, NOW + FORGOTTEN).failures == 1


@given(st.integers(0, 2**40), st.integers(-5, 5))
def test_accepted_steps_are_near_and_later_than_the_last_used(second: int, off: int) -> None:
    now = datetime.fromtimestamp(second % 4_000_000_000, UTC)
    last = step_of(now) + off
    steps = acceptable_steps(now, last)
    assert all(abs(step - step_of(now)) <= 1 and step > last for step in steps)
    assert (step_of(now) in steps) is (off < 0)


def session(started: timedelta, seen: timedelta, ended: bool = False) -> Session:
    return Session(
        digest="d",
        session="s",
        subject="x",
        started_at=NOW - started,
        seen_at=NOW - seen,
        ended_at=NOW if ended else None,
    )


def test_sessions_end_by_age_by_idleness_and_by_word() -> None:
    second = timedelta(seconds=1)
    assert alive(session(SESSION_LASTS - second, SESSION_IDLE - second), NOW)
    assert not alive(session(SESSION_LASTS, second), NOW)
    assert not alive(session(SESSION_LASTS - second, SESSION_IDLE), NOW)
    assert not alive(session(second, second, ended=True), NOW)


def test_an_ended_session_is_published_until_its_last_token_cannot_count() -> None:
    assert session_over(NOW) > NOW + SESSION_LASTS + GRACE


@pytest.mark.parametrize(
    ("organisation", "roles", "wrong"),
    [
        ("jeju", {"counsellor", "lead"}, None),
        ("jeju", set(), ChangeRefusal.NO_ROLE),
        ("jeju", {"analyst"}, ChangeRefusal.ROLE_NOT_THERE),
        ("ministry", {"counsellor"}, ChangeRefusal.ROLE_NOT_THERE),
        ("central", {"administrator", "lead"}, ChangeRefusal.CONFLICT),
    ],
)
def test_roles_of_one_person(organisation: str, roles: set[str], wrong: ChangeRefusal | None) -> None:
    assert roles_wrong(organisation, {StaffRole(role) for role in roles}) is wrong


def account(organisation: str, role: StaffRole, state: AccountState = AccountState.ACTIVE) -> Account:
    return Account(
        subject="s-him",
        name="him",
        display="him",
        organisation=organisation,
        roles=(role,),
        state=state,
        created_at=NOW,
        changed_at=NOW,
    )


def test_nobody_changes_themselves_and_the_last_central_administrator_stays() -> None:
    last = account("central", StaffRole.ADMINISTRATOR)

    def wrong(of: Account, by: str, still: bool, count: int) -> ChangeRefusal | None:
        return change_wrong(of, by, still_administrator=still, central_administrators=count)

    assert wrong(last, "s-him", True, 5) is ChangeRefusal.ONESELF
    assert wrong(last, "s-her", False, 1) is ChangeRefusal.LAST_ADMINISTRATOR
    assert wrong(last, "s-her", True, 1) is None
    assert wrong(last, "s-her", False, 2) is None
    assert wrong(account("jeju", StaffRole.ADMINISTRATOR), "s-her", False, 0) is None
    assert wrong(account("central", StaffRole.ADMINISTRATOR, AccountState.INVITED), "s-her", False, 1) is None
    waiting = last.model_copy(update={"waits": PendingRelease(by=("s-other",), since=last.created_at)})
    assert wrong(waiting, "s-her", False, 1) is None


TABLE = {
    "a": Mapped(organisation="jeju", roles=frozenset({StaffRole.LEAD})),
    "b": Mapped(organisation="jeju", roles=frozenset({StaffRole.COUNSELLOR})),
    "c": Mapped(organisation="busan", roles=frozenset({StaffRole.LEAD})),
    "d": Mapped(organisation="jeju", roles=frozenset({StaffRole.ADMINISTRATOR})),
}


def test_claims_give_the_roles_of_the_table() -> None:
    assert mapped(["b", "x", "a"], TABLE) == ("jeju", (StaffRole.COUNSELLOR, StaffRole.LEAD))


@pytest.mark.parametrize("values", [[], ["x"], ["a", "c"], ["a", "d"]])
def test_unclear_claims_give_none(values: list[str]) -> None:
    with pytest.raises(RefusedError, match="no_mapped_role"):
        mapped(values, TABLE)


@pytest.mark.parametrize(
    "given",
    [
        {"organisation": "jeju", "roles": ["analyst"]},
        {"organisation": "atlantis", "roles": ["lead"]},
        {"organisation": "jeju", "roles": []},
        {"organisation": "central", "roles": ["auditor", "lead"]},
    ],
)
def test_an_impossible_line_of_the_table_is_refused_at_start(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="roles"):
        Mapped.model_validate(given)


def key(number: int, days: int, *, at_once: bool = False) -> KeyRecord:
    signs_from = NOW + timedelta(days=days)
    return KeyRecord(
        kid=f"{number:016x}",
        number=number,
        private=Sealed(key_id="", key=b"", blob=b""),
        created_at=signs_from,
        signs_from=signs_from,
        valid_until=signs_from + KEY_LASTS,
        at_once=at_once,
    )


def test_a_key_ends_by_itself_or_as_a_later_one_says() -> None:
    one, two, late = key(1, 0), key(2, 10), key(3, 300)
    assert key_ends(one, [one]) == one.valid_until
    assert key_ends(one, [one, late]) == one.valid_until
    assert key_ends(one, [one, two, late]) == key_until(two.signs_from)
    assert key_ends(two, [one, two]) == two.valid_until
    assert key_ends(one, [key(2, 10, at_once=True), one]) == two.signs_from
    assert key_ends(two, [key(1, 0, at_once=True), two]) == two.valid_until


def test_beyond_the_free_sessions_one_begins_at_a_time_and_nobody_waits_longer_for_a_wrong_clock() -> None:
    lately = [NOW - timedelta(seconds=30)] * SESSIONS_FREE
    assert session_wait(lately[1:], NOW) == 0
    assert session_wait(lately, NOW) == SESSIONS_PAUSE.total_seconds() - 30
    assert session_wait(lately, NOW + SESSIONS_PAUSE) == 0
    assert session_wait([NOW + timedelta(days=1)] * SESSIONS_FREE, NOW) == SESSIONS_PAUSE.total_seconds()


def test_two_hundred_people_who_sign_in_and_out_all_day_make_no_document_that_services_refuse() -> None:
    most = 200 * (SESSIONS_FREE + math.ceil((session_over(NOW) - NOW) / SESSIONS_PAUSE))
    over = tuple(RevokedSession(session=new_session_name(), until=session_over(NOW)) for _ in range(most))
    root = RootKey(bytes(32))
    assert RootKeys([root.public]).opened(root.sign(KeyDocument(keys=(), revoked=over, issued_at=NOW))).revoked == over
