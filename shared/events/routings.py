"""The `routings` family: who owns a report, since when and why. The first record of a version is the truth."""

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from shared.events.base import CenterId, Count, Model, Moment, ReportEvent, Version
from shared.events.reports import ReportFacts
from shared.events.vocabulary import (
    CauseKind,
    CenterState,
    EndReason,
    Open,
    PassedOver,
    RoutingReason,
    TransferVoid,
    UpdateKind,
    Word,
)


class Cause(Model):
    """What made routing write this record."""

    kind: CauseKind
    """Whether a report, a case or a centre made routing write it."""
    event_id: str | None = None
    """CloudEvents id of the report or case event; none for a closing centre."""


LOAD_COLUMNS: Final = {
    "staff_on_duty": "People on duty there.",
    "load": "Weighted open cases, in units of one normal case times ten.",
    "capacity": "Weighted cases its staff can carry, in the same units: those on duty, or if nobody is, those funded.",
    "guests": "The part of the load whose home is another centre, or none.",
    "severe": "Severe open cases.",
    "severe_cap": "Severe cases its staff may have at a time.",
}
"""What the numbers of a `LoadRow` are, in their order."""


def _with_columns(found: dict[str, Any]) -> None:
    """Name and explain each number of a row in the schema."""
    number = found["items"]
    found["prefixItems"] = [{**number, "title": name, "description": said} for name, said in LOAD_COLUMNS.items()]


LoadRow = Annotated[
    tuple[Count, ...],
    Field(min_length=len(LOAD_COLUMNS), json_schema_extra=_with_columns),
]
"""The load of one centre at the moment of a decision: the numbers of `LOAD_COLUMNS`. A later build may add some."""


Compared = Annotated[
    dict[Word, dict[CenterState, dict[CenterId, LoadRow]]],
    Field(json_schema_extra={"x-known-values": [one.value for one in PassedOver]}),
]
"""Every centre once: by why it was chosen or not, then by its state, then by its id, and the load of each."""


class Candidate(Model):
    """One centre as the rule saw it at the moment of the decision."""

    center_id: CenterId
    """The centre."""
    state: CenterState
    """Whether it took reports."""
    staff_on_duty: Count
    """People on duty there."""
    load: Count
    """Weighted open cases, in units of one normal case times ten."""
    capacity: Count
    """Weighted cases its staff can carry, in the same units: those on duty, or if nobody is, those it is funded for."""
    guests: Count = 0
    """The part of the load whose home is another centre, or none."""
    severe: Count = 0
    """Severe open cases."""
    severe_cap: Count = 0
    """Severe cases its staff may have at a time."""
    passed_over: Open[PassedOver]


class Decision(Model):
    """Which centre, and everything the rule looked at: deciding again from it gives the same answer."""

    center_id: CenterId
    """The centre that owns the report from now on."""
    home_center_id: CenterId | None = None
    """The centre of the place the report names; none where it names none."""
    reason: Open[RoutingReason]
    over_capacity: bool = False
    """The centre is past what its staff can carry with it; the console marks the case."""
    copy_central: bool = False
    """The central desk is alerted too."""
    right_of_return: bool = False
    """The home centre does not own it and did not give it away itself: it may ask for it back."""
    linked_center_id: CenterId | None = None
    """The centre that knows a linked report or the reporter, whether it was chosen or not."""
    compared: Compared = Field(
        default_factory=dict,
        description="Every centre the rule looked at: by why it was chosen or not, its state and its id, its load.",
    )
    rule_version: Version
    """Version of the assignment rule."""
    table_version: str
    """Version of the tables of divisions, centres and catchments."""

    def candidates(self) -> tuple[Candidate, ...]:
        """Every centre the rule looked at, by id."""
        rows = [
            Candidate.model_validate(
                {"center_id": center_id, "state": state, "passed_over": because}
                | dict(zip(LOAD_COLUMNS, row, strict=False))
            )
            for because, by_state in self.compared.items()
            for state, loads in by_state.items()
            for center_id, row in loads.items()
        ]
        return tuple(sorted(rows, key=lambda one: one.center_id))


class _RoutingStream(ReportEvent):
    TOPIC: ClassVar[str] = "routings"

    version: Version
    """Number of this record in routing's stream about the report."""
    ownership: Version
    """Number of the ownership it stands in."""
    intake_version: Version
    """The newest intake version passed on so far."""
    cause: Cause
    """What made routing write this record."""
    decided_at: Moment
    """When it was decided."""

    @property
    def sequence(self) -> int:
        return self.version


class ReportRouted(_RoutingStream):
    """The report has its first owner. Always version 1, ownership 1."""

    TYPE: ClassVar[str] = "report.routed.v1"

    received_at: Moment
    """When intake accepted the report."""
    decision: Decision
    """Which centre and why."""
    facts: ReportFacts
    """What the new owner needs to know of the report."""


class ReportRerouted(_RoutingStream):
    """The owner changed: a transfer was accepted, a centre closed, or the reporter does not want the one before.

    The new owner has it open, whatever had ended before: what comes back to a centre that may not have it any more goes
    to another in the same record.
    """

    TYPE: ClassVar[str] = "report.rerouted.v1"

    received_at: Moment
    """When intake accepted the report."""
    previous_center_id: CenterId
    """The owner before."""
    decision: Decision
    """Which centre and why."""
    facts: ReportFacts
    """What the new owner needs to know of the report."""


class ReportUpdated(_RoutingStream):
    """Something new about a report was passed on to its owner; the owner is the same."""

    TYPE: ClassVar[str] = "report.updated.v1"

    kind: UpdateKind
    """What was passed on."""
    void_reason: Open[TransferVoid] | None = None
    """With ``transfer_void``; the cause then names the acceptance that was void."""
    center_id: CenterId
    """The owner."""
    facts: ReportFacts
    """All that is now true of the report."""


class ReportEnded(_RoutingStream):
    """Withdrawn or closed: alerts and contact stop, the case no longer counts as load."""

    TYPE: ClassVar[str] = "report.ended.v1"

    reason: EndReason
    """Why it ended."""
    center_id: CenterId
    """Its last owner."""
