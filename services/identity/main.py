"""Wires identity: the only place where its parts meet."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from fastapi import APIRouter, FastAPI

from services.identity import problem_table
from services.identity.accounts.account_page import one_router
from services.identity.accounts.directory_api import directory_router
from services.identity.accounts.pages import admin_router
from services.identity.accounts.release_pages import release_router
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.service import Administration
from services.identity.accounts.session_pages import own_sessions_router, sessions_router
from services.identity.credentials import Passwords, Vault
from services.identity.enrolment.notice_pages import notices_router
from services.identity.enrolment.own_pages import own_router
from services.identity.enrolment.pages import invitation_router
from services.identity.enrolment.passkey_pages import passkey_router, registration_router
from services.identity.enrolment.service import Enrolment
from services.identity.keys.repository import KeyStore
from services.identity.keys.service import Signing
from services.identity.notices.repository import NoticeStore
from services.identity.notices.service import DELIVER_S, SETTLES, Notices
from services.identity.oidc.pages import logout_router, oidc_router
from services.identity.oidc.provider import Provider
from services.identity.oidc.service import External
from services.identity.passkeys.repository import UsedStore
from services.identity.passkeys.service import Passkeys
from services.identity.sessions.repository import SessionStore
from services.identity.sessions.service import Sessions
from services.identity.settings import IdentitySettings
from services.identity.sign_in.api import account_router, confirm_api
from services.identity.sign_in.confirm_pages import confirm_router
from services.identity.sign_in.pages import sign_in_router
from services.identity.sign_in.repository import DelayStore
from services.identity.sign_in.service import SignIn
from shared import log, mongo
from shared.audit.entries import denial_recorder
from shared.audit.pages import audit_router
from shared.audit.published import PUBLISH_S, AnchorPublisher
from shared.audit.store import DAY_S, AuditLog
from shared.clock import Clock, SystemClock, whole_milliseconds
from shared.health import Health
from shared.identity.keys import RootKey, RootKeys
from shared.identity.source import POLL_S, Identity
from shared.jobs import Jobs
from shared.key_setting import key_bytes
from shared.settings import KafkaSettings, StoreSettings, load
from shared.store_clock import LOOK_S, MOST_APART, StoreClock
from shared.tls import trusted_authorities
from shared.web.app import Documentation, Forms, create_app
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.serve import serve
from shared.web.session_renewal import RenewingAuthorizer
from shared.web.translations import gettext_noop

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase

    from shared.mongo import Document

HERE: Final = Path(__file__).parent
SERVICE: Final = "identity"
HOUSEKEEPING_S: Final = 60.0
PROVIDER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Accounts:
    """The parts of one process."""

    store: AccountStore
    session_store: SessionStore
    delays: DelayStore
    keys: KeyStore
    used: UsedStore
    logouts: UsedStore
    vault: Vault
    signing: Signing
    identity: Identity
    sessions: Sessions
    sign_in: SignIn
    passkeys: Passkeys
    notices: Notices
    notice_store: NoticeStore
    provider: Provider | None
    """Of OpenID; None where people sign in with a password here."""
    enrolment: Enrolment
    administration: Administration
    passwords: Passwords
    audit: AuditLog
    http: httpx.AsyncClient
    clock: Clock

    async def prepare(self) -> None:
        """Make the indexes, the first signing key, and let this process verify. Raises ``TransientError``."""
        for store in (
            self.store,
            self.session_store,
            self.delays,
            self.keys,
            self.used,
            self.logouts,
            self.notice_store,
        ):
            await store.prepare()
        await self.identity.load_cache()
        if self.identity.document is not None:
            self.signing.remember(self.identity.document)
        await self.signing.keep()
        self.identity.adopt(await self.signing.document(anew=True))
        # The first sign-in must not take longer than others because of this.
        await self.passwords.right(None, "")

    async def close(self) -> None:
        """Let go of connections, and of those who wait for a change."""
        self.signing.answer_all()
        await self.http.aclose()

    async def tidy(self) -> None:
        """Rotate keys if it is time, and end sessions that were left. Raises ``TransientError``."""
        await self.signing.keep()
        await self.sessions.end_left()

    async def sweep(self, store_clock: StoreClock) -> None:
        """Delete what is over by the store's clock, and put right what a process dated while its own was ahead.

        By a clock that is ahead it would delete what other processes still need: a passkey's answer that was used
        could be sent again. Raises ``TransientError``.
        """
        ahead = await store_clock.look()
        now = store_clock.corrected.now()
        sweeping = (self.session_store, self.delays, self.used, self.logouts)
        await asyncio.gather(*(store.sweep(now) for store in sweeping))
        await self.store.expire_invitations(now)
        if abs(ahead) <= MOST_APART:
            await self.sessions.date_anew(whole_milliseconds(self.clock.now()))


def accounts_of(
    settings: IdentitySettings, database: "AsyncIOMotorDatabase[Document]", audit: AuditLog, clock: Clock
) -> Accounts:
    """Make the parts; nothing runs or connects yet."""
    vault, passwords = Vault(settings.master_keys(), key_bytes(settings.account_key)), Passwords()
    store, sessions_kept = AccountStore(database, vault.marks), SessionStore(database, vault.marks)
    delays, keys = DelayStore(database), KeyStore(database)
    signing = Signing(keys, sessions_kept, vault, RootKey(key_bytes(settings.root_key)), audit, clock)
    identity = Identity(
        signing.published, RootKeys(settings.public_root_keys()), clock, settings.keys_cache, service=SERVICE
    )
    sessions = Sessions(sessions_kept, store, signing, vault.marks, identity, audit, clock)
    used, logouts = UsedStore(database, "passkey_uses"), UsedStore(database, "provider_logouts")
    notice_store = NoticeStore(database)
    notices = Notices(settings, notice_store, vault, clock)
    passkeys = Passkeys(settings.relying_party(), store, used, vault.marks, notices, audit, clock)
    only_break_glass = bool(settings.oidc_issuer)
    sign_in = SignIn(
        store,
        delays,
        sessions,
        passwords,
        passkeys,
        notices,
        vault,
        audit,
        clock,
        only_break_glass=only_break_glass,
        roles_with_passkey=settings.roles_with_passkey(),
    )
    enrolment = Enrolment(
        store, sign_in, sessions, passwords, vault, notices, audit, clock, only_break_glass=only_break_glass
    )
    administration = Administration(
        store, sessions, passwords, vault, notices, audit, clock, only_break_glass=only_break_glass
    )
    http = httpx.AsyncClient(verify=trusted_authorities())
    return Accounts(
        store=store,
        session_store=sessions_kept,
        delays=delays,
        keys=keys,
        used=used,
        logouts=logouts,
        vault=vault,
        signing=signing,
        identity=identity,
        sessions=sessions,
        sign_in=sign_in,
        passkeys=passkeys,
        notices=notices,
        notice_store=notice_store,
        provider=Provider(settings, vault.login_state_key, clock, http) if settings.oidc_issuer else None,
        enrolment=enrolment,
        administration=administration,
        passwords=passwords,
        audit=audit,
        http=http,
        clock=clock,
    )


def routers_of(accounts: Accounts, settings: IdentitySettings, pages: Pages, authorize: Authorizer) -> list[APIRouter]:
    """Sign-in, one's own account, administration, keys; with a provider set, the way there and back."""
    a = accounts
    found = [
        account_router(a.sign_in, a.sessions, a.signing, a.audit, authorize, a.clock),
        directory_router(a.store, settings.directory_key.get_secret_value(), a.clock),
        sign_in_router(a.sign_in, a.sessions, a.passkeys, a.audit, pages, openid=a.provider is not None),
        confirm_api(a.sign_in, a.sessions),
        confirm_router(a.sign_in, a.sessions, a.passkeys, pages),
        registration_router(a.sign_in, a.sessions, a.passkeys, pages),
        passkey_router(a.store, a.sign_in, a.passkeys, pages, authorize, settings.roles_with_passkey()),
        invitation_router(a.sign_in, a.sessions, a.enrolment, a.passkeys, pages),
        own_router(
            a.store,
            a.sessions,
            a.sign_in,
            a.enrolment,
            a.audit,
            pages,
            authorize,
            passkeys=a.passkeys.party is not None,
            mails=a.notices.sends,
        ),
        admin_router(a.store, a.administration, pages, authorize),
        release_router(a.store, a.administration, pages, authorize),
        one_router(a.store, a.administration, a.sessions, pages, authorize),
        notices_router(a.store, a.sign_in, a.enrolment, a.notices, pages, authorize),
        own_sessions_router(a.sessions, a.vault.renewed_device, a.audit, pages, authorize),
        sessions_router(a.store, a.administration, a.sessions, pages, authorize),
    ]
    if a.provider is not None:
        external = External(
            a.store, a.sessions, a.logouts, a.vault, a.notices, a.audit, a.clock, settings.oidc_role_map
        )
        found += [oidc_router(a.provider, external, a.sessions, a.passkeys, pages), logout_router(a.provider, external)]
    return found


