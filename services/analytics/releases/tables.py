"""The registry of tables: what each counts, how it is protected, and where it is shown.

Everything that is published follows from an entry: releases, the audit, files, codebook, calendar and pages. Adding a
table is one entry, the words of its codes in both languages, and its counts (``cube``, or a function of a month).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from services.analytics.counting.aggregate import Histogram, Measure
from services.analytics.releases.calendar import Kind, Period
from services.analytics.releases.hierarchies import (
    CENTERS,
    CENTRAL_LEAF,
    ENDS,
    TIMES,
    Tree,
    crossed,
    group,
    week_of,
    weeks,
    whole,
)
from services.analytics.releases.suppression import MonthCounts
from shared.centers import TABLES
from shared.events.vocabulary import (
    UNKNOWN,
    AgeBand,
    Channel,
    EndReason,
    Gender,
    HarmType,
    Outcome,
    PlatformKind,
    Relationship,
    Role,
    RoutingReason,
    Urgency,
)
from shared.web.translations import gettext_noop

N = TypeVar("N", int, float)
Counts = Mapping[str, int]

BY_CENTER: Final = "reports-by-center"
"""The table every other of its month shares the total with."""
BY_WEEK: Final = "reports-by-week"
FIRST_WEEKS: Final = "reports-in-first-weeks"
"""Weeks told before any month. A table of its own, so that a build that does not know it releases no month of them."""
TIME_TABLE: Final = "acknowledgement-times"
OUTCOME_TABLE: Final = "reports-by-outcome"
HARM_TABLE: Final = "reports-by-center-and-harm"
LATE_TABLE: Final = "reports-seen-late"
ALERT_TABLE: Final = "alert-outcomes"
STAFF_TABLE: Final = "staff-on-duty"
ELSEWHERE_TABLE: Final = "reports-from-elsewhere"
SUPPORT_TABLE: Final = "support-given"
AGE_GENDER_TABLE: Final = "reports-by-age-and-gender"
GENDER_TABLE: Final = "reports-by-gender"
URGENCY_TABLE: Final = "reports-by-urgency"
MOVES_TABLE: Final = "moves-between-centers"
CONTACT_TABLE: Final = "first-contact-times"
CLOSING_TABLE: Final = "closings-by-reason"
CLOSING_TIME_TABLE: Final = "closing-times"
CLOSED_TABLE: Final = "closings-by-center"
RESIDENCE_TABLE: Final = "reports-by-residence"
ASSIGNMENT_TABLE: Final = "reports-by-assignment"
CORRECTIONS: Final = "corrections"
MOVED_OUT: Final = "reports-moved-out"
MOVED_IN: Final = "reports-moved-in"

WITHHELD: Final = "withheld"
STEPS: Final = ("full", "regions", "whole", WITHHELD)
"""Recoding levels of places, finest first."""
DEPTHS: Final[Mapping[str, int]] = {"full": 9, "regions": 1, "whole": 0}
"""How deep the centres' hierarchy goes at each level."""

ALERT_FIGURES: Final = ("alerts_sent", "alerts_failed", "escalations")
HARMS: Final = tuple(harm.value for harm in HarmType)
FROM_ELSEWHERE: Final = "from_elsewhere"
LATE: Final = "seen_late"
SURELY_IN_TIME: Final = ("within_5_min", "within_15_min", "within_1_hour")
"""Groups of the time to acknowledgement that lie within the target of every urgency: nobody waits longer than that."""
LATE_IF_NORMAL: Final = ("longer", "unanswered")
"""The only groups in which a report of normal urgency may have been seen late."""
LATE_UNLESS_CRITICAL: Final = ("within_3_days", *LATE_IF_NORMAL)
"""The only groups in which a report that is not critical may have been seen late."""
REACHED_LATE: Final = ("reached_3_days", "reached_1_week", "reached_later", "not_reached")
"""The groups of the time to first contact after a day; all but the first lie after three days."""
REACHED_SOON: Final = "reached_1_hour"
"""The group of the time to first contact that lies within the target of every urgency."""
NO_SUPPORT: Final = "none"
"""In place of a kind where none was given."""
CLOSED: Final = EndReason.CLOSED.value
"""The mark of reports that are closed, and what their tables split: how many are closed is published by month."""
AT_HOME: Final = "home"
OVERFLOW: Final = "overflow"
NO_HOME: Final = "no_home"
LINKED: Final = "linked"
LAST_RESORT: Final = "last_resort"
_ASSIGNMENTS: Final[Mapping[str, str]] = {
    RoutingReason.HOME: AT_HOME,
    RoutingReason.LINKED: LINKED,
    **dict.fromkeys(
        (
            RoutingReason.HOME_FULL_NEIGHBOUR,
            RoutingReason.HOME_FULL_WIDER,
            RoutingReason.HOME_CLOSED,
            RoutingReason.HOME_DECLINED,
            RoutingReason.HOME_SEVERE_FULL,
            RoutingReason.HOME_UNSTAFFED,
            RoutingReason.HOME_OVERLOADED,
        ),
        OVERFLOW,
    ),
    **dict.fromkeys(
        (
            RoutingReason.NO_HOME_SEOUL,
            RoutingReason.NO_HOME_OVERSEAS,
            RoutingReason.NO_HOME_UNKNOWN,
            RoutingReason.NO_HOME_DISTRICT_UNKNOWN,
        ),
        NO_HOME,
    ),
}
"""All other reasons, those of a later version among them, are the last resort."""
_HANDED_ON: Final = "handed_on"
_MOVED_OTHERWISE: Final = "moved_otherwise"
_MOVES: Final[Mapping[str, str]] = dict.fromkeys(
    (RoutingReason.TRANSFER_ACCEPTED, RoutingReason.RETURNED_HOME), _HANDED_ON
)
"""Returns home have no figure of their own: less the other moves, it would say how many reports at least are at home,
and so bound the hidden ones from elsewhere."""
_LEAST_SPECIFIC: Final = {"role": Role.THIRD_PARTY, "channel": Channel.API, "urgency": Urgency.CRITICAL}
"""With what a word of a later build stands in a table whose hierarchy has no ``unknown``: its total stays whole."""


