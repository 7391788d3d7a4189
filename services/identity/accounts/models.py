"""Accounts, sessions, signing keys, and the reasons why a sign-in is refused."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import IeumError
from shared.identity.roles import StaffRole

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{2,39}$"
"""Names for signing in. Not e-mail addresses: those end up in logs of other systems."""
DISPLAY_LENGTH: Final = 40


class AccountState(StrEnum):
    """Where an account is in its life."""

    INVITED = "invited"
    """Made, or reset; waits for the person to choose a password and set up the second factor."""
    ACTIVE = "active"
    DISABLED = "disabled"


class SessionEnding(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    EVERYWHERE = "everywhere"
    ROLES_CHANGED = "roles_changed"
    DISABLED = "disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # a reason, no password
    FACTOR_RESET = "factor_reset"
    ADMINISTRATOR = "administrator"
    PROVIDER = "provider"
    """Signed out at the OpenID provider, which told us."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Sealed(_Frozen):
    """Something secret under a key of its own, which the master key wraps."""

    key_id: str
    key: bytes
    blob: bytes


class Invitation(_Frozen):
    """One use, some days: lets the person it was made for choose a password."""

    digest: str
    expires_at: datetime


class Factor(StrEnum):
    """Second factors."""

    TOTP = "totp"
    RECOVERY = "recovery"
    PASSKEY = "passkey"


class Passkey(_Frozen):
    """A WebAuthn credential. Only its public half is known here; the account's seal covers it."""

    id: bytes
    public_key: bytes
    """In COSE form."""
    sign_count: int = 0
    """The signatures it had made when it was used last; 0 where an authenticator does not count."""
    name: str
    """The owner's name for it."""
    added_at: datetime
    used_at: datetime | None = None


class PendingRelease(_Frozen):
    """An account that opens nothing until somebody releases it who is none of those that asked for it."""

    by: tuple[str, ...]
    """Subjects of the administrators who made, reset, enabled or widened it; ``provider`` for the OpenID provider."""
    since: datetime


class Account(_Frozen):
    """An account of a person. ``name`` never leaves identity, ``display`` only for notify and its tickets."""

    subject: str
    name: str
    display: str = Field(max_length=DISPLAY_LENGTH)
    """The name colleagues know them by at work."""
    organisation: str
    roles: tuple[StaffRole, ...]
    state: AccountState
    password: str | None = None
    """Argon2id hash."""
    totp: Sealed | None = None
    totp_step: int = 0
    """The last step of the second factor that was used; it and earlier ones are refused."""
    recovery: tuple[str, ...] = ()
    """Digests of the recovery codes not used yet."""
    passkeys: tuple[Passkey, ...] = ()
    mail: Sealed | None = None
    """Where notices about the account go; its person gave it."""
    language: str = Field(default="", pattern="^(ko|en)?$")
    """Language of notices: the one the address was given in."""
    invitation: Invitation | None = None
    invited_by: str = ""
    """Subject of the administrator who handed over the last invitation, and may have used it.

    Empty: a command did, or another person released the account since.
    """
    waits: PendingRelease | None = None
    sessions_from: datetime | None = None
    """Sessions that began earlier are over, whatever is written in them; saved with the change that ended them."""
    session_kept: str = ""
    """The one session that goes on: in it the password was changed."""
    external: bool = False
    """Signs in at the OpenID provider; ``name`` is then a digest of issuer and subject."""
    break_glass: bool = False
    """May sign in with a password here although an OpenID provider is set."""
    altered: bool = Field(default=False, exclude=True)
    """Found changed by somebody other than identity; opens nothing. Only lists show such an account."""
    created_at: datetime
    changed_at: datetime
    changes: int = 0
    """How often it was changed; in the seal, so nobody sets it back. Browsers are known until it rises, and
    who changes or releases an account says which they saw."""
    rev: int = 1

    def changed(self, at: datetime, **update: object) -> "Account":
        """Return the account with these changes, to be saved; the browsers it was signed in in are unknown then."""
        return self.model_copy(update={**update, "changed_at": at, "changes": self.changes + 1})


class Session(_Frozen):
    """A person's session in one browser or client."""

    digest: str
    """Of the secret in the cookie."""
    seal: str = ""
    """Proves that identity wrote this document; see ``keyed_digests``."""
    session: str = Field(max_length=64)
    """The session's name in tokens and in the published list of ended sessions; opens nothing."""
    subject: str
    started_at: datetime
    shown_at: datetime | None = None
    """When the factors of the sign-in were shown, where that was before it started: at the OpenID provider."""
    provider_session: str = ""
    """Mark of the OpenID provider's session that it came from; ends with it."""
    confirmed_at: datetime | None = None
    """When a second factor was asked for again and shown; at first, ``shown_at`` or when it started."""
    confirmed_seal: str = ""
    """Proves that identity saw it then."""
    seen_at: datetime
    device: str = ""
    """Browser and system in words, as the browser said at the sign-in; empty: it said none that is known."""
    where: str = ""
    """The network it was begun in, never a whole address."""
    used: dict[str, datetime] = {}
    """When it was last given a token for a service."""
    ended_at: datetime | None = None
    ended_why: SessionEnding | None = None
    counts_until: datetime | None = None
    """Of an ended one: until when it is published as ended."""
    ending_seal: str = ""
    """Proves that identity ended it, when and why."""


class KeyRecord(_Frozen):
    """A signing key. Private half sealed; the public one is derived from it. Never changed once it is written."""

    kid: str
    seal: str = ""
    """Proves that identity wrote this document; see ``keyed_digests``."""
    number: int
    """1, 2, 3, …: processes that rotate at the same moment make the same number, and one of them wins."""
    private: Sealed
    created_at: datetime
    signs_from: datetime
    """Verifiers hear of it before it signs."""
    valid_until: datetime
    """By itself; a key made after it ends it earlier."""
    at_once: bool = False
    """The keys before this one ended when it began to sign: they may be known to others."""


class RefusedError(IeumError):
    """A sign-in or a change of an account that is refused. ``code`` is stable."""

    def __init__(self, code: str, *, retry_after: int | None = None) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after


class PasskeyMissingError(RefusedError):
    """Both factors were right, but the person must register a passkey before they are signed in."""

    def __init__(self, account: Account) -> None:
        """``account`` is the one without a passkey."""
        super().__init__("passkey_missing")
        self.account = account
