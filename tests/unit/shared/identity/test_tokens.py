"""Tokens and tickets that are not what they say: each is refused for its own reason."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.identity.cookies import SERVICES
from shared.identity.keys import CLOCKS_APART, FRESH_FOR, KeyDocument, KeySet, key_set
from shared.identity.source import Identity, TaggedKeys
from shared.identity.tokens import (
    ACCESS_LASTS,
    GRACE,
    TICKET_LASTS,
    Purpose,
    Signer,
    Ticket,
    TicketKey,
    TokenError,
    verify_access,
)
from tests.support.clock import ManualClock
from tests.support.staff import ROOTS, TICKET_KEY, TestIdentity

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REPORT = "01234567-89ab-4cde-8f01-23456789abcd"
LATER = START + timedelta(seconds=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def staff(clock: ManualClock) -> TestIdentity:
    return TestIdentity(clock)


def key_set_at(staff: TestIdentity, at: datetime = START) -> KeySet:
    return key_set(staff.document(), at)


def verify_ticket(ticket: str, document: KeySet, at: datetime) -> Ticket:
    return TicketKey(TICKET_KEY).verify(ticket, document.revoked, at)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(TokenError) as caught:
        call()
    return caught.value.code


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def signed(staff: TestIdentity, claims: dict[str, Any], **header: str) -> str:
    given = {"kid": staff.signer.kid, "typ": "ieum-access+jwt", **header}
    return jwt.encode(claims, staff.private, "EdDSA", given)


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_a_good_token_says_who_it_is(staff: TestIdentity) -> None:
    token = staff.token("jeju", "counsellor", "lead", subject="s-abcdefgh", session="a-session-of-tests")
    who = verify_access(token, key_set_at(staff), LATER, "notify")
    assert (who.subject, who.organisation, sorted(who.roles)) == ("s-abcdefgh", "jeju", ["counsellor", "lead"])
    assert (who.session, who.expires_at, who.stale) == ("a-session-of-tests", START + ACCESS_LASTS, False)


def test_a_late_token_counts_only_where_that_is_asked_for_and_only_within_the_grace(staff: TestIdentity) -> None:
    token = staff.token("jeju", "operator", session="a-session-of-tests")
    late = START + ACCESS_LASTS
    answering = key_set_at(staff, late)
    assert refused(lambda: verify_access(token, answering, late, "notify")) == "expired"
    assert verify_access(token, answering, late, "notify", late=GRACE).stale
    assert verify_access(token, answering, late + GRACE, "notify", late=GRACE).stale
    over = late + GRACE + timedelta(seconds=1)
    assert refused(lambda: verify_access(token, key_set_at(staff, over), over, "notify", late=GRACE)) == "expired"
    staff.revoke("a-session-of-tests")
    assert refused(lambda: verify_access(token, key_set_at(staff, late), late, "notify", late=GRACE)) == "revoked"


def test_a_token_names_nobody(staff: TestIdentity) -> None:
    assert set(claims_of(staff.token("jeju", "lead"))) == {
        "sub",
        "org",
        "roles",
        "sid",
        "iat",
        "exp",
        "iss",
        "aud",
        "auth_time",
    }


def test_altered_and_foreign_signatures_are_refused(staff: TestIdentity, clock: ManualClock) -> None:
    token = staff.token("jeju", "counsellor")
    head, body, mac = token.split(".")
    richer = part({**claims_of(token), "roles": ["lead"]})
    document = key_set_at(staff)
    assert refused(lambda: verify_access(f"{head}.{richer}.{mac}", document, LATER, "notify")) == "bad_signature"
    other = TestIdentity(clock)
    assert refused(lambda: verify_access(other.token("jeju", "lead"), document, LATER, "notify")) == "unknown_key"
    impostor = Signer(staff.signer.kid, Ed25519PrivateKey.generate())
    forged = impostor.access(staff.principal("jeju", "lead"), "notify")
    assert refused(lambda: verify_access(forged, document, LATER, "notify")) == "bad_signature"
    assert refused(lambda: verify_access(f"{head}.{body}.", document, LATER, "notify")) == "bad_signature"


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "🦊", "e30.e30.", "x" * 5000])
def test_nonsense_is_refused(staff: TestIdentity, token: str) -> None:
    assert refused(lambda: verify_access(token, key_set_at(staff), LATER, "notify")) in {"malformed", "wrong_kind"}


def test_a_token_that_signs_itself_is_refused(staff: TestIdentity) -> None:
    claims = claims_of(staff.token("jeju", "lead"))
    kid, document = staff.signer.kid, key_set_at(staff)
    none = f"{part({'alg': 'none', 'kid': kid, 'typ': 'ieum-access+jwt'})}.{part(claims)}."
    assert refused(lambda: verify_access(none, document, LATER, "notify")) == "wrong_kind"
    public = staff.private.public_key()
    for secret in (
        public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw),
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    ):
        content = f"{part({'alg': 'HS256', 'kid': kid, 'typ': 'ieum-access+jwt'})}.{part(claims)}"
        mac = base64.urlsafe_b64encode(hmac.new(secret, content.encode(), hashlib.sha256).digest()).rstrip(b"=")
        confused = f"{content}.{mac.decode()}"
        assert refused(lambda: verify_access(confused, document, LATER, "notify")) == "wrong_kind"  # noqa: B023  # called at once


def test_a_token_is_not_a_ticket_nor_a_ticket_a_token(staff: TestIdentity) -> None:
    document = key_set_at(staff)
    token, ticket = staff.token("jeju", "counsellor"), staff.ticket(REPORT, "jeju")
    assert verify_ticket(ticket, document, LATER).report_id == REPORT
    assert refused(lambda: verify_ticket(token, document, LATER)) == "wrong_kind"
    assert refused(lambda: verify_access(ticket, document, LATER, "notify")) == "wrong_kind"
    # With the right kind in the header the audience still tells them apart.
    dressed = signed(staff, claims_of(ticket))
    assert refused(lambda: verify_access(dressed, document, LATER, "notify")) == "wrong_kind"


def test_a_ticket_under_another_key_is_refused_and_identity_signs_none(staff: TestIdentity, clock: ManualClock) -> None:
    document = key_set_at(staff)
    foreign = TestIdentity(clock, key=staff.private, ticket_key=b"f" * 32).ticket(REPORT, "jeju")
    assert refused(lambda: verify_ticket(foreign, document, LATER)) == "bad_signature"
    by_identity = signed(staff, claims_of(staff.ticket(REPORT, "jeju")), typ="ieum-ticket+jwt")
    assert refused(lambda: verify_ticket(by_identity, document, LATER)) == "wrong_kind"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aud": "ieum:details"}, "wrong_kind"),
        ({"aud": "ieum:staff"}, "wrong_kind"),
        ({"aud": ["analytics", "notify"]}, "wrong_kind"),
        ({"aud": None}, "malformed"),
        ({"iss": "somebody"}, "wrong_kind"),
        ({"org": "atlantis"}, "claims"),
        ({"roles": []}, "claims"),
        ({"roles": ["king"]}, "claims"),
        ({"sub": "kim minji"}, "claims"),
        ({"sid": "short"}, "claims"),
        ({"iat": int((START + CLOCKS_APART).timestamp()) + 2}, "not_yet"),
        ({"exp": int(START.timestamp())}, "expired"),
        ({"exp": None}, "malformed"),
    ],
)
def test_wrong_claims_are_refused(staff: TestIdentity, change: dict[str, Any], code: str) -> None:
    claims = {k: v for k, v in (claims_of(staff.token("jeju", "lead")) | change).items() if v is not None}
    assert refused(lambda: verify_access(signed(staff, claims), key_set_at(staff), LATER, "notify")) == code


def test_tokens_and_tickets_count_where_the_clock_is_as_far_behind_as_it_may_be(staff: TestIdentity) -> None:
    behind = START - CLOCKS_APART
    assert verify_access(staff.token("jeju", "lead"), key_set_at(staff, behind), behind, "notify").subject
    assert verify_ticket(staff.ticket(REPORT, "jeju"), key_set_at(staff, behind), behind).subject
    earlier = behind - timedelta(seconds=1)
    token = staff.token("jeju", "lead")
    assert refused(lambda: verify_access(token, key_set_at(staff, earlier), earlier, "notify")) == "not_yet"


def test_an_expired_token_counts_only_while_identity_does_not_answer_and_not_for_ever(staff: TestIdentity) -> None:
    token = staff.token("jeju", "counsellor")
    late = START + ACCESS_LASTS
    silent = key_set_at(staff, late - FRESH_FOR)
    answering = key_set_at(staff, late - FRESH_FOR + timedelta(seconds=1))
    assert not verify_access(token, answering, late - timedelta(seconds=1), "notify").stale
    assert refused(lambda: verify_access(token, answering, late, "notify")) == "expired"
    assert verify_access(token, silent, late, "notify").stale
    assert verify_access(token, silent, late + GRACE, "notify").stale
    assert refused(lambda: verify_access(token, silent, late + GRACE + timedelta(seconds=1), "notify")) == "expired"


def test_a_key_past_its_time_counts_for_nothing_however_the_token_is_dated(staff: TestIdentity) -> None:
    document = staff.document()
    key = document.keys[0].model_copy(update={"valid_until": START + timedelta(seconds=30)})
    short = key_set(KeyDocument(keys=(key,), issued_at=START), START)
    token = staff.token("jeju", "lead")
    assert verify_access(token, short, START + timedelta(seconds=29), "notify").subject
    assert refused(lambda: verify_access(token, short, START + timedelta(seconds=30), "notify")) == "expired_key"


def test_a_revoked_session_opens_nothing_not_even_while_identity_is_away(staff: TestIdentity) -> None:
    session = "a-session-of-tests"
    token = staff.token("jeju", "counsellor", session=session)
    ticket = staff.ticket(REPORT, "jeju", session=session)
    staff.revoke(session)
    document = key_set_at(staff)
    assert refused(lambda: verify_access(token, document, LATER, "notify")) == "revoked"
    assert refused(lambda: verify_ticket(ticket, document, LATER)) == "revoked"
    assert refused(lambda: verify_access(token, document, START + ACCESS_LASTS + FRESH_FOR, "notify")) == "revoked"


def test_a_ticket_ends_after_a_minute_with_no_grace_and_cannot_be_made_to_last(staff: TestIdentity) -> None:
    silent = key_set_at(staff, START - FRESH_FOR)
    ticket = staff.ticket(REPORT, "jeju", purpose=Purpose.HANDOVER, ownership=3)
    opened = verify_ticket(ticket, silent, START + TICKET_LASTS - timedelta(seconds=1))
    assert (opened.ownership, opened.purpose, opened.organisation) == (3, Purpose.HANDOVER, "jeju")
    assert refused(lambda: verify_ticket(ticket, silent, START + TICKET_LASTS)) == "expired"
    long = staff.ticket(REPORT, "jeju", lasts=TICKET_LASTS + timedelta(seconds=1))
    assert refused(lambda: verify_ticket(long, silent, LATER)) == "expired"


@pytest.mark.parametrize("receiver", SERVICES)
@pytest.mark.parametrize("other", SERVICES)
def test_a_token_counts_at_the_service_it_is_for_and_at_no_other(clock: ManualClock, receiver: str, other: str) -> None:
    staff = TestIdentity(clock, receiver)
    token, document = staff.token("jeju", "lead"), key_set_at(staff)
    if other == receiver:
        assert verify_access(token, document, LATER, other).subject
    else:
        assert refused(lambda: verify_access(token, document, LATER, other)) == "wrong_kind"
        assert refused(lambda: verify_access(token, document, LATER, other, late=GRACE)) == "wrong_kind"


async def test_open_streams_hear_of_the_end(staff: TestIdentity, clock: ManualClock) -> None:
    who = staff.principal("jeju", "counsellor")
    identity = staff.identity
    assert identity.still_valid(who)
    await clock.advance(ACCESS_LASTS.total_seconds())
    # Nobody confirmed the keys lately: the stream goes on; once identity answers, the token must be a fresh one.
    assert identity.still_valid(who)
    identity.adopt(staff.document())
    assert not identity.still_valid(who)
    fresh = replace(who, expires_at=clock.now() + ACCESS_LASTS)
    assert identity.still_valid(fresh)
    staff.revoke(who.session)
    assert not identity.still_valid(fresh)


async def test_a_silent_identity_keeps_an_open_stream_no_longer_than_it_keeps_a_token(
    staff: TestIdentity, clock: ManualClock
) -> None:
    who, token = staff.principal("jeju", "counsellor"), staff.token("jeju", "counsellor")
    assert staff.identity.verify(token) is not None
    await clock.advance((ACCESS_LASTS + GRACE).total_seconds())
    assert staff.identity.still_valid(who)
    assert staff.identity.verify(token) is not None
    await clock.advance(1)
    assert staff.identity.verify(token) is None
    assert not staff.identity.still_valid(who)


async def test_keys_outlive_the_process_and_a_silent_identity(
    staff: TestIdentity, clock: ManualClock, tmp_path: Any
) -> None:
    cache = tmp_path / "deep" / "keys.json"
    first = staff.another(cache)
    assert await first.refresh()

    async def silence(known: str) -> TaggedKeys:
        raise OSError(known)

    second = Identity(silence, ROOTS, clock, cache, service="notify")
    assert second.check() is not None
    await second.load_cache()  # what run() does first
    assert second.check() is None
    assert not await second.refresh()
    cache.write_text("{")
    third = Identity(silence, ROOTS, clock, cache, service="notify")
    await third.load_cache()  # as above
    assert third.check() is not None
