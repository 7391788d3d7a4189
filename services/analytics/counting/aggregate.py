"""Aggregate facts: names of cells, which crossings are kept, and histograms that can be added up.

Few crossings are kept, those of the fixed tables: a crossing that is not kept can neither be asked for nor leak. Cells
of a day are for weeks and the national trend; everything else is kept by month and summed to quarters and years. The
day is the day of acceptance in Korea. What one report adds is a function of its fact and of nothing else. Cells count
**reports** that a centre owns, unless their name says otherwise. Persons are not counted: no event says which reports
are of one person.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import combinations
from typing import Final, Literal

from services.analytics.counting.models import Fact, Traits
from shared.clock import seoul_day
from shared.events.vocabulary import UNKNOWN, EndReason, Outcome, RoutingReason, Urgency

NOT_ROUTED: Final = "none"
"""In place of a centre while a report has no owner, and of a home where it has none."""
ALL: Final = "all"
"""In place of a harm type: the report itself, once, however many harm types it has."""
NO_SUPPORT: Final = "none"
"""In place of a kind of support where none was given yet."""
IN_CARE: Final = "in_care"
"""The outcome of a report that has not ended."""

ACK_BOUNDS: Final = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14400, 28800, 43200, 86400, 172800, 259200, 604800),
)
"""Upper bounds in seconds, included, of the buckets of the time to acknowledgement; one more bucket is above the last.
Never change them: histograms made with the same bounds can be added up, others cannot."""
TIME_BOUNDS: Final = (*ACK_BOUNDS, 1209600, 2592000, 5184000, 7776000, 15552000, 31536000)
"""The same for all times by month, with two weeks to a year on top: closing takes long. Never change them either."""

CUBES: Final[tuple[tuple[str, ...], ...]] = (
    ("center", "harm"),
    ("home", "center"),
    ("age_band", "gender"),
    ("role", "channel"),
    ("relationship",),
    ("platform",),
    ("division",),
    ("urgency",),
    ("outcome",),
    ("support",),
)
"""Kept by month. ``harm`` holds `ALL` too; ``harm`` and ``support`` may hold one report several times."""
DAILY: Final = ("day", "center", "harm")
"""Kept by day."""

Measure = Literal["waiting", "acknowledgement", "first_contact", "closing"]
MEASURES: Final[Mapping[Measure, str]] = {
    "waiting": "from acceptance to the first acknowledgement by anybody",
    "acknowledgement": "from the present owner's decision to its first acknowledgement under that ownership",
    "first_contact": "from acceptance to the first time the reporter was reached",
    "closing": "from acceptance to the closing, of reports that are closed now",
}


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many times lie in each bucket of `TIME_BOUNDS`. Histograms are added up with ``+``."""

    counts: tuple[int, ...] = (0,) * (len(TIME_BOUNDS) + 1)

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    @classmethod
    def of(cls, by_bucket: Mapping[int, int]) -> "Histogram":
        """From counts by the bucket's number."""
        return cls(tuple(by_bucket.get(number, 0) for number in range(len(TIME_BOUNDS) + 1)))

    @property
    def total(self) -> int:
        """How many times there are."""
        return sum(self.counts)

    def within(self, seconds: int) -> int:
        """Count those no longer than this; raises ``ValueError`` if it is not a bucket's bound."""
        if seconds not in TIME_BOUNDS:
            raise ValueError(f"{seconds} s is no bucket's bound; bounds are {', '.join(map(str, TIME_BOUNDS))}")
        return sum(self.counts[: TIME_BOUNDS.index(seconds) + 1])


def ack_bucket(seconds: float) -> int:
    """The bucket of `ACK_BOUNDS` a time falls into, from 0; a negative time (clocks apart) counts as 0 seconds."""
    return bisect_left(ACK_BOUNDS, max(0.0, seconds))


def time_bucket(seconds: float) -> int:
    """The same for `TIME_BOUNDS`."""
    return bisect_left(TIME_BOUNDS, max(0.0, seconds))


# --- cells of a day


def report_cell(center: str, harm: str) -> str:
    """Name of the cell of the day's reports of one centre and harm type (or `ALL`)."""
    return f"reports|{center}|{harm}"


def stage_cell(stage: str) -> str:
    """Name of the cell of the day's reports that reached a stage."""
    return f"stage|{stage}"


def end_cell(reason: str) -> str:
    """Name of the cell of the day's reports that ended for a reason and stayed ended."""
    return f"end|{reason}"


def ack_cell(bucket: int) -> str:
    """Name of the cell of the day's reports acknowledged within one bucket."""
    return f"ack|{bucket}"


