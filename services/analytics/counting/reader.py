"""The reading side of the store: sums over the partitions' cells, the counts of the reconciliation, the dead."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, Final

from pymongo.read_concern import ReadConcern

from services.analytics.counting.aggregate import (
    DAILY,
    MEASURES,
    NOT_ROUTED,
    Histogram,
    Measure,
    acknowledgement,
    marginals,
    outcome,
    seen_within_target,
    source_of,
)
from services.analytics.counting.models import CELLS_VERSION, CenterFact, CountedReport, Fact
from services.analytics.counting.project import time_on_duty
from services.analytics.counting.reconciliation import ReconciliationCounts
from services.analytics.counting.repository import (
    STANDING,
    UNSEEN,
    Database,
    Generation,
    Session,
    center_of,
    counted_by_this_build,
    positions,
    read_mark,
    serving,
)
from services.analytics.releases.calendar import Period
from shared.clock import SEOUL, seoul_date
from shared.errors import TransientError
from shared.mongo import SLICE, store_errors

BEGINNING: Final = date(2010, 1, 1)
"""Earlier days are of a clock without a battery (1970, 1980, 2000). A history of another system may be loaded."""


class CountReader:
    """Reads of the generation that serves, or of one that was made for a purpose."""

    def __init__(
        self,
        database: Database,
        generation: Generation | None = None,
        session: Session | None = None,
        *,
        given_up: Collection[str] = frozenset(),
    ) -> None:
        """``session`` makes every read one of the same moment; see ``snapshot``.

        ``given_up``: reports whose acceptance nobody waits for any more.
        """
        self._given_up = given_up
        self._database = database
        self._generation = generation
        self._session = session
        self._first_day: tuple[int, str | None] = (0, None)
        """As last read, and of which generation."""

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["CountReader"]:
        """A reader whose answers are all of one moment: the offsets it tells are those its counts were made from."""
        with store_errors():
            async with await self._database.client.start_session() as session:
                session.start_transaction(read_concern=ReadConcern("snapshot"))
                generation = self._generation or await serving(self._database, session)
                yield CountReader(self._database, generation, session, given_up=self._given_up)
                await session.commit_transaction()

    async def demand_counted(self) -> None:
        """Raise ``TransientError`` unless the store holds what this build counts: it may be emptied right now."""
        with store_errors():
            mark = await read_mark(self._database, self._session)
        if not counted_by_this_build(mark):
            raise TransientError(f"the store is being counted anew, or by another version than {CELLS_VERSION}")

    async def _serving(self) -> Generation:
        return self._generation or await serving(self._database, self._session)

    async def counts(self, period: Period, dimensions: tuple[str, ...]) -> dict[tuple[str, ...], int]:
        """True counts of the reports a centre owns, by the values of the dimensions in the order asked for; no zeros.

        By ``harm`` and ``support`` a report counts once in each of its own. Raises ``ValueError`` naming what is kept
        where the combination is not.
        """
        cube = source_of(dimensions, whole_months=period.whole_months)
        if cube == DAILY:
            return marginals(cube, dimensions, _daily(await self.cells(period)))
        prefix = "+".join(cube)
        cells = ((tuple(values), n) for name, *values, n in await self._month_cells(period) if name == prefix)
        return marginals(cube, dimensions, cells)

    async def times(self, period: Period, measure: Measure) -> Histogram:
        """One of `MEASURES`, of all centres and urgencies.

        Raises ``ValueError`` for an unknown measure, and for a week: times are kept by month.
        """
        return sum((await self._times(period, measure)).values(), Histogram())

    async def seen_within_target(self, period: Period) -> dict[str, tuple[int, int]]:
        """By the owning centre: (reports seen within the target of their urgency, reports)."""
        waited: dict[str, dict[str, Histogram]] = {}
        for (center, urgency), histogram in (await self._times(period, "waiting")).items():
            waited.setdefault(center, {})[urgency] = histogram
        reports = await self.counts(period, ("center",))
        return {center: (seen_within_target(waited.get(center, {})), n) for (center,), n in reports.items()}

    async def _times(self, period: Period, measure: Measure) -> dict[tuple[str, str], Histogram]:
        """By the owning centre and urgency."""
        if measure not in MEASURES:
            raise ValueError(f"{measure} is not measured; measured are {', '.join(MEASURES)}")
        found: dict[tuple[str, str], Counter[int]] = {}
        for name, *values, n in await self._month_cells(period):
            if name == "time" and values[0] == measure:
                found.setdefault((values[1], values[2]), Counter())[int(values[3])] += n
        return {key: Histogram.of(buckets) for key, buckets in found.items()}

    async def counted_reports(self, months: Iterable[str]) -> dict[str, CountedReport]:
        """Return how each report of these months that a centre owns is counted now.

        One month after the other: no other report is looked at, and no answer of the store is larger than a month.
        """
        found: dict[str, CountedReport] = {}
        with store_errors():
            facts = (await self._serving()).facts
            for month in months:
                # No index is named: of a named one the embedded store reads all.
                async for document in facts.find({"at": _during(month)}, session=self._session):
                    fact = Fact.from_document(document)
                    if fact.accepted and fact.owner is not None and not fact.synthetic:
                        found[fact.report_id] = CountedReport(fact.owner, outcome(fact), fact.harm_types)
        return found

    async def figures(self, period: Period) -> dict[str, int]:
        """National figures, each of its own kind: cases, transfers, alerts_sent, alerts_failed, escalations.

        A case is a report that its owner has acknowledged and that is no duplicate; none may be added to another.
        """
        found: Counter[str] = Counter()
        for name, *values, n in await self._month_cells(period):
            if name == "figure":
                found[values[0]] += n
        return dict(found)

    async def reasons(self, period: Period) -> dict[tuple[str, str], int]:
        """Routing decisions by (``first`` or ``later``, reason)."""
        found: Counter[tuple[str, str]] = Counter()
        for name, *values, n in await self._month_cells(period):
            if name == "reason":
                found[values[0], values[1]] += n
        return dict(found)

    async def hours_on_duty(self, period: Period, now: datetime) -> dict[str, float]:
        """Person-hours on duty by centre, until ``now`` where the period lasts still."""
        found: Counter[str] = Counter()
        cells = [(values[0], n) for name, *values, n in await self._month_cells(period) if name == "staff"]
        for center in await self.centers():
            lasting = time_on_duty(center, now).items()
            cells += [(center.center_id, n) for (month, _), n in lasting if month in period.months]
        for center_id, n in cells:
            found[center_id] += n
        return {center_id: n / 3_600_000 for center_id, n in found.items()}

    async def _month_cells(self, period: Period) -> list[tuple[Any, ...]]:
        """(Kind of cell, its values…, n), marginals over months and source partitions."""
        if not period.whole_months:
            raise ValueError(f"{period.name} is not made of whole months, and this is kept by month")
        months = (await self._serving()).months
        total: Counter[str] = Counter()
        query = {"month": {"$gte": period.months[0], "$lte": period.months[-1]}}
        with store_errors():
            async for document in months.find(query, session=self._session):
                total.update(document.get("n", {}))
        return [(*name.split("|"), n) for name, n in total.items()]

    async def cells(self, period: Period) -> dict[str, Counter[str]]:
        """By day, the cells of a period's days, marginals over the source partitions."""
        found: dict[str, Counter[str]] = {}
        first, last = period.first.isoformat(), period.last.isoformat()
        with store_errors():
            days = (await self._serving()).days
            async for document in days.find({"day": {"$gte": first, "$lte": last}}, session=self._session):
                found.setdefault(document["day"], Counter()).update(document.get("n", {}))
        return found

    async def acknowledged_ahead(self, period: Period) -> Counter[str]:
        """Return by how much the cells of the time to acknowledgement count reports whose acceptance was not read.

        No other published count has these reports, and cells that every worker folds alike cannot lose them without
        being counted anew (decision 17).
        """
        found: Counter[str] = Counter()
        with store_errors():
            facts = (await self._serving()).facts
            wanted = {"standing": "ahead"}
            async for document in facts.find(wanted, session=self._session, hint=list(STANDING)):
                fact = Fact.from_document(document)
                cell = acknowledgement(fact)
                if cell is not None and fact.received_at is not None and _within(period, fact.received_at):
                    found[cell] += 1
        return found

    async def first_day(self) -> date | None:
        """The earliest day anything was counted on, but for days on which no clock can have been right.

        One report accepted before its machine knew the time, in 1970 or 2000, must not begin the releases there: of
        every month since a release would be made, or of 1970 none ever.
        """
        with store_errors():
            generation = await self._serving()
            number, known = self._first_day
            if number != generation.number:
                known = None
            # Days are added and none goes, so that only an earlier one is news: the embedded store reads all it finds.
            earlier = {} if known is None else {"$lt": known}
            wanted = {"day": {"$gte": BEGINNING.isoformat(), **earlier}}
            found = generation.days.find(wanted, {"day": 1}, session=self._session)
            documents = await found.sort("day", 1).limit(1).to_list(1)
        if documents:
            known = documents[0]["day"]
        self._first_day = generation.number, known
        return date.fromisoformat(known) if known is not None else None

    async def reconciliation_counts(self) -> ReconciliationCounts:
        """Sums and facts as of one moment (a snapshot), so that a batch is in both or in neither."""
        async with self.snapshot() as view:
            return await view.reconciliation_counts_now()

    async def reconciliation_counts_now(self) -> ReconciliationCounts:
        """The counts as this reader's session sees them."""
        generation, session = await self._serving(), self._session
        sums: Counter[str] = Counter()
        async for document in generation.totals.find({}, session=session):
            sums.update(document.get("n", {}))
        grouped = {"_id": "$standing", "n": {"$sum": 1}, "oldest": {"$min": "$at"}}
        pipeline: list[dict[str, Any]] = [{"$match": {"standing": {"$exists": True}}}, {"$group": grouped}]
        found = generation.facts.aggregate(pipeline, session=session, hint=dict(STANDING))
        groups = {g["_id"]: g async for g in found}
        waiting, ahead = (groups.get(name, {"n": 0, "oldest": None}) for name in ("in_flight", "ahead"))
        return ReconciliationCounts(
            sums=dict(sums),
            without_owner=waiting["n"],
            dead=await self._dead_in_flight(generation),
            ahead=ahead["n"],
            oldest=waiting["oldest"],
            oldest_ahead=await self._oldest_ahead(generation) if ahead["n"] and self._given_up else ahead["oldest"],
        )

    async def _oldest_ahead(self, generation: Generation) -> datetime | None:
        wanted = {"standing": "ahead", "_id": {"$nin": sorted(self._given_up)}}
        found = generation.facts.find(wanted, {"at": 1}, session=self._session, hint=list(STANDING))
        documents = await found.sort("at", 1).limit(1).to_list(1)
        return documents[0]["at"] if documents else None

    async def _dead_in_flight(self, generation: Generation) -> int:
        session = self._session
        ids = [d["_id"] async for d in self._database.dead.find({}, {"_id": 1}, session=session)]
        found = 0
        for start in range(0, len(ids), SLICE):
            query = {"_id": {"$in": ids[start : start + SLICE]}, "standing": "in_flight"}
            found += len(await generation.facts.find(query, {"_id": 1}, session=session).to_list(None))
        return found

    async def oldest_unseen(self) -> dict[str, datetime]:
        """By centre, since when the report that waits longest for its acknowledgement has been there."""
        grouped = {"_id": "$unseen", "since": {"$min": {"$ifNull": ["$back", "$since"]}}}
        pipeline: list[dict[str, Any]] = [{"$match": {"unseen": {"$exists": True}}}, {"$group": grouped}]
        with store_errors():
            facts = (await self._serving()).facts
            groups = await facts.aggregate(pipeline, session=self._session, hint=dict(UNSEEN)).to_list(None)
        return {group["_id"]: group["since"] for group in groups if group["since"] is not None}

    async def add_dead(self, report_ids: Iterable[str]) -> None:
        """Remember that these reports' own records lie in the dead topic; harmless to repeat."""
        with store_errors():
            for report_id in set(report_ids):
                await self._database.dead.update_one({"_id": report_id}, {"$setOnInsert": {}}, upsert=True)

    async def offsets(self) -> dict[tuple[str, int], int]:
        """The first offset not folded yet, of every topic and partition of which something was folded."""
        with store_errors():
            documents = await (await self._serving()).offsets.find({}, session=self._session).to_list(None)
        return positions(documents)

    async def centers(self) -> list[CenterFact]:
        """Return the facts of the centres."""
        with store_errors():
            documents = await (await self._serving()).centers.find({}, session=self._session).to_list(None)
        return [center_of(document) for document in documents]


def _during(month: str) -> dict[str, datetime]:
    """From the first moment of a month in Seoul to before the first of the next."""
    first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=SEOUL)
    return {"$gte": first, "$lt": (first + timedelta(days=31)).replace(day=1)}


def _within(period: Period, moment: datetime) -> bool:
    return period.first <= seoul_date(moment) <= period.last


def _daily(cells: Mapping[str, Mapping[str, int]]) -> list[tuple[tuple[str, ...], int]]:
    split = ((day, name.split("|"), n) for day, of_day in cells.items() for name, n in of_day.items())
    return [((day, *values), n) for day, (kind, *values), n in split if kind == "reports" and values[0] != NOT_ROUTED]
