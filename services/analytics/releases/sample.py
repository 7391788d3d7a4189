"""A made-up year, shown until the first month is released, so that an analyst sees what a release will look like. Pure.

Nothing in it was counted. Every number follows from the totals and weights below, so it is the same every time; it
lies in 2099, when no release can be. It is put together as a real release is: only the counts are invented.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from math import prod
from typing import Final

from services.analytics.counting.aggregate import IN_CARE
from services.analytics.releases.calendar import period_of
from services.analytics.releases.hierarchies import CENTERS, ENDS, TIMES
from services.analytics.releases.published import Table
from services.analytics.releases.release import BETWEEN, Release, of_month, of_quarter, of_year
from services.analytics.releases.suppression import MonthCounts, Shown, split
from services.analytics.releases.tables import (
    AGE_GENDER_TABLE,
    ALERT_FIGURES,
    CLOSED,
    CLOSED_TABLE,
    CLOSING_TABLE,
    CORRECTIONS,
    ELSEWHERE_TABLE,
    GENDER_TABLE,
    HARMS,
    HOMES,
    MOVED_IN,
    MOVED_OUT,
    MOVES_TABLE,
    RESIDENCE_TABLE,
    SUPPORT_TABLE,
    TABLE_SPECS,
    Split,
    TableSpec,
    from_cubes,
)
from shared.labels import Label

MARK: Final = Label("Sample", "예시")
"""On every page and in every file."""
BOTH: Final = f"{MARK.ko} / {MARK}"
"""In files, whose readers may read either language."""
FILE_MARK: Final = f"{MARK.ko}-{MARK.upper()}-"
"""Before the period, in the name of every file and in every line of it."""

YEAR: Final = "2099"
MONTH: Final = f"{YEAR}-12"
"""The month that is shown first."""
MONTHS: Final = tuple(f"{YEAR}-{number:02d}" for number in range(1, 13))
AS_OF: Final = "2100-01-04T00:00:00Z"
"""When it would have been released."""

_TOTALS: Final = (612, 548, 704, 655, 731, 690, 742, 718, 665, 780, 824, 861)
_CENTERS: Final[Mapping[str, int]] = {
    "gyeonggi": 300,
    "incheon": 80,
    "gangwon": 40,
    "chungnam": 50,
    "chungbuk": 40,
    "daejeon": 45,
    "sejong": 9,
    "gwangju": 50,
    "jeonnam": 45,
    "jeonbuk": 50,
    "jeju": 22,
    "busan": 80,
    "gyeongnam": 79,
    "daegu": 60,
    "gyeongbuk": 50,
    "ulsan": 30,
}
"""Weights. Sejong is so small, and central owns nothing, that hidden cells are seen too."""
_HARMS: Final = (42, 34, 28, 22, 13, 7, 4, 5, 6, 3)
"""Per cent of reports with each harm type, in the order of the vocabulary; a report has several."""
_TIMES: Final = (20, 20, 20, 19, 10, 5, 2, 2, 2)
_ENDS: Final = (30, 60, 10)
_WEEKDAYS: Final = (11, 10, 10, 10, 10, 9, 8)
"""From Monday."""
_SUPPORTS: Final[Mapping[str, int]] = {"counselling": 70, "deletion": 55, "monitoring": 30, "legal": 12, "none": 8}
_WEIGHTS: Final[Mapping[str, Mapping[str, int]]] = {
    "age_band": {"under_14": 4, "14_18": 22, "19_24": 30, "25_29": 18, "30s": 12, "40s": 7, "50_up": 4, "unknown": 3},
    "gender": {"female": 72, "male": 24, "other": 1, "unknown": 3},
    "urgency": {"normal": 55, "high": 30, "critical": 15},
    "contact": {
        "reached_1_hour": 12,
        "reached_1_day": 38,
        "reached_3_days": 20,
        "reached_1_week": 6,
        "reached_later": 3,
        "not_reached": 21,
    },
    "closing": {
        "supported": 68,
        "referred": 12,
        "no_contact": 9,
        "not_in_scope": 5,
        "duplicate": 4,
        "unknown": 2,
    },
    "closing_time": {
        "closed_1_day": 8,
        "closed_3_days": 17,
        "closed_1_week": 34,
        "closed_2_weeks": 28,
        "closed_later": 12,
        "closed_unknown": 1,
    },
    "assignment": {"home": 60, "no_home": 29, "overflow": 5, "linked": 5, "last_resort": 1},
    "role": {"victim": 80, "representative": 13, "third_party": 7},
    "channel": {"web": 58, "phone": 31, "api": 11},
    "relationship": {"temporary": 28, "stranger": 26, "intimate": 14, "social": 12, "family": 2, "unknown": 18},
    "platform": {
        "adult_site": 24,
        "search_engine": 8,
        "social_media": 30,
        "messenger": 22,
        "community": 5,
        "file_sharing": 4,
        "other": 3,
        "unknown": 4,
    },
}
"""Of the yearly tables, by dimension."""
_BULLETIN: Final[Mapping[str, Shown]] = {
    CORRECTIONS: {"came": 14, "moved_on": 126, "outcome_changed": 342},
    MOVED_OUT: split(CENTERS, {**dict.fromkeys(CENTERS.leaves(), 8), "sejong": 2, "central": 4}),
    MOVED_IN: split(CENTERS, {**dict.fromkeys(CENTERS.leaves(), 7), "sejong": 3, "gyeonggi": 22, "central": 3}),
}
_COARSER: Final = {f"{CENTERS.parts[0].key}{BETWEEN}online_grooming": "regions"}
"""What the proof of the year asks for, as it may of a real one."""
_HOMELESS: Final = {"seoul": 80, "unknown": 15, "overseas": 5}
"""Of people who have no home centre."""
_MOVED: Final = {"handed_on": 6, "moved_otherwise": 1}
"""Moves, per cent of reports."""
_HOURS: Final = 480
"""On duty at each centre: three people of 160 hours."""


@cache
def releases() -> tuple[Release, ...]:
    """The year's months, quarters and the year, as a register would hold them."""
    counts = {month: _month(number, month) for number, month in enumerate(MONTHS)}
    months = {month: of_month(each, AS_OF, "full") for month, each in counts.items()}
    found: list[Release] = []
    for month in MONTHS:
        found.append(months[month])
        for name in _ends_with(month):
            own = [each for each in MONTHS if each in period_of(name).months]
            own_months, own_counts = [months[each] for each in own], [counts[each] for each in own]
            found.append(
                of_year(name, own_months, own_counts, AS_OF, _COARSER, _BULLETIN, found)
                if name == YEAR
                else of_quarter(name, own_months, own_counts, AS_OF, {})
            )
    return tuple(found)


