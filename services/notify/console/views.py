"""The shapes the API answers with."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from services.notify.cases.models import (
    AwaitingKind,
    Case,
    CaseState,
    DeletionState,
    EntryKind,
    Target,
    TimelineEntry,
    TransferReason,
)
from services.notify.team.models import CenterDuty
from shared.events import base
from shared.events.vocabulary import (
    CenterState,
    Channel,
    ContactChannel,
    EndReason,
    HarmType,
    Open,
    Outcome,
    PlatformKind,
    Urgency,
    agreed_channels,
)

Moment = Annotated[base.Moment, WithJsonSchema({"type": "string", "format": "date-time"})]
"""As events write it."""


class OfferView(BaseModel):
    """An open offer of a case to another centre."""

    model_config = ConfigDict(from_attributes=True)

    offer_id: str
    to_center_id: str
    by: str
    reason: TransferReason
    offered_at: Moment
    expires_at: Moment


ROW: Final[dict[str, JsonValue]] = {
    "report_id": "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41",
    "alias": "가람-4821",
    "center_id": "gwangju",
    "ownership": 1,
    "urgency": "critical",
    "harm_types": ["distribution_threat"],
    "channel": "web",
    "language": "ko",
    "state": "acknowledged",
    "unread": False,
    "unread_messages": 0,
    "linked": 1,
    "threat_deadline": "2026-11-25T12:00:00.000Z",
    "received_at": "2026-11-24T03:12:07.481Z",
    "owned_since": "2026-11-24T03:12:07.502Z",
    "acknowledged_at": "2026-11-24T03:14:30.000Z",
    "acknowledged_by": "s-7f3a",
    "assignee": "s-7f3a",
    "contacted_at": None,
    "offer": {
        "offer_id": "offer-3f0c8e526a1d4c7e",
        "to_center_id": "jeju",
        "by": "s-7f3a",
        "reason": "place",
        "offered_at": "2026-11-24T03:20:00.000Z",
        "expires_at": "2026-11-24T03:50:00.000Z",
    },
    "awaiting": None,
    "outcome": None,
    "ended": None,
    "step": None,
    "next_alert_at": None,
    "held": False,
    "over_capacity": False,
    "synthetic": False,
    "sort_key": "20:20261124T031207481:3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41",
    "rev": 5,
}


class CaseRow(BaseModel):
    """One case on a work list. ``rev`` grows with every change: of two rows the higher one is true.

    0 (only in the live list): the log has the case and the store not yet; nothing can be done with it for that moment.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [ROW]})

    report_id: str
    alias: str
    center_id: str
    ownership: int
    urgency: Urgency
    harm_types: tuple[Open[HarmType], ...]
    channel: Open[Channel]
    language: str = Field(description="`ko`, or `und` for any other language; the details say which.")
    state: CaseState
    unread: bool
    unread_messages: int = Field(description="Messages of the reporter that nobody at the centre has read.")
    linked: int = Field(description="How many other reports share an address, a file or an offender's account.")
    threat_deadline: Moment | None = Field(
        description="When a threat is to be carried out, rounded down to the hour; the details have the exact moment."
    )
    received_at: Moment
    owned_since: Moment
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    assignee: str | None = Field(description="Who has the case at its centre, as an opaque reference.")
    contacted_at: Moment | None = Field(description="When the reporter was last reached.")
    offer: OfferView | None
    awaiting: AwaitingKind | None = Field(
        description="What staff decided and routing has not made true yet; nothing else can be done meanwhile."
    )
    outcome: Outcome | None
    ended: EndReason | None
    step: int | None = Field(description="Step of the escalation that was reached last; none when no alert is running.")
    next_alert_at: Moment | None
    held: bool = Field(description="Quiet hours hold the next alert back.")
    over_capacity: bool
    synthetic: bool
    sort_key: str
    rev: int


_AS_STORED: Final = CaseRow.model_fields.keys() & Case.model_fields.keys() - {"awaiting", "linked"}
"""Fields of a row that are the case's own."""


def shown_of(case: Case) -> dict[str, object]:
    """The values of a case's row, by field."""
    escalation = case.escalation
    return {
        **{name: getattr(case, name) for name in _AS_STORED},
        "linked": len(case.linked),
        "awaiting": case.awaiting.kind if case.awaiting is not None else None,
        "owned_since": case.decided_at,
        "step": escalation.step if escalation is not None else None,
        "next_alert_at": escalation.due_at if escalation is not None else None,
        "held": escalation is not None and escalation.held,
    }


