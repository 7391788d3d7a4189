"""The first sign-in: an invitation becomes an account with a password, a second factor and recovery codes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.identity.accounts.models import Account, AccountState, Invitation, RefusedError, SessionEnding
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import (
    INVITATION_LASTS,
    RECOVERY_CODES,
    acceptable_steps,
    is_mail_address,
    normal,
    weakness,
)
from services.identity.audit_recorder import Actor, AuditAction, line
from services.identity.common_passwords import is_common
from services.identity.credentials import (
    Passwords,
    Vault,
    new_code,
    new_secret,
    plain_code,
    right_step,
    totp_address,
)
from services.identity.keyed_digests import AccountDigests
from services.identity.notices.models import MAIL_FIELD, Notice
from services.identity.notices.service import Notices
from services.identity.sessions.service import Sessions
from services.identity.sign_in.service import TOTP_FIELD, SignIn
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import TransientError


@dataclass(frozen=True, slots=True)
class EnrolmentPage:
    """The content of the enrolment page."""

    account: Account
    shown: str
    """What the page's second factor is made from again when its form comes back; without the account key no use."""
    totp: str
    address: str
    """``otpauth://`` address, for the QR code."""


class Enrolment:
    """Uses up invitations; changes passwords and recovery codes of whoever is signed in."""

    def __init__(
        self,
        accounts: AccountStore,
        sign_in: SignIn,
        sessions: Sessions,
        passwords: Passwords,
        vault: Vault,
        notices: Notices,
        audit: AuditLog,
        clock: Clock,
        *,
        only_break_glass: bool,
    ) -> None:
        """``only_break_glass``: as for ``SignIn``; no other account is set up here then."""
        self._accounts = accounts
        self._sign_in = sign_in
        self._sessions = sessions
        self._passwords = passwords
        self._vault = vault
        self._notices = notices
        self._audit = audit
        self._clock = clock
        self._only_break_glass = only_break_glass

    async def offer(self, code: str, who: Actor, shown: str = "") -> EnrolmentPage:
        """Look at an invitation; ``shown`` as a page of it had it. Raises ``RefusedError``.

        Each opened page has a second factor of its own: who made the invitation, or overheard it, and looks at it too
        does not know the one that its owner takes.
        """
        account = await self._invited(code, who)
        shown = shown or new_secret()
        invitation = account.invitation.digest if account.invitation is not None else ""
        totp = base64.b32encode(self._vault.marks.authenticator(account.subject, invitation, shown)).decode()
        return EnrolmentPage(account, shown, totp, totp_address(totp, account.name))

    async def complete(self, code: str, shown: str, password: str, totp: str, who: Actor) -> tuple[Account, list[str]]:
        """Make the account active; it and its recovery codes. Raises ``RefusedError``.

        Codes: ``no_invitation``, ``wrong_code``, or a ``Weakness`` of the password.
        """
        offer = await self.offer(code, who, shown)
        password = self._strong(password, offer.account.name)
        step = right_step(offer.totp, totp, acceptable_steps(self._clock.now(), 0))
        if step is None:
            raise RefusedError("wrong_code")
        codes = new_codes()
        now = self._clock.now()
        active = offer.account.changed(
            now,
            state=AccountState.ACTIVE,
            password=await self._passwords.hashed(password),
            totp=self._vault.encrypt(offer.account.subject, TOTP_FIELD, offer.totp.encode()),
            totp_step=step,
            recovery=digests(self._vault.marks, offer.account.subject, codes),
            invitation=None,
        )
        known = Actor(active.subject, active.organisation, tuple(sorted(active.roles)), who.where)
        await self._audit.append(line(known, AuditAction.ENROL, now))
        saved = await self._accounts.save(active)
        if saved is None:
            raise RefusedError("no_invitation")
        return saved, codes

    async def change_password(
        self,
        account: Account,
        before: str,
        code: str,
        after: str,
        who: Actor,
        session: str,
        confirmed_at: datetime | None,
    ) -> Account:
        """Another password; ends every other session. The account as saved. Raises ``RefusedError``."""
        after = self._strong(after, account.name)
        await self._sign_in.confirm(account, before, code, who, confirmed_at)
        hashed = await self._passwords.hashed(after)
        await self._audit.append(line(who, AuditAction.PASSWORD, self._clock.now()))
        begins = self._clock.now()
        async with self._notices.about(account, Notice.PASSWORD):
            kept: dict[str, object] = {"password": hashed, "sessions_from": begins, "session_kept": session}
            changed = await self._change(account, kept)
        await self._sessions.end(account.subject, SessionEnding.PASSWORD_CHANGED, but=session)
        return changed

    async def new_recovery_codes(
        self, account: Account, password: str, code: str, who: Actor, confirmed_at: datetime | None
    ) -> tuple[Account, list[str]]:
        """The account as saved, and its ten new codes in place of the old ones. Raises ``RefusedError``."""
        await self._sign_in.confirm(account, password, code, who, confirmed_at)
        codes = new_codes()
        await self._audit.append(line(who, AuditAction.RECOVERY_CODES, self._clock.now()))
        async with self._notices.about(account, Notice.RECOVERY_CODES):
            fresh = digests(self._vault.marks, account.subject, codes)
            changed = await self._change(account, {"recovery": fresh})
        return changed, codes

    async def change_mail(
        self,
        account: Account,
        password: str,
        code: str,
        to: str,
        language: str,
        who: Actor,
        confirmed_at: datetime | None,
    ) -> Account:
        """Another address for notices, or none; both are told. The account as saved.

        Raises ``RefusedError``: ``mail``, or as ``confirm``.

        People of the OpenID provider have no password here: they showed their factors there lately.
        """
        to = to.strip()
        if to and not is_mail_address(to):
            raise RefusedError("mail")
        if not account.external:
            await self._sign_in.confirm(account, password, code, who, confirmed_at)
        await self._audit.append(line(who, AuditAction.MAIL, self._clock.now()))
        sealed = self._vault.encrypt(account.subject, MAIL_FIELD, to.encode()) if to else None
        kept: dict[str, object] = {"mail": sealed, "language": language if to else ""}
        changed = account.model_copy(update=kept)
        async with self._notices.about(account, Notice.ADDRESS), self._notices.about(changed, Notice.ADDRESS):
            return await self._change(account, kept)

    def _strong(self, password: str, name: str) -> str:
        password = normal(password)
        weak = weakness(password, name, common=is_common(password))
        if weak is not None:
            raise RefusedError(weak.value)
        return password

    async def _change(self, confirmed: Account, update: dict[str, object]) -> Account:
        """Change the account that somebody showed the factors of. Raises ``RefusedError`` ``wrong_sign_in``.

        Also where it was changed since: perhaps to keep out whoever showed them.
        """
        account = await self._accounts.get(confirmed.subject)
        if account is None or account.state is not AccountState.ACTIVE or account.changes != confirmed.changes:
            raise RefusedError("wrong_sign_in")
        saved = await self._accounts.save(account.changed(self._clock.now(), **update))
        if saved is None:
            raise TransientError("the account changed meanwhile")
        return saved

    async def _invited(self, code: str, who: Actor) -> Account:
        account = await self._accounts.by_invitation(self._vault.marks.invitation(plain_code(code)))
        good = account is not None and account.state is AccountState.INVITED and account.invitation is not None
        if (
            not good
            or account is None
            or account.invitation is None
            or account.invitation.expires_at <= self._clock.now()
            or (self._only_break_glass and not account.break_glass)
        ):
            # Only wrong codes are counted: against load, not against guessing, for which they are too long.
            await self._sign_in.throttle(who.where)
            await self._audit.append(line(who, AuditAction.ENROL, self._clock.now(), refused="no_invitation"))
            raise RefusedError("no_invitation")
        return account


def new_codes() -> list[str]:
    """Recovery codes to show once."""
    return [new_code() for _ in range(RECOVERY_CODES)]


def digests(marks: AccountDigests, subject: str, codes: Sequence[str]) -> tuple[str, ...]:
    """Digest a person's recovery codes for storage."""
    return tuple(marks.recovery(subject, plain_code(code)) for code in codes)


def new_invitation(marks: AccountDigests, clock: Clock) -> tuple[str, Invitation]:
    """A code to hand over, and what is kept of it."""
    code = new_code()
    return code, Invitation(digest=marks.invitation(plain_code(code)), expires_at=clock.now() + INVITATION_LASTS)
