"""What is sent to intake and what it answers.

Written by ``make docs`` from the OpenAPI document; do not edit.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict

_SECRET: Final = frozenset({"receipt", "code", "proof", "text"})


class Answer(BaseModel):
    """An answer. Fields that a newer server adds are kept, and are in ``model_extra``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What ``repr`` shows, and so what ends in logs and traces: never a receipt, a code or a text."""
        return [(name, "…" if name in _SECRET else value) for name, value in super().__repr_args__()]


class Operation(NamedTuple):
    """One operation of the API."""

    method: str
    path: str
    status: int
    answer: type[Answer]
    keyed: bool
    """Whether it takes an ``Idempotency-Key``."""


class Accepted(Answer):
    """The answer to an accepted report.

    Repeating the request gives the same one, with the word as it is by then.
    """

    report_id: str
    receipt: str
    """16 digits in fours; the only way back to the report. It is not stored and cannot be found again."""
    received_at: datetime
    proof: str
    """Proof of lodging: a compact JWS (Ed25519) over a mark of the receipt, the time and the SHA-256 of the
    content.

    `GET /api/v1/proof-key` has the public key.
    """
    word_set: bool | None = None
    """True where a word is in force.

    Of a repeat it is the word of before, whatever came with this request: say so. Left out: no word is
    needed.
    """
    word_for_status: bool | None = None
    """True where the status needs that word as well. Left out: the receipt is enough."""


class AnswerLeft(Answer):
    """One answer of the centre."""

    number: int
    at: datetime
    text: str


class AnswersLeft(Answer):
    """The centre's answers, oldest first. Reading them is noted, so that the centre knows."""

    answers: list[AnswerLeft]


State = Literal[
    "received",
    "assigned",
    "seen",
    "opened",
    "in_contact",
    "supported",
    "closed",
    "withdrawn",
    "erased",
    "handed_over",
    "moved",
]
"""What a reporter is told. Part of the API: never rename one, only add."""


class StatusChanged(Answer):
    """What `data` holds."""

    reference: str
    """What the front end sent as `Ieum-Callback` with the report."""
    sequence: int
    """Counts this report's changes from 1, without gaps, in their order."""
    state: State | str
    """As `state` of the status; new words may come."""
    since: datetime
    """Since when."""


class CallbackBody(Answer):
    """The body of a callback, signed as Standard Webhooks has it."""

    type: str
    timestamp: datetime
    """When the change was noticed."""
    data: StatusChanged


class CenterName(Answer):
    """A centre as a person reads it."""

    id: str
    name_ko: str
    name_en: str


class CenterStay(Answer):
    """One centre's time with a report, and what it did."""

    id: str
    name_ko: str
    name_en: str
    assigned_at: datetime
    seen_at: datetime | None = None
    opened_at: datetime | None = None
    contacted_at: datetime | None = None


ErasureStatus = Literal[
    "planned",
    "decision",
    "kept",
    "erased",
]
"""What a receipt says about a withdrawn report's destruction. Part of the API: only add."""


class HandOver(Answer):
    """The code with which the person harmed takes a report over. It is told once and not stored."""

    code: str
    """12 digits in fours, for one use."""
    until: datetime
    """Until when it counts."""


LimitedBecause = Literal[
    "not_confirmed",
    "tip",
    "taken_over",
]
"""Why a receipt shows less. Part of the API: only add."""


class ProofKey(Answer):
    """The public half of the key that signs proofs."""

    kid: str
    public_key: str
    """32 bytes, base64url without padding."""
    algorithm: str = "Ed25519"


