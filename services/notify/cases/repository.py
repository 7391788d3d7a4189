"""Cases in the document store. Every write is guarded by the number of the state it was made from."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import IndexModel, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from services.notify.cases.models import Case, DueCase, waiting_key
from services.notify.team.models import Counted
from shared import outbox, trace
from shared.errors import TransientError
from shared.events.base import Event, Record, encode
from shared.events.vocabulary import EndReason, HarmType, Urgency
from shared.jobs import Skipped
from shared.mongo import DUPLICATE_KEY, SLICE, Document, by_ids, store_errors

SOURCE: Final = "notify"
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before every due time. A range with both ends reads only its part of the index; with one end the embedded store
reads nearly all of it (0.9 ms against 140 ms of 20,000 documents)."""
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""After every due time."""
OFFERS: Final = 100
"""Offers shown at most; a centre of three people has a handful."""
RESERVED_FOR: Final = timedelta(seconds=30)
"""A place that nobody gave back counts for so long: its process died, or its store was away."""
_PLACES: Final = 20
_FIRST: Final = 20
"""Cases looked at for the first that is no drill: more than the drills of a month, of which each centre has one."""
_ANY_CENTER: Final = {"$gte": "a", "$lt": "~"}
COUNTED: Final = 1000
"""Numbers above lists are exact up to here: with 100,000 cases nobody's page may wait until all are counted."""
ASLEEP: Final = 5000
"""Cases whose due time is looked at, the last first: more than centres of three people have open."""
_ESCALATED: Final = {"ladder.step": {"$gte": 2}}
_CRITICAL: Final = {"urgency": Urgency.CRITICAL.value}
_HELD: Final = {"ladder.held": True}
_DRILLS: Final = {"synthetic": True}
_ASSIGNED: Final = {"assignee": {"$gt": ""}}
INDEXES: Final = (
    IndexModel([("center_id", 1), ("sort_key", 1)], name="center_sort"),
    IndexModel([("sort_key", 1)], name="sort"),
    IndexModel([("center_id", 1), ("received_at", 1)], name="center_received"),
    IndexModel([("alias", 1)], name="alias", unique=True),
    # Of few cases at a time: a write that does not concern them leaves these alone.
    IndexModel([("wake_at", 1)], name="critical_due", partialFilterExpression=_CRITICAL),
    IndexModel([("wake_at", 1)], name="due", sparse=True),
    IndexModel([("sort_key", 1)], name="drills", partialFilterExpression=_DRILLS),
    IndexModel([("sort_key", 1)], name="copied", partialFilterExpression={"copy_central": True}),
    IndexModel([("sort_key", 1)], name="escalated", partialFilterExpression=_ESCALATED),
    IndexModel([("center_id", 1)], name="held", partialFilterExpression=_HELD),
    IndexModel([("assignee", 1), ("sort_key", 1)], name="assigned", partialFilterExpression=_ASSIGNED),
    IndexModel([("offered_to", 1)], name="offered", sparse=True),
    IndexModel([("awaiting_since", 1)], name="awaiting", sparse=True),
)
"""Each is used by a query below and each query uses one (``test_queries``).

Only an index of few cases is named in a query (``hint``): the embedded store reads the whole of an index that is named,
whatever the range asked for (6,000 cases, none of them due: 280 ms with the name, 0.1 ms without). Of two indexes that
fit it takes the first by name, hence ``critical_due`` before ``due``.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A new state of a case, the state it was made from (None: a new case), and the events it must tell of."""

    case: Case
    before: Case | None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """Result of a bulk write. Lost changes met a newer state; taken aliases belong to another case."""

    lost: frozenset[str]
    alias_taken: frozenset[str] = frozenset()


def records_of(events: Iterable[Event], now: datetime, traceparent: str | None = None) -> list[Record]:
    """Events ready for the outbox."""
    return [encode(e, source=SOURCE, time=now, traceparent=traceparent or trace.current()) for e in events]


