"""The shapes the API takes. Whoever acts is known from the sign-in and stands in none of them."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.notify.cases.models import ContactWay, DeletionState, TransferReason
from shared.events.base import CenterId, ReportId, StaffRef
from shared.events.vocabulary import CenterState, Outcome, PlatformKind, SupportKind
from shared.identity.tokens import Purpose

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
    """A platform was asked to delete. Where it was stays in intake's vault."""

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


class DetailsRequest(OwnedRequest):
    """Why the details are opened; part of the audit."""

    model_config = _example({"ownership": 1, "purpose": "first_contact"})

    purpose: Purpose = Field(examples=["first_contact"])


class DutyRequest(_Request):
    """What a centre can do from now on."""

    model_config = _example({"state": "open", "staff_on_duty": 3, "cases_per_person": 15})

    state: CenterState = Field(examples=["open"])
    staff_on_duty: int = Field(ge=0, le=999)
    cases_per_person: int | None = Field(default=None, ge=1, le=999)
