"""Sessions, signing keys and delays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import ValidationError
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.notify.accounts.marks import Marks
from services.notify.accounts.model import Ending, KeyRecord, Sealed, Session
from services.notify.accounts.policy import FORGOTTEN, SESSION_LASTS, Tally, session_over
from shared.errors import TransientError
from shared.mongo import Document, store_errors

_FAR: Final = timedelta(days=1)
_LATE: Final = timedelta(hours=12)
"""After its last moment a session is not ended any more: its last token is over by then."""
_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_TRIES: Final = 25
_KEPT: Final = timedelta(days=1)
"""An ended or expired session is kept so long for the person's own list."""


class SessionStore:
    """Who is signed in."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], marks: Marks) -> None:
        """``database`` is notify's own; ``marks`` seal the ends of sessions."""
        self._marks = marks
        self.collection: AsyncIOMotorCollection[Document] = database["sessions"]

    async def prepare(self) -> None:
        """Create the indexes; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("subject", name="subject")
            await self.collection.create_index("counts_until", name="counts_until")
            await self.collection.create_index("started_at", name="started_at")

    async def add(self, session: Session) -> None:
        """A new session."""
        fields = session.model_dump(exclude={"digest", "counts_until", "ending_seal"})
        with store_errors():
            await self.collection.insert_one({"_id": session.digest, **fields})

    async def get(self, digest: str) -> Session | None:
        """The session whose secret has this digest."""
        with store_errors():
            found = await self.collection.find_one({"_id": digest})
        return _session(found)

    async def seen(self, digest: str, now: datetime) -> Session | None:
        """Mark it as used now; None where it has ended: the check and the mark are one step."""
        with store_errors():
            found = await self.collection.find_one_and_update(
                {"_id": digest, "ended_at": None}, {"$set": {"seen_at": now}}, return_document=ReturnDocument.AFTER
            )
        return _session(found)

    async def end(self, subject: str, why: Ending, now: datetime, *, only: str = "", but: str = "") -> int:
        """End somebody's sessions: ``only`` this one, or all ``but`` this one (by public name). How many ended."""
        wanted: Document = {"subject": subject, "ended_at": None, "started_at": {"$gt": now - SESSION_LASTS - _LATE}}
        if only or but:
            wanted["session"] = only or {"$ne": but}
        with store_errors():
            found = await self.collection.find(wanted).to_list(None)
        done = 0
        for session in filter(None, map(_session, found)):
            ending = {"ended_at": now, "ended_why": why, "counts_until": session_over(session.started_at)}
            seal = self._marks.ending_seal(session.model_copy(update=ending))
            change = {"$set": {**ending, "ended_why": why.value, "ending_seal": seal}}
            with store_errors():
                changed = await self.collection.update_one({"_id": session.digest, "ended_at": None}, change)
            done += int(changed.modified_count)
        return done

    async def of(self, subject: str) -> list[Session]:
        """Somebody's sessions, newest first."""
        with store_errors():
            found = await self.collection.find({"subject": subject}).to_list(200)
        sessions = filter(None, map(_session, found))
        return sorted(sessions, key=lambda session: session.started_at, reverse=True)

    async def ended(self, now: datetime) -> list[Session]:
        """Sessions that ended and whose tokens may still look good; whether notify ended them is not judged here."""
        window = {"counts_until": {"$gt": now, "$lt": now + _FAR}}
        with store_errors():
            found = await self.collection.find(window).to_list(None)
        return sorted(filter(None, map(_session, found)), key=lambda session: session.session)

    async def sweep(self, now: datetime) -> int:
        """Delete what ended or expired more than a day ago."""
        over = {"started_at": {"$gt": datetime(2000, 1, 1, tzinfo=now.tzinfo), "$lt": now - SESSION_LASTS - _KEPT}}
        with store_errors():
            return int((await self.collection.delete_many(over)).deleted_count)


