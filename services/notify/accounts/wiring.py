"""Wires the parts of accounts; notify's ``main`` and the commands call it."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
from fastapi import APIRouter

from services.notify.accounts.admin_pages import admin_router
from services.notify.accounts.administration import Administration
from services.notify.accounts.api import account_router
from services.notify.accounts.door import RenewingAuthorizer
from services.notify.accounts.enrolment import Enrolment
from services.notify.accounts.external import External
from services.notify.accounts.invitation_pages import invitation_router
from services.notify.accounts.oidc import Provider
from services.notify.accounts.oidc_pages import oidc_router
from services.notify.accounts.one_page import one_router
from services.notify.accounts.own_pages import own_router
from services.notify.accounts.proofs import Passwords, Vault
from services.notify.accounts.release_pages import release_router
from services.notify.accounts.sessions import Sessions
from services.notify.accounts.settings import AccountSettings
from services.notify.accounts.sign_in import SignIn
from services.notify.accounts.sign_in_pages import sign_in_router
from services.notify.accounts.signing import Signing
from services.notify.accounts.store.accounts import AccountStore
from services.notify.accounts.store.sessions import DelayStore, KeyStore, SessionStore
from services.notify.accounts.trail import Trail
from shared import log
from shared.clock import Clock
from shared.identity.source import Identity
from shared.key_setting import key_bytes
from shared.web.authorization import OnDenied
from shared.web.pages import Pages

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase

    from shared.mongo import Document

_log = log.get(__name__)

HOUSEKEEPING_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Accounts:
    """The parts of one process."""

    store: AccountStore
    session_store: SessionStore
    delays: DelayStore
    keys: KeyStore
    vault: Vault
    signing: Signing
    identity: Identity
    sessions: Sessions
    sign_in: SignIn
    enrolment: Enrolment
    administration: Administration
    passwords: Passwords
    trail: Trail
    http: httpx.AsyncClient
    clock: Clock

    async def prepare(self) -> None:
        """Make the indexes, the first signing key, and let this process verify. Raises ``TransientError``."""
        for store in (self.store, self.session_store, self.delays, self.keys):
            await store.prepare()
        await self.identity.load_cache()
        if self.identity.document is not None:
            self.signing.remember(self.identity.document)
        await self.signing.keep()
        self.identity.adopt(await self.signing.document(anew=True))
        # The first sign-in must not take longer than others because of this.
        await self.passwords.right(None, "")

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.aclose()

    async def tidy(self) -> None:
        """Rotate keys if it is time and delete what is over. Raises ``TransientError``."""
        now = self.clock.now()
        await self.signing.keep()
        await asyncio.gather(self.session_store.sweep(now), self.delays.sweep(now))
        await self.store.expire_invitations(now)


def build(
    settings: AccountSettings, database: "AsyncIOMotorDatabase[Document]", trail: Trail, clock: Clock
) -> Accounts:
    """Make the parts; nothing runs or connects yet."""
    vault, passwords = Vault(settings.master_keys(), key_bytes(settings.account_key)), Passwords()
    store, sessions_kept = AccountStore(database, vault.marks), SessionStore(database, vault.marks)
    delays, keys = DelayStore(database), KeyStore(database)
    signing = Signing(keys, sessions_kept, vault, trail, clock)
    identity = Identity(signing.document, clock, settings.keys_cache)
    sessions = Sessions(sessions_kept, store, signing, vault.marks, identity, trail, clock)
    sign_in = SignIn(
        store, delays, sessions, passwords, vault, trail, clock, only_break_glass=bool(settings.oidc_issuer)
    )
    return Accounts(
        store=store,
        session_store=sessions_kept,
        delays=delays,
        keys=keys,
        vault=vault,
        signing=signing,
        identity=identity,
        sessions=sessions,
        sign_in=sign_in,
        enrolment=Enrolment(store, sign_in, sessions, passwords, vault, trail, clock),
        administration=Administration(store, sessions, passwords, vault, trail, clock),
        passwords=passwords,
        trail=trail,
        http=httpx.AsyncClient(),
        clock=clock,
    )


def authorizer_of(
    accounts: Accounts, settings: AccountSettings, on_denied: OnDenied | None = None
) -> RenewingAuthorizer:
    """The authorizer that renews sign-ins on the spot. ``on_denied`` is called for each denied request."""
    return RenewingAuthorizer(accounts.identity, settings, accounts.sessions, on_denied=on_denied)


def routers_of(
    accounts: Accounts, settings: AccountSettings, pages: Pages, authorize: RenewingAuthorizer
) -> list[APIRouter]:
    """Sign-in, one's own account, administration, keys; with a provider set, the way there and back."""
    a, openid = accounts, bool(settings.oidc_issuer)
    found = [
        account_router(a.sign_in, a.sessions, a.signing, a.trail, authorize, a.clock),
        sign_in_router(a.sign_in, a.sessions, a.trail, pages, openid=openid),
        invitation_router(a.sign_in, a.sessions, a.enrolment, pages),
        own_router(a.store, a.sessions, a.enrolment, a.trail, pages, authorize),
        admin_router(a.store, a.administration, pages, authorize),
        release_router(a.store, a.administration, pages, authorize),
        one_router(a.store, a.administration, a.sessions, pages, authorize),
    ]
    if openid:
        provider = Provider(settings, a.vault.passing, a.clock, a.http)
        external = External(a.store, a.sessions, a.trail, a.clock, settings.oidc_role_map)
        found.append(oidc_router(provider, external, a.sessions, pages))
    return found
