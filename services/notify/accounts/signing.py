"""The keys that sign: made, announced before they sign, replaced every 30 days, published until all of theirs is over.

Several notify processes share them through the store. A process reads them, and the sessions that ended, at most once
a second; whatever ends a session here publishes at once.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode

from services.notify.accounts.measures import KEY_AGE, KEYS
from services.notify.accounts.model import KeyRecord
from services.notify.accounts.policy import KEY_ANNOUNCED, KEY_LASTS, key_until, rotation_due
from services.notify.accounts.proofs import Vault
from services.notify.accounts.store.sessions import KeyStore, SessionStore
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.keys import KeyDocument, PublicKey, Revoked
from shared.identity.tokens import Signer

_log = log.get(__name__)

FRESH_S: Final = 1.0
SPARE: Final = timedelta(days=5)
"""A key still counts so long after its time when no notify ran to replace it."""
_FIELD: Final = "signing key"


class Signing:
    """The keys and the document, as this process last read them."""

    def __init__(self, keys: KeyStore, sessions: SessionStore, vault: Vault, clock: Clock) -> None:
        """Nothing is read yet."""
        self._keys = keys
        self._sessions = sessions
        self._vault = vault
        self._clock = clock
        self._records: list[KeyRecord] = []
        self._opened: dict[str, Signer] = {}
        self._document: KeyDocument | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def document(self, *, anew: bool = False) -> KeyDocument:
        """What verifiers need, at most a second old; ``anew``: read now. Raises ``TransientError``.

        An old document is never handed out while the store is away: verifiers would take it as confirmed.
        """
        async with self._reading:
            if self._document is None or anew or self._clock.monotonic() - self._read_at >= FRESH_S:
                await self._read()
            if self._document is None:  # pragma: no cover  # _read sets it or raises
                raise TransientError("no document")
            return self._document

    async def signer(self) -> Signer:
        """The key that signs now. Raises ``TransientError`` while the store is away."""
        await self.document()
        now = self._clock.now()
        ready = [record for record in self._records if record.signs_from <= now < record.valid_until]
        if not ready:
            raise TransientError("no signing key is ready")
        record = ready[-1]
        if record.kid not in self._opened:
            seed = self._vault.open(record.kid, _FIELD, record.private)
            self._opened[record.kid] = Signer(record.kid, Ed25519PrivateKey.from_private_bytes(seed))
        return self._opened[record.kid]

    async def rotate(self, *, at_once: bool = False) -> str:
        """Make the next key and retire the ones before; its ``kid``.

        ``at_once``: what the old ones signed stops counting now, for a key that may be known to others. Everybody
        whose session is good gets a new token; tickets on their way are lost.
        """
        while True:
            records = await self._keys.all()
            made = await self._follow(records, at_once=at_once)
            if made is not None:
                return made.kid
            if not at_once:
                return (await self._keys.all())[-1].kid
            # Another process made one meanwhile; the keys before are still to stop counting now.

    async def _follow(self, records: Sequence[KeyRecord], *, at_once: bool = False) -> KeyRecord | None:
        """Make the key after ``records``; None where another process did so since they were read."""
        now = self._clock.now()
        signs_from = now if at_once or not records else now + KEY_ANNOUNCED
        made = self._made(records[-1].number + 1 if records else 1, signs_from)
        if not await self._keys.add(made):
            return None
        for record in records:
            until = now if at_once else key_until(signs_from)
            if until < record.valid_until:
                await self._keys.retire(record.kid, until)
        _log.info("keys.rotated", kid=made.kid, number=made.number, at_once=at_once)
        await self.document(anew=True)
        return made

    async def keep(self) -> None:
        """Make the first key, the next one when its time has come, and drop those that are over."""
        records = await self._keys.all()
        now = self._clock.now()
        if not records or rotation_due(records[-1].created_at, now):
            await self._follow(records)
        for record in records[:-1]:
            if record.valid_until < now - timedelta(days=1):
                await self._keys.drop(record.kid)

    def _made(self, number: int, signs_from: datetime) -> KeyRecord:
        key, kid = Ed25519PrivateKey.generate(), secrets.token_hex(8)
        public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return KeyRecord(
            kid=kid,
            number=number,
            public=base64url_encode(public).decode(),
            private=self._vault.seal(kid, _FIELD, key.private_bytes_raw()),
            created_at=self._clock.now(),
            signs_from=signs_from,
            valid_until=key_until(signs_from + KEY_LASTS + SPARE),
        )

    async def _read(self) -> None:
        now = self._clock.now()
        self._records = await self._keys.all()
        ended = await self._sessions.ended(now)
        published = [record for record in self._records if record.valid_until > now]
        self._document = KeyDocument(
            keys=tuple(PublicKey(kid=r.kid, x=r.public, valid_until=r.valid_until) for r in published),
            revoked=tuple(Revoked(session=session, until=until) for session, until in ended),
            issued_at=now,
        )
        self._read_at = self._clock.monotonic()
        KEYS.set(len(published))
        if self._records:
            KEY_AGE.set((now - self._records[-1].created_at).total_seconds())