class KeyStore:
    """Signing keys."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is notify's own."""
        self.collection: AsyncIOMotorCollection[Document] = database["signing_keys"]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("number", name="number", unique=True)

    async def all(self) -> list[KeyRecord]:
        """Every document that is there, oldest first; a handful. Whether notify wrote it is not judged here."""
        with store_errors():
            found = await self.collection.find({}).to_list(None)
        return sorted(map(_key, found), key=lambda key: key.number)

    async def add(self, key: KeyRecord) -> bool:
        """A new key; False where another process made this number first."""
        try:
            with store_errors():
                await self.collection.insert_one({"_id": key.kid, **key.model_dump(exclude={"kid"})})
        except DuplicateKeyError:
            return False
        return True

    async def rewrapped(self, kid: str, private: Sealed) -> None:
        """The same private half under another master key."""
        with store_errors():
            await self.collection.update_one({"_id": kid}, {"$set": {"private": private.model_dump()}})

    async def drop(self, kid: str) -> None:
        """Delete a key nothing of which counts any more."""
        with store_errors():
            await self.collection.delete_one({"_id": kid})


class DelayStore:
    """Attempts that did not succeed; shared by all processes, and there after a restart."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        """``database`` is notify's own."""
        self.collection: AsyncIOMotorCollection[Document] = database["sign_in_delays"]

    async def prepare(self) -> None:
        """Create the index; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("last_at", name="last_at")

    async def get(self, key: str) -> Tally | None:
        """What is counted under a key."""
        with store_errors():
            found = await self.collection.find_one({"_id": key})
        return _tally(found)

    async def change(self, key: str, decide: Callable[[Tally | None], Tally | None]) -> bool:
        """Write what ``decide`` makes of the present tally; False (and nothing written) where it gives None.

        Raises ``TransientError`` where others are faster again and again.
        """
        for _ in range(_TRIES):
            with store_errors():
                found = await self.collection.find_one({"_id": key})
            after = decide(_tally(found))
            if after is None:
                return False
            if await self._put(key, int(found["rev"]) if found else 0, after):
                return True
        raise TransientError("a delay changes too often")

    async def forget(self, key: str) -> None:
        """Begin anew."""
        with store_errors():
            await self.collection.delete_one({"_id": key})

    async def sweep(self, now: datetime) -> int:
        """Delete what is forgotten anyway."""
        old = {"last_at": {"$gt": datetime(2000, 1, 1, tzinfo=now.tzinfo), "$lt": now - FORGOTTEN}}
        with store_errors():
            return int((await self.collection.delete_many(old)).deleted_count)

    async def _put(self, key: str, was: int, tally: Tally) -> bool:
        fields = {"failures": tally.failures, "last_at": tally.last_at, "until": tally.until, "rev": was + 1}
        try:
            with store_errors():
                if was == 0:
                    await self.collection.insert_one({"_id": key, **fields})
                    return True
                done = await self.collection.update_one({"_id": key, "rev": was}, {"$set": fields})
        except DuplicateKeyError:
            return False
        return done.matched_count == 1


def _session(document: Document | None) -> Session | None:
    """The session; None where there is none, or nothing that notify could have written."""
    if document is None:
        return None
    try:
        return Session.model_validate({**document, "digest": document["_id"]})
    except ValidationError:
        return None


def _key(document: Document) -> KeyRecord:
    """The key; of what notify could not have written only the name, under a seal that never fits."""
    try:
        return KeyRecord.model_validate({**document, "kid": document["_id"]})
    except ValidationError:
        nothing = Sealed(key_id="", key=b"", blob=b"")
        return KeyRecord(
            kid=str(document["_id"])[:40],
            number=0,
            private=nothing,
            created_at=_NEVER,
            signs_from=_NEVER,
            valid_until=_NEVER,
        )


def _tally(found: Document | None) -> Tally | None:
    return Tally(int(found["failures"]), found["last_at"], found["until"]) if found is not None else None
