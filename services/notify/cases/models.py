"""What notify knows of a case: whose it is, who was told, when the next step is due. Nothing here names a person."""

from enum import StrEnum

from pydantic import Field

from services.notify.cases.basics import SEOUL, Instant, Ladder, Model, RunCause, Target
from services.notify.cases.casework import Deletion
from shared.events.vocabulary import (
    AlertChannel,
    CauseKind,
    CenterState,
    Channel,
    ContactChannel,
    EndReason,
    HarmType,
    Outcome,
    RoutingReason,
    Suspicion,
    Urgency,
)

__all__ = [
    "CENTRAL_DESK",
    "SEOUL",
    "Awaiting",
    "AwaitingKind",
    "Case",
    "CaseState",
    "Center",
    "DeadRecord",
    "Entry",
    "EntryKind",
    "Instant",
    "Ladder",
    "Model",
    "Offer",
    "OfferEnd",
    "PastOffer",
    "RunCause",
    "Target",
    "TransferReason",
]

CENTRAL_DESK = "central"


class CaseState(StrEnum):
    """Where a case stands for its centre."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"


class EntryKind(StrEnum):
    """What a line of a case's timeline tells."""

    ROUTED = "routed"
    MOVED = "moved"
    AMENDED = "amended"
    MESSAGE_LEFT = "message_left"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    ACKNOWLEDGED = "acknowledged"
    READ = "read"
    VOID = "void"
    NOBODY_ON_DUTY = "nobody_on_duty"
    NO_CHANNEL = "no_channel"
    OVERDUE = "overdue"
    ESCALATED = "escalated"
    SENT = "sent"
    FAILED = "failed"
    REINSTATED = "reinstated"
    ASSIGNED = "assigned"
    CONTACTED = "contacted"
    NOT_REACHED = "not_reached"
    SUPPORTED = "supported"
    REFERRED = "referred"
    CLOSING = "closing"
    REOPENING = "reopening"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    RECALLED = "recalled"
    EXPIRED = "expired"
    OFFER_DIED = "offer_died"
    """Ownership changed or the case ended under an open offer."""
    OFFER_SENT = "offer_sent"
    OFFER_FAILED = "offer_failed"
    MOVE_VOID = "move_void"
    """An accepted offer that routing did not carry out: something else came first."""
    CLOSING_VOID = "closing_void"
    REOPENING_VOID = "reopening_void"
    OPENED = "opened"
    """Somebody was given a ticket to the details."""
    DELETION = "deletion"
    JOINED = "joined"
    PARTED = "parted"


class AwaitingKind(StrEnum):
    """What routing has to make true before anything else may be done with a case."""

    MOVING = "moving"
    CLOSING = "closing"
    REOPENING = "reopening"


class TransferReason(StrEnum):
    """Why a centre offers a case to another."""

    CAPACITY = "capacity"
    PLACE = "place"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    REPORTER_WISH = "reporter_wish"
    OTHER = "other"


