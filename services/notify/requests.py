"""The shapes the API takes. Whoever acts is known from the sign-in and stands in none of them."""

from pydantic import BaseModel, ConfigDict, Field

from services.notify.model import TransferReason
from shared.events.base import CenterId, StaffRef
from shared.events.vocabulary import CenterState, Outcome, SupportKind
from shared.identity.tokens import Purpose

_OWNERSHIP = Field(ge=1, description="The ownership as the person saw it; another one by now is a 409.", examples=[1])


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcknowledgeRequest(_Request):
    """Without an ownership, whichever is current counts."""

    ownership: int | None = Field(default=None, ge=1, description="The ownership as the person saw it.", examples=[1])


class OwnedRequest(_Request):
    """An act on a case as the person saw it."""

    ownership: int = _OWNERSHIP


class AssignRequest(OwnedRequest):
    """Without an assignee: whoever asks takes the case over."""

    assignee: StaffRef | None = Field(default=None, description="A colleague of the same centre.", examples=["s-7f3a"])


class ContactRequest(OwnedRequest):
    """Whether the reporter was reached."""

    reached: bool = Field(examples=[True])


class SupportRequest(OwnedRequest):
    """Support that was given."""

    support: SupportKind = Field(examples=["counselling"])


class ReferRequest(OwnedRequest):
    """Who helps besides; the owner stays."""

    to_center_id: CenterId = Field(examples=["central"])


class CloseRequest(OwnedRequest):
    """How it ended."""

    outcome: Outcome = Field(examples=["supported"])


class TransferRequest(OwnedRequest):
    """To which of the 16 centres, and why."""

    to_center_id: CenterId = Field(examples=["jeju"])
    reason: TransferReason = Field(examples=["place"])


class OfferRequest(_Request):
    """Which offer is meant."""

    offer_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["offer-3f0c8e526a1d4c7e"])


class DetailsRequest(OwnedRequest):
    """Why the details are opened; part of the audit."""

    purpose: Purpose = Field(examples=["first_contact"])


class DutyRequest(_Request):
    """What a centre can do from now on."""

    state: CenterState = Field(examples=["open"])
    staff_on_duty: int = Field(ge=0, le=999, examples=[3])
    cases_per_person: int | None = Field(default=None, ge=1, le=999, examples=[15])
