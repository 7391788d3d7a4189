"""Where decisions are kept for pages, and for the owners of linked reports other workers decide about.

How far the copy of a partition goes stands beside it, and only ever grows without a gap: a store that was put back to
an older state is filled up from there.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.routing.state.report_states import RoutingEvent
from shared.errors import FatalError, TransientError
from shared.events.catalog import EVENT_TYPES
from shared.mongo import DUPLICATE_KEY, store_errors

AT_ONCE: Final = 20
"""Reports whose owners one query asks for."""
_PIECES: Final = (*(f"{number:02x}" for number in range(256)), "g")
"""Borders between report ids, which begin with a hexadecimal digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingEntry:
    """One record of routing's stream about a report."""

    report_id: str
    version: int
    ownership: int
    center_id: str
    type: str
    partition: int
    offset: int
    event: dict[str, Any]


def event_of(entry: RoutingEntry) -> RoutingEvent:
    """The event an entry was copied from."""
    event: Any = EVENT_TYPES[entry.type].model_validate(entry.event)
    if not isinstance(event, RoutingEvent):
        raise TypeError(f"{entry.type} is no routing event")
    return event


class Copied(NamedTuple):
    """How far the copy of a partition goes: every record below ``upto``, the last of which is ``last_id``."""

    upto: int = 0
    last_id: str | None = None


NOTHING_COPIED: Final = Copied()


class DecisionStore:
    """The collection ``decisions``: one document per report and version, keyed so that a report's lie side by side.

    The ``_id`` is all the index there is: writing the copy of a surge must not cost two.
    """

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        self._decisions = database["decisions"]
        self._copied = database["copied"]

    async def save(self, entries: Sequence[RoutingEntry]) -> None:
        """Insert what is not there yet: the first record of a version stays, as for every reader of the log."""
        if not entries:
            return
        # A store may take the documents of an unordered write in any order: what came second is not even sent.
        documents = list({document["_id"]: document for document in map(_document, reversed(entries))}.values())
        with store_errors():
            try:
                await self._decisions.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                details = error.details or {}
                codes = {failure.get("code") for failure in details.get("writeErrors", [])}
                # Inserted but perhaps not durable counts as not inserted: trying again finds duplicates.
                unsure = {failure.get("code") for failure in details.get("writeConcernErrors", [])}
                if codes != {DUPLICATE_KEY} or unsure:
                    shown = sorted(map(str, codes | unsure))
                    raise TransientError(f"decisions: insert failed with codes {shown}") from error

    async def copied(self, partitions: Iterable[int]) -> dict[int, Copied]:
        """Return how far the copy of each partition goes; those not begun are missing."""
        found = {}
        with store_errors():
            async for document in self._copied.find({"_id": {"$in": sorted(partitions)}}):
                found[int(document["_id"])] = Copied(document["upto"], document["last_id"])
        return found

    async def advance(self, partition: int, start: int, after: Copied) -> None:
        """Say that the copy now also holds ``start`` up to ``after``.

        Raises ``FatalError`` if it does not reach ``start``: something is missing in between, and whoever begins again
        with what ``copied`` says fills it.
        """
        said = {"upto": after.upto, "last_id": after.last_id}
        with store_errors():
            if start == 0:
                with suppress(DuplicateKeyError):
                    await self._copied.insert_one({"_id": partition, **said})
                    return
            reaches = {"_id": partition, "upto": {"$gte": start, "$lt": after.upto}}
            done = await self._copied.update_one(reaches, {"$set": said})
            if done.matched_count:
                return
            known = (await self.copied([partition])).get(partition, NOTHING_COPIED)
        if known.upto < after.upto:
            raise FatalError(f"the copy of routings/{partition} ends at {known.upto}, before {start}")

    async def begin_anew(self, partition: int) -> None:
        """Forget the copy of a partition: it is of another log. Killed half-way, the next start begins it again."""
        with store_errors():
            # In pieces along the only index there is: one pass through all would outlast the limit of a call.
            for start, end in pairwise(_PIECES):
                ids = {"$gte": start, "$lt": end}
                await self._decisions.delete_many({"_id": ids, "partition": partition})
            await self._copied.delete_one({"_id": partition})  # last: it says that there is more to forget

    async def history(self, report_id: str) -> list[RoutingEntry]:
        """Load routing's records about a report, oldest first."""
        with store_errors():
            found = await self._decisions.find(_of(report_id)).sort("_id", 1).to_list(None)
        return [
            RoutingEntry(**{name: value for name, value in document.items() if name != "_id"}) for document in found
        ]

    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        """The owning centre of each report found."""
        owners: dict[str, str] = {}
        with store_errors():
            for start in range(0, len(report_ids), AT_ONCE):
                wanted = {"$or": [_of(report_id) for report_id in report_ids[start : start + AT_ONCE]]}
                # Oldest first: the newest version of each report is what stays.
                async for found in self._decisions.find(wanted, {"report_id": 1, "center_id": 1}).sort("_id", 1):
                    owners[found["report_id"]] = found["center_id"]
        return owners


def _document(entry: RoutingEntry) -> dict[str, Any]:
    # Not ``asdict``: it copies the whole event, which took twenty times as long as writing it.
    fields = {name: getattr(entry, name) for name in RoutingEntry.__slots__}
    return {"_id": f"{entry.report_id}:{entry.version:06d}", **fields}


def _of(report_id: str) -> dict[str, Any]:
    """The documents of one report: its id, a colon and a version; the semicolon comes next after the colon."""
    return {"_id": {"$gte": f"{report_id}:", "$lt": f"{report_id};"}}