def row_of(case: Case) -> CaseRow:
    """The row of a case."""
    return CaseRow.model_validate(shown_of(case))


class CaseList(BaseModel):
    """A page of a work list, the most urgent and longest waiting first. ``next`` is the cursor of the page after it."""

    cases: list[CaseRow]
    next: str | None


class TransferList(BaseModel):
    """A centre's offers in both directions; the most urgent first."""

    offered_to: list[CaseRow]
    offered_by: list[CaseRow]


class Offered(BaseModel):
    """An offer that was made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"offer_id": "offer-3f0c8e526a1d4c7e", "expires_at": "2026-11-24T03:50:00.000Z"}]
        }
    )

    offer_id: str
    expires_at: Moment


class TicketView(BaseModel):
    """A ticket to one report's details: one use, within 60 seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ticket": "(a signed token)",
                    "url": "https://report.example/details",
                    "expires_at": "2026-11-24T03:21:00.000Z",
                }
            ]
        }
    )

    ticket: str
    url: str = Field(description="Where a browser posts it, as the form field `ticket`.")
    expires_at: Moment


class EntryView(BaseModel):
    """One line of a case's timeline. People are opaque references."""

    model_config = ConfigDict(from_attributes=True)

    at: Moment
    kind: Open[EntryKind]
    center_id: str
    step: int | None
    target: Target | None
    attempt: int | None
    reason: str | None
    by: str | None
    other_center_id: str | None
    assignee: str | None


_LINE: Final[dict[str, JsonValue]] = {
    "at": "2026-11-24T03:14:30.000Z",
    "kind": "acknowledged",
    "center_id": "gwangju",
    "step": None,
    "target": None,
    "attempt": None,
    "reason": None,
    "by": "s-7f3a",
    "other_center_id": None,
    "assignee": None,
}


_WORK: Final[dict[str, JsonValue]] = {
    "linked_reports": ["9d5f7c11-2b64-4a0f-8f52-6f0e4a3b1c29"],
    "joined": [],
    "contact_channels": ["phone", "text"],
    "deletions": [
        {
            "number": 1,
            "platform": "social_media",
            "addresses": 3,
            "state": "requested",
            "at": "2026-11-24T04:00:00.000Z",
        }
    ],
}


class DeletionView(BaseModel):
    """A request to delete: to which kind of platform, for how many addresses, and how far it is."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    platform: PlatformKind
    addresses: int
    state: DeletionState
    at: Moment


class CaseView(CaseRow):
    """A case with its timeline, oldest first; a long one keeps its beginning and its end."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**ROW, **_WORK, "timeline": [dict(_LINE)], "timeline_dropped": 0}]}
    )

    linked_reports: tuple[str, ...]
    joined: tuple[str, ...] = Field(
        description="Linked reports that somebody put under one person; each may have moved or been given away since."
    )
    contact_channels: tuple[Open[ContactChannel], ...] = Field(description="The only ways the reporter agreed to.")
    deletions: tuple[DeletionView, ...]
    timeline: list[EntryView]
    timeline_dropped: int = Field(description="Lines left out between the 20th and the rest.")


def case_view(case: Case) -> CaseView:
    """The whole of a case."""
    return CaseView(
        **shown_of(case),
        linked_reports=case.linked,
        joined=case.joined,
        contact_channels=agreed_channels(case.contact_channels),
        deletions=tuple(DeletionView.model_validate(one) for one in case.deletions),
        timeline=[_entry(entry) for entry in case.entries],
        timeline_dropped=case.entries_dropped,
    )


def _entry(entry: TimelineEntry) -> EntryView:
    return EntryView.model_validate(entry)


class CenterView(BaseModel):
    """A centre as its staff last said it is; ``changed_at`` none: nobody has said anything yet."""

    center_id: str
    center_version: int
    state: CenterState
    staff_on_duty: int
    cases_per_person: int
    changed_at: Moment | None
    waiting: int = Field(description="Cases nobody has acknowledged, no drills; counted up to 1,000.")
    acknowledged: int = Field(description="Open acknowledged cases, no drills; counted up to 2,000.")


def center_view(center: CenterDuty, waiting: int, acknowledged: int) -> CenterView:
    """The view of a centre."""
    return CenterView(
        **center.model_dump(exclude={"rev"}),
        waiting=waiting,
        acknowledged=acknowledged,
    )
