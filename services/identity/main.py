"""Wires the parts of accounts; notify's ``main`` and the commands call it."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
from fastapi import APIRouter

from services.identity.accounts.account_page import one_router
from services.identity.accounts.pages import admin_router
from services.identity.accounts.release_pages import release_router
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.service import Administration
from services.identity.audit_recorder import Trail
from services.identity.credentials import Passwords, Vault
from services.identity.enrolment.own_pages import own_router
from services.identity.enrolment.pages import invitation_router
from services.identity.enrolment.service import Enrolment
from services.identity.keys.repository import KeyStore
from services.identity.keys.service import Signing
from services.identity.oidc.pages import oidc_router
from services.identity.oidc.provider import Provider
from services.identity.oidc.service import External
from services.identity.sessions.cookies import RenewingAuthorizer
from services.identity.sessions.repository import SessionStore
from services.identity.sessions.service import Sessions
from services.identity.settings import AccountSettings
from services.identity.sign_in.api import account_router
from services.identity.sign_in.pages import sign_in_router
from services.identity.sign_in.repository import DelayStore
from services.identity.sign_in.service import SignIn
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
