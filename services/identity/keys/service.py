"""The keys that sign: made, announced before they sign, replaced every 30 days, published until all of theirs is over.

Several identity processes share them through the store. A process reads them, and the sessions that ended, at most once
a second; whatever ends a session here publishes at once.

The store is not believed. A key counts only if its private half opens under the master key and the whole document fits
its seal under the account key; its public half is derived, never read. When a key ends follows from the sealed keys
made after it. And what a process once knew to be over stays over, whatever the store says later.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import nan
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode

from services.identity.accounts.models import KeyRecord, Session
from services.identity.accounts.rules import KEY_ANNOUNCED, KEY_LASTS, key_ends, key_until, rotation_due
from services.identity.audit_recorder import AuditAction, by_job, line
from services.identity.credentials import Vault
from services.identity.keyed_digests import same
from services.identity.keys.repository import KeyStore
from services.identity.metrics import ALTERED, KEY_AGE, KEYS, KEYS_REFUSED
from services.identity.sessions.repository import SessionStore
from shared import log
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.identity.keys import (
    CLOCKS_APART,
    KeyDocument,
    PublicKey,
    RevokedKey,
    RevokedSession,
    RootKey,
    merge_revocations,
)
from shared.identity.source import TaggedKeys
from shared.identity.tokens import Signer

_log = log.get(__name__)

FRESH_S: Final = 1.0
SPARE: Final = timedelta(days=5)
"""A key still counts so long after its time when no identity ran to replace it."""
HELD: Final = 100
"""Questions that may wait for a change at a time: anybody may ask. More than all processes of an installation."""
_FIELD: Final = "signing key"
_JOB: Final = "signing"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key whose document is as identity wrote it."""

    record: KeyRecord
    private: Ed25519PrivateKey
    until: datetime
    """The end of its signatures: its own time, or what the keys made after it say."""

    @property
    def public(self) -> bytes:
        """The public half, derived."""
        return self.private.public_key().public_bytes_raw()


