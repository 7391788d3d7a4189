"""How much disk the years will take, from what an archive holds of each report. Pure.

Everything but the audit grows with reports and is kept: topics for ever, documents at least as tombstones. So bytes per
report times reports per year is the growth, and an archive of a running installation says the first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tools.backup.stores import PART as STORE
from tools.backup.topics import PART as TOPIC

COPIES: Final = 3
"""Replicas of store and topics in production."""
HEADROOM: Final = 2.0
"""Indexes, the store's own log, pages not yet given back, segments not yet full: as much again as the documents."""
_DAYS: Final = 365.25


@dataclass(frozen=True, slots=True)
class Growth:
    """One row: a database or a topic."""

    name: str
    bytes_per_report: float
    mb_a_year: float


def growth(sizes: Mapping[str, int], reports: int, per_day: float) -> list[Growth]:
    """By database and topic, largest first. ``sizes``: bytes by part of an archive; ``reports``: how many it holds."""
    if reports <= 0:
        raise ValueError("an archive without a report says nothing of reports")
    by_name: dict[str, int] = {}
    for part, size in sizes.items():
        if part.startswith((STORE, TOPIC)):
            kind, name, _ = part.split("/", 2)
            by_name[f"{kind} {name}"] = by_name.get(f"{kind} {name}", 0) + size
    rows = [Growth(name, size / reports, size / reports * per_day * _DAYS / 1e6) for name, size in by_name.items()]
    return sorted(rows, key=lambda row: -row.bytes_per_report)


def table(rows: Iterable[Growth], years: Iterable[int]) -> str:
    """The rows and, for each number of years, the disk of one copy and of all in production."""
    rows = list(rows)
    lines = [f"{'':<18}{'bytes a report':>15}{'MB a year':>11}"]
    lines += [f"{row.name:<18}{row.bytes_per_report:>15,.0f}{row.mb_a_year:>11,.1f}" for row in rows]
    a_year = sum(row.mb_a_year for row in rows)
    lines.append(f"{'together':<18}{sum(row.bytes_per_report for row in rows):>15,.0f}{a_year:>11,.1f}")
    for number in years:
        one = a_year * number * HEADROOM / 1e3
        span = "1 year" if number == 1 else f"{number} years"
        lines.append(f"after {span}: {one:,.1f} GB on one machine, {one * COPIES:,.1f} GB with {COPIES} copies")
    return "\n".join(lines)
