"""The register of releases: what was ever published, in order, each entry bound to the one before; and frozen counts.

An entry is never changed or removed: what may leave later depends on all that left before. Frozen counts are the true
counts of a closed month, kept so that a quarter and a year are made of the same counts as their months were. They
never leave the service.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.analytics.counting.models import CountedReport
from services.analytics.counting.rebuild_repository import remember
from services.analytics.counting.repository import Database, Position
from services.analytics.releases.release import Release
from services.analytics.releases.revisions import Reports
from services.analytics.releases.suppression import MonthCounts
from shared.audit import register
from shared.errors import PermanentError
from shared.mongo import RESTORED, insert_new, store_errors

_SLICE: Final = 50_000
"""Reports of a closed month in one document: 5 MB of the 16 that a document may have."""
_MOST_SLICES: Final = 100
_REVISION: Final = "#"
"""Between a month and the number of its revision, in the name of frozen counts."""


class BrokenRegisterError(PermanentError):
    """An entry does not follow from the one before: something was altered, removed or put in between."""


class Register:
    """Appends and reads. The number of an entry is its key, so that of two writers one is told to look again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self) -> list[Release]:
        """All releases, oldest first. Raises `BrokenRegisterError` where they are not as they were written."""
        with store_errors():
            documents = await self._database.register.find({}, hint={"$natural": 1}).to_list(None)
        documents.sort(key=lambda document: document["_id"])
        before = register.NOTHING_BEFORE
        releases = []
        for number, document in enumerate(documents):
            release = _release(document)
            if document["_id"] != number or document["digest"] != digest(number, release, before):
                raise BrokenRegisterError(f"the register of releases is broken at entry {number}")
            before = document["digest"]
            releases.append(release)
        return releases

    async def restored_at(self) -> datetime | None:
        """Return when the store was last put back to a backup; None where it never was.

        What was released between the two is in no entry, and out all the same.
        """
        with store_errors():
            document = await self._database[RESTORED].find_one({"_id": RESTORED})
        return document["at"] if document else None

    async def append(self, release: Release, entries: Sequence[Release]) -> bool:
        """Add a release after exactly these entries; False where somebody else added one in between."""
        number = len(entries)
        document = {"_id": number, "digest": digest(number, release, head(entries)), **_document(release)}
        return await insert_new(self._database.register, document)

    async def frozen(self, month: str) -> MonthCounts | None:
        """The counts a month was released from; of its newest revision."""
        every = {"$gte": month, "$lt": f"{month}{_REVISION}:"}  # ":" comes after the digits
        with store_errors():
            documents = await self._database.frozen.find({"_id": every}).to_list(None)
        document = max(documents, key=lambda each: int(each["_id"].partition(_REVISION)[2] or 0), default=None)
        return MonthCounts(**{**document["counts"], "month": month}) if document else None

    async def revise(
        self, releases: Sequence[Release], entries: Sequence[Release], counts: MonthCounts, reports: Reports
    ) -> bool:
        """Add the revisions that an erratum makes and keep the counts they were made from; all of it or nothing.

        False where somebody else added an entry in between. The counts of before stay beside them. How each report was
        counted is replaced: the year's bulletin compares with what the month says now.
        """
        before = head(entries)
        documents = []
        for number, release in enumerate(releases, len(entries)):
            before = digest(number, release, before)
            documents.append({"_id": number, "digest": before, **_document(release)})
        frozen = {"_id": f"{counts.month}{_REVISION}{releases[0].revision}", "counts": _kept(counts)}
        with store_errors():
            try:
                async with await self._database.client.start_session() as session, session.start_transaction():
                    await self._database.register.insert_many(documents, session=session)
                    await self._database.frozen.insert_one(frozen, session=session)
                    kept = self._database.frozen_reports
                    await kept.delete_many({"_id": {"$in": _slice_names(counts.month)}}, session=session)
                    for document in _slices(counts.month, reports):
                        await kept.insert_one(document, session=session)
            except (BulkWriteError, DuplicateKeyError):
                return False
        return True

    async def counted_reports(self, month: str) -> dict[str, CountedReport] | None:
        """Return how each report of a closed month was counted; None if it was closed before that was kept."""
        with store_errors():
            query = {"_id": {"$in": _slice_names(month)}}
            documents = await self._database.frozen_reports.find(query).to_list(None)
        return {
            report_id: CountedReport(owner, outcome, tuple(harms))
            for document in documents
            for report_id, owner, outcome, harms in document["reports"]
        } or None

    async def freeze(
        self, counts: MonthCounts, offsets: Mapping[Position, int], now: datetime, reports: Reports
    ) -> MonthCounts:
        """Keep a month's counts, unless they are kept already: those that are kept.

        With them stays how each report was counted, for the year's bulletin, and from how much of the topics they were
        made, so that they can be counted again.
        """
        with store_errors():
            try:
                async with await self._database.client.start_session() as session, session.start_transaction():
                    await self._database.frozen.insert_one(
                        {"_id": counts.month, "counts": _kept(counts)}, session=session
                    )
                    for document in _slices(counts.month, reports):
                        await self._database.frozen_reports.insert_one(document, session=session)
                    await remember(self._database, counts.month, offsets, now, session)
            except DuplicateKeyError:
                pass
            else:
                return counts
        return await self.frozen(counts.month) or counts


def _kept(counts: MonthCounts) -> dict[str, Any]:
    # Not ``asdict``: it makes a Counter anew from its pairs, and so counts them.
    return {each.name: getattr(counts, each.name) for each in fields(counts) if each.name != "month"}


def _slice_names(month: str) -> list[str]:
    return [f"{month}|{number}" for number in range(_MOST_SLICES)]


def _slices(month: str, reports: Reports) -> Iterator[dict[str, Any]]:
    rows = [[report_id, report.owner, report.outcome, list(report.harms)] for report_id, report in reports.items()]
    for number, start in enumerate(range(0, len(rows), _SLICE)):
        yield {"_id": f"{month}|{number}", "reports": rows[start : start + _SLICE]}


def digest(number: int, release: Release, before: str) -> str:
    """Of an entry and, through ``before``, of all earlier ones."""
    return register.digest(number, _document(release), before)


def head(entries: Sequence[Release]) -> str:
    """The digest of the last of all entries."""
    before = register.NOTHING_BEFORE
    for number, entry in enumerate(entries):
        before = digest(number, entry, before)
    return before


def _document(release: Release) -> dict[str, Any]:
    return {
        "period": release.period,
        "as_of": release.as_of,
        "step": release.step,
        "tables": {name: dict(shown) for name, shown in release.tables.items()},
        "months": list(release.months),
        "coarser": dict(release.coarser),
        **({"revision": release.revision, "erratum": dict(release.erratum)} if release.revision else {}),
    }


def _release(document: Mapping[str, Any]) -> Release:
    return Release(
        period=document["period"],
        as_of=document["as_of"],
        step=document["step"],
        tables=document["tables"],
        months=tuple(document["months"]),
        coarser=document["coarser"],
        revision=document.get("revision", 0),
        erratum=document.get("erratum", {}),
    )