class StatusAnswer(Answer):
    """Where a report stands. Times are missing until they happened, and none goes again when a report moves."""

    state: State | str
    since: datetime
    received_at: datetime
    center: CenterName | None = None
    """The centre that answers now.

    One of another region than the report's is named once a centre has been in contact.
    """
    center_unnamed: bool | None = None
    """True where a centre has it that is not named yet, for somebody's safety."""
    assigned_at: datetime | None = None
    """When the first centre got it."""
    moved_at: datetime | None = None
    """When the present centre got it from another; missing if it never moved."""
    centers: list[CenterStay] | None = None
    """Where it moved: every centre that has had it, the present one last. Missing where they are not named yet."""
    seen_at: datetime | None = None
    """When a person first put their name to it. Nobody need have read it yet."""
    opened_at: datetime | None = None
    """When a person first opened what was written."""
    contacted_at: datetime | None = None
    closed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    undo_until: datetime | None = None
    """Until when the withdrawal can be undone."""
    erasure: ErasureStatus | str | None = None
    """What becomes of a withdrawn report: `planned` at `erase_at`, awaiting a `decision`, `kept`, or `erased`."""
    erase_at: datetime | None = None
    destroy_asked_at: datetime | None = None
    """When somebody asked for destruction at once with the receipt alone.

    It waits until `erase_at`; `POST /receipts/reinstate` cancels it.
    """
    erased_at: datetime | None = None
    word_from: datetime | None = None
    """From when a word counts that somebody set with the receipt alone; `POST /receipts/word/cancel` makes it
    void until then.

    Say so: the holder may not be the one who set it.
    """
    word_for_status: bool | None = None
    """True where the status needs the word as well, as whoever set it chose."""
    contact_changed_at: datetime | None = None
    """When the ways of contact were last changed with the receipt."""
    expected_by: datetime | None = None
    """By when a person should have seen it; missing once somebody has. If past: say so, and 1366."""
    messages: int | None = None
    """Messages left with this receipt."""
    answers: int | None = None
    """Answers the centre left; `POST /receipts/answers` reads them."""
    answers_unread: int | None = None
    """How many of them nobody with this receipt has read."""
    answered_at: datetime | None = None
    """When the newest of them was left."""
    limited: bool | None = None
    """True where somebody else made the report and the person harmed has not confirmed it: then only received,
    seen, a missed time, closed and answers to whoever holds the receipt are told.
    """
    limited_because: LimitedBecause | str | None = None
    """Why. Nobody has to confirm a `tip`: nothing is awaited there."""
    may_hand_over: bool | None = None
    """True where the report can be handed over to the person it is about."""
    hand_over_until: datetime | None = None
    """Until when a code to take the report over is open."""
    taken_over_at: datetime | None = None
    """When the holder of this receipt took the report over from whoever made it."""


class Taken(Answer):
    """The answer to a message or an amendment. Repeating the request with its key gives the same one."""

    number: int
    """Which of this report's messages or amendments it is, from 1."""
    at: datetime


class TakenOver(Answer):
    """The answer to who took a report over. Repeated with its key within ten minutes it is the same one."""

    receipt: str
    """The new receipt. From now on it alone belongs to the report."""
    taken_over_at: datetime
    word_set: bool | None = None
    """True where a word is in force.

    Of a repeat it is the word of before, whatever came with this request: say so. Left out: no word is
    needed.
    """
    word_for_status: bool | None = None
    """True where the status needs that word as well. Left out: the receipt is enough."""


AgeBand = Literal[
    "under_14",
    "14_18",
    "19_24",
    "25_29",
    "30s",
    "40s",
    "50_up",
    "unknown",
]
"""Age of the person harmed. Bands, because an age is closer to a name."""


Channel = Literal[
    "web",
    "phone",
    "api",
]
"""Which way the report came in."""


ConsentsVersion = Literal[
    "2026-11",
    "2026-11-25",
    "2026-11-27",
]


class Consents(TypedDict):
    """What was agreed to, under which wording. Itemised as the law asks (PIPA 22, 23)."""

    version: ConsentsVersion
    """Month or day of the wording that was shown or read out."""
    personal: NotRequired[bool]
    sensitive: NotRequired[bool]
    share_with_center: NotRequired[bool]
    other_centers: NotRequired[bool]
    """Another centre may be told without being asked first."""


