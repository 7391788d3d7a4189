"""Calls: one document each, what was said in it sealed; changed only on what was read, so nothing is lost in a race."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase

from services.intake.phone.models import Call, CallEnding, CallState
from services.intake.reports.documents import Document
from shared.jobs import Skipped
from shared.mongo import store_errors

COLLECTION: Final = "calls"
MOST_LISTED: Final = 100
"""Calls of one list; an office has a few."""
_STORE_FORGETS_AFTER: Final = timedelta(hours=1)
"""The store itself forgets what nobody swept; later, so that it is counted."""
_PLAIN: Final = tuple(one.name for one in fields(Call) if one.name != "call_id")


class CallRepository:
    """The documents."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]") -> None:
        self.collection = database[COLLECTION]

    async def prepare(self) -> None:
        """Make the indexes."""
        with store_errors():
            await self.collection.create_index(
                "until", expireAfterSeconds=int(_STORE_FORGETS_AFTER.total_seconds()), name="expiry"
            )
            await self.collection.create_index("organisation", name="organisation")

    async def insert(self, call: Call, salt: bytes, sealed: bytes) -> None:
        """A new call; durable when it returns. Raises ``TransientError``."""
        with store_errors():
            await self.collection.insert_one({"_id": call.call_id, "salt": salt, "sealed": sealed, **_stored(call)})

    async def read(self, call_id: str) -> tuple[Call, bytes, bytes | None] | None:
        """The call, the salt of its key and what is sealed, if anything still is. Raises ``TransientError``."""
        with store_errors():
            found = await self.collection.find_one({"_id": call_id})
        if found is None:
            return None
        sealed = found.get("sealed")
        return _call(found), bytes(found["salt"]), None if sealed is None else bytes(sealed)

    async def write(self, before: Call, after: Call, sealed: bytes | None) -> bool:
        """Make one change on what was read; False on a conflict. ``sealed`` None: nothing said stays.

        Whose it is and what was said in it change in the same write. Raises ``TransientError``.
        """
        change: dict[str, Any] = {"$set": _stored(after)}
        if sealed is None:
            change["$unset"] = {"sealed": ""}
        else:
            change["$set"]["sealed"] = sealed
        with store_errors():
            result = await self.collection.update_one({"_id": before.call_id, "version": before.version}, change)
        return bool(result.matched_count)

    async def of(self, organisation: str) -> list[Call]:
        """An organisation's calls that have not ended, oldest first."""
        wanted = {"organisation": organisation, "state": {"$ne": CallState.ENDED.value}}
        return await self._found(wanted, "started_at", Skipped("calls-list"))

    async def overdue(self, now: datetime, skipped: Skipped) -> list[Call]:
        """Calls whose time is over, ended ones among them; what has been over for longest comes first."""
        return await self._found({"until": {"$lte": now}}, "until", skipped)

    async def half_sent(self, before: datetime, skipped: Skipped) -> list[Call]:
        """Calls that somebody began to send before then and did not finish, longest ago first."""
        wanted = {"state": CallState.SENDING.value, "sending_at": {"$lte": before}}
        return await self._found(wanted, "sending_at", skipped)

    async def keep_unsent(self, call: Call, until: datetime) -> None:
        """Keep a call that is still to be sent at least until then."""
        with store_errors():
            await self.collection.update_one(
                {"_id": call.call_id, "state": CallState.SENDING.value}, {"$max": {"until": until}}
            )

    async def remove(self, calls: Sequence[Call], now: datetime) -> None:
        """Forget ended calls altogether, unless a page left open has revived one meanwhile."""
        over = {"state": CallState.ENDED.value, "until": {"$lte": now}}
        with store_errors():
            await self.collection.delete_many({"_id": {"$in": [call.call_id for call in calls]}, **over})

    async def _found(self, wanted: Document, first: str, skipped: Skipped) -> list[Call]:
        """The ``MOST_LISTED`` of them whose time ``first`` is earliest, in that order."""
        with store_errors():
            found = self.collection.find(wanted, {"sealed": 0, "salt": 0}).sort([(first, 1), ("_id", 1)])
            documents = await found.limit(MOST_LISTED).to_list(MOST_LISTED)
        return skipped.readable(documents, _call)


def _stored(call: Call) -> Document:
    # Enumerations as their text: the driver need not know them.
    return {name: str(value) if isinstance(value := getattr(call, name), StrEnum) else value for name in _PLAIN}


def _call(document: Document) -> Call:
    known = {name: document[name] for name in _PLAIN if name in document}
    ending = known.get("ending")
    return Call(
        call_id=document["_id"],
        **{**known, "state": CallState(known["state"]), "ending": CallEnding(ending) if ending else None},
    )
