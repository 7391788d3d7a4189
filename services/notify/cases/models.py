"""A case: whose it is, who was told, when the next step is due. Nothing here names a person."""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from shared.events.vocabulary import (
    AlertChannel,
    CauseKind,
    Channel,
    ContactChannel,
    EndReason,
    HarmType,
    Open,
    OpenVocabulary,
    Outcome,
    PlatformKind,
    RoutingReason,
    Suspicion,
    Urgency,
)
from shared.severity import RANK


class StoredModel(BaseModel):
    """A frozen part of what notify stores; fields of other builds and of the outbox are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Target(StrEnum):
    """Whom a step of the escalation reaches."""

    DUTY = "duty"
    COLLEAGUES = "colleagues"
    """The others at the centre."""
    LEAD = "lead"
    CENTRAL = "central"


class EscalationCause(StrEnum):
    """The answer that a running escalation waits for."""

    ANSWER = "answer"
    """Staff take the case."""
    CONTACT = "contact"
    """The assignee reaches the reporter."""
    MESSAGE = "message"
    """Staff read what the reporter left since."""


class Escalation(StoredModel):
    """A running escalation."""

    run: int
    cause: EscalationCause = EscalationCause.ANSWER
    step: int
    """Step, from 1."""
    round: int
    """How often the step was started."""
    attempt: int
    """Sendings tried on this step so far."""
    tries: int
    """Failures in a row, for the back-off."""
    pending: tuple[Target, ...]
    """Whom this round has not reached yet by any channel."""
    again: tuple[str, ...] = ()
    """Endpoints that failed, or were left for a bundle, of those whom another channel has reached."""
    next_step_at: datetime | None
    """When the next step or round begins; none until the step was tried once."""
    due_at: datetime
    """When a worker has to look at this escalation next."""
    held: bool = False
    """Quiet hours moved ``due_at``."""
    was_deferred: bool = Field(default=False, alias="gathered")
    """The due alert was deferred for a batch once: now it goes, whatever else its place has got meanwhile."""


class ContactWay(StrEnum):
    """How somebody was in touch with the reporter."""

    PHONE = "phone"
    TEXT = "text"
    EMAIL = "email"
    MESSAGE_HERE = "message_here"
    CAME_TO_US = "came_to_us"
    """The reporter called, wrote or came by themselves: nobody contacted them."""


CHANNEL_OF: Final = {
    ContactWay.PHONE: ContactChannel.PHONE,
    ContactWay.TEXT: ContactChannel.TEXT,
    ContactWay.EMAIL: ContactChannel.EMAIL,
    ContactWay.MESSAGE_HERE: ContactChannel.MESSAGE_HERE,
}
"""The way each contact needs the reporter's agreement to. Contacts that the reporter makes need none."""


class DeletionState(StrEnum):
    """How far a request to delete is."""

    REQUESTED = "requested"
    REMOVED = "removed"
    REFUSED = "refused"
    REAPPEARED = "reappeared"


NEXT_OF: Final = {
    DeletionState.REQUESTED: (DeletionState.REMOVED, DeletionState.REFUSED),
    DeletionState.REFUSED: (DeletionState.REQUESTED, DeletionState.REMOVED),
    DeletionState.REMOVED: (DeletionState.REAPPEARED,),
    DeletionState.REAPPEARED: (DeletionState.REQUESTED,),
}
"""States that may follow. The addresses stay with intake's details: notify never writes them."""


class Deletion(StoredModel):
    """Requests to one kind of platform, counted as one entry."""

    number: int
    platform: PlatformKind
    addresses: int
    """How many addresses the request names."""
    state: DeletionState
    at: datetime
    """Since when it stands so."""


CENTRAL_DESK = "central"


class CaseState(StrEnum):
    """Where a case stands for its centre."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"


class EntryKind(OpenVocabulary):
    """Kinds of line in a case's timeline. A build that does not know one yet shows that line as unknown."""

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
    """A ticket to the details was given to staff."""
    DELETION = "deletion"
    JOINED = "joined"
    PARTED = "parted"


class AwaitingKind(StrEnum):
    """Changes that routing has to make before any other command on the case."""

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


class TimelineEntry(StoredModel):
    """One line of the timeline."""

    at: datetime
    kind: Open[EntryKind]
    center_id: str
    step: int | None = None
    target: Target | None = None
    channel: Open[AlertChannel] | None = None
    attempt: int | None = None
    reason: str | None = None
    by: str | None = None
    other_center_id: str | None = None
    alert_id: str | None = None
    assignee: str | None = None


