"""Wires the parts of accounts; notify's ``main`` and the commands call it."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.notify.accounts.administration import Administration
from services.notify.accounts.enrolment import Enrolment
from services.notify.accounts.names import Names
from services.notify.accounts.proofs import Passwords, Vault
from services.notify.accounts.sessions import Sessions
from services.notify.accounts.settings import AccountSettings
from services.notify.accounts.sign_in import SignIn
from services.notify.accounts.signing import Signing
from services.notify.accounts.store.accounts import AccountStore
from services.notify.accounts.store.sessions import DelayStore, KeyStore, SessionStore
from services.notify.accounts.trail import Trail
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.source import Identity

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase

    from shared.mongo import Document

_log = log.get(__name__)

_HOUSEKEEPING_S: Final = 60.0


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
    names: Names
    passwords: Passwords
    clock: Clock

    async def prepare(self) -> None:
        """Make the indexes, the first signing key, and let this process verify. Raises ``TransientError``."""
        for store in (self.store, self.session_store, self.delays, self.keys):
            await store.prepare()
        await self.signing.keep()
        self.identity.learn(await self.signing.document(anew=True))
        # The first sign-in must not take longer than others because of this.
        await self.passwords.right(None, "")

    async def keep_house(self) -> None:
        """Rotate keys when it is time and delete what is over, until cancelled."""
        while True:
            await self.tidy()
            await self.clock.sleep(_HOUSEKEEPING_S)

    async def tidy(self) -> None:
        """One turn of it."""
        now = self.clock.now()
        try:
            await self.signing.keep()
            await asyncio.gather(self.session_store.sweep(now), self.delays.sweep(now))
            await self.store.expire_invitations(now)
        except TransientError as error:
            _log.warning("accounts.housekeeping_waits", said=str(error))


def build(
    settings: AccountSettings, database: "AsyncIOMotorDatabase[Document]", trail: Trail, clock: Clock
) -> Accounts:
    """Make the parts; nothing runs or connects yet."""
    store, sessions_kept = AccountStore(database), SessionStore(database)
    delays, keys = DelayStore(database), KeyStore(database)
    vault, passwords = Vault(settings.master_keys()), Passwords()
    signing = Signing(keys, sessions_kept, vault, clock)
    identity = Identity(signing.document, clock, settings.keys_cache)
    sessions = Sessions(sessions_kept, store, signing, identity, clock)
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
        names=Names(store, clock),
        passwords=passwords,
        clock=clock,
    )