@dataclass(frozen=True, slots=True)
class Split:
    """A total splits into parts along a fixed hierarchy; the parts of a count are shown all or none."""

    hierarchy: Callable[[Period], Tree]
    counts: Callable[[MonthCounts], Counts | None] | None = None
    """A month's true counts by leaf; without it they come from the table's cube or source."""
    intervals: bool = False
    """Of what a month hides, the year says two numbers it lies between."""
    former: tuple[Tree, ...] = ()
    """Hierarchies of releases made before this one, the first in the order of the vocabulary."""
    depths: Mapping[str, int] = field(default_factory=lambda: DEPTHS)
    """How deep the hierarchy goes at each level of recoding."""

    def made_in(self, period: Period, shown: Counts) -> Tree:
        """The hierarchy that a release was made in, by the keys it holds."""
        trees = (self.hierarchy(period), *self.former)
        return next((tree for tree in trees if shown.keys() <= {node.key for node in tree.nodes()}), trees[0])

    def rows(self, period: Period) -> tuple[str, ...]:
        """The leaves in the order people expect: of the first dimension, then of the second."""
        return (self.former[0] if self.former else self.hierarchy(period)).leaves()


@dataclass(frozen=True, slots=True)
class Marks:
    """A report carries any number of marks; each is shown for places where enough reports carry it and enough do not.

    Without ``names`` and ``by_place``: the kinds that were counted, nationwide only.
    """

    names: tuple[str, ...] = ()
    counts: Callable[[MonthCounts], Mapping[str, Counts] | None] | None = None
    """A month's true counts by mark and centre, or None where it has none; without it they come from the cube."""
    from_cube: Callable[[Counts], Mapping[str, Counts]] | None = None
    """From the cube's counts to those by mark and centre."""
    by_place: bool = True
    cover: bool = False
    """Every report carries at least one of them."""
    doubtful: Callable[[Sequence[MonthCounts]], bool] = lambda _: False
    """Whether counts contradict others, so that the table is left out."""
    by_region: Kind | None = None
    """The kind of period whose places end at the regions; of a longer one they go to the centres."""

    def depth(self, kind: Kind, step: str = "full") -> int:
        """How deep the places of a kind of period go at a level of recoding."""
        return min(DEPTHS[step], DEPTHS["regions" if kind == self.by_region else "full"])


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures that count no reports and add up to nothing: each is a total of its own."""

    names: tuple[str, ...]
    counts: Callable[[MonthCounts], Counts | None] | None = None
    """A month's figures, or None where it was closed before they were offered; without it they are given."""
    former: tuple[str, ...] = ()
    """Figures that only releases made before this one have."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """Hours, which tell of no report: each and their total rounded to a step once, half of it up."""

    step: int
    counts: Callable[[MonthCounts], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Times:
    """Counted from the times of one measure, in groups by their upper bound in seconds, which they hold."""

    measure: Measure
    groups: Mapping[str, int]
    longer: str
    """The group above the last."""
    unmeasured: str
    """The group of reports that have no such time."""

    def grouped(self, times: Histogram, reports: int) -> dict[str, int]:
        """Group the times of so many reports."""
        within = {name: times.within(bound) for name, bound in self.groups.items()}
        found = {name: n - before for (name, n), before in zip(within.items(), (0, *within.values()), strict=False)}
        return {**found, self.longer: times.total - sum(found.values()), self.unmeasured: reports - times.total}


@dataclass(frozen=True, slots=True)
class Decisions:
    """Counted from the routing decisions that gave reports their first owner, or a later one, in groups of reasons."""

    number: Literal["first", "later"]
    groups: Mapping[str, str]
    other: str
    """The group of all other reasons, those of a later version among them."""

    def grouped(self, decisions: Mapping[tuple[str, str], int]) -> dict[str, int]:
        """Group all decisions, by (``first`` or ``later``, reason)."""
        found: dict[str, int] = {}
        for (number, reason), n in decisions.items():
            if number == self.number:
                group = self.groups.get(reason, self.other)
                found[group] = found.get(group, 0) + n
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """One table."""

    name: str
    title: str
    question: str
    definition: str
    dimensions: tuple[str, ...]
    """Dimensions that rows, and columns of marks, are split by; described in the codebook."""
    kinds: tuple[Kind, ...]
    """Kinds of periods it exists for: it is decided for the first, and longer ones are sums of what that shows.

    A table of marks is decided for each: parts that the shorter periods do not tell are told by the longer one.
    """
    protection: Split | Marks | Totals | Rounded
    measure: Literal["reports", "alerts", "hours", "moves"] = "reports"
    """The counted measure; the heading of the first column of numbers."""
    base: Literal["period", "moved", "closed"] = "period"
    """The reports it counts: all of the period, those that moved after a month closed, or those that are closed. How
    many are closed is published by month; where a month hides it, the table is left out."""
    cube: tuple[str, ...] = ()
    """Dimensions of the aggregates it is counted from; it exists from the first period they were offered in."""
    source: Times | Decisions | None = None
    """Other aggregates it is counted from, in place of a cube."""
    recoding: tuple[str, ...] = ()
    """Levels of places it may be recoded to before it is withheld; none where it has no places."""
    row_key: str = ""
    """Heading of the rows' keys: the dimension, unless rows are split by two."""
    in_report: bool = False
    """Whether the monthly report (PDF) shows it."""
    panel: str = ""
    """Page and panel of the dashboard that shows it, as ``/people#age``."""

    @property
    def key(self) -> str:
        """Heading of the rows' keys."""
        return self.row_key or self.dimensions[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers."""
        return (self.measure, *(self.protection.names if isinstance(self.protection, Marks) else ()))

    def hierarchy(self, period: Period) -> Tree:
        """Return how the total splits; raises ``TypeError`` for a table that does not split."""
        if not isinstance(self.protection, Split):
            raise TypeError(f"{self.name} does not split")
        return self.protection.hierarchy(period)

    @property
    def says_intervals(self) -> bool:
        """Whether its years say intervals."""
        return isinstance(self.protection, Split) and self.protection.intervals

    def leaf_counts(self, month: MonthCounts) -> Counts | None:
        """A month's true counts by leaf of the hierarchy; None where the month was closed before they were offered."""
        if isinstance(self.protection, Split) and self.protection.counts is not None:
            return self.protection.counts(month)
        found = month.crossings.get(self.name)
        return _known(self.cube, found) if found is not None and self.cube else found

    def mark_counts(self, month: MonthCounts) -> Mapping[str, Counts] | None:
        """A month's true counts by mark, then by centre or ``total``; None as above."""
        if not isinstance(self.protection, Marks):
            raise TypeError(f"{self.name} has no marks")
        if self.protection.counts is not None:
            return self.protection.counts(month)
        found = month.crossings.get(self.name)
        return None if found is None or self.protection.from_cube is None else self.protection.from_cube(found)


def _known(dimensions: Sequence[str], counts: Counts) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, n in counts.items():
        values = zip(dimensions, key.split("/"), strict=True)
        known = "/".join(_LEAST_SPECIFIC.get(name, value) if value == UNKNOWN else value for name, value in values)
        found[known] = found.get(known, 0) + n
    return found


def always(tree: Tree) -> Callable[[Period], Tree]:
    """The same hierarchy for every period."""
    return lambda _: tree


def _weeks(period: Period) -> Tree:
    return weeks(period.first, period.last)


def week_counts(counts: MonthCounts) -> dict[str, int]:
    """The month's reports by the part of each ISO week that lies in it."""
    found: dict[str, int] = {}
    for day, n in counts.days.items():
        found[week_of(day)] = found.get(week_of(day), 0) + n
    return found


def center_counts(centers: Mapping[str, N]) -> dict[str, N]:
    """By leaf of the centres' hierarchy; owners that are in none stand with the central desk."""
    known = set(CENTERS.leaves())
    found: dict[str, N] = dict.fromkeys(CENTERS.leaves(), 0)
    for center, n in centers.items():
        found[center if center in known else CENTRAL_LEAF] += n
    return found


def added(parts: Sequence[Counts]) -> dict[str, int]:
    """The sum by key."""
    found: dict[str, int] = {}
    for part in parts:
        for key, n in part.items():
            found[key] = found.get(key, 0) + n
    return found


def _harms(month: MonthCounts) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for center, row in month.harms.items():
        for harm, n in row.items():
            found.setdefault(harm, {})[center] = n
    return found


def _late(month: MonthCounts) -> dict[str, dict[str, int]] | None:
    """By centre, the reports nobody saw in time. Most are seen, and of two marks the rarer one hides less."""
    if not month.seen:
        return None
    return {LATE: {center: max(0, n - month.seen.get(center, 0)) for center, n in month.centers.items()}}


def _unlikely(counts: Sequence[MonthCounts]) -> bool:
    """More late than the times to acknowledgement leave room for: then one of the two is wrong, and this one waits."""
    quick = sum(month.times.get(group, 0) for month in counts for group in SURELY_IN_TIME)
    late = sum(sum(found[LATE].values()) for month in counts if (found := _late(month)))
    return late + quick > sum(month.total for month in counts)


def _guests(counts: Counts) -> dict[str, dict[str, int]]:
    by_owner: dict[str, int] = {}
    for key, n in counts.items():
        home, _, owner = key.partition("/")
        if home != owner:
            by_owner[owner] = by_owner.get(owner, 0) + n
    return {FROM_ELSEWHERE: by_owner}


def _kinds(counts: Counts) -> dict[str, dict[str, int]]:
    """Kinds of support. That none was given is left out: it would bound the sum of the kinds."""
    return {kind: {"total": n} for kind, n in counts.items() if kind != NO_SUPPORT}


def _moves(month: MonthCounts) -> Counts | None:
    return month.crossings.get(MOVES_TABLE)


def _residences(month: MonthCounts) -> Counts | None:
    """By residence; a division that is no more stands with the one that followed it."""
    found = month.crossings.get(RESIDENCE_TABLE)
    return None if found is None else added([{_residence(division): n} for division, n in found.items()])


def _residence(division: str) -> str:
    """Return the leaf of a division; of one that no table knows the residence is unknown."""
    while division not in HOMES:
        known = TABLES.divisions.get(division)
        if known is None or known.successor is None:
            return UNKNOWN
        division = known.successor
    return division


def _closings(month: MonthCounts) -> Counts | None:
    """Closed reports by reason; a reason of a later version is unknown."""
    found = month.crossings.get(CLOSING_TABLE)
    if found is None:
        return None
    named = {reason.value: found.get(reason.value, 0) for reason in Outcome}
    return {**named, UNKNOWN: month.ends.get(CLOSED, 0) - sum(named.values())}


def _closed(month: MonthCounts) -> dict[str, Counts] | None:
    found = month.crossings.get(CLOSED_TABLE)
    return None if found is None else {CLOSED: found}


CONTACTS: Final = Times(
    "first_contact",
    {"reached_1_hour": 3_600, "reached_1_day": 86_400, "reached_3_days": 259_200, "reached_1_week": 604_800},
    "reached_later",
    "not_reached",
)
CLOSING_TIMES: Final = Times(
    "closing",
    {"closed_1_day": 86_400, "closed_3_days": 259_200, "closed_1_week": 604_800, "closed_2_weeks": 1_209_600},
    "closed_later",
    "closed_unknown",
)
_MERGED: Final = "jeonnam-gwangju"
_RESIDENCES: Final = whole(
    group(
        group("gyeonggi", group("incheon", "gangwon")),
        group(group("chungnam", "chungbuk"), group("daejeon", "sejong")),
        group(_MERGED, group("jeonbuk", "jeju")),
        group(group("busan", "gyeongnam"), group("daegu", group("gyeongbuk", "ulsan"))),
    ),
    group("seoul", group(UNKNOWN, "overseas")),
)
_REGIONS_OF_RESIDENCE: Final = 2
HOMES: Final[Mapping[str, tuple[str, ...]]] = {
    **{place: (place,) for place in _RESIDENCES.leaves()},
    _MERGED: ("gwangju", "jeonnam"),
    **dict.fromkeys(("seoul", "overseas", UNKNOWN), ()),
}
"""The centres that may be at home where people live; none in Seoul, abroad, and where it is not known."""
_WITHIN_A_DAY: Final = (*SURELY_IN_TIME, "within_4_hours", "within_12_hours", "within_1_day")
CLOSED_AFTER: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    ("closed_1_day",): _WITHIN_A_DAY,
    ("closed_1_day", "closed_3_days"): (*_WITHIN_A_DAY, "within_3_days"),
    (*CLOSING_TIMES.groups, CLOSING_TIMES.longer): (*_WITHIN_A_DAY, "within_3_days", "longer"),
}
"""A report closed in one of these groups was acknowledged in one of those: first a centre acknowledges, then it closes.
"""
_REACHED_3_DAYS: Final = (REACHED_SOON, "reached_1_day", "reached_3_days")
REACHED_AFTER: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    (REACHED_SOON,): SURELY_IN_TIME,
    (REACHED_SOON, "reached_1_day"): _WITHIN_A_DAY,
    _REACHED_3_DAYS: (*_WITHIN_A_DAY, "within_3_days"),
    (*_REACHED_3_DAYS, "reached_1_week", "reached_later"): (*_WITHIN_A_DAY, "within_3_days", "longer"),
}
"""The same of who was reached: first a centre acknowledges, then it reaches the reporter."""
_AGES: Final = whole(
    group(AgeBand.FROM_14_TO_18, AgeBand.THIRTIES),
    group(AgeBand.FROM_19_TO_24, AgeBand.FROM_25_TO_29),
    group(AgeBand.FORTIES, group(AgeBand.FIFTIES_UP, group(AgeBand.UNKNOWN, AgeBand.UNDER_14))),
)
_GENDERS: Final = whole(Gender.FEMALE, group(Gender.MALE, group(Gender.UNKNOWN, Gender.OTHER)))
_ROLES: Final = whole(Role.VICTIM, group(Role.REPRESENTATIVE, Role.THIRD_PARTY))
_CHANNELS: Final = whole(Channel.WEB, group(Channel.PHONE, Channel.API))
_RELATIONSHIPS: Final = whole(
    group(Relationship.TEMPORARY, Relationship.STRANGER),
    group(Relationship.INTIMATE, group(Relationship.UNKNOWN, group(Relationship.SOCIAL, Relationship.FAMILY))),
)
_PLATFORMS: Final = whole(
    group(PlatformKind.ADULT_SITE, PlatformKind.SEARCH_ENGINE),
    group(PlatformKind.SOCIAL_MEDIA, PlatformKind.MESSENGER),
    group(PlatformKind.COMMUNITY, group(PlatformKind.OTHER, group(PlatformKind.FILE_SHARING, PlatformKind.UNKNOWN))),
)


