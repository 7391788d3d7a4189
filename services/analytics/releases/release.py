"""From frozen months to releases: what leaves for a month, a quarter and a year, and how it is coarsened.

The ladder's steps are tried in order until one is proven safe: all there is; centres only as regions; only the whole
country; nothing. A month goes down the ladder as one, a table of marks mark by mark: only what was found narrow. What a
step leaves out is never published for that period; the next longer period is tried anew. Harm types are never merged:
how many reports have one of two types does not follow from how many have each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Final, TypeVar

from services.analytics.releases.calendar import Kind, Period, parse
from services.analytics.releases.hierarchies import (
    CENTERS,
    CENTRAL_LEAF,
    ENDS,
    TIMES,
    TOTAL,
    Tree,
    crossed,
    group,
    members,
    week_of,
    weeks,
    whole,
)
from services.analytics.releases.suppression import LEAST, MonthCounts, Shown, joined, mark, places, split
from shared.events.vocabulary import UNKNOWN, AgeBand, Channel, Gender, HarmType, PlatformKind, Relationship, Role

N = TypeVar("N", int, float)

ALERT_TABLE: Final = "alert-outcomes"
ALERT_FIGURES: Final = ("alerts_sent", "alerts_failed", "escalations")
STAFF_TABLE: Final = "staff-on-duty"
STAFF_STEP: Final = 10
"""Hours on duty are published to the nearest ten, each and their total rounded once."""


def week_counts(counts: MonthCounts) -> dict[str, int]:
    """The month's reports by the part of each ISO week that lies in it."""
    found: dict[str, int] = {}
    for day, n in counts.days.items():
        found[week_of(day)] = found.get(week_of(day), 0) + n
    return found


def center_counts(centers: Mapping[str, N]) -> dict[str, N]:
    """By leaf of the centres' shape; owners that are in no shape stand with the central desk."""
    known = set(CENTERS.leaves())
    found: dict[str, N] = dict.fromkeys(CENTERS.leaves(), 0)
    for center, n in centers.items():
        found[center if center in known else CENTRAL_LEAF] += n
    return found


def apart(counts: MonthCounts) -> dict[str, Shown]:
    """What counts no reports: alerts, each figure a total of its own, and hours on duty, which tell of no report."""
    alerts = {name: n for name in ALERT_FIGURES if (n := counts.alerts.get(name, 0)) >= LEAST}
    staff = center_counts(counts.staff)
    hours = {key: _to_step(n) for key, n in staff.items()} | {TOTAL: _to_step(sum(staff.values()))}
    return {**({ALERT_TABLE: alerts} if counts.alerts else {}), **({STAFF_TABLE: hours} if counts.staff else {})}


def _to_step(hours: float) -> int:
    """To the nearest ten, half of it up, from the exact time: rounded once."""
    return floor(hours / STAFF_STEP + 0.5) * STAFF_STEP


WITHHELD: Final = "withheld"
STEPS: Final = ("full", "regions", "whole", WITHHELD)
"""The ladder, finest first."""
DEPTHS: Final[Mapping[str, int]] = {"full": 9, "regions": 1, "whole": 0}
"""How deep the centres' shape goes at each step."""

BETWEEN: Final = "|"
"""Between place and mark in the keys of tables of marks."""
CORRECTIONS: Final = "corrections"
HARM_TABLE: Final = "reports-by-center-and-harm"
HARMS: Final = tuple(harm.value for harm in HarmType)
FROM_ELSEWHERE: Final = "from_elsewhere"
LATE_TABLE: Final = "reports-seen-late"
LATE: Final = "seen_late"
SURELY_IN_TIME: Final = ("within_5_min", "within_15_min", "within_1_hour")
"""Groups of the time to acknowledgement that lie within the target of every urgency: nobody waits longer than that."""
SUPPORTS: Final = "support_given"
NO_SUPPORT: Final = "none"
"""In place of a kind where none was given."""


@dataclass(frozen=True, slots=True)
class Release:
    """What was published for a period. It never changes. ``tables`` is empty where nothing could leave."""

    period: str
    as_of: str
    """When it was made, ISO 8601 in UTC."""
    step: str
    """The ladder's step."""
    tables: Mapping[str, Shown] = field(default_factory=dict)
    months: tuple[str, ...] = ()
    """The months it covers: of a longer period, those that were released."""
    coarser: Mapping[str, str] = field(default_factory=dict)
    """The step of each mark that is not at `step`."""

    @property
    def kind(self) -> Kind:
        """Of which kind its period is."""
        return period_of(self.period).kind

    def weeks(self) -> tuple[str, ...]:
        """The ISO weeks its period touches."""
        period = period_of(self.period)
        return weeks(period.first, period.last).leaves()


def period_of(name: str) -> Period:
    """A period known to exist by its name."""
    found = parse(name)
    if found is None:
        raise ValueError(f"not a period: {name}")
    return found


