"""Inputs, limits and result of the assignment rule. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from shared.events.routings import Compared
from shared.events.vocabulary import CenterState, HarmType, PassedOver, RoutingReason, Urgency


class CenterLoad(NamedTuple):
    """One center as the rule sees it at one moment; the fields are those of ``events.routings.Candidate``."""

    center_id: str
    state: CenterState
    staff_on_duty: int
    load: int
    """Weighted open cases, in units of one normal case times ten."""
    capacity: int
    """Weighted cases its staff can carry, in the same units: those on duty, or if nobody is, those it is funded for."""
    guests: int = 0
    """The part of the load that overflowed from elsewhere: its home is another center, or none."""
    severe: int = 0
    """Severe open cases."""
    severe_cap: int = 0
    """Severe cases its staff may have at a time."""


CenterLoads = dict[str, CenterLoad]
"""All 16 centers by id."""


class Assignment(NamedTuple):
    """A center, and everything the rule looked at; the light form of ``events.routings.Decision``.

    Deciding makes one per report: building 17 validated models for each would take longer than the rule itself.
    """

    center_id: str
    home_center_id: str | None
    reason: RoutingReason
    over_capacity: bool
    copy_central: bool
    loads: tuple[CenterLoad, ...]
    """Every center the rule looked at."""
    passed_over: tuple[PassedOver, ...]
    """Why each of them was not chosen."""
    right_of_return: bool = False
    linked_center_id: str | None = None

    @property
    def candidates(self) -> tuple[tuple[CenterLoad, PassedOver], ...]:
        """Each center with why it was not chosen."""
        return tuple(zip(self.loads, self.passed_over, strict=True))

    def compared(self) -> Compared:
        """The same as it stands in an event: numbers by reason, state and center."""
        found: Compared = {}
        for (center_id, state, *numbers), because in self.candidates:
            found.setdefault(because.value, {}).setdefault(state, {})[center_id] = tuple(numbers)
        return found


class Severity(NamedTuple):
    """The rule's input about a report besides its place."""

    weight: int
    """Its addition to a load, in tenths of a normal case; 0 for a drill."""
    severe: bool
    """Whether it takes one of the places for severe cases; a drill does not."""
    critical: bool
    """Whether somebody must look now."""
    child: bool
    """Whether it concerns a child: ``central`` is on copy."""


class OverflowLimits(NamedTuple):
    """Limits up to which a receiving center accepts; it keeps the rest for its own reports."""

    load_percent: int
    """With the report, its load is at most this percentage of its capacity."""
    guests_percent: int
    """With the report, its overflow from elsewhere is at most this percentage of its capacity."""
    unstaffed_too: bool = False
    """Whether the report may wait where nobody is on duty."""


class Overflow(NamedTuple):
    """The three sets of limits, in the order in which they are opened."""

    normal: OverflowLimits
    waiting: OverflowLimits
    """For a report that can wait for the next shift."""
    reserve: OverflowLimits
    """Receiving centers give up part of what they keep for their own reports."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """Every number of the rule. A change of any is a new version, so that old decisions replay.

    They are no settings for the same reason. Source of each: our own judgement, to be reviewed with the ministry.
    """

    version: int
    weights: Mapping[Urgency, int]
    """A report's addition to a center's load by its urgency, in tenths of a normal case."""
    harm_extras: Mapping[HarmType, int]
    """The addition for the heaviest of its harms, in the same units; nothing if a harm is not named."""
    severe_harms: frozenset[HarmType]
    """Harms that make a report severe whatever its urgency."""
    severe_per_person: int
    """Severe cases one person may have at a time."""
    threshold_percent: int
    """Up to this utilisation the home center keeps its reports, however idle the others are."""
    margin_points: int
    """Above it, a receiving center must be better by this many points of utilisation."""
    overload_percent: int
    """Above this utilisation of home its reports overflow on the waiting and the reserve limits too."""
    overflow: Overflow


class OverflowStep(NamedTuple):
    """One round of asking for a receiving center, ring by ring."""

    limits: str
    """The kind of ``Overflow``."""
    reason: RoutingReason | None
    """Why the report is where this step puts it; none: why it has no home center."""
    clearly_better: bool = False
    """Whether the receiving center must be less busy than home by the rule's margin."""