def _each(first: Tree, second: Sequence[str]) -> Tree:
    """Until November 2026: the first dimension's hierarchy, each leaf of it split by all values of the second."""
    below = tuple(_each(part, second) for part in first.parts)
    return Tree(first.key, below or tuple(Tree(f"{first.key}/{value}") for value in second))


_FORMER_AGES: Final = whole(
    group(AgeBand.UNDER_14, AgeBand.FROM_14_TO_18),
    group(AgeBand.FROM_19_TO_24, AgeBand.FROM_25_TO_29),
    group(group(AgeBand.THIRTIES, AgeBand.FORTIES), group(AgeBand.FIFTIES_UP, AgeBand.UNKNOWN)),
)
_FORMER_RELATIONSHIPS: Final = whole(
    group(Relationship.TEMPORARY, Relationship.STRANGER),
    group(Relationship.INTIMATE, group(Relationship.SOCIAL, Relationship.FAMILY)),
    Relationship.UNKNOWN,
)
_FORMER_PLATFORMS: Final = whole(
    group(PlatformKind.ADULT_SITE, PlatformKind.SEARCH_ENGINE),
    group(PlatformKind.SOCIAL_MEDIA, PlatformKind.MESSENGER),
    group(PlatformKind.COMMUNITY, PlatformKind.FILE_SHARING),
    group(PlatformKind.OTHER, PlatformKind.UNKNOWN),
)
_BY_PLACE: Final = STEPS[:-1]