# --- cells of a month

_NAMES: Final = {cube: "+".join(cube) for cube in CUBES}


def cube_cell(cube: tuple[str, ...], *values: str) -> str:
    """Name of a cell of one of `CUBES`."""
    return f"{_NAMES[cube]}|{'|'.join(values)}"


def figure_cell(figure: str) -> str:
    """Name of the month's cell of one national figure: cases, transfers, alerts_sent, alerts_failed, escalations."""
    return f"figure|{figure}"


def time_cell(measure: Measure, center: str, urgency: str, bucket: int) -> str:
    """Name of the cell of the month's times of one measure, centre, urgency and bucket."""
    return f"time|{measure}|{center}|{urgency}|{bucket}"


def reason_cell(number: int, reason: str) -> str:
    """Name of the cell of the month's routing decisions with this reason: first ones, and later ones (moves)."""
    return f"reason|{'first' if number == 0 else 'later'}|{reason}"


def staff_cell(center: str) -> str:
    """Name of the cell of the month's time on duty at a centre, in person-milliseconds."""
    return f"staff|{center}"


# --- which questions the cells can answer


def combinations_of(dimensions: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The combinations one aggregate answers: those that sum over no dimension holding a report several times.

    ``harm`` may be left out, because its aggregate also holds `ALL`; ``support`` may not.
    """
    found = [kept for size in range(len(dimensions) + 1) for kept in combinations(dimensions, size)]
    return [kept for kept in found if "support" not in dimensions or "support" in kept]


MONTHLY_COMBINATIONS: Final = tuple(dict.fromkeys(c for cube in CUBES for c in combinations_of(cube)))
"""Crossings that can be asked of months, quarters and years."""
DAILY_COMBINATIONS: Final = tuple(combinations_of(DAILY))
"""Crossings that can be asked of any stretch of days."""


def source_of(dimensions: tuple[str, ...], *, whole_months: bool) -> tuple[str, ...]:
    """The aggregate that answers for these dimensions in any order; raises ``ValueError`` naming what can be asked."""
    wanted = frozenset(dimensions)
    valid = dict.fromkeys([*(MONTHLY_COMBINATIONS if whole_months else ()), *DAILY_COMBINATIONS])
    if len(wanted) == len(dimensions) and wanted in {frozenset(one) for one in valid}:
        sources = [*(CUBES if whole_months else ()), DAILY]
        return next(cube for cube in sources if wanted in map(frozenset, combinations_of(cube)))
    shown = "; ".join(" × ".join(one) or "(none: the total)" for one in valid)
    kind = "whole months" if whole_months else "days and weeks"
    raise ValueError(f"{' × '.join(dimensions) or 'nothing'} is not counted for {kind}; counted are {shown}")


def marginals(
    cube: tuple[str, ...], dimensions: tuple[str, ...], cells: Iterable[tuple[tuple[str, ...], int]]
) -> dict[tuple[str, ...], int]:
    """The cells of one aggregate summed to the dimensions asked for, without zeros.

    Where ``harm`` is not asked for its `ALL` is taken, where it is asked for `ALL` is left out.
    """
    places = [cube.index(name) for name in dimensions]
    harm = cube.index("harm") if "harm" in cube else None
    found: dict[tuple[str, ...], int] = {}
    for values, n in cells:
        if harm is not None and (values[harm] == ALL) == ("harm" in dimensions):
            continue
        key = tuple(values[place] for place in places)
        found[key] = found.get(key, 0) + n
    return {key: n for key, n in found.items() if n}


_CRITICAL_S: Final = 3_600
SEEN_WITHIN_S: Final[Mapping[str, int]] = {
    Urgency.CRITICAL: _CRITICAL_S,
    Urgency.HIGH: 86_400,
    Urgency.NORMAL: 259_200,
    UNKNOWN: _CRITICAL_S,
}
"""Seconds by which somebody should have seen a report of each urgency, whoever is on duty: what intake promises to
those who report (`AT_THE_LATEST`; a test holds the two together). What this build does not know may be critical."""


def seen_within_target(by_urgency: Mapping[str, Histogram]) -> int:
    """Count the times of waiting within the target of their urgency."""
    return sum(histogram.within(SEEN_WITHIN_S[urgency]) for urgency, histogram in by_urgency.items())


Contribution = dict[tuple[str, str], int]
"""How often a report is counted, by (day or month, cell)."""


def daily(fact: Fact) -> Contribution:
    """The cells of its day a report is counted in, once each."""
    if fact.received_at is None or fact.synthetic:
        return {}
    cells: list[str] = []
    if fact.accepted:
        owner = fact.owner or NOT_ROUTED
        cells.append(stage_cell("accepted"))
        cells.extend(report_cell(owner, harm) for harm in (ALL, *fact.harm_types))
        if fact.owner is not None:
            cells.append(stage_cell("counted"))
            if fact.ended is not None:
                cells.append(end_cell(fact.ended))
    if fact.owner is not None:
        cells.append(stage_cell("routed"))
        if fact.ownership in fact.alerted:
            cells.append(stage_cell("alerted"))
        if (answered := acknowledgement(fact)) is not None:
            cells.append(stage_cell("acknowledged"))
            cells.append(answered)
    day = seoul_day(fact.received_at)
    return {(day, cell): 1 for cell in cells}


def acknowledgement(fact: Fact) -> str | None:
    """The cell of the time to acknowledgement under the present ownership; None where there is no such time."""
    moment = fact.acknowledged.get(fact.ownership)
    if moment is None or fact.received_at is None:
        return None
    return ack_cell(ack_bucket((moment - fact.received_at).total_seconds()))


def monthly(fact: Fact) -> Contribution:
    """The cells of its month a report is counted in, and how often. Only accepted reports that a centre owns count."""
    if not fact.accepted or fact.owner is None or fact.received_at is None or fact.traits is None or fact.synthetic:
        return {}
    month = seoul_day(fact.received_at)[:7]
    cells = dict.fromkeys(_described(fact.owner, fact.home or NOT_ROUTED, fact.traits), 1)
    cells[cube_cell(("outcome",), outcome(fact))] = 1
    cells |= {cube_cell(("support",), kind): 1 for kind in fact.support or (NO_SUPPORT,)}
    for measure, seconds in times(fact).items():
        cells[time_cell(measure, fact.owner, fact.traits.urgency, time_bucket(seconds))] = 1
    for number, reason in enumerate(fact.reasons):
        cell = reason_cell(number, reason)
        cells[cell] = cells.get(cell, 0) + 1
    for figure, n in (
        ("cases", int(is_case(fact))),
        ("transfers", fact.reasons.count(RoutingReason.TRANSFER_ACCEPTED.value)),
        ("alerts_sent", fact.sent),
        ("alerts_failed", fact.failed),
        ("escalations", fact.escalations),
    ):
        if n:
            cells[figure_cell(figure)] = n
    return {(month, cell): n for cell, n in cells.items()}


@lru_cache(maxsize=4096)
def _described(owner: str, home: str, traits: Traits) -> tuple[str, ...]:
    """The cells that say what a report is and where; most reports share theirs with others."""
    return (
        *(cube_cell(("center", "harm"), owner, harm) for harm in (ALL, *traits.harms)),
        cube_cell(("home", "center"), home, owner),
        cube_cell(("age_band", "gender"), traits.age_band, traits.gender),
        cube_cell(("role", "channel"), traits.role, traits.channel),
        cube_cell(("relationship",), traits.relationship),
        cube_cell(("platform",), traits.platform),
        cube_cell(("division",), traits.division),
        cube_cell(("urgency",), traits.urgency),
    )


def outcome(fact: Fact) -> str:
    """Return the outcome of a report: in care, withdrawn, or how it was closed under the present ownership."""
    if fact.ended is None:
        return IN_CARE
    if fact.ended == EndReason.CLOSED.value:
        return fact.closure.outcome if fact.closure is not None and _stands(fact) else UNKNOWN
    return fact.ended


def is_case(fact: Fact) -> bool:
    """A case is a report its owner has acknowledged, and that was not closed as a duplicate of another."""
    return fact.ownership in fact.acknowledged and outcome(fact) != Outcome.DUPLICATE.value


def times(fact: Fact) -> dict[Measure, float]:
    """The times in seconds that are known of a report; ``MEASURES`` says from when to when."""
    found: dict[Measure, float] = {}

    def add(measure: Measure, start: datetime | None, end: datetime | None) -> None:
        if start is not None and end is not None:
            found[measure] = (end - start).total_seconds()

    add("waiting", fact.received_at, fact.seen)
    add("acknowledgement", fact.since, fact.acknowledged.get(fact.ownership))
    add("first_contact", fact.received_at, fact.contacted)
    if fact.closure is not None and fact.ended == EndReason.CLOSED.value and _stands(fact):
        add("closing", fact.received_at, fact.closure.at)
    return found


def _stands(fact: Fact) -> bool:
    """Return whether the closing was made under the present ownership."""
    return fact.closure is not None and fact.closure.ownership == fact.ownership
