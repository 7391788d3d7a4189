"""The registry of what staff may do with a case.

One entry is the whole of a command: its rule, who may give it, its JSON and its form route, and its documentation.
Somebody who acts is known from the sign-in and stands in no body.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.notify.cases import rules
from services.notify.cases.models import Case, ContactWay, DeletionState, TransferReason
from services.notify.cases.rules import Accepted, Actor, Rejected
from services.notify.escalation.rules import Rules
from services.notify.team.models import CenterDuty
from shared.events.base import CenterId, Event, ReportId, StaffRef
from shared.events.cases import (
    CaseAcknowledged,
    CaseAssigned,
    CaseClosed,
    CaseContacted,
    CaseReferred,
    CaseReopened,
    CaseSupported,
    CaseTransferAccepted,
    CaseTransferDeclined,
    CaseTransferOffered,
    CaseTransferRecalled,
)
from shared.events.vocabulary import Outcome, PlatformKind, SupportKind
from shared.identity.roles import Action

_OWNERSHIP = Field(ge=1, description="The ownership as the person saw it; another one by now is a 409.")


def _example(body: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [body]})


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcknowledgeRequest(_Request):
    """Without an ownership, whichever is current counts."""

    model_config = _example({"ownership": 1})

    ownership: int | None = Field(default=None, ge=1, description="The ownership as the person saw it.")


class OwnedRequest(_Request):
    """An act on a case as the person saw it."""

    model_config = _example({"ownership": 1})

    ownership: int = _OWNERSHIP


class AssignRequest(OwnedRequest):
    """Without an assignee: whoever asks takes the case over."""

    model_config = _example({"ownership": 1, "assignee": "s-7f3a"})

    assignee: StaffRef | None = Field(default=None, description="A colleague of the same centre.")
    over_cap: bool = Field(
        default=False, description="From a lead: although the person has as many severe cases as one may have."
    )


class ContactRequest(OwnedRequest):
    """Whether the reporter was reached, and how: only by a way they agreed to."""

    model_config = _example({"ownership": 1, "reached": True, "way": "phone"})

    reached: bool = Field(examples=[True])
    way: ContactWay = Field(examples=["phone"], description="`came_to_us`: the reporter got in touch by themselves.")


class SupportRequest(OwnedRequest):
    """Support that was given."""

    model_config = _example({"ownership": 1, "support": "counselling"})

    support: SupportKind = Field(examples=["counselling"])


class DeletionRequest(OwnedRequest):
    """A platform was asked to delete. Where it was stays in intake, sealed."""

    model_config = _example({"ownership": 1, "platform": "social_media", "addresses": 3})

    platform: PlatformKind = Field(examples=["social_media"])
    addresses: int = Field(ge=1, le=999, description="How many addresses the request names.")


class DeletionStep(OwnedRequest):
    """What became of a request to delete."""

    model_config = _example({"ownership": 1, "state": "removed"})

    state: DeletionState = Field(examples=["removed"])


class JoinRequest(OwnedRequest):
    """A linked case under the same contact person, as the reporters of both agreed."""

    model_config = _example({"ownership": 1, "other_id": "9d5f7c11-2b64-4a0f-8f52-6f0e4a3b1c29", "agreed": True})

    other_id: ReportId
    agreed: bool = Field(examples=[True], description="Whether the reporters of both cases agreed.")


class PartRequest(OwnedRequest):
    """The case that is no longer to be under the same person."""

    model_config = _example({"ownership": 1, "other_id": "9d5f7c11-2b64-4a0f-8f52-6f0e4a3b1c29"})

    other_id: ReportId


class ReferRequest(OwnedRequest):
    """Who helps besides; the owner stays."""

    model_config = _example({"ownership": 1, "to_center_id": "central"})

    to_center_id: CenterId = Field(examples=["central"])


class CloseRequest(OwnedRequest):
    """How it ended."""

    model_config = _example({"ownership": 1, "outcome": "supported"})

    outcome: Outcome = Field(examples=["supported"])


class TransferRequest(OwnedRequest):
    """To which of the 16 centres, and why."""

    model_config = _example({"ownership": 1, "to_center_id": "jeju", "reason": "place", "agreed": True})

    to_center_id: CenterId = Field(examples=["jeju"])
    reason: TransferReason = Field(examples=["place"])
    agreed: bool = Field(
        default=False,
        description="The person was asked and agreed. Not needed where they agreed in the report (`other_centers`).",
    )


class OfferRequest(_Request):
    """Which offer is meant."""

    model_config = _example({"offer_id": "offer-3f0c8e526a1d4c7e"})

    offer_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")


class AcknowledgeForm(OwnedRequest):
    """A form always says which ownership its reader saw."""

    model_config = _example({"ownership": 1})


class JoinForm(JoinRequest):
    """An unticked box sends nothing."""

    model_config = _example({"ownership": 1, "other_id": "9d5f7c11-2b64-4a0f-8f52-6f0e4a3b1c29", "agreed": True})

    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """A rule's input besides the case and the body."""

    actor: Actor
    now: datetime
    policy: Rules
    number: int = 0
    """Of a request to delete, from the path."""
    receiver: CenterDuty | None = None
    """The center that a transfer goes to."""
    assignee_known: bool = True
    """Whether the assignee works at the center."""
    severe_open: int = 0
    """Severe cases that the assignee has already."""
    reserved_for: str = ""
    """The person whose place among those with severe cases is held until the command is through."""
    over_cap: bool = False
    other: Case | None = None
    """The linked case."""
    person: str = ""
    """The person who looks after both linked cases."""

    @property
    def center(self) -> CenterDuty:
        """The receiver, where the command needs one."""
        if self.receiver is None:
            raise RuntimeError("a command needs a receiving center and has none")
        return self.receiver