@dataclass(frozen=True, slots=True)
class Crossing:
    """A yearly table made of one or two dimensions of the cubes."""

    dimensions: tuple[str, ...]
    tree: Tree
    """Its shape; leaves are named ``value`` or ``value/value``."""


_AGES: Final = whole(
    group(AgeBand.UNDER_14, AgeBand.FROM_14_TO_18),
    group(AgeBand.FROM_19_TO_24, AgeBand.FROM_25_TO_29),
    group(group(AgeBand.THIRTIES, AgeBand.FORTIES), group(AgeBand.FIFTIES_UP, AgeBand.UNKNOWN)),
)
CROSSINGS: Final[Mapping[str, Crossing]] = {
    "reports-by-age-and-gender": Crossing(("age_band", "gender"), crossed(_AGES, [each.value for each in Gender])),
    "reports-by-role-and-channel": Crossing(
        ("role", "channel"), crossed(whole(*Role), [each.value for each in Channel])
    ),
    "reports-by-relationship": Crossing(
        ("relationship",),
        whole(
            group(Relationship.TEMPORARY, Relationship.STRANGER),
            group(Relationship.INTIMATE, group(Relationship.SOCIAL, Relationship.FAMILY)),
            Relationship.UNKNOWN,
        ),
    ),
    "reports-by-platform": Crossing(
        ("platform",),
        whole(
            group(PlatformKind.ADULT_SITE, PlatformKind.SEARCH_ENGINE),
            group(PlatformKind.SOCIAL_MEDIA, PlatformKind.MESSENGER),
            group(PlatformKind.COMMUNITY, PlatformKind.FILE_SHARING),
            group(PlatformKind.OTHER, PlatformKind.UNKNOWN),
        ),
    ),
    "support-given": Crossing(("support",), Tree(SUPPORTS)),
    "reports-from-elsewhere": Crossing(("home", "center"), CENTERS),
}
"""Published as soon as the cubes offer the dimensions. The last two are tables of marks."""


_LEAST_SPECIFIC: Final = {"role": Role.THIRD_PARTY, "channel": Channel.API}
"""With what a word of a later build stands in a table whose shape has no ``unknown``, so that its total stays whole."""


def of_month(counts: MonthCounts, as_of: str, step: str) -> Release:
    """A month: by week, by centre, by time to acknowledgement, by what became of the reports.

    All share the total: a table that comes to another one would publish the difference, so it is left out.
    """
    period = period_of(counts.month)
    centers = split(CENTERS, center_counts(counts.centers))
    kept = {node.key for node in CENTERS.down_to(DEPTHS[step]).nodes()}
    tables = {
        "reports-by-week": split(weeks(period.first, period.last), week_counts(counts)),
        "reports-by-center": {key: n for key, n in centers.items() if key in kept},
        "acknowledgement-times": split(TIMES, counts.times),
        "reports-by-outcome": split(ENDS, counts.ends),
    }
    total = tables["reports-by-center"].get(TOTAL)
    if total is None:
        return Release(counts.month, as_of, WITHHELD)
    same = {name: shown if shown.get(TOTAL) == total else {} for name, shown in tables.items()}
    return Release(counts.month, as_of, step, {**same, **apart(counts)}, (counts.month,))


def of_quarter(
    period: str, months: Sequence[Release], counts: Sequence[MonthCounts], as_of: str, coarser: Mapping[str, str]
) -> Release:
    """A quarter: centre by harm type and by seen late, over the months that were released."""
    if not months:
        return Release(period, as_of, WITHHELD)
    summed: dict[str, dict[str, int]] = {}
    for month in counts:
        for center, row in month.harms.items():
            for harm, n in row.items():
                of_harm = summed.setdefault(harm, {})
                of_harm[center] = of_harm.get(center, 0) + n
    tables = {HARM_TABLE: _marks(months, summed, HARMS, coarser)}
    if all(month.seen for month in counts) and not _unlikely(counts):
        tables[LATE_TABLE] = _marks(months, {LATE: _late(counts)}, (LATE,), coarser)
    return Release(period, as_of, STEPS[0], tables, tuple(month.period for month in months), dict(coarser))


def _late(counts: Sequence[MonthCounts]) -> dict[str, int]:
    """By centre, the reports nobody saw in time. Most are seen, and of two marks the rarer one hides less."""
    return _added([{c: max(0, n - month.seen.get(c, 0)) for c, n in month.centers.items()} for month in counts])


def _unlikely(counts: Sequence[MonthCounts]) -> bool:
    """More late than the times to acknowledgement leave room for: then one of the two is wrong, and this one waits."""
    quick = sum(month.times.get(group, 0) for month in counts for group in SURELY_IN_TIME)
    return sum(_late(counts).values()) + quick > sum(month.total for month in counts)


