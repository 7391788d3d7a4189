"""Signing in with a password and a second factor, slowly for whoever guesses.

Wrong name, wrong password, wrong code or passkey and a disabled account are refused in one and the same way, after the
same work; a passkey comes together with the password, so no step in between tells that the password was right.
Delays are counted before an attempt is looked at, in the store: they hold across processes and restarts.

Nobody can lock somebody else out. A browser in which an account has signed in since it was last changed carries a
device cookie and is counted on its own; strangers share one count per account and one per network, whose waits end at
15 and 5 minutes; and a recovery code, which nobody can guess, is looked at however long the wait, on a count that only
its holders add to.
"""

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from services.identity.accounts.models import (
    Account,
    AccountState,
    Factor,
    PasskeyMissingError,
    RefusedError,
    Session,
)
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import (
    FailedAttempts,
    Source,
    acceptable_steps,
    after_attempt,
    after_success,
    normal,
    wait,
)
from services.identity.audit_recorder import LINES, Actor, AuditAction, line
from services.identity.credentials import Passwords, Vault, is_long_code, plain_code, right_step
from services.identity.metrics import SIGN_INS
from services.identity.notices.models import Notice
from services.identity.notices.service import Notices
from services.identity.passkeys.rules import refusal
from services.identity.passkeys.service import Passkeys, Use
from services.identity.sessions.service import Issued, Sessions
from services.identity.sign_in.repository import DelayStore
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.identity.roles import StaffRole
from shared.rate_limit import RateLimiter

TOTP_FIELD: Final = "totp"
CONFIRMED_LASTS: Final = timedelta(minutes=5)
"""So long after a passkey was shown may the ways into its account be changed with the password."""
_MOST_SIGNS: Final = 256
_STEP_S: Final = 0.02
"""Who must wait is told so at a multiple of it after they asked: reading an account takes longer than finding none, and
nothing slows down whoever asks ten thousand times and compares."""


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """The credentials given. ``network`` and ``device`` come with the request."""

    name: str
    password: str
    code: str
    network: str
    device: str = ""
    passkey: str = ""
    """A passkey's answer, in place of the code."""
    browser: str = ""
    """The secret of this browser that the passkey's challenge was made for."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A signed-in person, and the cookie that makes this browser known."""

    issued: Issued
    device: str


