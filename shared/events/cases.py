"""The `cases` family: what a centre did with a report it owns. Each event names the ownership it was made under."""

from typing import ClassVar

from pydantic import Field

from shared.events.base import CenterId, Moment, ReportEvent, StaffRef, Version
from shared.events.vocabulary import Open, Outcome, SupportKind


class CaseEvent(ReportEvent):
    """What all case events share."""

    TOPIC: ClassVar[str] = "cases"

    case_version: Version
    """Number of this event in notify's stream about the report."""
    ownership: Version
    """The ownership under which it was done; under an earlier one than the present it changes nothing."""
    center_id: CenterId
    """The centre that owned the report then."""
    at: Moment
    """When it was done."""
    by: StaffRef | None = None
    """Who did it, as an opaque staff reference; none when a timer did."""

    @property
    def sequence(self) -> int:
        """The case version."""
        return self.case_version


class CaseAcknowledged(CaseEvent):
    """A person at the owning centre has seen the case and takes it."""

    TYPE: ClassVar[str] = "case.acknowledged.v1"


class CaseAssigned(CaseEvent):
    """The case was given to one person."""

    TYPE: ClassVar[str] = "case.assigned.v1"

    assignee: StaffRef
    """Who has the case now, as an opaque staff reference."""


class CaseContacted(CaseEvent):
    """The reporter was reached."""

    TYPE: ClassVar[str] = "case.contacted.v1"


class CaseSupported(CaseEvent):
    """Support was given."""

    TYPE: ClassVar[str] = "case.supported.v1"

    support: Open[SupportKind]


class CaseTransferOffered(CaseEvent):
    """The owner offered the case to another centre; ownership has not moved."""

    TYPE: ClassVar[str] = "case.transfer_offered.v1"

    offer_id: str = Field(max_length=64)
    """The offer, the same in the answer to it."""
    to_center_id: CenterId
    """The centre the case is offered to."""
    expires_at: Moment
    """Until when it can be answered."""


class _OfferAnswer(CaseEvent):
    offer_id: str = Field(max_length=64)
    """The offer, the same in the answer to it."""
    to_center_id: CenterId
    """The centre the case is offered to."""


class CaseTransferAccepted(_OfferAnswer):
    """The other centre accepted; routing moves the ownership."""

    TYPE: ClassVar[str] = "case.transfer_accepted.v1"


class CaseTransferDeclined(_OfferAnswer):
    """The other centre declined; nothing moves."""

    TYPE: ClassVar[str] = "case.transfer_declined.v1"


class CaseTransferRecalled(_OfferAnswer):
    """The owner took the offer back."""

    TYPE: ClassVar[str] = "case.transfer_recalled.v1"


class CaseTransferExpired(_OfferAnswer):
    """Nobody answered the offer in time."""

    TYPE: ClassVar[str] = "case.transfer_expired.v1"


class CaseReferred(CaseEvent):
    """Another organisation helps; ownership stays."""

    TYPE: ClassVar[str] = "case.referred.v1"

    to_center_id: CenterId
    """The organisation that helps."""


class CaseClosed(CaseEvent):
    """The case is done."""

    TYPE: ClassVar[str] = "case.closed.v1"

    outcome: Open[Outcome]


class CaseReopened(CaseEvent):
    """A closed case is worked on again."""

    TYPE: ClassVar[str] = "case.reopened.v1"
