"""The reading side of the store: sums over the partitions' cells, the tally, the dead."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pymongo.read_concern import ReadConcern

from services.analytics.model import CenterFact
from services.analytics.policy.reconciliation import Tally
from services.analytics.store.folding import SLICE, Database
from shared.mongo import store_errors


class Reader:
    """Reads of one generation of facts and cells."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cells(self, first: str, last: str) -> dict[str, Counter[str]]:
        """By day, the cells of the days from ``first`` to ``last``, summed over the source partitions."""
        found: dict[str, Counter[str]] = {}
        with store_errors():
            async for document in self._database.days.find({"day": {"$gte": first, "$lte": last}}):
                found.setdefault(document["day"], Counter()).update(document.get("n", {}))
        return found

    async def first_day(self) -> date | None:
        """The earliest day anything was counted on."""
        with store_errors():
            documents = await self._database.days.find({}, {"day": 1}).sort("day", 1).limit(1).to_list(1)
        return date.fromisoformat(documents[0]["day"]) if documents else None

    async def tally(self) -> Tally:
        """Sums and facts as of one moment (a snapshot), so that a batch is in both or in neither."""
        database = self._database
        with store_errors():
            async with await database.client.start_session() as session:
                session.start_transaction(read_concern=ReadConcern("snapshot"))
                sums: Counter[str] = Counter()
                async for document in database.totals.find({}, session=session):
                    sums.update(document.get("n", {}))
                grouped = {"_id": "$standing", "n": {"$sum": 1}, "oldest": {"$min": "$at"}}
                pipeline: list[dict[str, Any]] = [{"$match": {"standing": {"$exists": True}}}, {"$group": grouped}]
                groups = {g["_id"]: g async for g in database.facts.aggregate(pipeline, session=session)}
                dead = await self._dead_in_flight(session)
                await session.commit_transaction()
        waiting = groups.get("in_flight", {"n": 0, "oldest": None})
        return Tally(
            sums=dict(sums),
            without_owner=waiting["n"],
            dead=dead,
            ahead=groups.get("ahead", {"n": 0})["n"],
            oldest=waiting["oldest"],
        )

    async def _dead_in_flight(self, session: Any) -> int:  # noqa: ANN401  # motor's sessions are untyped
        ids = [d["_id"] async for d in self._database.dead.find({}, {"_id": 1}, session=session)]
        found = 0
        for start in range(0, len(ids), SLICE):
            query = {"_id": {"$in": ids[start : start + SLICE]}, "standing": "in_flight"}
            found += len(await self._database.facts.find(query, {"_id": 1}, session=session).to_list(None))
        return found

    async def add_dead(self, report_ids: Iterable[str]) -> None:
        """Remember that these reports' own records lie in the dead topic; harmless to repeat."""
        with store_errors():
            for report_id in set(report_ids):
                await self._database.dead.update_one({"_id": report_id}, {"$setOnInsert": {}}, upsert=True)

    async def offsets(self) -> dict[tuple[str, int], int]:
        """The first offset not folded yet, of every topic and partition of which something was folded."""
        with store_errors():
            documents = await self._database.offsets.find({}).to_list(None)
        return {
            (topic, 0 if d["_id"] == "centers" else int(d["_id"])): offset
            for d in documents
            for topic, offset in d["next"].items()
        }

    async def centers(self) -> list[CenterFact]:
        """What is known of the centres."""
        with store_errors():
            documents = await self._database.centers.find({}).to_list(None)
        return [CenterFact(d["_id"], d["version"], d["state"], d["staff"]) for d in documents]

    async def ping(self) -> datetime:
        """The store's own time; raises ``TransientError`` where it is away."""
        with store_errors():
            answer: dict[str, Any] = await self._database.command("hello")
        moment: datetime = answer["localTime"]
        return moment