class Needs(StrEnum):
    """Data that the service loads before it calls a rule."""

    NOTHING = "nothing"
    RECEIVER = "receiver"
    """The center named in the body."""
    OWN_CENTER = "own_center"
    """The actor's center, which receives the case."""
    ASSIGNEE = "assignee"
    LINKED_CASE = "linked_case"


B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Command(Generic[B]):
    """One thing staff may do with a case: ``POST /api/v1/cases/{report_id}{path}`` and the form at the same path."""

    name: str
    """As in ``rules.TABLE``."""
    operation: str
    """Name of the API's operation."""
    path: str
    action: Action
    body: type[B]
    decide: Callable[[Case, B, Context], Accepted | Rejected]
    description: str
    """Description in the API's documentation."""
    event: type[Event] | None = None
    """The event that is published if the command is accepted."""
    needs: Needs = Needs.NOTHING
    tag: str = "acts"
    status: int = 200
    form: type[BaseModel] | None = None
    """The body of the form where it asks for more than the API."""
    back: str = "case"
    """Where the form leads when it counted: to the ``case`` or to the ``list``."""
    controls: Mapping[Rejected, str] = field(default_factory=dict)
    """The field of the form beside which a rejection is shown."""
    suffix: str = ""
    """Ending of the ids of the form's controls."""

    @property
    def numbered(self) -> bool:
        """Whether the path names a request to delete."""
        return "{number}" in self.path


def _assign(case: Case, body: AssignRequest, at: Context) -> Accepted | Rejected:
    to = body.assignee or at.actor.subject
    severe, over = at.severe_open, at.over_cap
    made = rules.assign(case, at.actor, body.ownership, to, at.now, severe_open=severe, over_cap=over)
    return made if at.assignee_known or isinstance(made, Rejected) else Rejected.UNKNOWN_COLLEAGUE


def _contact(case: Case, body: ContactRequest, at: Context) -> Accepted | Rejected:
    return rules.contact(
        case, at.actor, body.ownership, way=body.way, reached=body.reached, now=at.now, rules=at.policy
    )


def _move_deletion(case: Case, body: DeletionStep, at: Context) -> Accepted | Rejected:
    return rules.move_deletion(case, at.actor, body.ownership, at.number, body.state, at.now)


