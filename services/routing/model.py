"""The values routing thinks in. No decisions here: those are in ``policy`` and ``projection``."""

from datetime import datetime
from typing import NamedTuple

from shared.centers import TABLE_VERSION
from shared.events.base import Event
from shared.events.reports import ReportReceived
from shared.events.vocabulary import CenterState, EndReason, PassedOver, RoutingReason


class Seat(NamedTuple):
    """One centre as the rule sees it at one moment."""

    center_id: str
    state: CenterState
    staff_on_duty: int
    load: int
    """Weighted open cases, in units of one normal case times ten."""
    capacity: int
    """Weighted cases its staff can carry, in the same units: those on duty, or if nobody is, those it is funded for."""
    guests: int = 0
    """The part of the load whose home is another centre, or none."""
    severe: int = 0
    """Severe open cases."""
    severe_cap: int = 0
    """Severe cases its staff may have at a time."""


Board = dict[str, Seat]
"""All 16 centres by id."""


class CenterNow(NamedTuple):
    """One centre as the sums of all partitions have it."""

    seat: Seat
    open_cases: int
    waiting: int
    """Open cases nobody there has acknowledged; drills are not counted."""
    waiting_since: datetime | None
    """Since when the oldest of these waits."""


class Picture(NamedTuple):
    """All centres at one moment, and how good the sums behind them are."""

    taken_at: datetime
    centers: tuple[CenterNow, ...]
    oldest: datetime | None
    """When the oldest of these sums were told; none before any word."""
    silent: int
    """Partitions of which nothing was heard for a while, or ever: what is in them is counted late or not at all."""
    partitions: int


class Choice(NamedTuple):
    """What the rule chose and everything it looked at; the light form of ``events.routings.Decision``.

    The hot path makes one per report: building 17 validated models for each would take longer than deciding.
    """

    center_id: str
    home_center_id: str | None
    reason: RoutingReason
    over_capacity: bool
    copy_central: bool
    candidates: tuple[tuple[Seat, PassedOver], ...]
    right_of_return: bool = False
    linked_center_id: str | None = None


class Standing(NamedTuple):
    """What the log says about one report: where its newest accepted record left it."""

    version: int
    ownership: int
    center_id: str
    intake_version: int
    weight: int
    """What it adds to its owner's load while open; 0 for a drill."""
    ended: EndReason | None
    received_at: datetime
    facts: bytes
    """The facts as JSON; bytes, because tens of thousands of them are held."""
    home: str | None = None
    """The home centre its first or newest decision named; none where it has none."""
    severe: bool = False
    case_causes: tuple[str, ...] = ()
    """Ids of the case events already acted on: a redelivered one is not acted on again."""
    waits_since: datetime | None = None
    """When it was last reopened or reinstated under this ownership: what was acknowledged before waits again."""
    right_of_return: bool = False
    """Whether its home may ask for it back; a transfer leaves that as it is, or uses it."""


class Tally(NamedTuple):
    """What the open cases of one centre add up to; drills are in none of it."""

    open_cases: int = 0
    weighted: int = 0
    """In units of one normal case times ten."""
    guests: int = 0
    """The part of ``weighted`` whose home is another centre, or none."""
    severe: int = 0

    @property
    def impossible(self) -> bool:
        """Whether it cannot be true whatever the log holds: something was taken off that had never been counted."""
        return min(self) < 0

    def plus(self, standing: Standing, sign: int) -> "Tally":
        """With one more case (or, with sign -1, one less)."""
        weight = sign * standing.weight
        guests = self.guests if standing.center_id == standing.home else self.guests + weight
        return Tally(self.open_cases + sign, self.weighted + weight, guests, self.severe + sign * standing.severe)


NO_CASES = Tally()


class FirstRouting(NamedTuple):
    """The pieces of a ``report.routed`` event, before they are bytes."""

    report: ReportReceived
    cause_id: str
    choice: Choice
    decided_at: datetime
    facts: bytes
    table_version: str = TABLE_VERSION


class Draft(NamedTuple):
    """A record about to be published, and where it leaves its report once the log holds it."""

    report_id: str
    standing: Standing
    body: FirstRouting | Event
    decided_at: datetime
    traceparent: str


class Incoming(NamedTuple):
    """An event to be acted on, with what its envelope says."""

    event: Event
    event_id: str
    traceparent: str


class Refusal(NamedTuple):
    """An event that can never be acted on: it goes to the dead topic."""

    place: int
    """Its place among the incoming events."""
    reason: str
    detail: str
