"""What ended stays ended, whatever a later document says."""

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode

from shared.clock import ManualClock
from shared.identity.keys import KeyDocument, PublicKey, RevokedKey, RevokedSession, merge_revocations
from shared.identity.source import Identity

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
X = base64url_encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
OLD, NEW = "0" * 16, "1" * 16


def document(*keys: str, at: datetime = NOW, ended: tuple[str, ...] = (), revoked: tuple[str, ...] = ()) -> KeyDocument:
    return KeyDocument(
        keys=tuple(PublicKey(kid=kid, x=X, valid_until=at + 9 * HOUR) for kid in keys),
        ended=tuple(RevokedKey(kid=kid, until=NOW + HOUR) for kid in ended),
        revoked=tuple(RevokedSession(session=session, until=NOW + HOUR) for session in revoked),
        issued_at=at,
    )


def test_a_later_document_takes_no_ending_back_until_it_is_over() -> None:
    before = document(NEW, ended=(OLD,), revoked=("one",))
    soon = merge_revocations(before, document(OLD, NEW, at=NOW + HOUR / 2, revoked=("two",)))
    assert [key.kid for key in soon.keys] == [NEW]
    assert [entry.kid for entry in soon.ended] == [OLD]
    assert [entry.session for entry in soon.revoked] == ["one", "two"]
    late = merge_revocations(soon, document(NEW, at=NOW + HOUR))
    assert (late.ended, late.revoked) == ((), ())


def test_without_an_earlier_document_an_ended_key_does_not_count_either() -> None:
    assert merge_revocations(None, document(OLD, NEW, ended=(OLD,))).keys == document(NEW).keys


async def test_a_service_remembers_what_ended_although_notify_no_longer_says_so() -> None:
    answers = [document(NEW, ended=(OLD,), revoked=("one",)), document(OLD, NEW)]

    async def fetch() -> KeyDocument:
        return answers.pop(0)

    identity = Identity(fetch, ManualClock(NOW))
    assert not identity.is_revoked("one")
    assert await identity.refresh()
    assert await identity.refresh()
    assert identity.is_revoked("one")
    assert identity.document is not None
    assert [key.kid for key in identity.document.keys] == [NEW]
