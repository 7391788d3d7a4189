"""People from the OpenID provider: their account here, made and kept in step at each sign-in."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Final

from services.identity.accounts.models import Account, AccountState, RefusedError, SessionEnding
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import PROVIDER, roles_wrong, waiting
from services.identity.audit_recorder import LINES, Actor, AuditAction, line
from services.identity.credentials import Vault, new_subject
from services.identity.metrics import SIGN_INS
from services.identity.notices.models import Notice
from services.identity.notices.service import Notices
from services.identity.oidc.provider import LOGIN_STATE_S, Person
from services.identity.oidc.rules import LEEWAY_S, LOGOUT_LASTS_S, Logout
from services.identity.passkeys.repository import UsedStore
from services.identity.sessions.service import Sessions
from services.identity.settings import Mapped
from services.identity.sign_in.service import Entered
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.roles import StaffRole
from shared.rate_limit import RateLimiter

_TAKES: Final = timedelta(seconds=LOGIN_STATE_S + LOGOUT_LASTS_S + 2 * LEEWAY_S)
"""So long after somebody was signed out there may a sign-in still come whose factors were shown before."""
_KEPT: Final = timedelta(seconds=LOGOUT_LASTS_S + 2 * LEEWAY_S)
"""So long a logout token could be sent again, and a sign-in in its last moments could miss that its session ended."""


class External:
    """Lets people in whom the provider vouches for."""

    def __init__(
        self,
        accounts: AccountStore,
        sessions: Sessions,
        logouts: UsedStore,
        vault: Vault,
        notices: Notices,
        audit: AuditLog,
        clock: Clock,
        role_map: Mapping[str, Mapped],
    ) -> None:
        """``logouts`` remembers used logout tokens; ``role_map`` is the settings' table."""
        self._accounts = accounts
        self._sessions = sessions
        self._logouts = logouts
        self._vault = vault
        self._marks = vault.marks
        self._notices = notices
        self._audit = audit
        self._clock = clock
        self._role_map = role_map
        self._lines = RateLimiter(LINES, clock)

    async def enter(self, person: Person, who: Actor, device: str) -> Entered:
        """Sign in; ``device`` is the cookie of a known browser.

        Raises ``RefusedError``: ``no_mapped_role``, ``waits_for_release``, ``wrong_sign_in`` (disabled here),
        ``provider_error`` (signed out there meanwhile) or ``too_many_sessions`` (of theirs began lately).
        """
        account = await self._accounts.by_name(person.name)
        try:
            organisation, roles = mapped(person.values, self._role_map)
        except RefusedError as error:
            if account is not None:
                # Whoever lost their role there must not go on with a session from before.
                await self._sessions.end(account.subject, SessionEnding.ROLES_CHANGED)
            await self.refused(who, error.code, account)
            raise
        if account is not None and account.state is not AccountState.ACTIVE:
            await self.refused(who, "wrong_sign_in", account)
            raise RefusedError("wrong_sign_in")
        account = await self._in_step(account, person, organisation, roles, who)
        if account.waits is not None:
            await self.refused(who, "waits_for_release", account)
            raise RefusedError("waits_for_release")
        known = Actor(account.subject, organisation, tuple(sorted(roles)), who.where)
        await self._audit.append(line(known, AuditAction.SIGN_IN, self._clock.now(), way="openid"))
        mark = self._marks.provider_session(person.issuer, person.sid) if person.sid else ""
        now = self._clock.now()
        known_device = self._vault.device_of(device, account, now) is not None
        telling = nullcontext() if known_device else self._notices.about(account, Notice.NEW_DEVICE)
        async with telling:
            try:
                issued = await self._sessions.begin(account, who, person.shown_at, mark)
            except RefusedError as error:
                await self.refused(who, error.code, account)
                raise
            if issued is None:
                await self.refused(who, "wrong_sign_in", account)
                raise RefusedError("wrong_sign_in")
            if mark and await self._logouts.known(mark):
                # The provider ended its session while this one was made: one of the two sees the other.
                await self._sessions.end_of_provider(mark)
                await self.refused(who, "provider_error", account)
                raise RefusedError("provider_error")
            signed_out = await self._logouts.noted(self._marks.provider_session(person.issuer, f"sub {person.name}"))
            if signed_out is not None and person.shown_at <= signed_out - _TAKES:
                # The same where it named no session: factors from before count no more.
                await self._sessions.end(account.subject, SessionEnding.SIGNED_OUT, only=issued.principal.session)
                await self.refused(who, "provider_error", account)
                raise RefusedError("provider_error")
        SIGN_INS.labels("openid", "entered").inc()
        return Entered(issued, self._vault.device_cookie(account, now))

    async def log_out(self, logout: Logout, issuer: str, who: Actor) -> None:
        """End everywhere what the provider ended. Raises ``RefusedError`` ``wrong_token``: used before.

        The token is marked as used last: after a crash in between the provider sends it again, and it counts.
        """
        until = self._clock.now() + _KEPT
        used = self._marks.provider_session(issuer, f"jti {logout.jti}")
        if await self._logouts.known(used):
            raise RefusedError("wrong_token")
        ended: dict[str, int] = {}
        if logout.sid:
            mark = self._marks.provider_session(issuer, logout.sid)
            await self._logouts.use(mark, until)
            ended = await self._sessions.end_of_provider(mark)
        if logout.name and not logout.sid:
            signed_out = datetime.fromtimestamp(logout.at, UTC) + _TAKES
            await self._logouts.note(self._marks.provider_session(issuer, f"sub {logout.name}"), signed_out)
        account = await self._accounts.by_name(logout.name) if logout.name else None
        if account is not None:
            # Named without a session it is all of theirs; with one, those that came without the session's name.
            ended[account.subject] = ended.get(account.subject, 0) + await self._sessions.end_unnamed(
                account.subject, every=not logout.sid
            )
        for subject, count in ended.items():
            said = {"way": "openid", "account": subject, "ended": str(count)}
            await self._audit.append(line(who, AuditAction.SIGN_OUT, self._clock.now(), **said))
        await self._logouts.use(used, until)

    async def logout_refused(self, who: Actor, code: str) -> None:
        """Write a refused logout token down, at a limited rate for one network."""
        if self._lines.try_acquire(who.where):
            await self._audit.append(line(who, AuditAction.SIGN_OUT, self._clock.now(), refused=code, way="openid"))

    async def refused(self, who: Actor, code: str, account: Account | None = None) -> None:
        """Write a refusal down; those of nobody in particular at a limited rate for one network."""
        SIGN_INS.labels("openid", code).inc()
        detail = {"account": account.subject} if account is not None else {}
        if account is not None or self._lines.try_acquire(who.where):
            await self._audit.append(
                line(who, AuditAction.SIGN_IN, self._clock.now(), refused=code, way="openid", **detail)
            )

    async def _in_step(
        self, account: Account | None, person: Person, organisation: str, roles: tuple[StaffRole, ...], who: Actor
    ) -> Account:
        now = self._clock.now()
        if account is None:
            subject = new_subject()
            made = Account(
                subject=subject,
                name=person.name,
                display=person.display or subject,
                organisation=organisation,
                roles=roles,
                state=AccountState.ACTIVE,
                external=True,
                created_at=now,
                changed_at=now,
            )
            made = made.model_copy(update={"waits": waiting(made, roles, PROVIDER, now, anew=True)})
            said = {"account": subject, "of": organisation, "roles": " ".join(roles), "way": "openid"}
            await self._audit.append(line(who, AuditAction.CREATE, now, **said))
            if not await self._accounts.add(made):
                raise TransientError("the account was made meanwhile")
            return made
        if (account.organisation, account.roles) == (organisation, roles):
            return account
        said = {"account": account.subject, "before": " ".join(account.roles), "after": " ".join(roles)}
        await self._audit.append(line(who, AuditAction.ROLES, now, way="openid", of=organisation, **said))
        waits = waiting(account, roles, PROVIDER, now, anew=account.organisation != organisation)
        update: dict[str, object] = {"organisation": organisation, "roles": roles, "waits": waits}
        update |= {"sessions_from": now, "session_kept": ""}
        async with self._notices.about(account, Notice.ROLES):
            saved = await self._accounts.save(account.changed(now, **update))
        if saved is None:
            raise TransientError("the account changed meanwhile")
        await self._sessions.end(account.subject, SessionEnding.ROLES_CHANGED)
        return saved


def mapped(values: Collection[str], table: Mapping[str, Mapped]) -> tuple[str, tuple[StaffRole, ...]]:
    """Organisation and roles of somebody with these claim values. Raises ``RefusedError`` ``no_mapped_role``.

    Refused too: values of two organisations, and roles that must not be one person's. Guessing which was meant would
    give somebody what nobody decided.
    """
    found = [table[value] for value in values if value in table]
    organisations = {one.organisation for one in found}
    roles = frozenset().union(*(one.roles for one in found)) if found else frozenset()
    if len(organisations) != 1:
        raise RefusedError("no_mapped_role")
    organisation = organisations.pop()
    if roles_wrong(organisation, roles) is not None:
        raise RefusedError("no_mapped_role")
    return organisation, tuple(role for role in StaffRole if role in roles)