class CaseStore:
    """The collection of cases."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.database = database
        self.collection: AsyncIOMotorCollection[Document] = database["cases"]
        self.reservations = SevereReservations(database)
        self.on_written: Callable[[Iterable[Case]], None] = lambda _: None
        """Told of every state that was written, or may be: its next step may come before the next look for due ones."""

    async def prepare(self) -> None:
        """Create the indexes; the same ones again change nothing."""
        with store_errors():
            await self.collection.create_indexes(list(INDEXES))

    async def load(self, report_ids: Sequence[str], skipped: Skipped | None = None) -> dict[str, Case]:
        """The known ones of these cases, by id. With ``skipped``, one that cannot be read is left out, not raised."""
        with store_errors():
            found = await by_ids(self.collection, report_ids)
        if skipped is not None:
            return {case.report_id: case for case in skipped.readable(found.values(), Case.model_validate)}
        return {report_id: Case.model_validate(document) for report_id, document in found.items()}

    async def save(self, changes: Sequence[Change], now: datetime) -> Saved:
        """Write all changes at once, each only over the state it was made from."""
        if not changes:
            return Saved(frozenset())
        try:
            return await self._save(changes, now)
        finally:
            self.on_written(change.case for change in changes)

    async def _save(self, changes: Sequence[Change], now: datetime) -> Saved:
        mark = secrets.token_hex(8)
        writes = [write_of(change, mark, now) for change in changes]
        failed: dict[int, Mapping[str, Any]] = {}
        with store_errors():
            try:
                matched = (await self.collection.bulk_write(writes, ordered=False)).matched_count
            except BulkWriteError as error:
                if error.details.get("writeConcernErrors"):
                    raise TransientError("store: a bulk write is not on a majority yet") from error
                failed = {e["index"]: e for e in error.details["writeErrors"]}
                matched = error.details.get("nMatched", 0)
        if any(e.get("code") != DUPLICATE_KEY for e in failed.values()):
            raise TransientError("store: part of a bulk write was refused")
        lost = {changes[index].case.report_id for index in failed}
        updates = [c.case.report_id for c in changes if c.before is not None]
        if matched < len(updates):
            lost |= await self._not_mine(updates, mark)
        taken = {c.case.report_id for i, c in enumerate(changes) if i in failed and _names_alias(failed[i])}
        return Saved(frozenset(lost), frozenset(taken))

    async def _not_mine(self, report_ids: Sequence[str], mark: str) -> set[str]:
        with store_errors():
            found = await by_ids(self.collection, report_ids, {"mark": 1})
        return {i for i in report_ids if found.get(i, {}).get("mark") != mark}

    async def due(self, until: datetime, limit: int, *, critical: bool = False) -> list[DueCase]:
        """Up to ``limit`` cases whose next step is due by then and that no living worker holds, the longest due first.

        With ``critical`` only critical ones, however many others have been due for longer.
        """
        wanted: Document = {**_due(until), **(_CRITICAL if critical else {})}
        names = {"center_id": 1, "wake_at": 1}
        with store_errors():
            found = await self.collection.find(wanted, names).sort("wake_at", 1).limit(limit).to_list(None)
        return [DueCase(document["_id"], document.get("center_id", ""), document["wake_at"]) for document in found]

    async def claim(
        self, lease: str, lease_s: float, report_ids: Sequence[str], now: datetime, skipped: Skipped
    ) -> list[Case]:
        """Take over those of these cases that are still due and that no living worker holds.

        Until the ``lease`` ends nobody else gets them; a process that dies leaves them to whoever comes after. A case
        that cannot be read is left out and comes again when its lease ends. Raises ``TransientError``: whether it took
        any is not known then, and who asked releases the lease.
        """
        taken = {"wake_at": now + timedelta(seconds=lease_s), "lease_by": lease}
        update = {"$set": taken, "$inc": {"rev": 1}}
        claimed = 0
        with store_errors():
            for start in range(0, len(report_ids), SLICE):
                some = {"_id": {"$in": report_ids[start : start + SLICE]}, **_due(now)}
                claimed += (await self.collection.update_many(some, update)).modified_count
        if not claimed:
            return []
        cases = await self.load(report_ids, skipped)
        return [case for case in cases.values() if case.lease_by == lease]

    async def release(self, holder: str, now: datetime, lease_s: float) -> int:
        """Let others claim at once what a process held that is gone, or one of its leases; how many cases it held."""
        held = {"wake_at": {"$gt": now, "$lte": now + timedelta(seconds=2 * lease_s)}}  # clocks differ a little
        released = 0
        with store_errors():
            found = await self.collection.find(held, {"lease_by": 1}).to_list(None)
            leases = {d["_id"]: d["lease_by"] for d in found if f"{d.get('lease_by')}:".startswith(f"{holder}:")}
            ids = list(leases)
            for start in range(0, len(ids), SLICE):
                some = ids[start : start + SLICE]
                theirs = {"_id": {"$in": some}, "lease_by": {"$in": sorted({leases[one] for one in some})}}
                update = {"$set": {"wake_at": now}, "$unset": {"lease_by": ""}, "$inc": {"rev": 1}}
                released += (await self.collection.update_many(theirs, update)).modified_count
        return released

    async def asleep_past(self, moment: datetime, *, critical: bool = False) -> dict[str, datetime]:
        """When each of the cases, or of the critical ones, is next due that are due after then: the last ``ASLEEP``."""
        wanted: Document = {"wake_at": {"$gt": moment, "$lte": _NEVER}, **(_CRITICAL if critical else {})}
        with store_errors():
            asleep = self.collection.find(wanted, {"wake_at": 1}).sort("wake_at", -1).limit(ASLEEP)
            return {document["_id"]: document["wake_at"] async for document in asleep}

    async def backlog(self, now: datetime) -> int:
        """Count the cases that are due and not claimed, up to ``COUNTED``."""
        with store_errors():
            return await self.collection.count_documents(_due(now), limit=COUNTED)

    async def page(self, center_id: str | None, bounds: tuple[str, str], limit: int) -> list[Case]:
        """Up to ``limit`` cases of a centre (None: of all) with a sort key between the bounds, both left out."""
        wanted: dict[str, Any] = {"sort_key": {"$gt": bounds[0], "$lt": bounds[1]}}
        if center_id is not None:
            wanted = {"center_id": center_id, **wanted}
        return await self._in_order(wanted, limit)

    async def of_person(self, center_id: str, subject: str) -> list[Case]:
        """The open cases somebody has at a centre, the most urgent first."""
        theirs = await self._in_order({"assignee": subject, "sort_key": {"$gt": "0", "$lt": "3"}})
        return [case for case in theirs if case.center_id == center_id]

    async def by_alias(self, alias: str) -> Case | None:
        """The case with an alias."""
        with store_errors():
            found = await self.collection.find_one({"alias": alias})
        return Case.model_validate(found) if found is not None else None

    async def copied(self, limit: int) -> list[Case]:
        """Open cases that the central desk has a copy of, in the order of need."""
        return await self._in_order({"copy_central": True, "sort_key": {"$gt": "0", "$lt": "3"}}, limit)

    async def counted(self, center_id: str, since: datetime, until: datetime) -> list[Counted]:
        """Return the counted fields of a centre's cases received in a span; no drills."""
        # Drills are sorted out below: a third field in the question keeps the embedded store from using both others.
        wanted = {"center_id": center_id, "received_at": {"$gte": since, "$lte": until}}
        names = [*(one.name for one in fields(Counted)), "synthetic"]
        with store_errors():
            found = await self.collection.find(wanted, dict.fromkeys(names, 1)).to_list(None)
        return [
            Counted(
                received_at=document["received_at"],
                harm_types=tuple(HarmType.read(harm) for harm in document["harm_types"]),
                acknowledged_at=document.get("acknowledged_at"),
                contacted_at=document.get("contacted_at"),
                ended=EndReason(document["ended"]) if document.get("ended") else None,
            )
            for document in found
            if not document["synthetic"]
        ]

    async def late(self, limit: int) -> list[Case]:
        """Acknowledged cases that escalated again, in the order of need."""
        return await self._in_order({"sort_key": {"$gt": "2", "$lt": "3"}, **_ESCALATED}, limit)

    async def _in_order(self, wanted: Document, limit: int = 0) -> list[Case]:
        """Up to ``limit`` cases in the order of need; 0: all."""
        with store_errors():
            found = await self.collection.find(wanted).sort("sort_key", 1).limit(limit).to_list(None)
        return _listed(found)

    async def held(self, center_id: str | None) -> int:
        """Count the cases of a centre (None: of all) that quiet hours hold back, up to ``COUNTED``; no drills."""
        whose = center_id if center_id is not None else _ANY_CENTER
        return await self._count({"center_id": whose, **_HELD, "synthetic": False}, "held")

    async def unread(self, center_id: str | None) -> int:
        """Count the acknowledged cases of a centre (None: of all) that have something unread.

        No drills, and up to ``COUNTED``.
        """
        return await self._count_listed(center_id, "1", "2")

    async def working(self, center_id: str | None) -> int:
        """Count the acknowledged cases of a centre (None: of all) with nothing unread, up to ``COUNTED``; no drills."""
        return await self._count_listed(center_id, "2", "3")

    async def waiting(self, center_id: str | None) -> int:
        """Count the unacknowledged cases of a centre (None: of all), up to ``COUNTED``; no drills."""
        return await self._count_listed(center_id, "0", "1")

    async def offered(self, center_id: str | None) -> int:
        """Count the cases of a centre (None: of all) offered to another one or on their way there; no drills."""
        whose = {"center_id": center_id} if center_id is not None else {}
        return await self._count({"offered_to": _ANY_CENTER, **whose, "synthetic": False}, "offered")

    async def _count_listed(self, center_id: str | None, low: str, high: str) -> int:
        wanted: Document = {"sort_key": {"$gte": low, "$lt": high}}
        if center_id is not None:
            wanted = {"center_id": center_id, **wanted}
        total = await self._count(wanted)
        return total - await self._count({**wanted, **_DRILLS}, "drills") if 0 < total < COUNTED else total

    async def _count(self, wanted: Document, few: str | None = None) -> int:
        """``few`` is an index of few cases that all of these are in."""
        named: dict[str, Any] = {} if few is None else {"hint": few}
        with store_errors():
            return await self.collection.count_documents(wanted, limit=COUNTED, **named)

    async def offers_to(self, center_id: str) -> list[Case]:
        """Cases a centre has an open offer of, or has accepted and not got yet, in the order of need."""
        return await self._offers({"offered_to": center_id})

    async def offers_of(self, center_id: str) -> list[Case]:
        """Cases of a centre that it has offered to another one."""
        return await self._offers({"offered_to": _ANY_CENTER, "center_id": center_id})

    async def _offers(self, wanted: Document) -> list[Case]:
        with store_errors():
            found = await self.collection.find(wanted).limit(OFFERS).hint("offered").to_list(None)
        return sorted(_listed(found), key=lambda case: case.sort_key)

    async def unconfirmed(self, before: datetime) -> int:
        """Count the cases, up to ``COUNTED``, that have waited since before then for routing to confirm a command."""
        return await self._count({"awaiting_since": {"$gte": EPOCH, "$lte": before}})

    async def alert_states(self, report_ids: Sequence[str]) -> dict[str, tuple[int | None, str | None]]:
        """The escalation and the offer each of these cases has now: what a mail about them may still tell."""
        with store_errors():
            found = await by_ids(self.collection, report_ids, {"ladder.run": 1, "offer.offer_id": 1})
        return {
            report_id: ((d.get("ladder") or {}).get("run"), (d.get("offer") or {}).get("offer_id"))
            for report_id, d in found.items()
        }

    async def first_waiting(self, rank: int, since: datetime | None, until: datetime | None) -> datetime | None:
        """Return when the first unacknowledged case of a rank was received, of those received in a span; no drills.

        An end that is None is open.
        """
        low = f"0{rank}:" if since is None else waiting_key(rank, since)
        high = f"0{rank}:~" if until is None else waiting_key(rank, until)
        # Drills are sorted out below, as is what cannot be read: a second field would need an index of its own.
        names = dict.fromkeys(("sort_key", "received_at", "synthetic"), 1)
        while True:
            wanted = {"sort_key": {"$gt": low, "$lt": high}}
            with store_errors():
                found = await self.collection.find(wanted, names).sort("sort_key", 1).limit(_FIRST).to_list(None)
            for document in found:
                # One that cannot be read hides nobody behind it; lists name it in the log.
                at = document.get("received_at")
                if document.get("synthetic") is False and isinstance(at, datetime):
                    return at
            if len(found) < _FIRST:
                return None
            low = found[-1]["sort_key"]


