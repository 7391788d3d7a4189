"""What an auditor looks at: the lines of a day, of a report, of a person, and the sums of a month."""

import asyncio
from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from shared.audit.documents import line_of
from shared.audit.entries import BEHIND, STALE
from shared.audit.model import AuditOutcome, ChainEntry
from shared.audit.store import AuditLog
from shared.clock import seoul_day
from shared.mongo import SLICE, Document, by_ids, store_errors

PAGE: Final = 100
CHECK: Final = "audit.check"
"""The action of a monthly check; its reason is the month."""
_MOST: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which lines. Days are days in Seoul; a report by its keyed reference (``AuditKeys.reference``)."""

    day: str | None = None
    action: str | None = None
    actor: str | None = None
    outcome: str | None = None
    report: str | None = None
    before: int | None = None
    """Only lines with a smaller number: the next page."""


class UsageCount(NamedTuple):
    """How often one account did one thing for one reason in a month."""

    actor: str
    organisation: str
    action: str
    reason: str
    done: int
    refused: int
    stale: int


class AuditReader:
    """Reads one log. Its indexes are made at the first question."""

    def __init__(self, log: AuditLog) -> None:
        self.log: Final = log
        self._prepared = False

    async def page(self, wanted: Filter) -> tuple[list[ChainEntry], int | None]:
        """Lines, newest first, and the number below which the next page begins. One of day and report is named."""
        await self._prepare()
        query: Document = {
            name: value
            for name in ("day", "action", "actor", "outcome", "report")
            if (value := getattr(wanted, name)) is not None
        }
        query["_id"] = {"$gt": 0, "$lt": wanted.before or _MOST}
        with store_errors():
            found = await self.log.lines.find(query).sort("_id", -1).limit(PAGE + 1).to_list(None)
        lines = [line for document in found[:PAGE] if (line := line_of(document)) is not None]
        return lines, int(found[PAGE - 1]["_id"]) if len(found) > PAGE else None

    async def month(self, month: str) -> list[UsageCount]:
        """Who did what how often in a month (``YYYY-MM``), most often refused first."""
        await self._prepare()
        days = frozenset(days_of(month))
        first, last = await self._span(days)
        parts: list[list[UsageCount]] = []
        for start in range(first, last + 1, SLICE):
            # Number by number: on the embedded store a range of them costs as much as the whole collection.
            numbers: Any = range(start, min(start + SLICE, last + 1))
            found: Mapping[Any, Document] = await by_ids(self.log.lines, numbers)
            lines = (line for document in found.values() if (line := line_of(document)) is not None)
            parts.append(usage_counts(line for line in lines if seoul_day(line.at) in days))
            await asyncio.sleep(0)  # a month may have many slices: others want the loop too
        return added(parts)

    async def _span(self, days: Iterable[str]) -> tuple[int, int]:
        """The first and last number any line of these days has; (1, 0) where there is none."""
        ends: list[int] = []
        for day in days:
            for direction in (1, -1):
                with store_errors():
                    query = {"day": day, "_id": {"$gt": 0, "$lt": _MOST}}
                    found = await self.log.lines.find(query, {"_id": 1}).sort("_id", direction).limit(1).to_list(1)
                if not found:
                    break
                ends.append(int(found[0]["_id"]))
        return (min(ends), max(ends)) if ends else (1, 0)

    async def checks(self) -> list[ChainEntry]:
        """The monthly checks so far, newest first."""
        await self._prepare()
        with store_errors():
            # Refused attempts to check are under the same action.
            found = await self.log.lines.find({"action": CHECK, "outcome": AuditOutcome.DONE.value}).to_list(None)
        return sorted((line for one in found if (line := line_of(one))), key=lambda line: -line.seq)

    async def _prepare(self) -> None:
        if self._prepared:
            return
        with store_errors():
            for fields in ([("day", 1), ("_id", 1)], [("report", 1)], [("action", 1)]):
                index: Any = fields
                await self.log.lines.create_index(index)
        self._prepared = True


def days_of(month: str) -> list[str]:
    """The days of ``YYYY-MM``. Raises ``ValueError`` where that is no month."""
    first = date.fromisoformat(f"{month}-01")
    _, length = monthrange(first.year, first.month)
    return [first.replace(day=number).isoformat() for number in range(1, length + 1)]


def usage_counts(lines: Iterable[ChainEntry]) -> list[UsageCount]:
    """The lines, counted by account, action and reason."""
    done: Counter[tuple[str, str, str, str]] = Counter()
    refused: Counter[tuple[str, str, str, str]] = Counter()
    stale: Counter[tuple[str, str, str, str]] = Counter()
    for line in lines:
        key = (line.actor or "", line.organisation or "", line.action, line.reason or "")
        stale[key] += STALE in line.detail
        if line.outcome is AuditOutcome.DONE:
            done[key] += 1
        elif line.detail.get(STALE) != BEHIND:  # that one came too early, and attempted nothing
            refused[key] += 1
    keys = sorted(done.keys() | refused.keys() | stale.keys(), key=lambda key: (-refused[key], -done[key], key))
    return [UsageCount(*key, done[key], refused[key], stale[key]) for key in keys]


def added(parts: Iterable[Iterable[UsageCount]]) -> list[UsageCount]:
    """The sums of parts as those of the whole, most often refused first."""
    total: dict[tuple[str, str, str, str], UsageCount] = {}
    for one in (row for part in parts for row in part):
        known = total.get(one[:4])
        if known is not None:
            counts = (known.done + one.done, known.refused + one.refused, known.stale + one.stale)
            one = UsageCount(*one[:4], *counts)  # noqa: PLW2901  # the row so far
        total[one[:4]] = one
    return sorted(total.values(), key=lambda row: (-row.refused, -row.done, row[:4]))