class TransferOffer(StoredModel):
    """A case offered to another centre that has not answered yet; ownership has not moved."""

    offer_id: str
    to_center_id: str
    by: str
    reason: TransferReason
    offered_at: datetime
    expires_at: datetime
    tell_at: datetime | None
    """When the other centre is mailed, or mailed again after a failure; none once a server took the mail."""
    tries: int = 0


class PastOffer(StoredModel):
    """The offer that ended last, so that whoever answers it now hears what became of it."""

    offer_id: str
    from_center_id: str | None = None
    """The centre whose case it was; unknown for offers that ended before this was kept."""
    to_center_id: str
    how: OfferEnd
    at: datetime
    by: str | None = None


class Awaiting(StoredModel):
    """Something staff decided that only routing can make true."""

    kind: AwaitingKind
    case_version: int
    """Of the case event that asks for it: routing names that event as its cause."""
    by: str
    to_center_id: str | None = None
    offer_id: str | None = None


class Case(StoredModel):
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
    harm_types: tuple[Open[HarmType], ...]
    channel: Open[Channel]
    language: str
    synthetic: bool
    sandbox: bool = False
    """A drill of a front end that is being tried out; nobody is alerted of it unless the deployment says so."""
    reason: Open[RoutingReason]
    over_capacity: bool
    copy_central: bool
    received_at: datetime
    decided_at: datetime
    """When the present owner became the owner."""
    moved_from: str | None = None
    """The owner before, and in ``moved_by`` what made routing move it; none while the first owner has it, and where it
    came back to another centre after its end."""
    moved_by: CauseKind | None = None
    former: tuple[str, ...] = ()
    """Every earlier owner: who comes too late from there is told where the case is."""
    declined_centers: tuple[str, ...] = ()
    """Centres the reporter does not want."""
    other_centers: bool = False
    """The person agreed in the report that another centre may be told; else they are asked before an offer."""
    state: CaseState
    unread: bool = False
    """Something reached the report after the centre had seen it."""
    unread_messages: int = 0
    """How many of the reporter's messages nobody at the centre has read."""
    linked: tuple[str, ...] = ()
    """Reports of the same address, file or offender's account, as intake found them."""
    joined: tuple[str, ...] = ()
    """Those of them that the same person looks after, as their reporters agreed to."""
    contact_channels: tuple[Open[ContactChannel], ...] = ()
    """The only ways the reporter agreed to be reached by."""
    threat_deadline: datetime | None = None
    """The hour in which a threat is to be carried out, as intake rounds it down."""
    suspicion: tuple[Open[Suspicion], ...] = ()
    """Why intake took it for possibly not meant, and for one step less urgent; a person decides what it is."""
    rules_known_to: tuple[str, ...] = ()
    """Staff who had the details, and so the rules of safe contact, since they could last have changed."""
    deletions: tuple[Deletion, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    """The person at its centre who has the case."""
    contacted_at: datetime | None = None
    """When the reporter was last reached."""
    outcome: Outcome | None = None
    ended: EndReason | None = None
    ended_at: datetime | None = None
    offer: TransferOffer | None = None
    past_offer: PastOffer | None = None
    awaiting: Awaiting | None = None
    awaiting_since: datetime | None = None
    offered_to: str | None = None
    """The centre with an open offer, or an accepted one on its way; on top so that the store can index it."""
    case_version: int = 0
    alert_version: int = 0
    runs: int = 0
    escalation: Escalation | None = Field(default=None, alias="ladder")
    interrupted: Escalation | None = None
    """The escalation that a withdrawal stopped before anybody acknowledged: it goes on when the report comes back."""
    wake_at: datetime | None = None
    """When a worker may claim this case: the earliest of what is due (``next_due``), or the end of a lease."""
    lease_by: str | None = None
    entries: tuple[TimelineEntry, ...] = ()
    entries_dropped: int = 0
    sort_key: str = ""
    traceparent: str

    @property
    def needs_attention(self) -> bool:
        """Whether somebody still has to look."""
        return self.state is CaseState.WAITING or (self.unread and self.ended is not EndReason.WITHDRAWN)


class DueCase(NamedTuple):
    """A case whose next step is due, or is soon, and whose staff it is for."""

    report_id: str
    center_id: str
    wake_at: datetime


def next_due(case: Case) -> datetime | None:
    """Return when the case is next due: the escalation, the alert about an offer, or the offer's end."""
    due = [case.escalation.due_at] if case.escalation is not None else []
    if case.offer is not None:
        due += [moment for moment in (case.offer.tell_at, case.offer.expires_at) if moment is not None]
    return min(due, default=None)


def rescheduled(case: Case) -> Case:
    """The case to be claimed when something is due next. Whoever holds it now has lost it."""
    return case.model_copy(update={"wake_at": next_due(case), "lease_by": None})


def scheduled(case: Case) -> Case:
    """The same, but a worker that is at the case keeps it: it looks again at what is due when it writes down."""
    return case if case.lease_by is not None else rescheduled(case)


ENTRIES_FIRST: Final = 20


ENTRIES_LAST: Final = 80
"""A timeline keeps its beginning and its end; what lies between is counted."""


def noted(case: Case, *entries: TimelineEntry) -> Case:
    """The case with lines added to its timeline, which stays bounded."""
    lines = (*case.entries, *entries)
    over = len(lines) - ENTRIES_FIRST - ENTRIES_LAST
    if over > 0:
        lines = (*lines[:ENTRIES_FIRST], *lines[ENTRIES_FIRST + over :])
    return case.model_copy(update={"entries": lines, "entries_dropped": case.entries_dropped + max(over, 0)})


def added(before: Case | None, after: Case) -> tuple[TimelineEntry, ...]:
    """The lines a later state has that an earlier one had not, as far as they are kept."""
    count = len(after.entries) + after.entries_dropped
    if before is not None:
        count -= len(before.entries) + before.entries_dropped
    return after.entries[-count:] if count else ()


def offer_over(case: Case, how: OfferEnd, at: datetime, by: str | None = None) -> Case:
    """The case without its open offer; what became of it is kept for whoever answers too late."""
    offer = case.offer
    if offer is None:
        return case
    past = PastOffer(
        offer_id=offer.offer_id,
        from_center_id=case.center_id,
        to_center_id=offer.to_center_id,
        how=how,
        at=at,
        by=by,
    )
    return case.model_copy(update={"offer": None, "offered_to": None, "past_offer": past})


def offer_died(case: Case, at: datetime, why: str) -> Case:
    """The case without its open offer, if it has one, and a line that says so: ownership changed or the case ends."""
    if case.offer is None:
        return case
    other = case.offer.to_center_id
    entry = TimelineEntry(at=at, kind=EntryKind.OFFER_DIED, center_id=case.center_id, other_center_id=other, reason=why)
    return noted(offer_over(case, OfferEnd.DIED, at), entry)


def in_order(case: Case) -> Case:
    """The case with its sort key made anew."""
    return case.model_copy(update={"sort_key": sort_key(case)})


_SANDBOX_RANK: Final = 9


def sort_key(case: Case) -> str:
    """Orders a work list: who needs an answer first, then the most urgent, then who has waited longest.

    An open drill of a front end that is being tried out comes after everything open that is real, however many there
    are: nobody is alerted of it, so nobody answers it, and a list shows only so many rows.
    """
    rank: int = RANK[case.urgency]
    if case.state is CaseState.ENDED and not case.unread:
        group = 3
    elif case.sandbox:
        group, rank = 2, _SANDBOX_RANK
    elif case.state is CaseState.WAITING:
        group = 0
    else:
        group = 1 if case.unread else 2
    received, milliseconds = _second(case.received_at), case.received_at.microsecond // 1000
    return f"{group}{rank}:{received}{milliseconds:03d}:{case.report_id}"


def waiting_key(rank: int, received_at: datetime) -> str:
    """Before the sort keys of all waiting cases of a rank that were received at a moment or later."""
    return f"0{rank}:{_second(received_at)}"


def _second(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S}"


_NOUNS: Final = """
가람 가을 강물 개울 고요 고을 구름 그루 나래 나무 나비 날개 냇가 노래 노을 누리 느티 다솜 단풍 달빛 도담 동산 두레 둥지
들판 등대 디딤 라온 마루 마을 모래 목련 무늬 물결 미르 바다 바람 반달 벼리 별빛 보름 봄비 비단 산길 새벽 샘물 소리 솔잎
수풀 숲길 시내 씨앗 아라 아침 언덕 여울 연못 오름 오솔 우물 은하 이랑 이슬 잎새 자람 장미 조약 종이 참새 채움 초롱 초원
타래 터전 토담 파도 포근 푸름 하늘 하루 한결 햇살 향기 호수 화분 흐름
"""


_WORDS: Final = tuple(_NOUNS.split())
"""Plain, kind nouns. The order is part of how an alias is made."""


def alias(report_id: str, extra: int = 0) -> str:
    """A short name for a case, made from its id and sayable on the phone, such as ``가람-4821``.

    ``extra`` lengthens it, for the rare case that another case has the same one; the short form stays its beginning.
    """
    digest = int.from_bytes(hashlib.sha256(f"alias|{report_id}".encode()).digest(), "big")
    digest, word = divmod(digest, len(_WORDS))
    digest, number = divmod(digest, 10_000)
    more = "".join(f"-{digest // 100**i % 100:02d}" for i in range(extra))
    return f"{_WORDS[word]}-{number:04d}{more}"