class SignIn:
    """Checks passwords, codes and passkeys."""

    def __init__(
        self,
        accounts: AccountStore,
        delays: DelayStore,
        sessions: Sessions,
        passwords: Passwords,
        passkeys: Passkeys,
        notices: Notices,
        vault: Vault,
        audit: AuditLog,
        clock: Clock,
        *,
        only_break_glass: bool,
        roles_with_passkey: Collection[StaffRole],
    ) -> None:
        """``only_break_glass``: an OpenID provider is set, and passwords are for emergencies."""
        self._accounts = accounts
        self._delays = delays
        self._sessions = sessions
        self._passwords = passwords
        self._passkeys = passkeys
        self._notices = notices
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self._lines = RateLimiter(LINES, clock)
        self._only_break_glass = only_break_glass
        self._roles_with_passkey = roles_with_passkey

    async def enter(self, attempt: SignInAttempt, who: Actor) -> Entered:
        """Sign in. Raises ``RefusedError``: ``wrong_sign_in`` or ``wait`` (with the seconds).

        To who gave both factors: ``waits_for_release``, ``passkey_needed`` (they have one and must use it),
        ``too_many_sessions`` (with the seconds), or ``PasskeyMissingError`` (they must register one first).
        """
        begun = self._clock.monotonic()
        name = attempt.name.strip().casefold()[:_MOST_SIGNS]
        account = await self._accounts.by_name(name)
        delay_keys = self._delay_keys(attempt, name, account)
        if seconds := await self._taken(delay_keys):
            if account is None or not self._holds_recovery(account, attempt.code):
                try:
                    await self._refuse(who, account, "wait", seconds)
                finally:
                    await self._clock.sleep((begun - self._clock.monotonic()) % _STEP_S)
                raise AssertionError  # pragma: no cover  # _refuse raises
            delay_keys = {Source.RECOVERY: f"{Source.RECOVERY}:{account.subject}"}
            if seconds := await self._taken(delay_keys):
                await self._refuse(who, account, "wait", seconds)
        shown = await self._proven(account, attempt, stranger=Source.STRANGE in delay_keys)
        if shown is None or account is None:
            await self._refuse(who, account, "wrong_sign_in")
            raise AssertionError  # pragma: no cover  # _refuse raises
        return await self._let_in(account, shown, delay_keys, who, attempt.device)

    async def confirm(
        self, account: Account, password: str, code: str, who: Actor, confirmed_at: datetime | None
    ) -> None:
        """Ask for both factors before an account's ways in are changed. Raises ``RefusedError``.

        Six digits do not count where a passkey is needed (``passkey_needed``): it is shown to ``step_up``, at most
        ``CONFIRMED_LASTS`` before (``confirmed_at``), or ``code`` is a recovery code.
        """
        key = f"{Source.DEVICE}:confirm:{account.subject}"
        if seconds := await self._taken({Source.DEVICE: key}):
            await self._refuse(who, account, "wait", seconds, AuditAction.CONFIRM)
        if self.needs_passkey(account) and not is_long_code(code):
            if code or not self.is_just_confirmed(confirmed_at):
                await self._refuse(who, account, "passkey_needed", None, AuditAction.CONFIRM)
            right = await self._password_right(account, password)
        else:
            right = await self._proven(account, SignInAttempt(account.name, password, code, "")) is not None
        if not right:
            await self._refuse(who, account, "wrong_sign_in", None, AuditAction.CONFIRM)
        await self._delays.forget(key)

    async def step_up(self, account: Account, session: Session, code: str, passkey: str, who: Actor) -> None:
        """Ask for a second factor again in a session. Raises ``RefusedError``: ``wrong_sign_in``, ``wait``.

        Or ``passkey_needed``: who must sign in with a passkey shows that, or a recovery code.
        """
        key = f"{Source.DEVICE}:confirm:{account.subject}"
        if seconds := await self._taken({Source.DEVICE: key}):
            await self._refuse(who, account, "wait", seconds, AuditAction.CONFIRM)
        shown = Factor.PASSKEY if passkey else Factor.RECOVERY if is_long_code(code) else Factor.TOTP
        if shown is Factor.TOTP and self.needs_passkey(account):
            await self._refuse(who, account, "passkey_needed", None, AuditAction.CONFIRM)
        attempt = SignInAttempt(account.name, "", code, "", passkey=passkey, browser=session.session)
        if not await self._second(account, shown, attempt, Use.CONFIRM):
            await self._refuse(who, account, "wrong_sign_in", None, AuditAction.CONFIRM)
        await self._audit.append(line(who, AuditAction.CONFIRM, self._clock.now(), factor=shown))
        if not await self._sessions.confirm(session):
            raise RefusedError("wrong_sign_in")
        await self._delays.forget(key)
        SIGN_INS.labels("confirm", "entered").inc()

    def needs_passkey(self, account: Account) -> bool:
        """Return whether six digits do not count for an account: its role uses a passkey, and it has one."""
        return refusal(account, Factor.TOTP, self._roles_with_passkey) == "passkey_needed"

    def is_just_confirmed(self, confirmed_at: datetime | None) -> bool:
        """Return whether a second factor was shown so lately that an account's ways in may be changed."""
        return confirmed_at is not None and self._clock.now() - confirmed_at < CONFIRMED_LASTS

    async def throttle(self, network: str) -> None:
        """Count something else that strangers may try, under their network. Raises ``RefusedError`` ``wait``."""
        if seconds := await self._taken({Source.NETWORK: f"{Source.NETWORK}:{network}"}):
            raise RefusedError("wait", retry_after=seconds)

    def device_cookie(self, account: Account, now: datetime) -> str:
        """The cookie that makes a browser known to an account, until the account changes."""
        return self._vault.device_cookie(account, now)

    async def begin(
        self, account: Account, shown: Factor, who: Actor, device: str, *, before: Account | None = None
    ) -> Entered:
        """Begin the session of somebody whose factors were right; ``device`` is the cookie of a known browser.

        ``before``: the account that the browser may be known to, where it was changed on the way in.
        Raises ``RefusedError``: ``wrong_sign_in``, also where the account was changed since the factors were shown, or
        ``too_many_sessions``: too many of theirs began lately.
        """
        now = self._clock.now()
        known = Actor(account.subject, account.organisation, tuple(sorted(account.roles)), who.where)
        await self._audit.append(line(known, AuditAction.SIGN_IN, now, way="password", factor=shown))
        known_device = self._vault.device_of(device, before or account, now) is not None
        telling = nullcontext() if known_device else self._notices.about(account, Notice.NEW_DEVICE)
        async with telling:
            try:
                issued = await self._sessions.begin(account, who)
            except RefusedError as error:
                await self._refuse(who, account, error.code, error.retry_after)
                raise AssertionError from None  # pragma: no cover  # _refuse raises
            if issued is None:
                await self._refuse(who, account, "wrong_sign_in")
                raise AssertionError  # pragma: no cover  # _refuse raises
        SIGN_INS.labels("password", "entered").inc()
        return Entered(issued, self.device_cookie(account, now))

    async def begin_first(self, account: Account, who: Actor) -> Issued | None:
        """Begin the session of somebody who just enrolled; None while they wait for release.

        Raises ``PasskeyMissingError``: their role signs in with a passkey, which they register first; ``RefusedError``
        ``too_many_sessions``.
        """
        if account.waits is None and refusal(account, Factor.TOTP, self._roles_with_passkey) is not None:
            SIGN_INS.labels("password", "passkey_missing").inc()
            raise PasskeyMissingError(account)
        return await self._sessions.begin(account, who)

    async def _let_in(
        self, account: Account, shown: Factor, delay_keys: dict[Source, str], who: Actor, device: str
    ) -> Entered:
        if account.waits is not None:
            await self._refuse(who, account, "waits_for_release")
        refused = refusal(account, shown, self._roles_with_passkey)
        if refused == "passkey_needed":
            await self._refuse(who, account, refused)
        if refused is not None:
            # Both factors were right, a recovery code is used up, and a passkey may be registered now.
            said = line(who, AuditAction.SIGN_IN, self._clock.now(), refused=refused, account=account.subject)
            await self._audit.append(said)
            await self._forget(delay_keys)
            SIGN_INS.labels("password", refused).inc()
            raise PasskeyMissingError(account)
        entered = await self.begin(account, shown, who, device)
        await self._forget(delay_keys)
        return entered

    async def _forget(self, delay_keys: dict[Source, str]) -> None:
        now = self._clock.now()
        for source, key in delay_keys.items():
            if source is Source.NETWORK:
                # Only this attempt: whoever has one account there could else try all others for ever. And a centre of
                # thirty people must not wait because they all came to work.
                await self._delays.change(key, partial(after_success, now=now))
            else:
                await self._delays.forget(key)

    async def _refuse(
        self,
        who: Actor,
        account: Account | None,
        code: str,
        seconds: int | None = None,
        what: AuditAction = AuditAction.SIGN_IN,
    ) -> None:
        SIGN_INS.labels("password" if what is AuditAction.SIGN_IN else "confirm", code).inc()
        detail = {"account": account.subject} if account is not None else {}
        # Who waits is not looked at and so not slowed down either: their lines are.
        if code not in {"wait", "too_many_sessions"} or self._lines.try_acquire(who.where):
            await self._audit.append(line(who, what, self._clock.now(), refused=code, **detail))
        raise RefusedError(code, retry_after=seconds)

    def _delay_keys(self, attempt: SignInAttempt, name: str, account: Account | None) -> dict[Source, str]:
        now = self._clock.now()
        device = self._vault.device_of(attempt.device, account, now) if account is not None else None
        if device is not None and account is not None:
            return {Source.DEVICE: f"{Source.DEVICE}:{account.subject}:{device}"}
        reference = self._vault.name_reference(name)
        return {
            Source.STRANGE: f"{Source.STRANGE}:{reference}",
            Source.NETWORK: f"{Source.NETWORK}:{attempt.network}",
        }

    async def _taken(self, delay_keys: dict[Source, str]) -> int:
        """Count an attempt; the seconds to wait where it may not be looked at (then it is not counted).

        Of attempts at the same moment, one that loses the race for a count may be counted in those before it.
        """
        now = self._clock.now()
        for key in delay_keys.values():
            # Looked at first: what waits for one count adds to no other, and a flood of it writes nothing.
            if seconds := wait(await self._delays.get(key), now):
                return seconds
        for source, key in delay_keys.items():
            if not await self._delays.change(key, partial(_one_more, source=source, now=now)):
                return max(1, wait(await self._delays.get(key), now))
        return 0

    def _holds_recovery(self, account: Account, code: str) -> bool:
        return is_long_code(code) and self._recovery(account, code) in account.recovery

    def _recovery(self, account: Account, code: str) -> str:
        return self._vault.marks.recovery(account.subject, plain_code(code))

    async def _proven(
        self, account: Account | None, attempt: SignInAttempt, *, stranger: bool = False
    ) -> Factor | None:
        if not await self._password_right(account, attempt.password, stranger=stranger) or account is None:
            return None
        shown = Factor.PASSKEY if attempt.passkey else Factor.RECOVERY if is_long_code(attempt.code) else Factor.TOTP
        if not await self._second(account, shown, attempt):
            return None
        stored, password = account.password, normal(attempt.password[:_MOST_SIGNS])
        if stored is not None and self._passwords.outdated(stored):
            await self._accounts.rehash(account.subject, stored, await self._passwords.hashed(password))
        return shown

    async def _password_right(self, account: Account | None, password: str, *, stranger: bool = False) -> bool:
        """Compare a password, as slowly where there is no account that it could be of."""
        usable = account is not None and account.state is AccountState.ACTIVE and account.totp is not None
        if usable and account is not None and self._only_break_glass:
            usable = account.break_glass
        stored = account.password if usable and account is not None else None
        right = await self._passwords.right(stored, normal(password[:_MOST_SIGNS]), stranger=stranger)
        return right and stored is not None

    async def _second(self, account: Account, shown: Factor, attempt: SignInAttempt, use: Use = Use.SIGN_IN) -> bool:
        code = attempt.code
        if shown is Factor.PASSKEY:
            return await self._passkeys.prove(account, use, attempt.browser, attempt.passkey)
        if shown is Factor.RECOVERY:
            return await self._accounts.use_recovery(account.subject, self._recovery(account, code))
        if account.totp is None:  # pragma: no cover  # asked before
            return False
        secret = self._vault.decrypt(account.subject, TOTP_FIELD, account.totp).decode()
        step = right_step(secret, code[:_MOST_SIGNS], acceptable_steps(self._clock.now(), account.totp_step))
        return step is not None and await self._accounts.use_step(account.subject, step)


def _one_more(attempts: FailedAttempts | None, *, source: Source, now: datetime) -> FailedAttempts | None:
    return None if wait(attempts, now) else after_attempt(attempts, source, now)
