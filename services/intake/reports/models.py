"""Models of a stored report's progress and status. None of it names a person."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, BaseModel, Field

from services.intake.reports.lifecycle import ErasureStatus, FrozenModel
from shared.events.vocabulary import EndReason


class Ownership(FrozenModel):
    """The report's place in routing's stream: the newest record that counts."""

    version: int
    ownership: int
    center_id: str
    assigned_at: datetime
    """When the present owner became owner."""
    ended: EndReason | None = None
    ended_at: datetime | None = None
    again_at: datetime | None = None
    """When it was last reopened, or its withdrawal undone, under this ownership."""


class Work(FrozenModel):
    """Work on a report under one ownership, as notify's stream tells it."""

    version: int
    ownership: int
    acknowledged_at: datetime | None = None
    contacted_at: datetime | None = None
    supported_at: datetime | None = None
    closed_at: datetime | None = None
    reopened_at: datetime | None = None


class Progress(FrozenModel):
    """Both streams side by side: neither waits for the other, and they are joined only when somebody asks."""

    ownership: Ownership | None = None
    work: Work | None = None
    former: tuple[Ownership, ...] = ()
    """Ownerships that ended with a move to another centre, oldest first."""
    former_work: tuple[Work, ...] = ()
    """Work under earlier ownerships, oldest first."""
    first_seen_at: datetime | None = None
    """The first acknowledgement of all, whichever centre made it: the clocks of retention start there."""
    first_center_id: str | None = None
    """The first owner of all: what was promised while nobody had seen it stays that centre's."""
    hole: int | None = None
    """The newest version of `routings` that did not follow what is known here: a record before it is missing."""


class State(StrEnum):
    """What a reporter is told. Part of the API: never rename one, only add."""

    RECEIVED = "received"
    ASSIGNED = "assigned"
    SEEN = "seen"
    """Somebody put their name to it."""
    OPENED = "opened"
    """Somebody opened the details."""
    IN_CONTACT = "in_contact"
    SUPPORTED = "supported"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"
    HANDED_OVER = "handed_over"
    """Only for the receipt of whoever reported for somebody who has since taken the report over."""
    MOVED = "moved"
    """Another centre has it now, and has not yet come as far as the one before."""


class LimitedBecause(StrEnum):
    """Why a receipt shows less. Part of the API: only add."""

    NOT_CONFIRMED = "not_confirmed"
    """A representative made the report, and the person harmed has not confirmed it."""
    TIP = "tip"
    """A third party made the report; nobody has to confirm a tip."""
    TAKEN_OVER = "taken_over"
    """The holder took the report over, and the centre has not yet made sure of them."""


class Stay(FrozenModel):
    """One centre's time with a report, and what it did; times are missing until they happened."""

    center_id: str
    assigned_at: datetime
    seen_at: datetime | None = None
    opened_at: datetime | None = None
    contacted_at: datetime | None = None


class ReportStatus(FrozenModel):
    """The truth about a report at one moment."""

    state: State
    since: datetime
    center_id: str | None = None
    received_at: datetime
    assigned_at: datetime | None = None
    """When the first centre got it."""
    moved_at: datetime | None = None
    """When the present centre got it, if that is not the first."""
    stays: tuple[Stay, ...] = ()
    """Every centre that has had it, the present one last."""
    seen_at: datetime | None = None
    opened_at: datetime | None = None
    contacted_at: datetime | None = None
    closed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    undo_until: datetime | None = None
    erasure: ErasureStatus | None = None
    erase_at: datetime | None = None
    erased_at: datetime | None = None
    limited: bool | None = None


WORD_SET: Final = (
    "True where a word is in force. Of a repeat it is the word of before, whatever came with this request: say so. "
    "Left out: no word is needed."
)
STATUS_NEEDS_WORD: Final = "True where the status needs that word as well. Left out: the receipt is enough."


class Accepted(BaseModel):
    """The answer to an accepted report. Repeating the request gives the same one, with the word as it is by then."""

    report_id: str = Field(examples=["6f1c3a52-9a0f-8c4e-9d0b-2f5a1e7c8b90"])
    receipt: str = Field(
        description="16 digits in fours; the only way back to the report. It is not stored and cannot be found again.",
        examples=["1234-5678-9012-3450"],
    )
    received_at: AwareDatetime = Field(examples=["2026-11-24T12:00:00.000Z"])
    proof: str = Field(
        description="Proof of lodging: a compact JWS (Ed25519) over a mark of the receipt, the time and the SHA-256 "
        "of the content. `GET /api/v1/proof-key` has the public key."
    )
    word_set: bool | None = Field(default=None, description=WORD_SET)
    word_for_status: bool | None = Field(default=None, description=STATUS_NEEDS_WORD)


class CenterName(BaseModel):
    """A centre as a person reads it."""

    id: str
    name_ko: str
    name_en: str


class CenterStay(CenterName):
    """One centre's time with a report, and what it did."""

    assigned_at: AwareDatetime
    seen_at: AwareDatetime | None = None
    opened_at: AwareDatetime | None = None
    contacted_at: AwareDatetime | None = None