_ALL: Final[tuple[Kind, ...]] = ("month", "quarter", "year")

TABLE_SPECS: Final[dict[str, TableSpec]] = {
    spec.name: spec
    for spec in (
        TableSpec(
            name=BY_CENTER,
            title=gettext_noop("Reports by centre"),
            question=gettext_noop("Where do reports end up?"),
            definition=gettext_noop(
                "Each report counts once, at the centre that owned it when the month closed. Owners that are no centre "
                "any more stand with the central desk."
            ),
            dimensions=("center",),
            kinds=_ALL,
            protection=Split(always(CENTERS), lambda month: center_counts(month.centers), intervals=True),
            recoding=_BY_PLACE,
            in_report=True,
            panel="/#where",
        ),
        TableSpec(
            name=HARM_TABLE,
            title=gettext_noop("Reports by centre and harm type"),
            question=gettext_noop("What happened to people, and where are they helped?"),
            definition=gettext_noop(
                "A report counts once in each of its harm types, so harm types add up to more than the reports. A "
                "quarter is told by region, a year by centre. A number is shown where at least 5 reports of the place "
                "have the harm type and at least 5 do not. A region's number of a year is the sum of its quarters; "
                "where only some of them show it, the year does not."
            ),
            dimensions=("center", "harm_type"),
            kinds=("quarter", "year"),
            protection=Marks(HARMS, _harms, cover=True, by_region="quarter"),
            recoding=_BY_PLACE,
            panel="/#what",
        ),
        TableSpec(
            name=BY_WEEK,
            title=gettext_noop("Reports by week"),
            question=gettext_noop("How do reports come in over time?"),
            definition=gettext_noop(
                "National, by ISO week. A day is a day in Korea (UTC+9). A week that spans two periods is in each with "
                "the days that lie in it. A week that was told before its month keeps that figure; the others of that "
                "month are shown if each has 5 or more, none of the weeks told before would be counted otherwise, and "
                "none that had too few to be told has 20 by now. If the first week there is a number of lies in the "
                "month in which counting began, it may have begun within that week."
            ),
            dimensions=("week",),
            kinds=_ALL,
            protection=Split(_weeks, week_counts),
            in_report=True,
            panel="/#weeks",
        ),
        TableSpec(
            name=FIRST_WEEKS,
            title=gettext_noop("Reports in the first weeks"),
            question=gettext_noop("How many reports come in before the first month is released?"),
            definition=gettext_noop(
                "National, by whole ISO week, three days after its end, until a first month is released. A week is "
                "told from 20 reports on. The first week of a month and its last two, whole or cut, are left to the "
                "month. A figure is never counted again: the month's table by week keeps it. If the first week there "
                "is a number of lies in the month in which counting began, it may have begun within that week."
            ),
            dimensions=("week",),
            kinds=("week",),
            protection=Split(_weeks),
        ),
        TableSpec(
            name=TIME_TABLE,
            title=gettext_noop("Time to acknowledgement"),
            question=gettext_noop("How long until a person answers?"),
            definition=gettext_noop(
                "From acceptance to the first acknowledgement by the centre that owned the report when the month "
                "closed. An acknowledgement by a centre that had handed the report on does not count. Each group "
                "begins where the one before it ends."
            ),
            dimensions=("time",),
            kinds=_ALL,
            protection=Split(always(TIMES), lambda month: month.times, intervals=True),
            in_report=True,
            panel="/#when",
        ),
        TableSpec(
            name=OUTCOME_TABLE,
            title=gettext_noop("Reports by what became of them"),
            question=gettext_noop("What became of the reports?"),
            definition=gettext_noop(
                "Withdrawn means that the reporter withdrew the report and has not changed their mind since. What the "
                "report said is destroyed, as a rule after 72 hours, unless the law has it kept; that there was one "
                "stays counted here and in every other table. A month shows what had become of its reports when it "
                "closed."
            ),
            dimensions=("outcome",),
            kinds=_ALL,
            protection=Split(always(ENDS), lambda month: month.ends, intervals=True),
            in_report=True,
            panel="/#outcome",
        ),
        TableSpec(
            name=LATE_TABLE,
            title=gettext_noop("Reports seen late"),
            question=gettext_noop("Where are people seen in time?"),
            definition=gettext_noop(
                "Reports that nobody acknowledged within the target of their urgency, whichever centre it was: an "
                "hour if critical, a day if high, three days if normal. Shown by the centre that owned the report "
                "when the month closed, where at least 5 reports were seen late and at least 5 in time."
            ),
            dimensions=("center",),
            kinds=("quarter",),
            protection=Marks((LATE,), _late, doubtful=_unlikely),
            recoding=_BY_PLACE,
            panel="/centers#seen",
        ),
        TableSpec(
            name=ALERT_TABLE,
            title=gettext_noop("Alerts"),
            question=gettext_noop("Do alerts reach anybody?"),
            definition=gettext_noop(
                "Alerts to centres about reports of the month: taken by a channel, failed, and raised to the next "
                "person because nobody answered. Alerts are not reports: one report may have many. Each figure is a "
                "total of its own, shown from 10 on."
            ),
            dimensions=("alert",),
            kinds=("month",),
            protection=Totals(ALERT_FIGURES, lambda month: month.alerts),
            measure="alerts",
            panel="/centers#alerts",
        ),
        TableSpec(
            name=STAFF_TABLE,
            title=gettext_noop("Hours on duty"),
            question=gettext_noop("How many people are there to help?"),
            definition=gettext_noop(
                "Hours that people were on duty at a centre, added up over people, as the centres reported it. Each "
                "number and the total are rounded to tens once, half of ten up, so they may not add up. 0 where "
                "nothing was reported."
            ),
            dimensions=("center",),
            kinds=("month",),
            protection=Rounded(10, lambda month: month.staff),
            measure="hours",
            panel="/centers#load",
        ),
        TableSpec(
            name=AGE_GENDER_TABLE,
            title=gettext_noop("Reports by age and gender"),
            question=gettext_noop("Whom did it happen to?"),
            definition=gettext_noop("Age band and gender of the person harmed, as told."),
            dimensions=("age_band", "gender"),
            kinds=("year",),
            protection=Split(
                always(crossed(_GENDERS, _AGES)), former=(_each(_FORMER_AGES, [each.value for each in Gender]),)
            ),
            cube=("age_band", "gender"),
            row_key="age_gender",
            panel="/people#age",
        ),
        TableSpec(
            name=GENDER_TABLE,
            title=gettext_noop("Reports by gender"),
            question=gettext_noop("How many are women, how many men?"),
            definition=gettext_noop(
                "Gender of the person harmed, as told. The same reports as by age and gender, over all ages."
            ),
            dimensions=("gender",),
            kinds=("year",),
            protection=Split(always(_GENDERS)),
            cube=("gender",),
            panel="/people#gender",
        ),
        TableSpec(
            name=URGENCY_TABLE,
            title=gettext_noop("Reports by urgency"),
            question=gettext_noop("How urgent are reports?"),
            definition=gettext_noop(
                "How soon a person had to look, as decided when the report came in or was last amended before its "
                "month closed. An urgency that this version does not know counts as critical."
            ),
            dimensions=("urgency",),
            kinds=("year",),
            protection=Split(always(whole(Urgency.NORMAL, group(Urgency.HIGH, Urgency.CRITICAL)))),
            cube=("urgency",),
            panel="/people#urgency",
        ),
        TableSpec(
            name="reports-by-role-and-channel",
            title=gettext_noop("Reports by role and channel"),
            question=gettext_noop("Who reports, and which way?"),
            definition=gettext_noop("Who reported, and which way the report came in."),
            dimensions=("role", "channel"),
            kinds=("year",),
            protection=Split(
                always(crossed(_CHANNELS, _ROLES)), former=(_each(whole(*Role), [each.value for each in Channel]),)
            ),
            cube=("role", "channel"),
            row_key="role_channel",
            panel="/people#role",
        ),
        TableSpec(
            name="reports-by-relationship",
            title=gettext_noop("Reports by relationship"),
            question=gettext_noop("Who did it?"),
            definition=gettext_noop("The person harmed and the offender, in the categories of the yearly statistics."),
            dimensions=("relationship",),
            kinds=("year",),
            protection=Split(always(_RELATIONSHIPS), former=(_FORMER_RELATIONSHIPS,)),
            cube=("relationship",),
            panel="/people#relationship",
        ),
        TableSpec(
            name="reports-by-platform",
            title=gettext_noop("Reports by platform"),
            question=gettext_noop("Where was it seen?"),
            definition=gettext_noop("The kind of platform the reporter named first."),
            dimensions=("platform",),
            kinds=("year",),
            protection=Split(always(_PLATFORMS), former=(_FORMER_PLATFORMS,)),
            cube=("platform",),
            panel="/people#platform",
        ),
        TableSpec(
            name=MOVES_TABLE,
            title=gettext_noop("Moves between centres"),
            question=gettext_noop("How often do reports change their centre?"),
            definition=gettext_noop(
                "Changes of the owning centre before the month of the report closed; a report that moved twice counts "
                "twice. Each figure is a total of its own, shown from 10 on."
            ),
            dimensions=("move",),
            kinds=("year",),
            protection=Totals((_HANDED_ON, _MOVED_OTHERWISE), _moves),
            measure="moves",
            source=Decisions("later", _MOVES, _MOVED_OTHERWISE),
            panel="/centers#moves",
        ),
        TableSpec(
            name=CONTACT_TABLE,
            title=gettext_noop("Time to first contact"),
            question=gettext_noop("How long until the person is reached?"),
            definition=gettext_noop(
                "From acceptance to the first time that any centre was in touch with the reporter, whoever began it, "
                "as its staff recorded it. Each group begins where the one before it ends."
            ),
            dimensions=("contact",),
            kinds=("year",),
            protection=Split(
                always(
                    whole(
                        group("reached_1_hour", "reached_1_day"),
                        group(group("reached_3_days", group("reached_1_week", "reached_later")), "not_reached"),
                    )
                )
            ),
            source=CONTACTS,
            panel="/people#contact",
        ),
        TableSpec(
            name=CLOSING_TABLE,
            title=gettext_noop("Closed cases by reason"),
            question=gettext_noop("Why were cases closed?"),
            definition=gettext_noop(
                "The closed reports, by the reason the centre gave that owned the report when the month closed. Where "
                "a former owner had closed it the reason is unknown. Duplicates are shown by themselves only where at "
                "least 5 have an unknown reason."
            ),
            dimensions=("closing",),
            kinds=("year",),
            protection=Split(
                always(
                    whole(
                        Outcome.SUPPORTED,
                        group(
                            group(Outcome.REFERRED, Outcome.NO_CONTACT),
                            group(Outcome.NOT_IN_SCOPE, group(Outcome.DUPLICATE, UNKNOWN)),
                        ),
                    )
                ),
                _closings,
            ),
            base="closed",
            cube=("outcome",),
            panel="/people#closing",
        ),
        TableSpec(
            name=CLOSING_TIME_TABLE,
            title=gettext_noop("Time to closing"),
            question=gettext_noop("How long is a case looked after?"),
            definition=gettext_noop(
                "The closed reports, from acceptance to the closing by the centre that owned the report when the month "
                "closed. Months close three days after their end, so these are the cases that were closed soon; each "
                "group begins where the one before it ends. Those closed after more than 14 days are shown by "
                "themselves only where the time of at least 5 is not known."
            ),
            dimensions=("closing_time",),
            kinds=("year",),
            protection=Split(
                always(
                    whole(
                        group("closed_1_day", "closed_3_days"),
                        group("closed_1_week", group("closed_2_weeks", group("closed_later", "closed_unknown"))),
                    )
                )
            ),
            base="closed",
            source=CLOSING_TIMES,
            panel="/people#closing-time",
        ),
        TableSpec(
            name=CLOSED_TABLE,
            title=gettext_noop("Closed cases by centre"),
            question=gettext_noop("Where are cases brought to an end?"),
            definition=gettext_noop(
                "Reports that were closed when their month closed, by the centre that owned them then. Shown where at "
                "least 5 are closed and at least 5 are not: in care still, or withdrawn."
            ),
            dimensions=("center",),
            kinds=("year",),
            protection=Marks((CLOSED,), _closed),
            base="closed",
            recoding=_BY_PLACE,
            panel="/centers#closed",
        ),
        TableSpec(
            name=SUPPORT_TABLE,
            title=gettext_noop("Support given"),
            question=gettext_noop("How were people helped?"),
            definition=gettext_noop(
                "Reports that were given each kind of support at least once; one report may have several."
            ),
            dimensions=("support",),
            kinds=("year",),
            protection=Marks(from_cube=_kinds, by_place=False),
            cube=("support",),
            panel="/people#support",
        ),
        TableSpec(
            name=ELSEWHERE_TABLE,
            title=gettext_noop("Reports from elsewhere"),
            question=gettext_noop("How many are helped away from home?"),
            definition=gettext_noop(
                "Reports owned by another centre than the one at home, and those that have none at home."
            ),
            dimensions=("center",),
            kinds=("year",),
            protection=Marks((FROM_ELSEWHERE,), from_cube=_guests),
            cube=("home", "center"),
            recoding=_BY_PLACE,
            panel="/centers#elsewhere",
        ),
        TableSpec(
            name=RESIDENCE_TABLE,
            title=gettext_noop("Reports by residence"),
            question=gettext_noop("Where do people live?"),
            definition=gettext_noop(
                "Where the person harmed lives, as last told; not where the centre is that helps. Gwangju and Jeonnam "
                "stand together, as one division since July 2026."
            ),
            dimensions=("residence",),
            kinds=("year",),
            protection=Split(always(_RESIDENCES), _residences, depths={**DEPTHS, "regions": _REGIONS_OF_RESIDENCE}),
            cube=("division",),
            recoding=("full", "regions"),
            panel="/people#residence",
        ),
        TableSpec(
            name=ASSIGNMENT_TABLE,
            title=gettext_noop("Reports by first assignment"),
            question=gettext_noop("Why does a report go to a centre?"),
            definition=gettext_noop(
                "Why the first centre was assigned the report, by the reason that stands in the decision. Where the "
                "report went later does not count here."
            ),
            dimensions=("assignment",),
            kinds=("year",),
            protection=Split(always(whole(AT_HOME, group(NO_HOME, group(OVERFLOW, group(LINKED, LAST_RESORT)))))),
            source=Decisions("first", _ASSIGNMENTS, LAST_RESORT),
            panel="/centers#assignment",
        ),
        TableSpec(
            name=CORRECTIONS,
            title=gettext_noop("Corrections"),
            question=gettext_noop("What became of the closed months' reports later?"),
            definition=gettext_noop(
                "The yearly bulletin. Closed months are not changed; this says how many of their reports are counted "
                "otherwise when the year is released: that came or went, that another centre owns, that ended or were "
                "closed otherwise, that have other harm types. Reports are compared one by one, so moves there and "
                "back both count. Each figure is a total of its own, shown from 10 on."
            ),
            dimensions=("correction",),
            kinds=("year",),
            protection=Totals(
                ("came", "gone", "moved_on", "outcome_changed", "harm_changed"), former=("reports", "moved")
            ),
            panel="/trends#corrections",
        ),
        TableSpec(
            name=MOVED_OUT,
            title=gettext_noop("Reports that left a centre"),
            question=gettext_noop("Which centres handed reports on after the month closed?"),
            definition=gettext_noop(
                "Reports of the year's closed months that another centre owns when the year is released, by the centre "
                "they stand at in the released months. The total is the number of reports that moved."
            ),
            dimensions=("center",),
            kinds=("year",),
            protection=Split(always(CENTERS)),
            base="moved",
            panel="/trends#moved-out",
        ),
        TableSpec(
            name=MOVED_IN,
            title=gettext_noop("Reports that came to a centre"),
            question=gettext_noop("Which centres took reports over after the month closed?"),
            definition=gettext_noop(
                "The same reports by the centre that owns them when the year is released. In the released months they "
                "stand at another one."
            ),
            dimensions=("center",),
            kinds=("year",),
            protection=Split(always(CENTERS)),
            base="moved",
            panel="/trends#moved-in",
        ),
    )
}
"""All tables, in the order they are listed in."""