class OfferEnd(StrEnum):
    """How an offer ended."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    RECALLED = "recalled"
    EXPIRED = "expired"
    DIED = "died"


class Entry(Model):
    """One line of the timeline."""

    at: Instant
    kind: EntryKind
    center_id: str
    step: int | None = None
    target: Target | None = None
    channel: AlertChannel | None = None
    attempt: int | None = None
    reason: str | None = None
    by: str | None = None
    other_center_id: str | None = None
    alert_id: str | None = None
    assignee: str | None = None


class Offer(Model):
    """A case offered to another centre that has not answered yet; ownership has not moved."""

    offer_id: str
    to_center_id: str
    by: str
    reason: TransferReason
    offered_at: Instant
    expires_at: Instant
    tell_at: Instant | None
    """When the other centre is mailed, or mailed again after a failure; none once a server took the mail."""
    tries: int = 0


class PastOffer(Model):
    """The offer that ended last, so that whoever answers it now hears what became of it."""

    offer_id: str
    from_center_id: str | None = None
    """Whose case it was; unknown for offers that ended before this was kept."""
    to_center_id: str
    how: OfferEnd
    at: Instant
    by: str | None = None


class Awaiting(Model):
    """Something staff decided that only routing can make true."""

    kind: AwaitingKind
    case_version: int
    """Of the case event that asks for it: routing names that event as its cause."""
    by: str
    to_center_id: str | None = None
    offer_id: str | None = None


class Case(Model):
    """One report as its owning centre sees it."""

    report_id: str = Field(alias="_id")
    rev: int
    """Number of this state in the store; every write is guarded by the one before."""
    version: int
    """Newest record of routing's stream that is in here."""
    ownership: int
    center_id: str
    alias: str
    urgency: Urgency
    harm_types: tuple[HarmType, ...]
    channel: Channel
    language: str
    synthetic: bool
    reason: RoutingReason
    over_capacity: bool
    copy_central: bool
    received_at: Instant
    decided_at: Instant
    """When the present owner became the owner."""
    moved_from: str | None = None
    """The owner before, and in ``moved_by`` what made routing move it; none while the first owner has it, and where it
    came back to another centre after its end."""
    moved_by: CauseKind | None = None
    former: tuple[str, ...] = ()
    """Every earlier owner: who comes too late from there is told where the case is."""
    declined_centers: tuple[str, ...] = ()
    other_centers: bool = False
    """The person agreed in the report that another centre may be told; else they are asked before an offer."""
    """Centres the reporter does not want."""
    state: CaseState
    unread: bool = False
    """Something reached the report after the centre had seen it."""
    unread_messages: int = 0
    """How many of the reporter's messages nobody at the centre has read."""
    linked: tuple[str, ...] = ()
    """Reports of the same address, file or offender's account, as intake found them."""
    joined: tuple[str, ...] = ()
    """Those of them that the same person looks after, as their reporters agreed to."""
    contact_channels: tuple[ContactChannel, ...] = ()
    """The only ways the reporter agreed to be reached by."""
    threat_deadline: Instant | None = None
    """The hour in which a threat is to be carried out, as intake rounds it down."""
    suspicion: tuple[Suspicion, ...] = ()
    """Why intake took it for possibly not meant, and for one step less urgent; a person decides what it is."""
    rules_known_to: tuple[str, ...] = ()
    """Who had the details, and so the rules of safe contact, since they could last have changed."""
    deletions: tuple[Deletion, ...] = ()
    acknowledged_at: Instant | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    """Who has the case at its centre."""
    contacted_at: Instant | None = None
    """When the reporter was last reached."""
    outcome: Outcome | None = None
    ended: EndReason | None = None
    ended_at: Instant | None = None
    offer: Offer | None = None
    past_offer: PastOffer | None = None
    awaiting: Awaiting | None = None
    awaiting_since: Instant | None = None
    offered_to: str | None = None
    """Who has an open offer, or an accepted one on its way; on top so that the store can index it."""
    case_version: int = 0
    alert_version: int = 0
    runs: int = 0
    ladder: Ladder | None = None
    wake_at: Instant | None = None
    """When a worker may claim this case: the earliest of what is due (``policy.next_due``), or the end of a lease."""
    lease_by: str | None = None
    entries: tuple[Entry, ...] = ()
    entries_dropped: int = 0
    sort_key: str = ""
    traceparent: str

    @property
    def needs_attention(self) -> bool:
        """Whether somebody still has to look."""
        return self.state is CaseState.WAITING or (self.unread and self.ended is not EndReason.WITHDRAWN)


class Center(Model):
    """What a centre can do now, as its staff last said."""

    center_id: str = Field(alias="_id")
    rev: int
    center_version: int
    state: CenterState
    staff_on_duty: int
    cases_per_person: int
    changed_at: Instant | None = None
    """None: nobody has said anything yet, the nominal staff counts."""

    @property
    def nobody(self) -> bool:
        """Whether an alert to the staff on duty would reach nobody."""
        return self.state is CenterState.CLOSED or self.staff_on_duty == 0


class DeadRecord(Model):
    """A record some consumer could not read; the first one per origin counts."""

    origin: str = Field(alias="_id")
    topic: str
    reason: str
    seen_at: Instant
    told_at: Instant | None = None
    read_at: Instant | None = None