def _due(now: datetime) -> Document:
    return {"wake_at": {"$gte": EPOCH, "$lte": now}}


def _listed(documents: Iterable[Document]) -> list[Case]:
    """The cases of a list; one that cannot be read is named in the log and hides no other."""
    return Skipped("cases-list").readable(documents, Case.model_validate)


class SevereReservations:
    """Severe cases on their way to a person, in the order in which they were asked for.

    Two leads who give somebody a case at the same moment both see one case too few. Each first takes its place in this
    list, and counts whatever stands before it.
    """

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self.collection: AsyncIOMotorCollection[Document] = database["severe_reservations"]

    async def reserve(self, center_id: str, subject: str, report_id: str, now: datetime) -> set[str]:
        """Take a place; the reports that were there before and may not be written yet."""
        place = {"_id": f"{center_id}/{subject}"}
        mine = {"report_id": report_id, "at": now, "key": secrets.token_hex(8)}
        with store_errors():
            await self.collection.update_one(
                place, {"$push": {"open": {"$each": [mine], "$slice": -_PLACES}}}, upsert=True
            )
            found = await self.collection.find_one(place)
        before: set[str] = set()
        for one in (found or {}).get("open", ()):
            if one["key"] == mine["key"]:
                break
            if one["at"] > now - RESERVED_FOR:
                before.add(one["report_id"])
        return before - {report_id}

    async def release(self, center_id: str, subject: str, report_id: str) -> None:
        """Give the place back: the case is written, or was not given."""
        with store_errors():
            await self.collection.update_one(
                {"_id": f"{center_id}/{subject}"}, {"$pull": {"open": {"report_id": report_id}}}
            )