def _marks(
    months: Sequence[Release],
    counts: Mapping[str, Mapping[str, int]],
    marks: Sequence[str],
    coarser: Mapping[str, str],
) -> dict[str, int]:
    reports = joined([month.tables["reports-by-center"] for month in months])
    found: dict[str, int] = {}
    for name in marks:
        if (step := coarser.get(name, STEPS[0])) == WITHHELD:
            continue
        shape = places(CENTERS, reports, depth=DEPTHS[step])
        leaves = center_counts(counts.get(name, {}))
        by_place = {node.key: _sum_of(node.key, leaves) for node in shape.nodes()}
        found |= {f"{key}{BETWEEN}{name}": n for key, n in mark(shape, reports, by_place).items()}
    return found


def _sum_of(key: str, leaves: Mapping[str, int]) -> int:
    return sum(leaves.values()) if key == TOTAL else sum(leaves[each] for each in members(key))


def of_year(
    period: str,
    months: Sequence[Release],
    counts: Sequence[MonthCounts],
    as_of: str,
    coarser: Mapping[str, str],
    bulletin: Shown,
) -> Release:
    """A year: reports by one or two dimensions, each table over all released months or not at all, and the bulletin."""
    offered = {
        name: _known(CROSSINGS[name], _added([month.crossings[name] for month in counts]))
        for name in CROSSINGS
        if months and all(name in month.crossings for month in counts)
    }
    tables: dict[str, Shown] = {CORRECTIONS: bulletin} if months else {}
    total = sum(month.tables["reports-by-center"][TOTAL] for month in months)
    for name, found in offered.items():
        if maker := _MARK_TABLES.get(name):
            tables[name] = maker(months, found, coarser)
        elif (shown := split(CROSSINGS[name].tree, found)).get(TOTAL) == total:  # as in a month
            tables[name] = shown
    covered = tuple(month.period for month in months)
    return Release(period, as_of, STEPS[0] if tables else WITHHELD, tables, covered, dict(coarser))


def _known(crossing: Crossing, counts: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, n in counts.items():
        values = zip(crossing.dimensions, key.split("/"), strict=True)
        known = "/".join(_LEAST_SPECIFIC.get(name, value) if value == UNKNOWN else value for name, value in values)
        found[known] = found.get(known, 0) + n
    return found


def _added(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for key, n in part.items():
            found[key] = found.get(key, 0) + n
    return found


def _support(months: Sequence[Release], counts: Mapping[str, int], coarser: Mapping[str, str]) -> dict[str, int]:
    """Kinds of support, nationwide only. That none was given is left out: it would bound the sum of the kinds."""
    del coarser  # there is only the whole
    reports = joined([month.tables["reports-by-center"] for month in months])
    shown = {kind: mark(Tree(TOTAL), reports, {TOTAL: n}) for kind, n in counts.items() if kind != NO_SUPPORT}
    return {f"{TOTAL}{BETWEEN}{kind}": n for kind, of in shown.items() for n in of.values()}


def _elsewhere(months: Sequence[Release], counts: Mapping[str, int], coarser: Mapping[str, str]) -> dict[str, int]:
    by_owner: dict[str, int] = {}
    for key, n in counts.items():
        home, _, owner = key.partition("/")
        if home != owner:
            by_owner[owner] = by_owner.get(owner, 0) + n
    return _marks(months, {FROM_ELSEWHERE: by_owner}, (FROM_ELSEWHERE,), coarser)


def corrections(before: Sequence[MonthCounts], now: Sequence[MonthCounts]) -> dict[str, int]:
    """The yearly bulletin: by how much the closed months would differ if they were counted today.

    Months stay as they were published. ``reports``: how many more or fewer the months' totals would be, added up;
    ``moved``: how many at least stand at another centre. Each is a total of its own, shown from `LEAST` on.
    Counts are compared, not reports: of moves there and back between two centres only the difference is seen.
    """
    reports = sum(abs(a.total - b.total) for a, b in zip(before, now, strict=True))
    apart = sum(
        abs(a.centers.get(key, 0) - b.centers.get(key, 0))
        for a, b in zip(before, now, strict=True)
        for key in {*a.centers, *b.centers}
    )
    found = {"reports": reports, "moved": max(0, apart - reports) // 2}
    return {key: n for key, n in found.items() if n >= LEAST}


_Maker = Callable[[Sequence[Release], Mapping[str, int], Mapping[str, str]], dict[str, int]]
_MARK_TABLES: Final[Mapping[str, _Maker]] = {
    "support-given": _support,
    "reports-from-elsewhere": _elsewhere,
}


def lower(coarser: Mapping[str, str], narrow: Sequence[str]) -> dict[str, str] | None:
    """One step down the ladder for every mark with a narrow cell; None where that helps no further."""
    marks = {cell.partition(BETWEEN)[2] for cell in narrow if BETWEEN in cell} or {*HARMS, FROM_ELSEWHERE, LATE}
    movable = {name for name in marks if coarser.get(name, STEPS[0]) != WITHHELD}
    if not movable:
        return None
    return {**coarser, **{name: STEPS[STEPS.index(coarser.get(name, STEPS[0])) + 1] for name in movable}}