ContactChannel = Literal[
    "phone",
    "text",
    "email",
    "message_here",
]
"""Ways the reporter agreed to be reached. The address itself stays sealed in intake."""


ContactMaySay = Literal[
    "nothing",
    "private",
    "center",
]


class Contact(TypedDict):
    """How the reporter may be reached, if at all. No channel here: nobody will try."""

    channels: NotRequired[list[ContactChannel]]
    """`message_here` means only here, by messages with the receipt; it excludes every other channel."""
    name: NotRequired[str | None]
    """The name to use; need not be the real one."""
    phone: NotRequired[str | None]
    email: NotRequired[str | None]
    hours: NotRequired[str | None]
    """When it is safe to reach the person, in their words."""
    may_leave_message: NotRequired[bool]
    """Whether voicemail or a note is safe."""
    not_safe: NotRequired[str | None]
    """What to avoid, in their words."""
    may_say: NotRequired[ContactMaySay | None]
    """What may be said when somebody else answers."""
    center_codeword: NotRequired[str | None]
    """What the centre says first, so that it is known."""
    person_codeword: NotRequired[str | None]
    """What the person answers, so that the centre knows that it is they."""


Gender = Literal[
    "female",
    "male",
    "other",
    "unknown",
]
"""Gender of the person harmed, as told."""


HarmType = Literal[
    "fear_of_distribution",
    "illegal_filming",
    "distribution",
    "distribution_threat",
    "synthesis",
    "cyber_harassment",
    "online_grooming",
    "body_cam_phishing",
    "child_material",
    "other",
]
"""What happened; several may apply. The statistics' six, the regional centres' two, and two of ours."""


OnBehalfRelation = Literal[
    "spouse",
    "lineal",
    "sibling",
    "agent",
    "guardian",
    "other",
]


class OnBehalf(TypedDict):
    """For representatives: the relation (Act art. 7-3) and whether the person harmed knows and agrees (art. 24)."""

    relation: NotRequired[OnBehalfRelation | None]
    victim_knows: NotRequired[bool | None]
    victim_agrees: NotRequired[bool | None]


PlatformKind = Literal[
    "social_media",
    "messenger",
    "adult_site",
    "search_engine",
    "community",
    "file_sharing",
    "other",
    "unknown",
]
"""Where it was seen, by kind."""


Relationship = Literal[
    "temporary",
    "stranger",
    "intimate",
    "social",
    "family",
    "unknown",
]
"""The person harmed and the offender, in the categories of the yearly statistics."""


Role = Literal[
    "victim",
    "representative",
    "third_party",
]
"""Who reports. The three have different legal effect (Act art. 7-3)."""


SubmissionAlreadyTold = Literal[
    "police",
    "hotline",
    "platform",
    "nobody",
]


