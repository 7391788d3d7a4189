"""Writes the audit of accounts: who signed in or was refused, who changed whose account, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from starlette.requests import HTTPConnection

from services.identity.devices import device_words
from shared.audit.entries import where_of
from shared.audit.model import SYSTEM, AuditEntry, AuditOutcome
from shared.identity.principal import Principal
from shared.rate_limit import RateLimit


class AuditAction(StrEnum):
    """The actions of accounts in the audit."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    SIGN_OUT_EVERYWHERE = "sign_out.everywhere"
    SESSIONS_END = "sessions.end"
    ENROL = "account.enrol"
    PASSWORD = "account.password"  # noqa: S105  # an action
    RECOVERY_CODES = "account.recovery_codes"
    MAIL = "account.mail"
    """Another address for notices."""
    PASSKEY_ADD = "account.passkey_add"
    PASSKEY_REMOVE = "account.passkey_remove"
    PASSKEY_COPIED = "account.passkey_copied"
    """A passkey signed with a counter that does not go on from the last: there may be two of it."""
    CREATE = "account.create"
    ROLES = "account.roles"
    DISABLE = "account.disable"
    ENABLE = "account.enable"
    RESET = "account.reset"
    CONFIRM = "account.confirm"
    """Both factors asked again, of somebody who is signed in."""
    RELEASE = "account.release"
    """Taken over from notify's database."""
    ROTATE = "keys.rotate"
    KEY_REFUSED = "keys.refuse"
    """A signing key in the store that is not as identity wrote it."""
    KEY_REMOVED = "keys.remove"
    """A signing key that is gone from the store before its time."""
    SESSION_ALTERED = "sessions.refuse"
    """A session in the store that is not as identity wrote it."""
    REVOCATION_ALTERED = "sessions.reopen"
    """The end of a session was changed or taken away in the store."""


LINES: Final = RateLimit(capacity=30, per_second=0.5)
"""Lines that cost whoever causes them nothing: so many a minute for one network. The metrics count every one."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor, and from where."""

    subject: str | None
    organisation: str | None
    roles: tuple[str, ...]
    where: str
    device: str = ""
    """In words; kept with the session alone."""


def actor_of(request: HTTPConnection, principal: Principal | None) -> Actor:
    """Return the sender of a request as the actor."""
    device = device_words(request.headers.get("user-agent", ""))
    if principal is None:
        return Actor(None, None, (), where_of(request), device)
    return Actor(principal.subject, principal.organisation, tuple(sorted(principal.roles)), where_of(request), device)


def by_command(name: str) -> Actor:
    """Return the actor of a command: anyone with a shell on the machine."""
    return Actor(SYSTEM, None, (), f"command {name}")


def by_job(name: str) -> Actor:
    """Something identity found by itself."""
    return Actor(SYSTEM, None, (), f"job {name}")


def line(
    who: Actor, what: AuditAction, at: datetime, *, refused: str | None = None, reason: str | None = None, **detail: str
) -> AuditEntry:
    """A line of the audit; ``refused`` is the stable code of a refusal."""
    return AuditEntry(
        at=at,
        action=what.value,
        where=who.where,
        outcome=AuditOutcome.REFUSED if refused else AuditOutcome.DONE,
        actor=who.subject,
        organisation=who.organisation,
        roles=who.roles,
        reason=refused or reason,
        detail=detail,
    )