def _request_deletion(case: Case, body: DeletionRequest, at: Context) -> Accepted | Rejected:
    return rules.request_deletion(case, at.actor, body.ownership, body.platform, body.addresses, at.now)


def _join(case: Case, body: JoinRequest, at: Context) -> Accepted | Rejected:
    return rules.join(case, at.other, at.actor, body.ownership, at.person, agreed=body.agreed, now=at.now)


def _part(case: Case, body: PartRequest, at: Context) -> Accepted | Rejected:
    alias = at.other.alias if at.other is not None else ""
    return rules.part(case, body.other_id, alias, at.actor, body.ownership, at.now)


def _offer(case: Case, body: TransferRequest, at: Context) -> Accepted | Rejected:
    return rules.offer(case, at.actor, body.ownership, at.center, body.reason, at.policy, at.now, agreed=body.agreed)


_ABOUT_THE_CENTER: Final = (
    Rejected.SAME_CENTER,
    Rejected.CENTRAL_OWNS_LAST,
    Rejected.CENTER_CLOSED,
    Rejected.CENTER_DECLINED,
)

ACKNOWLEDGE: Final = Command(
    name="acknowledge",
    operation="acknowledge_case",
    path="/acknowledge",
    action=Action.CASES_ACKNOWLEDGE,
    body=AcknowledgeRequest,
    form=AcknowledgeForm,
    decide=lambda case, body, at: rules.acknowledge(case, at.actor, body.ownership, at.now, at.policy),
    description=(
        "Take a case for its centre. Saying it again is fine; 409 says who was faster. What is unread in it stays so "
        "until the details are opened."
    ),
    event=CaseAcknowledged,
    back="list",
)
ASSIGN: Final = Command(
    name="assign",
    operation="assign_case",
    path="/assign",
    action=Action.CASES_ASSIGN,
    body=AssignRequest,
    decide=_assign,
    description="Take a case over, or give it to a colleague of the same centre.",
    event=CaseAssigned,
    needs=Needs.ASSIGNEE,
    controls={Rejected.SEVERE_CAP: "assignee", Rejected.UNKNOWN_COLLEAGUE: "assignee"},
)
CLOSE: Final = Command(
    name="close",
    operation="close_case",
    path="/close",
    action=Action.CASES_CLOSE,
    body=CloseRequest,
    decide=lambda case, body, at: rules.close(case, at.actor, body.ownership, body.outcome, at.now),
    description="Say that a case is done. It is `closing` until routing has ended it.",
    event=CaseClosed,
    controls={Rejected.UNREAD: "outcome"},
)
REOPEN: Final = Command(
    name="reopen",
    operation="reopen_case",
    path="/reopen",
    action=Action.CASES_REOPEN,
    body=OwnedRequest,
    decide=lambda case, body, at: rules.reopen(case, at.actor, body.ownership, at.now),
    description="Work on a closed case again; for leads. A withdrawn one is its reporter's to bring back.",
    event=CaseReopened,
)
OFFER: Final = Command(
    name="offer",
    operation="offer_transfer",
    path="/transfer",
    action=Action.TRANSFERS_OFFER,
    body=TransferRequest,
    decide=_offer,
    description="Offer a case to another of the 16 centres. It stays where it is until they accept.",
    event=CaseTransferOffered,
    needs=Needs.RECEIVER,
    tag="transfers",
    status=202,
    controls=dict.fromkeys(_ABOUT_THE_CENTER, "to_center_id") | {Rejected.NOT_AGREED: "agreed"},
    suffix="-transfer",
)
ACCEPT: Final = Command(
    name="accept",
    operation="accept_transfer",
    path="/transfer/accept",
    action=Action.TRANSFERS_ANSWER,
    body=OfferRequest,
    decide=lambda case, body, at: rules.accept(case, at.actor, body.offer_id, at.center, at.now),
    description="Take a case that was offered. It is `moving` until routing has moved it.",
    event=CaseTransferAccepted,
    needs=Needs.OWN_CENTER,
    tag="transfers",
    status=202,
)
DECLINE: Final = Command(
    name="decline",
    operation="decline_transfer",
    path="/transfer/decline",
    action=Action.TRANSFERS_ANSWER,
    body=OfferRequest,
    decide=lambda case, body, at: rules.decline(case, at.actor, body.offer_id, at.now),
    description="Leave a case that was offered where it is.",
    event=CaseTransferDeclined,
    tag="transfers",
    back="list",  # a declined case is none of theirs any more
)
RECALL: Final = Command(
    name="recall",
    operation="recall_transfer",
    path="/transfer/recall",
    action=Action.TRANSFERS_OFFER,
    body=OfferRequest,
    decide=lambda case, body, at: rules.recall(case, at.actor, body.offer_id, at.now),
    description="Take an offer back before it is answered.",
    event=CaseTransferRecalled,
    tag="transfers",
)
CONTACT: Final = Command(
    name="contact",
    operation="record_contact",
    path="/contact",
    action=Action.CASES_RECORD,
    body=ContactRequest,
    decide=_contact,
    description=(
        "Note that the reporter was reached, or that somebody tried in vain.\n\n"
        "`way_not_agreed`: the reporter did not agree to that way. `rules_not_read`: open the details first, which "
        "say\nhow contact is safe; after an addition to the report, again."
    ),
    event=CaseContacted,
    controls={Rejected.WAY_NOT_AGREED: "way", Rejected.RULES_NOT_READ: "way"},
)
SUPPORT: Final = Command(
    name="support",
    operation="record_support",
    path="/support",
    action=Action.CASES_RECORD,
    body=SupportRequest,
    decide=lambda case, body, at: rules.support(case, at.actor, body.ownership, body.support, at.now),
    description="Note support that was issued.",
    event=CaseSupported,
)
REQUEST_DELETION: Final = Command(
    name="request_deletion",
    operation="record_deletion_request",
    path="/deletions",
    action=Action.CASES_RECORD,
    body=DeletionRequest,
    decide=_request_deletion,
    description="Note that a platform was asked to delete; counted as deletion support.",
    event=CaseSupported,
)
MOVE_DELETION: Final = Command(
    name="move_deletion",
    operation="record_deletion_step",
    path="/deletions/{number}",
    action=Action.CASES_RECORD,
    body=DeletionStep,
    decide=_move_deletion,
    description="Note what became of a request to delete. 409 `wrong_step` where that cannot follow.",
)
REFER: Final = Command(
    name="refer",
    operation="refer_case",
    path="/refer",
    action=Action.CASES_RECORD,
    body=ReferRequest,
    decide=lambda case, body, at: rules.refer(case, at.actor, body.ownership, body.to_center_id, at.now),
    description="Note that another organisation helps. The owner stays.",
    event=CaseReferred,
    controls={Rejected.SAME_CENTER: "to_center_id", Rejected.CENTER_DECLINED: "to_center_id"},
    suffix="-refer",
)
JOIN: Final = Command(
    name="join",
    operation="join_cases",
    path="/join",
    action=Action.CASES_ASSIGN,
    body=JoinRequest,
    form=JoinForm,
    decide=_join,
    description=(
        "Put a linked case of the same centre under the person who has this one, if both reporters agreed.\n\n"
        "`severe_cap`: the linked case is severe, and that person has as many as one may have; a lead can assign it "
        "first."
    ),
    event=CaseAssigned,
    needs=Needs.LINKED_CASE,
)
PART: Final = Command(
    name="part",
    operation="part_cases",
    path="/part",
    action=Action.CASES_ASSIGN,
    body=PartRequest,
    decide=_part,
    description="End that two cases are under one person: a reporter thought again.",
    needs=Needs.LINKED_CASE,
)

COMMANDS: Final[tuple[Command[Any], ...]] = (
    ACKNOWLEDGE,
    ASSIGN,
    CLOSE,
    REOPEN,
    OFFER,
    ACCEPT,
    DECLINE,
    RECALL,
    CONTACT,
    SUPPORT,
    REQUEST_DELETION,
    MOVE_DELETION,
    REFER,
    JOIN,
    PART,
)
