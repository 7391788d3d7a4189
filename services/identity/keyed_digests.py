"""Marks under the account key: whoever can write to the store but lacks it makes no session, account or signing key.

Kept apart from the master key, so that replacing that one signs nobody out and voids no recovery code.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.identity.accounts.models import Account, KeyRecord, Session

KEY_BYTES: Final = 32


class AccountDigests:
    """Keyed digests of secrets, and proofs that a document was written here. Each purpose has a key of its own."""

    def __init__(self, account_key: bytes) -> None:
        """32 bytes."""
        self._keys = {
            purpose: derived(account_key, f"ieum account {purpose}".encode())
            for purpose in (
                "session",
                "invitation",
                "recovery",
                "session document",
                "session ending",
                "session confirmed",
                "account document",
                "signing key document",
                "provider session",
                "passkey challenge",
                "passkey registration",
                "authenticator",
            )
        }

    def session(self, secret: str) -> str:
        """Digest a session's secret."""
        return self._mark("session", secret)

    def provider_session(self, issuer: str, sid: str) -> str:
        """Digest the OpenID provider's name (``sid``) of a session there."""
        return self._mark("provider session", issuer, sid)

    def invitation(self, plain: str) -> str:
        """Digest an invitation's code; the account's seal binds it to its account."""
        return self._mark("invitation", plain)

    def recovery(self, subject: str, plain: str) -> str:
        """Digest a recovery code; it counts for this account alone."""
        return self._mark("recovery", subject, plain)

    def session_seal(self, session: Session) -> str:
        """Binds a session to its account, its beginning and its factors. What changes while it lives is not in it."""
        parts = [session.digest, session.session, session.subject, _instant(session.started_at)]
        if session.shown_at is not None:  # sessions sealed before there was such a time still count
            parts.append(f"shown {_instant(session.shown_at)}")
        if session.device or session.where:
            parts.append(f"from {session.device} {session.where}")
        if session.provider_session:
            parts.append(f"provider {session.provider_session}")
        return self._mark("session document", *parts)

    def confirmed_seal(self, session: Session, at: datetime) -> str:
        """Binds to a session when a second factor was shown in it."""
        return self._mark("session confirmed", session.digest, session.session, _instant(at))

    def ending_seal(self, session: Session) -> str:
        """Binds the end of a session to it: when, why and how long it is published."""
        why = session.ended_why.value if session.ended_why is not None else ""
        times = (_instant(at) if at is not None else "" for at in (session.ended_at, session.counts_until))
        return self._mark("session ending", session.digest, session.session, why, *times)

    def key_seal(self, key: KeyRecord, public: bytes) -> str:
        """Binds a signing key's number and times to its public half, as derived from the private one."""
        times = (_instant(at) for at in (key.created_at, key.signs_from, key.valid_until))
        parts = (key.kid, str(key.number), public.hex(), *times, str(key.at_once))
        return self._mark("signing key document", *parts)

    def challenge(self, purpose: str, bound: str, nonce: str, until: int) -> bytes:
        """Proof that a passkey's challenge was made here, for one purpose and one browser or session."""
        return bytes.fromhex(self._mark("passkey challenge", purpose, bound, nonce, str(until)))

    def authenticator(self, subject: str, invitation: str, nonce: str) -> bytes:
        """160 bits of the second factor that one opened page offers to whom an invitation is for."""
        return bytes.fromhex(self._mark("authenticator", subject, invitation, nonce))[:20]

    def registration(self, account: Account, nonce: str, until: int) -> str:
        """Proof that both factors of an account were right; void once it is changed, as by the passkey it is for."""
        return self._mark("passkey registration", account.subject, str(account.changes), nonce, str(until))

    def account_seal(self, account: Account) -> str:
        """Binds together everything that decides who somebody is, what they may and how they prove it.

        Not in it: the used steps and the recovery codes, which are taken away one by one, and the revision.
        """
        kept = account.model_dump(exclude={"totp_step", "recovery", "rev", "created_at", "changed_at"})
        for later in ("passkeys", "mail", "language", "changes", "invited_by"):
            if not kept[later]:
                del kept[later]  # accounts sealed before there were any still count
        return self._mark("account document", json.dumps(kept, sort_keys=True, default=_plain))

    def _mark(self, purpose: str, *parts: str) -> str:
        # Lengths first: no two lists of parts read the same.
        content = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.new(self._keys[purpose], content.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Return whether two digests are equal, in the same time wherever they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def derived(key: bytes, purpose: bytes) -> bytes:
    """A key of its own for a purpose (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


def _instant(at: datetime) -> str:
    # The store keeps milliseconds.
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)