def write_of(change: Change, mark: str, now: datetime) -> InsertOne[Document] | UpdateOne:
    """The write of one change: a new case whole, of a known one what is different, with the events it must tell of."""
    case, before = change.case, change.before
    records = records_of(change.events, now, case.traceparent)
    if before is None:
        fields = case.model_dump(exclude={"report_id"}, by_alias=True)
        stored = {name: value for name, value in fields.items() if value is not None}
        return InsertOne({"_id": case.report_id, **stored, "mark": mark, **outbox.pending(records, now)})
    update = _difference(before, case)
    update["$set"]["mark"] = mark
    for operator, values in outbox.push(records, now).items():
        update.setdefault(operator, {}).update(values)
    return UpdateOne({"_id": case.report_id, "rev": before.rev}, {name: part for name, part in update.items() if part})


def _difference(before: Case, after: Case) -> dict[str, Document]:
    """Update operators that make one state of the other: what did not change is not written again.

    A field that is none any more is taken off, so that sparse indexes forget the case; lines of the timeline are added.
    """
    changed = {name for name in Case.model_fields if getattr(before, name) != getattr(after, name)}
    lines = len(before.entries)
    appended = "entries" in changed and after.entries[:lines] == before.entries
    update: dict[str, Document] = {"$set": {}, "$unset": {}}
    if appended:
        changed.discard("entries")
        update["$push"] = {"entries": {"$each": [one.model_dump(exclude_none=True) for one in after.entries[lines:]]}}
    for name, value in after.model_dump(include=changed, by_alias=True).items():
        update["$unset" if value is None else "$set"][name] = value
    return update


def _names_alias(error: Mapping[str, Any]) -> bool:
    return "alias" in str(error.get("keyPattern") or error.get("errmsg", ""))
