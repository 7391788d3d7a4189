"""Decide about passwords, delays after wrong sign-ins, how long things last, and who may change whom. Pure."""

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.identity.accounts.models import Account, AccountState, KeyRecord, PendingRelease, Session
from shared.centers import CENTRAL
from shared.identity.roles import StaffRole, conflict, roles_at
from shared.identity.tokens import ACCESS_LASTS, GRACE

SHORTEST: Final = 12
"""Characters. NIST SP 800-63B-4 asks for 8 beside a second factor, 15 without one."""
LONGEST: Final = 128
_FEWEST_DIFFERENT: Final = 5
_FEWEST_BESIDES: Final = 8

SESSION_LASTS: Final = timedelta(hours=10)
"""One shift with some room."""
SESSION_IDLE: Final = timedelta(hours=2)
INVITATION_LASTS: Final = timedelta(hours=72)
DEVICE_LASTS: Final = timedelta(days=180)
RECOVERY_CODES: Final = 10

TOTP_STEP_S: Final = 30
"""RFC 6238."""
_STEPS_OFF: Final = 1
"""A clock may be a step off, before or after."""

KEY_LASTS: Final = timedelta(days=30)
KEY_ANNOUNCED: Final = timedelta(seconds=30)
"""Verifiers ask every two seconds; so long before it signs, a key is published."""
_OVERLAP: Final = ACCESS_LASTS + GRACE + timedelta(minutes=5)
"""How long after its last signature a key is still needed: tokens, their grace, and clocks that differ."""


class Weakness(StrEnum):
    """Why a password is not taken."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    NAMED = "named"
    """Little more than the account's name or this system's."""


def normal(password: str) -> str:
    """One form of each text, however the keyboard composed it (NIST: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, name: str, *, common: bool) -> Weakness | None:
    """Return why a normalised password is refused; kinds of characters do not matter.

    ``common``: it is on a list of those that guessers try first.
    """
    if len(password) < SHORTEST:
        return Weakness.TOO_SHORT
    if len(password) > LONGEST:
        return Weakness.TOO_LONG
    folded = password.casefold()
    if common or len(set(folded)) < _FEWEST_DIFFERENT:
        return Weakness.COMMON
    # A word of ours may be part of a long sentence, but must not be most of it.
    rest = min(len(folded.replace(word, "")) for word in (name.casefold(), "ieum", "이음"))
    return Weakness.NAMED if rest < _FEWEST_BESIDES else None


_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
"""Without what a header reads as something else: quotes, commas, groups, comments, encoded words (``=?``)."""
_MAIL: Final = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_MAIL_LENGTH: Final = 120


def is_mail_address(text: str) -> bool:
    """Return whether a text is one address, which a mail's header names as it is written."""
    return len(text) <= _MAIL_LENGTH and _MAIL.fullmatch(text) is not None


class Source(StrEnum):
    """Sources that a delay is counted for."""

    DEVICE = "device"
    """A browser in which this account has signed in before."""
    STRANGE = "strange"
    """The account, from all devices it never signed in on together."""
    NETWORK = "network"
    """All accounts, from one network (IPv4 /24, IPv6 /48), on strange devices."""
    RECOVERY = "recovery"
    """The account, where a right recovery code passes the waits of strangers: its password must not be guessed fast."""


@dataclass(frozen=True, slots=True)
class Delays:
    """So many attempts are free; then the wait doubles from ``first`` up to ``longest``."""

    free: int
    first: timedelta
    longest: timedelta


DELAYS: Final = {
    # A person's own browser never waits long, whatever others do elsewhere.
    Source.DEVICE: Delays(5, timedelta(seconds=2), timedelta(minutes=1)),
    # At most 4 guesses an hour for ever: 96 a day against a password of 12 characters and a second factor.
    Source.STRANGE: Delays(4, timedelta(seconds=4), timedelta(minutes=15)),
    # Only who holds a right recovery code counts here, so nobody keeps anybody else out.
    Source.RECOVERY: Delays(4, timedelta(seconds=4), timedelta(minutes=15)),
    Source.NETWORK: Delays(30, timedelta(seconds=2), timedelta(minutes=5)),
}
FORGOTTEN: Final = timedelta(hours=24)
"""Without another failure, the count begins anew."""


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """Attempts that did not succeed, and when the next one may be made."""

    failures: int
    last_at: datetime
    until: datetime


