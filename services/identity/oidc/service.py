"""People from the OpenID provider: their account here, made and kept in step at each sign-in."""

from collections.abc import Collection, Mapping

from services.identity.accounts.models import Account, AccountState, Ending, RefusedError
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import roles_wrong
from services.identity.audit_recorder import LINES, By, Trail, What, line
from services.identity.credentials import new_subject
from services.identity.metrics import SIGN_INS
from services.identity.oidc.provider import Person
from services.identity.sessions.service import Issued, Sessions
from services.identity.settings import Mapped
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.roles import StaffRole
from shared.rate_limit import RateLimiter


class External:
    """Lets people in whom the provider vouches for."""

    def __init__(
        self,
        accounts: AccountStore,
        sessions: Sessions,
        trail: Trail,
        clock: Clock,
        role_map: Mapping[str, Mapped],
    ) -> None:
        """``role_map`` is the settings' table."""
        self._accounts = accounts
        self._sessions = sessions
        self._trail = trail
        self._clock = clock
        self._role_map = role_map
        self._lines = RateLimiter(LINES, clock)

    async def enter(self, person: Person, who: By) -> Issued:
        """Sign in. Raises ``RefusedError``: ``no_mapped_role`` or ``wrong_sign_in`` (disabled here)."""
        account = await self._accounts.by_name(person.name)
        try:
            organisation, roles = mapped(person.values, self._role_map)
        except RefusedError as error:
            if account is not None:
                # Whoever lost their role there must not go on with a session from before.
                await self._sessions.end(account.subject, Ending.ROLES_CHANGED)
            await self.refused(who, error.code, account)
            raise
        if account is not None and account.state is not AccountState.ACTIVE:
            await self.refused(who, "wrong_sign_in", account)
            raise RefusedError("wrong_sign_in")
        account = await self._in_step(account, person, organisation, roles, who)
        if account.waits is not None:
            await self.refused(who, "waits_for_release", account)
            raise RefusedError("waits_for_release")
        known = By(account.subject, organisation, tuple(sorted(roles)), who.where)
        await self._trail.append(line(known, What.SIGN_IN, self._clock.now(), way="openid"))
        issued = await self._sessions.begin(account.subject, person.shown_at)
        if issued is None:
            await self.refused(who, "wrong_sign_in", account)
            raise RefusedError("wrong_sign_in")
        SIGN_INS.labels("openid", "entered").inc()
        return issued

    async def refused(self, who: By, code: str, account: Account | None = None) -> None:
        """Write a refusal down; those of nobody in particular at a limited rate for one network."""
        SIGN_INS.labels("openid", code).inc()
        detail = {"account": account.subject} if account is not None else {}
        if account is not None or self._lines.try_acquire(who.where):
            await self._trail.append(line(who, What.SIGN_IN, self._clock.now(), refused=code, way="openid", **detail))

    async def _in_step(
        self, account: Account | None, person: Person, organisation: str, roles: tuple[StaffRole, ...], who: By
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
            said = {"account": subject, "of": organisation, "roles": " ".join(roles), "way": "openid"}
            await self._trail.append(line(who, What.CREATE, now, **said))
            if not await self._accounts.add(made):
                raise TransientError("the account was made meanwhile")
            return made
        if (account.organisation, account.roles) == (organisation, roles):
            return account
        said = {"account": account.subject, "before": " ".join(account.roles), "after": " ".join(roles)}
        await self._trail.append(line(who, What.ROLES, now, way="openid", of=organisation, **said))
        update = {"organisation": organisation, "roles": roles, "changed_at": now}
        saved = await self._accounts.save(account.model_copy(update=update))
        if saved is None:
            raise TransientError("the account changed meanwhile")
        await self._sessions.end(account.subject, Ending.ROLES_CHANGED)
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
