"""Values shared by routing's capabilities. No decisions here: those are in ``assignment`` and ``transitions``."""

from datetime import datetime
from typing import NamedTuple

from services.routing.assignment.models import Assignment, CenterLoad
from shared.centers import TABLE_VERSION
from shared.events.base import Event
from shared.events.reports import ReportReceived
from shared.events.vocabulary import EndReason


class LiveLoad(NamedTuple):
    """One centre as the sums of all partitions have it."""

    center_load: CenterLoad
    open_cases: int
    waiting: int
    """Open cases nobody there has acknowledged; drills are not counted."""
    waiting_since: datetime | None
    """Since when the oldest of these waits."""


class LiveLoads(NamedTuple):
    """All centres at one moment, and how good the sums behind them are."""

    taken_at: datetime
    centers: tuple[LiveLoad, ...]
    oldest: datetime | None
    """When the oldest of these sums were told; none before any word."""
    silent: int
    """Partitions of which nothing was heard for a while, or ever: what is in them is counted late or not at all."""
    partitions: int


class ReportState(NamedTuple):
    """The state of one report in the log, after its newest accepted record."""

    version: int
    ownership: int
    center_id: str
    intake_version: int
    weight: int
    """Its addition to its owner's load while open; 0 for a drill."""
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


class CaseTotals(NamedTuple):
    """Sums over the open cases of one centre; drills are in none of them."""

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

    def plus(self, report_state: ReportState, sign: int) -> "CaseTotals":
        """With one more case (or, with sign -1, one less)."""
        weight = sign * report_state.weight
        guests = self.guests if report_state.center_id == report_state.home else self.guests + weight
        return CaseTotals(
            self.open_cases + sign, self.weighted + weight, guests, self.severe + sign * report_state.severe
        )


NO_CASES = CaseTotals()


class FirstRouting(NamedTuple):
    """The pieces of a ``report.routed`` event, before they are bytes."""

    report: ReportReceived
    cause_id: str
    assignment: Assignment
    decided_at: datetime
    facts: bytes
    table_version: str = TABLE_VERSION


class Draft(NamedTuple):
    """A record about to be published, and where it leaves its report once the log holds it."""

    report_id: str
    report_state: ReportState
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