class Signing:
    """The keys and the document, as this process last read them."""

    def __init__(
        self, keys: KeyStore, sessions: SessionStore, vault: Vault, root: RootKey, audit: AuditLog, clock: Clock
    ) -> None:
        """Nothing is read yet. ``root`` signs the document; ``audit`` is told of documents written by others."""
        self._keys = keys
        self._sessions = sessions
        self._vault = vault
        self._root = root
        self._audit = audit
        self._clock = clock
        self._good: list[SigningKey] = []
        self._opened: dict[str, tuple[KeyRecord, Ed25519PrivateKey]] = {}
        self._document: KeyDocument | None = None
        self._signed = ""
        self._tag = ""
        self._changed = asyncio.Event()
        """Set, and replaced, when the document says something else."""
        self._held = 0
        self._remembered: KeyDocument | None = None
        self._told: set[tuple[str, ...]] = set()
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        KEYS.set(nan)  # 0 would say that the store has none

    def remember(self, document: KeyDocument) -> None:
        """Know the endings of a document published before this process began."""
        self._remembered = merge_revocations(self._remembered, document)

    async def document(self, *, anew: bool = False) -> KeyDocument:
        """Return the verifiers' document, at most a second old; ``anew``: read now. Raises ``TransientError``.

        An old document is never handed out while the store is away: verifiers would take it as confirmed.
        """
        async with self._reading:
            if self._document is None or anew or self._clock.monotonic() - self._read_at >= FRESH_S:
                await self._read()
            if self._document is None:  # pragma: no cover  # _read sets it or raises
                raise TransientError("no document")
            return self._document

    async def signed(self) -> str:
        """The same, signed by the root key."""
        document = await self.document()
        self._signed = self._signed or self._root.sign(document)
        return self._signed

    async def published(self, known: str = "") -> TaggedKeys | None:
        """Return the signed document and its tag; None if it says what the one with the tag ``known`` says."""
        await self.document()
        return None if known == self._tag else TaggedKeys(await self.signed(), self._tag)

    async def published_after(self, known: str, seconds: float) -> TaggedKeys | None:
        """The same, as soon as it says something else, at the latest after ``seconds``. Raises ``TransientError``."""
        published = await self.published(known)
        if published is not None or seconds <= 0 or self._held >= HELD:
            return published
        self._held += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
        finally:
            self._held -= 1
        return await self.published(known)

    def answer_all(self) -> None:
        """Answer whoever waits for a change: the process ends."""
        self._changed.set()

    async def signer(self) -> Signer:
        """The key that signs now. Raises ``TransientError`` while the store is away."""
        await self.document()
        now = self._clock.now()
        ready = [key for key in self._good if key.record.signs_from <= now < key.until]
        if not ready:
            raise TransientError("no signing key is ready")
        return Signer(ready[-1].record.kid, ready[-1].private)

    async def records(self) -> list[KeyRecord]:
        """The keys that are as identity wrote them, oldest first. Raises ``TransientError``."""
        return [key.record for key in self._believed(await self._keys.all())]

    async def rotate(self, *, at_once: bool = False) -> str:
        """Make the next key, which ends the ones before; its ``kid``.

        ``at_once``: what the old ones signed stops counting now, for a key that may be known to others. Everybody
        whose session is good gets a new token; tickets on their way are lost.
        """
        while True:
            records = await self._keys.all()
            made = await self._follow(records, at_once=at_once)
            if made is not None:
                return made.kid
            if not at_once:
                return (await self.records())[-1].kid
            # Another process made one meanwhile; the keys before are still to stop counting now.

    async def keep(self) -> None:
        """Make the first key, the next one when its time has come, and drop those that are over."""
        records = await self._keys.all()
        now = self._clock.now()
        good = self._believed(records)
        # A clock that was ahead made those that begin later: nobody waits for them.
        begun = [key for key in good if key.record.signs_from <= now + KEY_ANNOUNCED + CLOCKS_APART]
        if not any(now < key.until for key in begun) or rotation_due(begun[-1].record.created_at, now):
            await self._follow(records)
        for key in good[:-1]:
            # By its own time: until then the key that ended it early must be believed, and this one be told as ended.
            if key.record.valid_until < now - timedelta(days=1):
                await self._keys.drop(key.record.kid)

    async def _follow(self, records: Sequence[KeyRecord], *, at_once: bool = False) -> KeyRecord | None:
        """Make the key after ``records``; None where another process did so since they were read."""
        now = self._clock.now()
        good = self._believed(records)
        signs_from = now if at_once or not any(now < key.until for key in good) else now + KEY_ANNOUNCED
        number = good[-1].record.number + 1 if good else 1
        while not await self._keys.add(made := self._made(number, signs_from, at_once=at_once)):
            if any(key.record.number >= number for key in self._believed(await self._keys.all())):
                return None
            number += 1  # a document somebody planted has it, to stop the next key from being made
        _log.info("keys.rotated", kid=made.kid, number=made.number, at_once=at_once)
        await self.document(anew=True)
        return made

    def _made(self, number: int, signs_from: datetime, *, at_once: bool) -> KeyRecord:
        key, kid = Ed25519PrivateKey.generate(), secrets.token_hex(8)
        record = KeyRecord(
            kid=kid,
            number=number,
            private=self._vault.encrypt(kid, _FIELD, key.private_bytes_raw()),
            created_at=self._clock.now(),
            signs_from=signs_from,
            valid_until=key_until(signs_from + KEY_LASTS + SPARE),
            at_once=at_once,
        )
        return record.model_copy(update={"seal": self._seal(record, key)})

    def _seal(self, record: KeyRecord, key: Ed25519PrivateKey) -> str:
        return self._vault.marks.key_seal(record, key.public_key().public_bytes_raw())

    def _believed(self, records: Iterable[KeyRecord]) -> list[SigningKey]:
        """The keys among these documents that identity wrote and nobody changed, in order, with their endings."""
        opened: dict[str, tuple[KeyRecord, Ed25519PrivateKey]] = {}
        refused = 0
        for record in records:
            try:
                opened[record.kid] = record, self._private(record)
            except PermanentError as error:
                refused += 1
                self._alarm("key", AuditAction.KEY_REFUSED, error.reason, key=record.kid)
        KEYS_REFUSED.set(refused)
        self._opened = opened
        good = sorted(opened.values(), key=lambda pair: pair[0].number)
        over = {ended.kid for ended in self._remembered.ended} if self._remembered else frozenset()
        return [
            SigningKey(record, private, key_ends(record, (later for later, _ in good)))
            for record, private in good
            if record.kid not in over
        ]

    def _private(self, record: KeyRecord) -> Ed25519PrivateKey:
        """The private half of a document that is as identity wrote it. Raises ``PermanentError``."""
        before = self._opened.get(record.kid)
        if before is not None and before[0] == record:
            return before[1]
        if not record.seal:
            raise PermanentError("unsealed", "nothing that identity writes is without its seal")
        seed = self._vault.decrypt(record.kid, _FIELD, record.private)
        key = Ed25519PrivateKey.from_private_bytes(seed)
        if not same(record.seal, self._seal(record, key)):
            raise PermanentError("altered", "the document does not fit its seal")
        return key

    async def _read(self) -> None:
        now = self._clock.now()
        records = await self._keys.all()
        good = self._believed(records)
        ended = list(filter(self._is_over, await self._sessions.ended(now)))
        fresh = KeyDocument(
            keys=tuple(_published(key) for key in good if now < key.until),
            ended=tuple(_ended(key) for key in good if key.until <= now < key.record.valid_until),
            revoked=tuple(_revoked(session) for session in ended),
            issued_at=now,
        )
        if self._remembered is not None:
            self._compare(self._remembered, fresh, {record.kid for record in records})
        document = merge_revocations(self._remembered, fresh)
        self._good = [key for key in good if key.record.kid not in {one.kid for one in document.ended}]
        self._document = self._remembered = document
        self._signed = ""
        self._tag, before = _tag_of(document), self._tag
        if before != self._tag:
            self._changed.set()
            self._changed = asyncio.Event()
        self._read_at = self._clock.monotonic()
        KEYS.set(len(document.keys))
        if self._good:
            KEY_AGE.set((now - self._good[-1].record.created_at).total_seconds())

    def _is_over(self, session: Session) -> bool:
        """Return whether a session that the store calls ended is told as such: each that may have had a token."""
        marks = self._vault.marks
        if same(session.ending_seal, marks.ending_seal(session)):
            return True
        if not same(session.seal, marks.session_seal(session)):
            # Many such documents would make the list longer than services take, and hide what really ended.
            self._alarm("revocation", AuditAction.REVOCATION_ALTERED, "unsealed")
            return False
        # Whatever says that it is over is honoured: who changes its end must not bring it back.
        self._alarm("revocation", AuditAction.REVOCATION_ALTERED, "altered", session=session.session)
        return True

    def _compare(self, before: KeyDocument, after: KeyDocument, there: set[str]) -> None:
        """Alarm for what the store no longer says although its time is not over."""
        now = after.issued_at
        kids = {key.kid for key in before.keys if now < key.valid_until} | {one.kid for one in before.ended}
        for kid in sorted(kids - there):
            self._alarm("key", AuditAction.KEY_REMOVED, "removed", key=kid)
        told = {entry.session for entry in after.revoked}
        for entry in before.revoked:
            if now < entry.until and entry.session not in told:
                self._alarm("revocation", AuditAction.REVOCATION_ALTERED, "removed", session=entry.session)

    def _alarm(self, what: str, action: AuditAction, reason: str, **named: str) -> None:
        """Count, log and audit, once in the life of this process."""
        mark = (action.value, reason, *named.values())
        if mark in self._told:
            return
        self._told.add(mark)
        ALTERED.labels(what).inc()
        _log.error("accounts.store_altered", what=what, action=action.value, reason=reason, **named)
        self._audit.note(line(by_job(_JOB), action, self._clock.now(), refused=reason, **named))


def _tag_of(document: KeyDocument) -> str:
    """An entity tag for what a document says, whenever it says so: every identity process makes the same."""
    said = document.model_dump_json(exclude={"issued_at"}).encode()
    return f'"{hashlib.sha256(said).hexdigest()[:32]}"'


def _published(key: SigningKey) -> PublicKey:
    return PublicKey(kid=key.record.kid, x=base64url_encode(key.public).decode(), valid_until=key.until)


def _ended(key: SigningKey) -> RevokedKey:
    return RevokedKey(kid=key.record.kid, until=key.record.valid_until)


def _revoked(session: Session) -> RevokedSession:
    if session.counts_until is None:  # pragma: no cover  # the store is asked for those that have it
        raise PermanentError("altered", "an ended session without an end")
    return RevokedSession(session=session.session, until=session.counts_until)