class Submission(TypedDict):
    """A report as submitted."""

    role: Role
    harm_types: list[HarmType]
    channel: NotRequired[Channel]
    language: NotRequired[str]
    division: NotRequired[str | None]
    """Slug, name, alias or code of the province or city; `overseas` or `unknown`. Default unknown."""
    district: NotRequired[str | None]
    """Administrative code of a district of `division`."""
    age_band: NotRequired[AgeBand]
    gender: NotRequired[Gender]
    relationship: NotRequired[Relationship]
    platform_kind: NotRequired[PlatformKind]
    declined_centers: NotRequired[list[str]]
    still_spreading: NotRequired[bool | None]
    threatened: NotRequired[bool | None]
    money_demanded: NotRequired[bool | None]
    threat_deadline: NotRequired[datetime | str | None]
    """Within five years of today."""
    narrative: NotRequired[str | None]
    urls: NotRequired[list[str]]
    """Where it can be seen, one address each; `https://` may be left out. No account names."""
    fingerprints: NotRequired[list[str]]
    """SHA-256 of files, in hex. Never send the file itself."""
    picture_hashes: NotRequired[list[str]]
    """PDQ hashes of still images, 256 bits in hex, made where the image is. Never send the image."""
    seen_when: NotRequired[str | None]
    """When it was seen, in their words."""
    search_words: NotRequired[str | None]
    """Words with which it is found in a search."""
    already_told: NotRequired[list[SubmissionAlreadyTold]]
    """Who knows already; `hotline` is 1366, and `nobody` stands alone."""
    offender_handles: NotRequired[list[str]]
    """Account names, profile addresses or phone numbers of whoever did it, as far as known."""
    contact: NotRequired[Contact]
    on_behalf: NotRequired[OnBehalf | None]
    consents: NotRequired[Consents | None]
    word: NotRequired[str | None]
    """A word of the reporter's own.

    If given, messages, additions and withdrawing the report need it beside the receipt. It is not stored and
    cannot be found again.
    """
    word_for_status: NotRequired[bool]
    """Whether the status needs the word as well, from the start.

    Only with `word`. Callbacks then tell nothing before the report is handed over or erased.
    """
    synthetic: NotRequired[bool]
    """A drill: goes the whole way and is in no count."""


AmendmentAlreadyTold = Literal[
    "police",
    "hotline",
    "platform",
    "nobody",
]


class Amendment(TypedDict):
    """What is added to a report, or corrected."""

    harm_types: NotRequired[list[HarmType]]
    language: NotRequired[str | None]
    division: NotRequired[str | None]
    district: NotRequired[str | None]
    age_band: NotRequired[AgeBand | None]
    gender: NotRequired[Gender | None]
    relationship: NotRequired[Relationship | None]
    platform_kind: NotRequired[PlatformKind | None]
    declined_centers: NotRequired[list[str]]
    still_spreading: NotRequired[bool | None]
    threatened: NotRequired[bool | None]
    money_demanded: NotRequired[bool | None]
    threat_deadline: NotRequired[datetime | str | None]
    narrative: NotRequired[str | None]
    urls: NotRequired[list[str]]
    fingerprints: NotRequired[list[str]]
    picture_hashes: NotRequired[list[str]]
    offender_handles: NotRequired[list[str]]
    seen_when: NotRequired[str | None]
    search_words: NotRequired[str | None]
    already_told: NotRequired[list[AmendmentAlreadyTold]]
    contact: NotRequired[Contact | None]
    on_behalf: NotRequired[OnBehalf | None]
    consents: NotRequired[Consents | None]


OPERATIONS: Final[dict[str, Operation]] = {
    "submit_report": Operation("POST", "/api/v1/reports", 202, Accepted, True),
    "get_proof_key": Operation("GET", "/api/v1/proof-key", 200, ProofKey, False),
    "get_report_status": Operation("POST", "/api/v1/receipts/status", 200, StatusAnswer, False),
    "leave_message": Operation("POST", "/api/v1/receipts/messages", 201, Taken, True),
    "read_answers": Operation("POST", "/api/v1/receipts/answers", 200, AnswersLeft, False),
    "amend_report": Operation("POST", "/api/v1/receipts/amend", 201, Taken, True),
    "withdraw_report": Operation("POST", "/api/v1/receipts/withdraw", 200, StatusAnswer, False),
    "reinstate_report": Operation("POST", "/api/v1/receipts/reinstate", 200, StatusAnswer, False),
    "set_word": Operation("POST", "/api/v1/receipts/word", 200, StatusAnswer, False),
    "cancel_word": Operation("POST", "/api/v1/receipts/word/cancel", 200, StatusAnswer, False),
    "offer_hand_over": Operation("POST", "/api/v1/receipts/hand-over", 201, HandOver, False),
    "cancel_hand_over": Operation("POST", "/api/v1/receipts/hand-over/cancel", 200, StatusAnswer, False),
    "take_over_report": Operation("POST", "/api/v1/receipts/take-over", 201, TakenOver, True),
}