def labelled(table: Table) -> Table:
    """The table as a file of the sample holds it: its period says in every line what it is."""
    return replace(table, period=replace(table.period, name=f"{FILE_MARK}{table.period.name}"))


def _ends_with(month: str) -> Sequence[str]:
    number = int(month[-2:])
    quarter = [f"{YEAR}-Q{number // 3}"] if number % 3 == 0 else []
    return [*quarter, *([YEAR] if month == MONTHS[-1] else [])]


def _month(number: int, name: str) -> MonthCounts:
    total, period = _TOTALS[number], period_of(name)
    ends = spread(total, dict(zip(ENDS.leaves(), _ENDS, strict=True)), number)
    days = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    centers = {**dict.fromkeys(CENTERS.leaves(), 0), **spread(total, _CENTERS, number)}
    late = {center: n * 12 // 100 for center, n in centers.items()}
    return MonthCounts(
        month=name,
        days=spread(total, {day.isoformat(): _WEEKDAYS[day.weekday()] for day in days}),
        centers=centers,
        harms={center: _harms(n, number) for center, n in centers.items()},
        times=spread(total, dict(zip(TIMES.leaves(), _TIMES, strict=True)), number),
        ends=ends,
        crossings=_crossings(total, ends[CLOSED], centers),
        seen={center: n - late[center] for center, n in centers.items()},
        alerts=dict(zip(ALERT_FIGURES, (total + 37 * number, 12 + number, 25 + 2 * number), strict=True)),
        staff=dict.fromkeys(_CENTERS, _HOURS),
    )


def _harms(reports: int, number: int) -> dict[str, int]:
    return {
        harm: reports * (share + (number * n) % 3) // 100
        for n, (harm, share) in enumerate(zip(HARMS, _HARMS, strict=True))
    }


def _crossings(total: int, closed: int, centers: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """By gender are the sums of age and gender; at home lives whoever is not from elsewhere."""
    by_source = (spec for spec in TABLE_SPECS.values() if spec.source and isinstance(spec.protection, Split))
    counted = [*from_cubes(), *by_source]
    found = {spec.name: _crossing(spec, closed if spec.base == "closed" else total, centers) for spec in counted}
    genders = dict.fromkeys(found[GENDER_TABLE], 0)
    for key, n in found[AGE_GENDER_TABLE].items():
        genders[key.rpartition("/")[2]] += n
    return {
        **found,
        GENDER_TABLE: genders,
        CLOSING_TABLE: {**found[CLOSING_TABLE], IN_CARE: total - closed},
        CLOSED_TABLE: spread(closed, centers),
        RESIDENCE_TABLE: _residences(found[ELSEWHERE_TABLE]),
        MOVES_TABLE: {move: total * share // 100 for move, share in _MOVED.items()},
    }


def _crossing(spec: TableSpec, total: int, centers: Mapping[str, int]) -> dict[str, int]:
    if spec.name == SUPPORT_TABLE:
        return {kind: total * share // 100 for kind, share in _SUPPORTS.items()}
    if spec.name == ELSEWHERE_TABLE:
        guests = {center: n // 3 for center, n in centers.items()}
        own = {f"{center}/{center}": n - guests[center] for center, n in centers.items()}
        return own | {f"seoul/{center}": n for center, n in guests.items()}
    leaves = {leaf: leaf.split("/") for leaf in spec.hierarchy(period_of(YEAR)).leaves()}
    by_dimension = zip(spec.dimensions, zip(*leaves.values(), strict=True), strict=True)
    shares = [_WEIGHTS.get(name) or _falling(codes) for name, codes in by_dimension]
    weights = {leaf: [of[code] for of, code in zip(shares, codes, strict=True)] for leaf, codes in leaves.items()}
    return spread(total, {leaf: prod(parts) for leaf, parts in weights.items()})


def _residences(homes: Mapping[str, int]) -> dict[str, int]:
    home = {residence: sum(homes[f"{center}/{center}"] for center in own) for residence, own in HOMES.items() if own}
    return {**home, **spread(sum(homes.values()) - sum(home.values()), _HOMELESS)}


def _falling(codes: Sequence[str]) -> dict[str, int]:
    """Weights where none are given: each code half as frequent as the one before it, the last ones alike."""
    return {code: max(4, 64 >> place) for place, code in enumerate(dict.fromkeys(codes))}


def spread(total: int, weights: Mapping[str, int], tilt: int = 0) -> dict[str, int]:
    """A total over parts in proportion to their weights, the largest remainders rounded up; adds up to the total.

    ``tilt`` varies the weights a little, so that no two months have the same proportions.
    """
    leaned = {key: weight * (20 + (place * 7 + tilt * 3) % 5) for place, (key, weight) in enumerate(weights.items())}
    whole = sum(leaned.values())
    found = {key: total * weight // whole for key, weight in leaned.items()}
    rest = sorted(leaned, key=lambda key: (-(total * leaned[key] % whole), key))
    for key in rest[: total - sum(found.values())]:
        found[key] += 1
    return found