def wait(attempts: FailedAttempts | None, now: datetime) -> int:
    """Whole seconds until the next attempt is looked at; 0: now.

    Where no wait was due, none is although the clock was ahead then: it would be one for a whole network of people.
    """
    if attempts is None or attempts.until <= max(now, attempts.last_at):
        return 0
    return max(1, int((attempts.until - now).total_seconds() + 0.999))


def after_attempt(attempts: FailedAttempts | None, source: Source, now: datetime) -> FailedAttempts:
    """The attempts with one more, counted before it is looked at: many at once gain nothing."""
    known = attempts is not None and now - attempts.last_at < FORGOTTEN
    failures = (attempts.failures if attempts is not None and known else 0) + 1
    delays = DELAYS[source]
    over = failures - delays.free
    pause = timedelta(0) if over <= 0 else min(delays.first * 2 ** min(over - 1, 20), delays.longest)
    return FailedAttempts(failures, now, now + pause)


def after_success(attempts: FailedAttempts | None, now: datetime) -> FailedAttempts:
    """The attempts without the one that turned out right. Earlier failures stay, and with them the next waits."""
    if attempts is None:
        return FailedAttempts(0, now, now)
    return FailedAttempts(max(0, attempts.failures - 1), attempts.last_at, attempts.last_at)


def step_of(now: datetime) -> int:
    """The step of the second factor's clock."""
    return int(now.timestamp()) // TOTP_STEP_S


def acceptable_steps(now: datetime, last_used: int) -> list[int]:
    """The steps whose codes count: one off at most, and later than the last one used."""
    present = step_of(now)
    return [step for step in range(present - _STEPS_OFF, present + _STEPS_OFF + 1) if step > last_used]


def alive(session: Session, now: datetime) -> bool:
    """Return whether a session still renews its tokens."""
    if session.ended_at is not None:
        return False
    return now - session.started_at < SESSION_LASTS and now - session.seen_at < SESSION_IDLE


def usable(account: Account) -> bool:
    """Return whether an account may sign in and go on."""
    return account.state is AccountState.ACTIVE and bool(account.roles) and account.waits is None


def of_now(session: Session, account: Account) -> bool:
    """Return whether a session is not from before the last change that ended all others of its account."""
    begins = account.sessions_from
    return begins is None or session.started_at >= begins or session.session == account.session_kept


def session_over(started_at: datetime) -> datetime:
    """Return when nothing signed for a session can count any more, even if it was renewed to its last moment."""
    return started_at + SESSION_LASTS + _OVERLAP


SESSIONS_FREE: Final = 100
SESSIONS_PAUSE: Final = timedelta(minutes=10)
"""Between two sessions of an account beyond the free ones."""


def session_wait(begun: Sequence[datetime], now: datetime) -> int:
    """Seconds until an account may begin a session, where so many began whose ends may still be published; 0: now.

    Each ended one stands in the document of keys until it is over, which services read whole. Without a limit one
    person, who signs in and out all day, makes it longer than they take, and then nobody's sign-in counts anywhere.
    """
    if len(begun) < SESSIONS_FREE:
        return 0
    left = max(begun) + SESSIONS_PAUSE - now
    return max(0, math.ceil(min(left, SESSIONS_PAUSE).total_seconds()))


def rotation_due(created_at: datetime, now: datetime) -> bool:
    """Return whether it is time for a new signing key."""
    return now - created_at >= KEY_LASTS


def key_until(signs_until: datetime) -> datetime:
    """Until when a key is published that signs until then."""
    return signs_until + _OVERLAP