BULLETIN: Final = frozenset((CORRECTIONS, MOVED_OUT, MOVED_IN))
"""Tables of what became of closed months' reports; in many years there is nothing to say in them."""


def decided_with(kind: Kind) -> list[TableSpec]:
    """The tables that are decided for a kind of period."""
    return [
        spec
        for spec in TABLE_SPECS.values()
        if kind == spec.kinds[0] or (isinstance(spec.protection, Marks) and kind in spec.kinds)
    ]


def from_cubes() -> list[TableSpec]:
    """The tables that are counted from cubes."""
    return [spec for spec in TABLE_SPECS.values() if spec.cube]


GENERAL: Final = (
    gettext_noop(
        "We count accepted reports that a centre owns, by the day of acceptance in Korea. Drills are left out."
    ),
    gettext_noop(
        "Counts from 0 to 4 are hidden, and others with them where they would give a hidden count away. One mark "
        "stands for all of them: a hidden number may be 0, and may be 5 or more."
    ),
    gettext_noop(
        "A month is released once, three days after its end, when everything has been read, and changes only by a "
        "correction that says why. Quarters and years are made of released months. Once a year it is told what was "
        "learnt later about their reports."
    ),
    gettext_noop(
        "Of a year, a number that one of its months hides is said as two numbers that it lies between, if the smaller "
        "is at least 10 and the larger at most twice it. The limits follow from published numbers, so that the "
        "month stays hidden."
    ),
    gettext_noop("Before a release leaves, a solver that knows these rules and all earlier releases tries to undo it."),
)
"""Statements that hold for every table."""
