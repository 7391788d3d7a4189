"""Sessions in the store."""

from datetime import datetime, timedelta
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import ValidationError
from pymongo import ReturnDocument

from services.identity.accounts.models import Session, SessionEnding
from services.identity.accounts.rules import SESSION_LASTS, session_over
from services.identity.keyed_digests import AccountDigests
from shared.mongo import Document, store_errors

_FAR: Final = timedelta(days=1)
_LATE: Final = timedelta(hours=12)
"""After its last moment a session is not ended any more: its last token is over by then."""
_KEPT: Final = timedelta(days=1)
"""An ended or expired session is kept so long for the person's own list."""


class SessionStore:
    """Sessions in the document store."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], marks: AccountDigests) -> None:
        """``database`` is identity's own; ``marks`` seal the ends of sessions."""
        self._marks = marks
        self.collection: AsyncIOMotorCollection[Document] = database["sessions"]

    async def prepare(self) -> None:
        """Create the indexes; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("subject", name="subject")
            await self.collection.create_index("counts_until", name="counts_until")
            await self.collection.create_index("started_at", name="started_at")
            await self.collection.create_index("provider_session", name="provider_session")

    async def add(self, session: Session) -> None:
        """A new session."""
        fields = session.model_dump(exclude={"digest", "counts_until", "ending_seal"})
        with store_errors():
            await self.collection.insert_one({"_id": session.digest, **fields})

    async def withdraw(self, session: Session) -> None:
        """Take a new one back that nobody was given a token of: its end needs to be told nobody."""
        with store_errors():
            await self.collection.delete_one({"_id": session.digest})

    async def begun(self, session: Session) -> list[datetime]:
        """When the other sessions of its person began whose ends may still be published."""
        since = session.started_at - (session_over(session.started_at) - session.started_at)
        wanted = {"subject": session.subject, "started_at": {"$gt": since}, "_id": {"$ne": session.digest}}
        with store_errors():
            found = await self.collection.find(wanted, {"started_at": 1}).to_list(None)
        return [document["started_at"] for document in found]

    async def get(self, digest: str) -> Session | None:
        """The session whose secret has this digest."""
        with store_errors():
            found = await self.collection.find_one({"_id": digest})
        return session_of(found)

    async def seen(self, digest: str, now: datetime, service: str) -> Session | None:
        """Mark it as used now, for a service; None where it has ended: the check and the mark are one step."""
        with store_errors():
            found = await self.collection.find_one_and_update(
                {"_id": digest, "ended_at": None},
                {"$set": {"seen_at": now, f"used.{service}": now}},
                return_document=ReturnDocument.AFTER,
            )
        return session_of(found)

    async def confirm(self, digest: str, now: datetime, seal: str) -> bool:
        """Note that a second factor was shown now; False where the session has ended."""
        change = {"$set": {"confirmed_at": now, "confirmed_seal": seal}}
        with store_errors():
            done = await self.collection.update_one({"_id": digest, "ended_at": None}, change)
        return done.matched_count == 1

    async def redate(self, before: Session, after: Session) -> bool:
        """Write the times of ``after``; False where the session has ended, or was confirmed since it was read."""
        change = {
            "$set": after.model_dump(include={"started_at", "shown_at", "seal", "confirmed_at", "confirmed_seal"}),
            "$min": {"seen_at": after.seen_at},
        }
        wanted = {"_id": before.digest, "ended_at": None, "confirmed_at": before.confirmed_at}
        with store_errors():
            done = await self.collection.update_one(wanted, change)
        return done.matched_count == 1

    async def end(self, subject: str, why: SessionEnding, now: datetime, *, only: str = "", but: str = "") -> int:
        """End somebody's sessions: ``only`` this one, or all ``but`` this one (by public name). How many ended."""
        wanted: Document = {"subject": subject, **_not_ended(now)}
        if only or but:
            wanted["session"] = only or {"$ne": but}
        with store_errors():
            found = await self.collection.find(wanted).to_list(None)
        done = 0
        for session in filter(None, map(session_of, found)):
            ending = {"ended_at": now, "ended_why": why, "counts_until": session_over(session.started_at)}
            seal = self._marks.ending_seal(session.model_copy(update=ending))
            change = {"$set": {**ending, "ended_why": why.value, "ending_seal": seal}}
            with store_errors():
                changed = await self.collection.update_one({"_id": session.digest, "ended_at": None}, change)
            done += int(changed.modified_count)
        return done

    async def of(self, subject: str, now: datetime) -> list[Session]:
        """Return a person's sessions that have not ended and are not too old, newest first."""
        wanted = {"subject": subject, "ended_at": None, "started_at": {"$gt": now - SESSION_LASTS}}
        with store_errors():
            found = await self.collection.find(wanted).to_list(None)
        sessions = filter(None, map(session_of, found))
        return sorted(sessions, key=lambda session: session.started_at, reverse=True)

    async def not_ended(self, now: datetime) -> list[Session]:
        """Everybody's sessions that were not ended and of which some token may still count."""
        with store_errors():
            found = await self.collection.find(_not_ended(now)).to_list(None)
        return list(filter(None, map(session_of, found)))

    async def from_provider(self, mark: str) -> list[Session]:
        """The sessions that came from one session of the OpenID provider."""
        with store_errors():
            found = await self.collection.find({"provider_session": mark}).to_list(None)
        return list(filter(None, map(session_of, found)))

    async def ended(self, now: datetime) -> list[Session]:
        """Sessions that ended and whose tokens may still look good; whether identity ended them is not judged here."""
        window = {"counts_until": {"$gt": now, "$lt": now + _FAR}}
        with store_errors():
            found = await self.collection.find(window).to_list(None)
        return sorted(filter(None, map(session_of, found)), key=lambda session: session.session)

    async def sweep(self, now: datetime) -> int:
        """Delete what ended or expired more than a day ago."""
        over = {"started_at": {"$gt": datetime(2000, 1, 1, tzinfo=now.tzinfo), "$lt": now - SESSION_LASTS - _KEPT}}
        with store_errors():
            return int((await self.collection.delete_many(over)).deleted_count)


def _not_ended(now: datetime) -> Document:
    return {"ended_at": None, "started_at": {"$gt": now - SESSION_LASTS - _LATE}}


def session_of(document: Document | None) -> Session | None:
    """The session; None where there is none, or nothing that identity could have written."""
    if document is None:
        return None
    try:
        return Session.model_validate({**document, "digest": document["_id"]})
    except ValidationError:
        return None