class StatusAnswer(BaseModel):
    """Where a report stands. Times are missing until they happened, and none goes again when a report moves."""

    state: State
    since: AwareDatetime
    center: CenterName | None = Field(
        default=None,
        description="The centre that answers now. One of another region than the report's is named once a centre has "
        "been in contact.",
    )
    center_unnamed: bool | None = Field(
        default=None, description="True where a centre has it that is not named yet, for somebody's safety."
    )
    received_at: AwareDatetime
    assigned_at: AwareDatetime | None = Field(default=None, description="When the first centre got it.")
    moved_at: AwareDatetime | None = Field(
        default=None, description="When the present centre got it from another; missing if it never moved."
    )
    centers: list[CenterStay] | None = Field(
        default=None,
        description="Where it moved: every centre that has had it, the present one last. Missing where they are not "
        "named yet.",
    )
    seen_at: AwareDatetime | None = Field(
        default=None, description="When a person first put their name to it. Nobody need have read it yet."
    )
    opened_at: AwareDatetime | None = Field(default=None, description="When a person first opened what was written.")
    contacted_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    withdrawn_at: AwareDatetime | None = None
    undo_until: AwareDatetime | None = Field(default=None, description="Until when the withdrawal can be undone.")
    erasure: ErasureStatus | None = Field(
        default=None,
        description="What becomes of a withdrawn report: `planned` at `erase_at`, awaiting a `decision`, `kept`, or "
        "`erased`.",
    )
    erase_at: AwareDatetime | None = None
    destroy_asked_at: AwareDatetime | None = Field(
        default=None,
        description="When somebody asked for destruction at once with the receipt alone. It waits until `erase_at`; "
        "`POST /receipts/reinstate` cancels it.",
    )
    erased_at: AwareDatetime | None = None
    word_from: AwareDatetime | None = Field(
        default=None,
        description="From when a word counts that somebody set with the receipt alone; `POST /receipts/word/cancel` "
        "makes it void until then. Say so: the holder may not be the one who set it.",
    )
    word_for_status: bool | None = Field(
        default=None, description="True where the status needs the word as well, as whoever set it chose."
    )
    contact_changed_at: AwareDatetime | None = Field(
        default=None, description="When the ways of contact were last changed with the receipt."
    )
    expected_by: AwareDatetime | None = Field(
        default=None,
        description="By when a person should have seen it; missing once somebody has. If past: say so, and 1366.",
    )
    messages: int | None = Field(default=None, description="Messages left with this receipt.")
    answers: int | None = Field(
        default=None, description="Answers the centre left; `POST /receipts/answers` reads them."
    )
    answers_unread: int | None = Field(default=None, description="How many of them nobody with this receipt has read.")
    answered_at: AwareDatetime | None = Field(default=None, description="When the newest of them was left.")
    limited: bool | None = Field(
        default=None,
        description="True where somebody else made the report and the person harmed has not confirmed it: then only "
        "received, seen, a missed time, closed and answers to whoever holds the receipt are told.",
    )
    limited_because: LimitedBecause | None = Field(
        default=None, description="Why. Nobody has to confirm a `tip`: nothing is awaited there."
    )
    may_hand_over: bool | None = Field(
        default=None, description="True where the report can be handed over to the person it is about."
    )
    hand_over_until: AwareDatetime | None = Field(
        default=None, description="Until when a code to take the report over is open."
    )
    taken_over_at: AwareDatetime | None = Field(
        default=None, description="When the holder of this receipt took the report over from whoever made it."
    )


class HandOver(BaseModel):
    """The code with which the person harmed takes a report over. It is told once and not stored."""

    code: str = Field(description="12 digits in fours, for one use.", examples=["1234-5678-9018"])
    until: AwareDatetime = Field(description="Until when it counts.")


class TakenOver(BaseModel):
    """The answer to who took a report over. Repeated with its key within ten minutes it is the same one."""

    receipt: str = Field(
        description="The new receipt. From now on it alone belongs to the report.", examples=["1234-5678-9012-3450"]
    )
    taken_over_at: AwareDatetime
    word_set: bool | None = Field(default=None, description=WORD_SET)
    word_for_status: bool | None = Field(default=None, description=STATUS_NEEDS_WORD)


class Taken(BaseModel):
    """The answer to a message or an amendment. Repeating the request with its key gives the same one."""

    number: int = Field(description="Which of this report's messages or amendments it is, from 1.")
    at: AwareDatetime


class AnswerLeft(BaseModel):
    """One answer of the centre."""

    number: int
    at: AwareDatetime
    text: str


class AnswersLeft(BaseModel):
    """The centre's answers, oldest first. Reading them is noted, so that the centre knows."""

    answers: list[AnswerLeft]


class ProofKey(BaseModel):
    """The public half of the key that signs proofs."""

    kid: str
    algorithm: str = "Ed25519"
    public_key: str = Field(description="32 bytes, base64url without padding.")