@dataclass(frozen=True, slots=True)
class IdentityService:
    """The parts of one identity process."""

    app: FastAPI
    database: "AsyncIOMotorDatabase[Document]"
    accounts: Accounts
    audit: AuditLog
    jobs: Jobs
    clock: Clock

    async def prepare(self) -> None:
        """Wait for the store and make its indexes and the first signing key."""
        await self.accounts.identity.load_cache()
        await mongo.wait_until_ready(self.database, self.clock)
        await mongo.until_done(self.accounts.prepare, self.clock, "preparing the store")

    async def work(self) -> None:
        """Run everything but the pages, until cancelled."""
        await self.prepare()
        try:
            await self.jobs.run()
        finally:
            await self.accounts.close()


def build(
    settings: IdentitySettings, bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock
) -> IdentityService:
    """Make the parts; nothing runs or connects yet."""
    health = Health()
    database = mongo.connect(store_settings, SERVICE)
    audit = AuditLog(database, settings.audit_keys(), clock, SERVICE, settings.audit_heads)
    accounts = accounts_of(settings, database, audit, clock)
    health.ready["identity"] = accounts.identity.check
    jobs = Jobs(health, SystemClock())  # how often to look is a matter of the machine's clock, whatever day it is
    jobs.every(POLL_S, "identity", accounts.identity.refresh)
    jobs.every(LOOK_S, "sweep", partial(accounts.sweep, StoreClock.of(database, clock)))
    jobs.every(HOUSEKEEPING_S, "accounts", accounts.tidy)
    if accounts.provider is not None:
        jobs.every(PROVIDER_S, "sign-in-provider", accounts.provider.look)
    if settings.smtp_host:
        settles_s = SETTLES.total_seconds() + 0.1
        jobs.every(DELIVER_S, "notices", accounts.notices.deliver, wake=accounts.notices.queued, gather_s=settles_s)
    jobs.every(DAY_S, "audit", audit.look_after)
    jobs.every(PUBLISH_S, "audit-anchors", AnchorPublisher(audit, bus_settings, clock).publish, at_once=False)
    pages = Pages(HERE / "templates", HERE / "locale", settings, SERVICE, clock=clock)
    authorize = RenewingAuthorizer(
        accounts.identity, settings, accounts.sessions.renew, service=SERVICE, on_denied=denial_recorder(audit)
    )
    app = create_app(
        service=SERVICE,
        documentation=Documentation(
            title=gettext_noop("Ieum identity"),
            description=gettext_noop("Knows who may sign in: accounts, sessions, and the keys that sign tokens."),
            tags={"sign-in": "Sign in, renew and end a session; the keys that verify tokens."},
            problems=problem_table.PROBLEMS,
            page_problems=problem_table.ON_PAGES,
        ),
        settings=settings,
        health=health,
        for_staff=True,
        routers=[*routers_of(accounts, settings, pages, authorize), audit_router(audit, authorize, pages)],
        pages=pages,
        # A browser asks this of the redirect after a sign-in, which may lead to any service.
        forms=Forms(post_to_other_services=True),
    )
    return IdentityService(app, database, accounts, audit, jobs, clock)


async def run() -> None:
    """The process: pages at once, sign-ins as soon as the store is there."""
    settings, bus_settings, store_settings = load(IdentitySettings), load(KafkaSettings), load(StoreSettings)
    log.configure(SERVICE, settings.log_level)
    await mongo.check_restore(store_settings, "identity")
    identity = build(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(identity.work(), name="work")
        tasks.create_task(serve(identity.app, settings.host, settings.port), name="http-server")
