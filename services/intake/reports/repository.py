"""The collection of reports: looked up, changed only on what was read, and what is planned, waited for or alarming.

Every change raises the document's ``changes`` and names the number it was decided on, so of two that race one is told
no and decides again. What the streams say (``progress``) and how the key is wrapped are written beside it.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from services.intake.reports.authentication import (
    FIELD,
    PROGRESS,
    REPORT,
    ReportAuthentication,
    ReportNotAuthenticError,
)
from services.intake.reports.documents import (
    CALLBACK_SINCE,
    DIGESTS,
    FRONT_END,
    UNASSIGNED_SINCE,
    Document,
    is_sandbox,
)
from services.intake.reports.erasure_register import ErasureRegister, Happened
from services.intake.reports.lifecycle import Lifecycle
from services.intake.reports.models import Progress
from services.intake.settings import IntakeSettings
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import Record
from shared.mongo import by_ids, store_errors, wait_until_ready
from shared.outbox import PENDING, SINCE, Relay, push
from shared.store_clock import MOST_APART

COLLECTION: Final = "reports"
BATCH: Final = 100
"""Ids per read, see ``shared.mongo.SLICE``."""
ERASE_AT: Final = "erase_at"
DECIDE_SINCE: Final = "decide_since"
KEPT_SINCE: Final = "kept_since"
ALARM_SINCE: Final = "alarm_since"
FORMER_RECEIPT: Final = "former_receipt_hash"
"""Keyed hash of the receipt of whoever reported for somebody who took the report over."""
CODE: Final = "hand_over_code"
"""Keyed hash of the newest code for taking a report over."""
OPENED: Final = "opened"
"""When staff first opened the details, by number of the ownership."""
_MARKS: Final = (ERASE_AT, DECIDE_SINCE, KEPT_SINCE, ALARM_SINCE, UNASSIGNED_SINCE)
"""Times that only few reports have, each with a sparse index: what a page or a job looks for."""

TOMBSTONE: Final[tuple[str, ...]] = (
    "_id",
    "intake_version",
    "received_at",
    "receipt_hash",
    "receipt_counter",
    FORMER_RECEIPT,
    FIELD,
    PENDING,
    SINCE,
    CALLBACK_SINCE,
)
"""What stays of an erased report beside its dates, and nothing else does: the id, so that a repeated request cannot
lodge it again and late events find it; the versions, so that nothing older counts; the keyed hash of its receipt, so
that the receipt says "erased" and is given to nobody else, and of the one before it was handed over; the code that
authenticates all this; events not yet published, which name nobody; the mark that its front end is to be told. Of a
drill of a front end that is being tried out its front end as well, which alone may ask for it."""

_SANDBOX: Final = {"facts.sandbox": True}
_OWNERSHIP: Final = "progress.ownership"
_OWNER: Final = f"{_OWNERSHIP}.center_id"
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2500, 1, 1, tzinfo=UTC)
PAGE: Final = 100
"""Rows of a list on a page, and reports that a job takes at once."""
_LEASE: Final = timedelta(minutes=10)
_SUMMARY: Final = dict.fromkeys(("sealed", PENDING, OPENED, DIGESTS), 0)
"""All that is authenticated, without what is long."""


_log = log.get(__name__)

Fold = Callable[[str, Progress], Progress]


class ReportRepository:
    """Reads and guarded writes of accepted reports."""

    def __init__(
        self,
        database: "AsyncIOMotorDatabase[Document]",
        clock: Clock,
        authentication: ReportAuthentication,
        register: ErasureRegister,
    ) -> None:
        """``database`` is intake's own. Its ``jobs`` holds one document per daily job: which day was done, by whom.

        Every report that is read whole is authenticated: all that do so raise ``ReportNotAuthenticError``. Withdrawals
        and erasures are written to the ``register`` outside the store, see ``_noted``.
        """
        self.collection: Final = database[COLLECTION]
        self._reports = self.collection
        self._jobs = database["jobs"]
        self._database = database
        self._clock = clock
        self.authentication: Final = authentication
        self.register: Final = register
        self._opened = False
        self.on_change: Callable[[str], None] = lambda _: None
        """Is told of each report of which something changed that its front end may have asked to be told."""

    async def prepare(self) -> None:
        """Wait for the store and make the indexes. What the outbox needs, the relay creates."""
        await wait_until_ready(self._database, self._clock)
        with store_errors():
            await self._reports.create_index("receipt_hash", unique=True, name="receipt")
            for mark in _MARKS:
                await self._reports.create_index(mark, name=mark, sparse=True)
            await self._reports.create_index(
                [(FRONT_END, 1), ("received_at", -1)], name="drills", partialFilterExpression=_SANDBOX
            )
            for hashed in (FORMER_RECEIPT, CODE):
                await self._reports.create_index(hashed, name=hashed, sparse=True)

    async def of_receipt(self, hashes: Sequence[str]) -> Document | None:
        """The whole report a receipt belongs to; ``hashes`` are those it may be stored as."""
        return await self._one_with("receipt_hash", hashes)

    async def of_former_receipt(self, hashes: Sequence[str]) -> Document | None:
        """The whole report a receipt belonged to before somebody took the report over."""
        return await self._one_with(FORMER_RECEIPT, hashes)

    async def of_code(self, hashes: Sequence[str]) -> Document | None:
        """The whole report a hand-over code was last made for."""
        return await self._one_with(CODE, hashes)

    async def _one_with(self, field: str, hashes: Sequence[str]) -> Document | None:
        """The one report with a hash; None where two have it, made with different keys: nobody can say whose it is."""
        self._refuse_before_open()
        with store_errors():
            found = await self._reports.find({field: {"$in": list(hashes)}}).limit(2).to_list(2)
        if len(found) > 1:
            _log.error("receipt.ambiguous", field=field, report_ids=[document["_id"] for document in found])
        return self.authentication.check(found[0]) if len(found) == 1 else None

    def open(self) -> None:
        """The store is as the register says: reports may be read. Before, reading raises ``TransientError``."""
        self._opened = True

    def _refuse_before_open(self) -> None:
        if not self._opened:
            raise TransientError("erasures are not replayed yet")

    async def of_report(self, report_id: str) -> Document | None:
        """The whole report."""
        self._refuse_before_open()
        return await self.before_open(report_id)

    async def before_open(self, report_id: str) -> Document | None:
        """The whole report, for the replay of erasures alone."""
        with store_errors():
            found = await self._reports.find_one({"_id": report_id})
        return self.authentication.check(found) if found is not None else None

    async def write(
        self,
        before: Document,
        *,
        now: datetime,
        life: Lifecycle | None = None,
        fields: Mapping[str, Any] | None = None,
        pushed: Mapping[str, Any] | None = None,
        records: Sequence[Record] = (),
    ) -> Document | None:
        """Make one change on what was read; the report as it then is, or None on a conflict: nothing was changed.

        ``records`` are the events about it: they become pending in the same write. It is not read again: whoever is
        answered must not hear that nothing was changed where the store goes away in between.
        """
        sets: dict[str, Any] = {"changes": before.get("changes", 0) + 1, **(fields or {})}
        unset: dict[str, Any] = {}
        if life is not None:
            sets["life"] = life.model_dump()
            for mark, moment in _marks_of(life).items():
                if moment is None:
                    unset[mark] = ""
                else:
                    sets[mark] = moment
        if records:
            sets["intake_version"] = before["intake_version"] + len(records)
        after = {**before, **sets}
        for name in unset:
            after.pop(name, None)
        for name, value in (pushed or {}).items():
            after[name] = [*(before.get(name) or ()), value]
        update = push(records, now)
        update["$set"] = {**sets, f"{FIELD}.{REPORT}": self.authentication.code_of_report(after)}
        if unset:
            update["$unset"] = unset
        if pushed:
            update["$push"] = {**update.get("$push", {}), **pushed}
        was, becomes = _withdrawn(before.get("life")), _withdrawn(sets.get("life", before.get("life")))
        if becomes and not was:
            # Before it is stored: in doubt a restored report is withdrawn, never contacted.
            await self._note(Happened.WITHDRAWN, before, life.withdrawal.at if life and life.withdrawal else now)
        with store_errors():
            result = await self._reports.update_one(_as_read(before), update)
        if not result.matched_count:
            return None
        self._changed(before)
        if (goes_on := _goes_on(before.get("life"), withdrawn=becomes)) is not None:
            undone_at = life.reinstated_at if life and goes_on is Happened.REINSTATED else None
            await self._note(goes_on, before, undone_at or now)
        return _with_parts(after)

    async def _note(self, what: Happened, before: Document, at: datetime) -> None:
        """Write a line of the register, if that is possible.

        It has the time that the store has: a restore compares the two, and this process's clock may be another.
        One that cannot be written must keep nobody from stopping contact, and nobody from hearing that a withdrawal is
        undone; the log has the event too.
        """
        with contextlib.suppress(TransientError):
            await self.register.note(what, before["_id"], at, before.get("changes", 0))

    async def erase(self, before: Document, life: Lifecycle) -> bool:
        """Leave a tombstone where the report was, in one write: key, sealed parts and facts go. False: not as read.

        Everything goes but what ``TOMBSTONE`` names. The list of pending events is left alone: the relay may be at it.
        The register comes first: what it does not hold, a backup would bring back. Raises ``TransientError``.
        """
        kept = {*TOMBSTONE, "changes", "life", *((FRONT_END,) if is_sandbox(before) else ())}
        gone = {name: "" for name in (*before, "alarm", OPENED, *_MARKS) if name not in kept}
        sets: dict[str, Any] = {"changes": before.get("changes", 0) + 1, "life": life.model_dump(exclude_none=True)}
        after = {name: value for name, value in {**before, **sets}.items() if name in kept}
        sets[FIELD] = {REPORT: self.authentication.code_of_report(after)}
        if life.erased_at is not None:
            await self.register.note(Happened.ERASED, before["_id"], life.erased_at, before.get("changes", 0))
        with store_errors():
            result = await self._reports.update_one(_as_read(before), {"$set": sets, "$unset": gone})
        if result.matched_count:
            self._changed(before)
        return bool(result.matched_count)

    def _changed(self, document: Document) -> None:
        if CALLBACK_SINCE in document:
            self.on_change(document["_id"])

    async def marked(
        self,
        mark: str,
        *,
        until: datetime = _LAST,
        owner: str | None = None,
        limit: int = PAGE,
        skip: int = 0,
        besides: Sequence[str] = (),
    ) -> list[Document]:
        """The reports with a mark, oldest first, without what is sealed; of one owner if named.

        They are not authenticated: one that fails must hide no other. Whoever believes one calls ``authentication``.
        ``besides`` are ids of reports that the caller cannot read and does not want again; the first ``skip`` of the
        others are left out.
        """
        self._refuse_before_open()
        wanted: dict[str, Any] = {mark: {"$gte": _FIRST, "$lte": until}}
        if besides:
            wanted["_id"] = {"$nin": list(besides)}
        if owner is not None:
            wanted[_OWNER] = owner
        with store_errors():
            found = self._reports.find(wanted, _SUMMARY).sort(mark, 1)
            return await found.skip(skip).limit(limit).to_list(limit)

    async def drills_of(self, front_end: str, limit: int) -> list[Document]:
        """The newest drills of a front end that is being tried out, without what is sealed and not authenticated."""
        self._refuse_before_open()
        with store_errors():
            found = self._reports.find({FRONT_END: front_end, **_SANDBOX}, {"sealed": 0, PENDING: 0, DIGESTS: 0})
            return await found.sort("received_at", -1).limit(limit).to_list(limit)

    async def count(self, mark: str) -> int:
        """Count the reports with a mark."""
        with store_errors():
            return await self._reports.count_documents({mark: {"$gte": _FIRST, "$lte": _LAST}})

    async def assigned(self, report_ids: Sequence[str]) -> None:
        """Take the mark off reports that a centre has: a build that does not know the mark wrote their progress."""
        with store_errors():
            await self._reports.update_many({"_id": {"$in": list(report_ids)}}, {"$unset": {UNASSIGNED_SINCE: ""}})

    async def unassigned(self, received: Mapping[str, datetime]) -> None:
        """Put the mark back on reports, by id when each was received, unless a centre has got one meanwhile."""
        writes = [
            UpdateOne({"_id": name, "life.erased_at": None, _OWNERSHIP: None}, {"$set": {UNASSIGNED_SINCE: at}})
            for name, at in received.items()
        ]
        if writes:
            with store_errors():
                await self._reports.bulk_write(writes, ordered=False)

    async def everything(self) -> AsyncIterator[Document]:
        """Every report that is not erased, in no order, without what is sealed; not authenticated, see ``marked``."""
        with store_errors():
            async for document in self._reports.find({"life.erased_at": None}, _SUMMARY).hint([("$natural", 1)]):
                yield document

    async def alarm(self, kinds: Mapping[str, str | None], now: datetime) -> None:
        """Raise (by kind) or end (None) the alarms of these reports."""
        writes = [
            UpdateOne({"_id": name, "life.erased_at": None}, {"$set": {"alarm": kind, ALARM_SINCE: now}})
            if kind
            else UpdateOne({"_id": name}, {"$unset": {"alarm": "", ALARM_SINCE: ""}})
            for name, kind in kinds.items()
        ]
        if writes:
            with store_errors():
                await self._reports.bulk_write(writes, ordered=False)

    async def opened(self, report_id: str, ownership: int, at: datetime) -> None:
        """Note when the details were opened under an ownership, once; nothing where it was noted, or is erased."""
        place = f"{OPENED}.{ownership}"
        with store_errors():
            await self._reports.update_one(
                {"_id": report_id, "life.erased_at": None, place: None}, {"$set": {place: at}}
            )
        self.on_change(report_id)

    async def advance(self, ids: Sequence[str], fold: Fold, relay: Relay) -> list[str]:
        """Fold new events into the progress of these reports; the ids that are not here are given back.

        What is written clears the published events in the same write, where ``relay`` has published all there are.
        Each write is made only on what was read, so a paused writer that wakes up changes nothing. Raises
        ``TransientError`` on a conflict; doing it again is safe.
        """
        missing: list[str] = []
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            with store_errors():
                known = await by_ids(
                    self._reports, some, {"progress": 1, FIELD: 1, CALLBACK_SINCE: 1, f"{PENDING}.id": 1}
                )
            missing.extend(report_id for report_id in some if report_id not in known)
            # What is erased has no progress any more, and needs none.
            known = {report_id: document for report_id, document in known.items() if "progress" in document}
            await self._write_progress(known, fold, relay)
        return missing

    async def _write_progress(self, known: Mapping[str, Document], fold: Fold, relay: Relay) -> None:
        moved: list[tuple[Document, Document, Document]] = []
        for report_id, document in known.items():
            try:
                self.authentication.check_progress(document)
            except ReportNotAuthenticError:
                continue  # told of already; the others go on, and when it is restored the gap shows
            before = Progress.model_validate(document["progress"])
            after = fold(report_id, before)
            if after != before:
                progress = after.model_dump()
                code = self.authentication.code_of_progress(report_id, progress)
                update: dict[str, Any] = {"$set": {"progress": progress, f"{FIELD}.{PROGRESS}": code}}
                if after.ownership is not None:
                    update["$unset"] = {UNASSIGNED_SINCE: ""}
                moved.append((document, _unchanged(report_id, before), update))
        if not moved:
            return
        taken: list[str] = []
        all_written = False
        try:
            for document, as_read, update in moved:
                if (clearing := relay.take(document)) is not None:
                    taken.append(document["_id"])
                    as_read.update(clearing.match)
                    update["$unset"] = {**update.get("$unset", {}), **clearing.unset}
            with store_errors():
                writes = [UpdateOne(as_read, update) for _, as_read, update in moved]
                result = await self._reports.bulk_write(writes, ordered=False)
            all_written = result.matched_count == len(moved)
        finally:
            relay.taken(taken, cleared=all_written)
        for document, _, _ in moved:
            self._changed(document)
        if not all_written:
            raise TransientError("another worker moved the same reports on, or they have new events")

    async def claim(self, job: str, day: str, holder: str, now: datetime) -> bool:
        """Return whether this process may do a day's job now: it is not finished, and no other living one is doing it.

        A pass of its own that broke off is begun again: refused by its own lease it would count as one that worked.
        A lease that ends later than any can, written by hand or by a clock that jumped, is over: it would keep the job
        away until then.
        """
        latest = now + _LEASE + 2 * MOST_APART
        over = [{"until": {"$lte": now}}, {"until": {"$gt": latest}}]
        free = {"_id": job, "day": {"$ne": day}, "$or": [*over, {"holder": holder}]}
        taken = {"$set": {"until": now + _LEASE, "holder": holder}}
        with store_errors():
            with contextlib.suppress(DuplicateKeyError):
                await self._jobs.insert_one({"_id": job, "day": "", "until": now, "holder": ""})
            before = await self._jobs.find_one_and_update(free, taken)
        if before is not None and before["until"] > latest:
            _log.error("job.lease_cut", job=job, hint="it ended later than any lease can: was it changed by hand?")
        return before is not None

    async def finished(self, job: str, day: str, holder: str) -> None:
        """The day's job is done, if it is still this process's."""
        with store_errors():
            await self._jobs.update_one({"_id": job, "holder": holder}, {"$set": {"day": day, "until": _FIRST}})


def repository_of(
    settings: IntakeSettings,
    database: "AsyncIOMotorDatabase[Document]",
    clock: Clock,
    key: bytes,
    on_failure: Callable[[str, str], None],
) -> ReportRepository:
    """The repository that the settings name. ``key`` authenticates reports and the register of erasures.

    ``on_failure`` is told of report and part when one begins to fail in this process.
    """
    authentication = ReportAuthentication(key, on_failure)
    return ReportRepository(database, clock, authentication, ErasureRegister(settings.erasure_register, key))


def _with_parts(document: Document) -> Document:
    """The document with each field that is named by its place (``sealed.fields.name``) in that place."""
    found = {name: value for name, value in document.items() if "." not in name}
    for name in document.keys() - found.keys():
        *places, last = name.split(".")
        inside = found
        for place in places:
            inside[place] = inside = dict(inside.get(place) or {})
        inside[last] = document[name]
    return found


def _withdrawn(life: Mapping[str, Any] | None) -> bool:
    return bool(life and life.get("withdrawal"))


def _goes_on(before: Mapping[str, Any] | None, *, withdrawn: bool) -> Happened | None:
    """Return what to note of a change: an erasure may have been noted for the state before, and lost to it."""
    if _withdrawn(before) and not withdrawn:
        return Happened.REINSTATED
    return Happened.KEPT if before and before.get("plan") else None


def _as_read(before: Document) -> Document:
    known = before.get("changes")
    return {"_id": before["_id"], "changes": {"$exists": False} if known is None else known}


def _marks_of(life: Lifecycle) -> dict[str, datetime | None]:
    last = life.standing_decision
    kept = life.decide_since is None and last is not None and not last.destroy
    return {
        ERASE_AT: life.plan.at if life.plan else None,
        DECIDE_SINCE: life.decide_since,
        KEPT_SINCE: last.at if kept and last else None,
    }


def _unchanged(report_id: str, before: Progress) -> Document:
    ownership, work = before.ownership, before.work
    return {
        "_id": report_id,
        "life.erased_at": None,
        "progress.ownership.version": ownership.version if ownership else None,
        "progress.work.version": work.version if work else None,
        "progress.hole": before.hole,
    }