def key_ends(key: KeyRecord, every: Iterable[KeyRecord]) -> datetime:
    """Until when a key counts: by itself, or as the keys made after it say, which no change of its own can undo."""
    later = (other for other in every if other.number > key.number)
    said = (other.signs_from if other.at_once else key_until(other.signs_from) for other in later)
    return min((key.valid_until, *said))


class ChangeRefusal(StrEnum):
    """Why a change of an account is refused."""

    NO_ROLE = "no_role"
    ROLE_NOT_THERE = "role_not_there"
    """The organisation cannot give one of the roles."""
    CONFLICT = "roles_conflict"
    ONESELF = "oneself"
    LAST_ADMINISTRATOR = "last_administrator"
    SAME_PERSON = "same_person"
    """The person who asked for an account does not release it, nor does its owner."""
    NOT_WAITING = "not_waiting"
    MOST_ACCOUNTS = "most_accounts"
    EXTERNAL = "external"
    """Roles and factors of people from the OpenID provider are kept there."""
    AT_PROVIDER = "at_provider"
    """With an OpenID provider nobody is invited here, but by the command for emergencies."""


MOST_ACCOUNTS: Final = 200
"""Of one organisation: those that are not disabled, and those made within ``MADE_LATELY``. Several times as many as a
centre has people; identity reads all accounts again and again, so one administrator could keep it busy with new ones.
"""
MADE_LATELY: Final = timedelta(days=1)

PROVIDER: Final = "provider"
"""Asks for the accounts of people of the OpenID provider, in place of an administrator's subject."""
NEEDS_RELEASE: Final = frozenset({StaffRole.COUNSELLOR, StaffRole.LEAD, StaffRole.ADMINISTRATOR})
"""Roles that reach details, and those that could release them.

No administrator makes such an account alone, nor does whoever gives roles at the OpenID provider.
"""


def waiting(
    account: Account, roles: Collection[StaffRole], by: str | None, now: datetime, *, anew: bool
) -> PendingRelease | None:
    """Return what an account waits for after a change by an administrator or the OpenID provider (``PROVIDER``).

    ``by`` None: by whoever has the machine's shell.
    ``anew``: an invitation is handed over, or the account let in again, so that all its roles count as gained.
    """
    given = set(roles) & NEEDS_RELEASE
    if by is None or not given:
        return None
    if not anew and given <= set(account.roles):
        return account.waits
    before = account.waits.by if account.waits is not None else ()
    if account.invited_by and not anew:
        # Else two of them would be one: who made it as an account without such a role, and holds it.
        before = (account.invited_by, *before)
    return PendingRelease(by=(*(one for one in dict.fromkeys(before) if one != by), by), since=now)


def release_wrong(account: Account, by: str) -> ChangeRefusal | None:
    """Return why a person may not release an account. Not before its owner has set it up: they can be asked then."""
    if account.waits is None or account.state is not AccountState.ACTIVE:
        return ChangeRefusal.NOT_WAITING
    return ChangeRefusal.SAME_PERSON if by in (*account.waits.by, account.subject) else None


def roles_wrong(organisation: str, roles: Collection[StaffRole]) -> ChangeRefusal | None:
    """Return why an organisation cannot give these roles to one person."""
    if not roles:
        return ChangeRefusal.NO_ROLE
    if not set(roles) <= roles_at(organisation):
        return ChangeRefusal.ROLE_NOT_THERE
    return ChangeRefusal.CONFLICT if conflict(frozenset(roles)) is not None else None


def administers_central(account: Account) -> bool:
    """Return whether an account is one of those of which the central centre must always have one."""
    return account.organisation == CENTRAL and usable(account) and StaffRole.ADMINISTRATOR in account.roles


def change_wrong(
    account: Account, by: str, *, still_administrator: bool, central_administrators: int
) -> ChangeRefusal | None:
    """Return why an administrator may not take something from an account; ``still_administrator`` after the change."""
    if account.subject == by:
        # Nobody widens their own roles, and nobody shuts themselves out by a slip.
        return ChangeRefusal.ONESELF
    is_last = administers_central(account) and central_administrators <= 1
    return ChangeRefusal.LAST_ADMINISTRATOR if is_last and not still_administrator else None
