"""Administration of accounts. The authorizer has already checked whose accounts a person may change."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from services.identity.accounts.models import Account, AccountState, PendingRelease, RefusedError, SessionEnding
from services.identity.accounts.repository import AT_ONCE, AccountStore
from services.identity.accounts.rules import (
    MADE_LATELY,
    MOST_ACCOUNTS,
    ChangeRefusal,
    administers_central,
    change_wrong,
    normal,
    release_wrong,
    roles_wrong,
    waiting,
)
from services.identity.audit_recorder import Actor, AuditAction, line
from services.identity.credentials import Passwords, Vault, new_secret, new_subject, new_totp
from services.identity.enrolment.service import digests, new_codes, new_invitation
from services.identity.notices.models import Notice
from services.identity.notices.service import Notices
from services.identity.sessions.service import Sessions
from services.identity.sign_in.service import TOTP_FIELD
from shared.audit.model import SYSTEM
from shared.audit.store import AuditLog
from shared.centers import CENTRAL
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.roles import StaffRole


@dataclass(frozen=True, slots=True)
class Ready:
    """An account that is ready to use, with everything its owner would know. For demos and tests alone."""

    account: Account
    password: str
    totp: str
    recovery: list[str]


class Administration:
    """Makes and changes accounts."""

    def __init__(
        self,
        accounts: AccountStore,
        sessions: Sessions,
        passwords: Passwords,
        vault: Vault,
        notices: Notices,
        audit: AuditLog,
        clock: Clock,
        *,
        only_break_glass: bool,
    ) -> None:
        """``only_break_glass``: as for ``Enrolment``, which takes no other invitation then."""
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._vault = vault
        self._notices = notices
        self._audit = audit
        self._clock = clock
        self._only_break_glass = only_break_glass
        self._making = asyncio.Lock()

    async def create(
        self,
        who: Actor,
        name: str,
        display: str,
        organisation: str,
        roles: Collection[StaffRole],
        *,
        break_glass: bool = False,
    ) -> tuple[Account, str]:
        """A new account and its invitation code. Raises ``RefusedError``: ``name_taken`` or a ``ChangeRefusal``."""
        self._invitable(break_glass=break_glass)
        code, invitation = new_invitation(self._vault.marks, self._clock)
        account = self._new(name, display, organisation, roles).model_copy(
            update={"invitation": invitation, "invited_by": _asked_by(who) or "", "break_glass": break_glass}
        )
        account = account.model_copy(update={"waits": self._waits(who, account, roles, anew=True)})
        if _asked_by(who) is None:
            return await self._added(who, account), code
        async with self._making:  # one after the other: many at once are counted too
            if await self._accounts.kept(organisation, self._clock.now() - MADE_LATELY) >= MOST_ACCOUNTS:
                why = ChangeRefusal.MOST_ACCOUNTS
                said = {"of": organisation, "roles": " ".join(account.roles)}
                refusal = line(who, AuditAction.CREATE, self._clock.now(), refused=why, **said)
                self._audit.note(refusal, rate_limited=True)
                raise RefusedError(why)
            return await self._added(who, account), code

    async def create_ready(
        self, who: Actor, name: str, display: str, organisation: str, roles: Collection[StaffRole]
    ) -> Ready:
        """An account that can sign in now. Raises ``RefusedError`` as ``create`` does."""
        account = self._new(name, display, organisation, roles)
        password, totp, recovery = new_secret(), new_totp(), new_codes()
        account = account.model_copy(
            update={
                "state": AccountState.ACTIVE,
                "password": await self._passwords.hashed(normal(password)),
                "totp": self._vault.encrypt(account.subject, TOTP_FIELD, totp.encode()),
                "recovery": digests(self._vault.marks, account.subject, recovery),
            }
        )
        return Ready(await self._added(who, account), password, totp, recovery)

    async def change_roles(self, who: Actor, account: Account, roles: Collection[StaffRole], reason: str) -> Account:
        """Other roles; their sessions end. Raises ``RefusedError``."""
        if account.external:
            raise RefusedError(ChangeRefusal.EXTERNAL)
        wrong = roles_wrong(account.organisation, roles) or await self._wrong(
            who, account, still=StaffRole.ADMINISTRATOR in roles
        )
        if wrong is not None:
            raise RefusedError(wrong)
        before, after = " ".join(sorted(account.roles)), " ".join(sorted(roles))
        await self._said(who, AuditAction.ROLES, account, reason, before=before, after=after)
        waits = self._waits(who, account, roles, anew=False)
        return await self._saved(account, SessionEnding.ROLES_CHANGED, Notice.ROLES, roles=_ordered(roles), waits=waits)

    async def release(self, who: Actor, account: Account, changes: int) -> None:
        """Let somebody in whom another administrator made, reset or gave more; ``changes`` as they saw it.

        Raises ``RefusedError``.
        """
        if account.changes != changes:
            raise RefusedError("changed_meanwhile")
        wrong = release_wrong(account, who.subject or "")
        if wrong is not None or account.waits is None:
            raise RefusedError(wrong or ChangeRefusal.NOT_WAITING)
        await self._said(who, AuditAction.RELEASE, account, None, asked_by=" ".join(account.waits.by))
        if await self._accounts.save(account.changed(self._clock.now(), waits=None, invited_by="")) is None:
            raise RefusedError("changed_meanwhile")

    async def disable(self, who: Actor, account: Account, reason: str) -> Account:
        """Let them in no more, from now on, although factors of the account are used meanwhile.

        Raises ``RefusedError``.
        """
        wrong = await self._wrong(who, account, still=False)
        if wrong is not None:
            raise RefusedError(wrong)
        await self._said(who, AuditAction.DISABLE, account, reason)
        return await self._saved(
            account,
            SessionEnding.DISABLED,
            Notice.DISABLED,
            tries=AT_ONCE,
            state=AccountState.DISABLED,
            invitation=None,
        )

    async def enable(self, who: Actor, account: Account, reason: str) -> tuple[Account, str]:
        """Let a disabled account in again, by a new invitation; people of the OpenID provider need none (no code).

        Raises ``RefusedError``.
        """
        if account.state is not AccountState.DISABLED:
            raise RefusedError("changed_meanwhile")  # else a reset that asks neither whose it is nor who is left
        if account.external:
            await self._said(who, AuditAction.ENABLE, account, reason)
            waits = self._waits(who, account, account.roles, anew=True)
            return await self._saved(
                account, SessionEnding.DISABLED, Notice.ENABLED, state=AccountState.ACTIVE, waits=waits
            ), ""
        return await self._invite(who, AuditAction.ENABLE, account, reason)

    async def reset(self, who: Actor, account: Account, reason: str) -> tuple[Account, str]:
        """Forget password and second factor and invite them anew. Raises ``RefusedError``."""
        if account.external:
            raise RefusedError(ChangeRefusal.EXTERNAL)
        if account.state is AccountState.DISABLED:
            raise RefusedError("disabled")
        wrong = await self._wrong(who, account, still=account.state is not AccountState.ACTIVE)
        if wrong is not None:
            raise RefusedError(wrong)
        return await self._invite(who, AuditAction.RESET, account, reason)

    async def _invite(self, who: Actor, what: AuditAction, account: Account, reason: str) -> tuple[Account, str]:
        self._invitable(break_glass=account.break_glass)
        code, invitation = new_invitation(self._vault.marks, self._clock)
        await self._said(who, what, account, reason)
        after = await self._saved(
            account,
            SessionEnding.FACTOR_RESET,
            Notice.RESET if what is AuditAction.RESET else Notice.ENABLED,
            state=AccountState.INVITED,
            invitation=invitation,
            invited_by=_asked_by(who) or "",
            waits=self._waits(who, account, account.roles, anew=True),
            password=None,
            totp=None,
            totp_step=0,
            recovery=(),
            passkeys=(),
        )
        return after, code

    def _invitable(self, *, break_glass: bool) -> None:
        if self._only_break_glass and not break_glass:
            raise RefusedError(ChangeRefusal.AT_PROVIDER)

    def _waits(
        self, who: Actor, account: Account, roles: Collection[StaffRole], *, anew: bool
    ) -> PendingRelease | None:
        return waiting(account, roles, _asked_by(who), self._clock.now(), anew=anew)

    def _new(self, name: str, display: str, organisation: str, roles: Collection[StaffRole]) -> Account:
        wrong = roles_wrong(organisation, roles)
        if wrong is not None:
            raise RefusedError(wrong)
        now = self._clock.now()
        return Account(
            subject=new_subject(),
            name=name,
            display=display,
            organisation=organisation,
            roles=_ordered(roles),
            state=AccountState.INVITED,
            created_at=now,
            changed_at=now,
        )

    async def _added(self, who: Actor, account: Account) -> Account:
        if await self._accounts.by_name(account.name) is not None:
            raise RefusedError("name_taken")
        roles = " ".join(account.roles)
        await self._said(who, AuditAction.CREATE, account, None, of=account.organisation, roles=roles)
        if await self._accounts.add(account):
            return account
        if await self._accounts.by_name(account.name) is not None:
            raise RefusedError("name_taken")
        # One in 200 thousand million; and what is sealed is bound to the subject, so it is made anew as a whole.
        raise TransientError("two accounts drew the same subject")

    async def _wrong(self, who: Actor, account: Account, *, still: bool) -> ChangeRefusal | None:
        count = await self._accounts.administrators(CENTRAL)
        return change_wrong(account, who.subject or "", still_administrator=still, central_administrators=count)

    async def _said(self, who: Actor, what: AuditAction, account: Account, reason: str | None, **detail: str) -> None:
        await self._audit.append(line(who, what, self._clock.now(), reason=reason, account=account.subject, **detail))

    async def end_sessions(self, who: Actor, account: Account, only: str = "") -> None:
        """End one of their sessions, or all; then no browser of theirs is known any more."""
        async with self._notices.about(account, Notice.SESSIONS_ENDED):
            if only:
                ended = await self._sessions.end(account.subject, SessionEnding.ADMINISTRATOR, only=only)
            else:
                ended = (await self._sessions.end_everywhere(account.subject, SessionEnding.ADMINISTRATOR)).ended
        await self._said(who, AuditAction.SESSIONS_END, account, None, ended=str(ended))

    async def _saved(
        self, account: Account, why: SessionEnding, notice: Notice, *, tries: int = 1, **update: object
    ) -> Account:
        now = self._clock.now()
        update |= {"sessions_from": now, "session_kept": ""}
        async with self._notices.about(account, notice):
            changed = await self._accounts.change(account, now, tries=tries, **update)
            if changed is None:
                raise RefusedError("changed_meanwhile")
            before, after = changed
            await self._keep_an_administrator(before, after)
        await self._sessions.end(account.subject, why)
        return after

    async def _keep_an_administrator(self, before: Account, after: Account) -> None:
        """Take a change back that leaves central without an administrator. Raises ``RefusedError``.

        Counted once more after it is written: of two who disable each other at the same moment, the later one sees that
        nobody would be left.
        """
        loses_one = administers_central(before) and not administers_central(after)
        if loses_one and not await self._accounts.administrators(CENTRAL):
            await self._accounts.save(before.model_copy(update={"rev": after.rev, "changes": after.changes}))
            raise RefusedError(ChangeRefusal.LAST_ADMINISTRATOR)


def _asked_by(who: Actor) -> str | None:
    """The person's subject; None: a command."""
    return None if who.subject == SYSTEM else who.subject or ""


def _ordered(roles: Collection[StaffRole]) -> tuple[StaffRole, ...]:
    return tuple(role for role in StaffRole if role in set(roles))
