"""The words events use. Values are part of the contract: never rename one, only add.

A vocabulary is open or closed. A later build may add a value to an *open* one, and builds that do not know it yet read
it as ``unknown`` (`Open`). A *closed* one says in its docstring why nobody may guess: a record with another value goes
to the dead-letter topic, and a new value is a new version of the event types that carry it (decision 25).
"""

import contextlib
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

UNKNOWN: Final = "unknown"
"""How a value of a later build reads wherever something is decided, counted or shown."""
_PATTERN: Final = "^[a-z0-9_]{1,40}$"
"""What a value of any vocabulary looks like: a word, so that nothing personal can stand in its place."""
Word = Annotated[str, StringConstraints(pattern=_PATTERN)]
"""A value of an open vocabulary as the name of a field, where no enum can stand: passed on as it was written."""


class OpenVocabulary(StrEnum):
    """A vocabulary to which later builds may add. Strict like any enum; only ``read`` and `Open` take a new value."""

    @classmethod
    def read(cls, written: str) -> Self:
        """The value that was written. One of a later build equals ``unknown``, and its ``value`` is what was written.

        Raises ``ValueError`` for what is no word of any vocabulary.
        """
        with contextlib.suppress(ValueError):
            return cls(written)
        if not re.fullmatch(_PATTERN, written):
            raise ValueError(f"not a word of {cls.__name__}")
        newer = str.__new__(cls, UNKNOWN)
        newer._name_, newer._value_ = "UNKNOWN", written
        return newer

    @property
    def word(self) -> str:
        """The value as it is counted: ``unknown`` where this build does not know it."""
        return self.value if self.value == self else UNKNOWN


class _Tolerant:
    """Pydantic's instructions: read tolerantly, write what was read, and leave the schema open."""

    def __get_pydantic_core_schema__(self, source: type[OpenVocabulary], handler: GetCoreSchemaHandler) -> CoreSchema:
        del handler
        known = core_schema.enum_schema(source, list(source), sub_type="str")
        # Only what the enum does not know costs a call into Python.
        newer = core_schema.no_info_after_validator_function(source.read, core_schema.str_schema(pattern=_PATTERN))
        return core_schema.union_schema(
            [known, newer],
            mode="left_to_right",
            custom_error_type="word",
            custom_error_message="Input should be a word",
            metadata={"vocabulary": source},
            serialization=core_schema.plain_serializer_function_ser_schema(
                _written, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        del handler
        vocabulary = schema["metadata"]["vocabulary"]
        about = (vocabulary.__doc__ or "").splitlines()[0]
        known = [one.value for one in vocabulary]
        return {"type": "string", "pattern": _PATTERN, "description": about, "x-known-values": known}


def _written(value: OpenVocabulary) -> str:
    return value.value


_V = TypeVar("_V", bound=OpenVocabulary)
Open = Annotated[_V, _Tolerant()]
"""A field of an open vocabulary in an event, or in what is stored of one. HTTP APIs take the bare enum: they refuse."""


class Role(OpenVocabulary):
    """Who reports. The three have different legal effect (Act art. 7-3)."""

    VICTIM = "victim"
    REPRESENTATIVE = "representative"
    THIRD_PARTY = "third_party"


class Channel(OpenVocabulary):
    """Which way the report came in."""

    WEB = "web"
    PHONE = "phone"
    API = "api"


class HarmType(OpenVocabulary):
    """What happened; several may apply. The statistics' six, the regional centres' two, and two of ours."""

    FEAR_OF_DISTRIBUTION = "fear_of_distribution"
    ILLEGAL_FILMING = "illegal_filming"
    DISTRIBUTION = "distribution"
    DISTRIBUTION_THREAT = "distribution_threat"
    SYNTHESIS = "synthesis"
    CYBER_HARASSMENT = "cyber_harassment"
    ONLINE_GROOMING = "online_grooming"
    BODY_CAM_PHISHING = "body_cam_phishing"
    CHILD_MATERIAL = "child_material"
    OTHER = "other"


class Urgency(OpenVocabulary):
    """How soon a person must look. Decided by the triage rule, never by the reporter alone."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"


class UrgencyReason(OpenVocabulary):
    """Why a report has its urgency; several may apply."""

    UNDER_14 = "under_14"
    CHILD_MATERIAL = "child_material"
    DEADLINE_SOON = "deadline_soon"
    SPREADING_NOW = "spreading_now"
    THREATENED = "threatened"
    EXTORTION = "extortion"
    GROOMING = "grooming"
    MINOR = "minor"
    NONE_OF_THESE = "none_of_these"


class Suspicion(OpenVocabulary):
    """Why a report may not be meant. It is accepted like any other, and judged one step less urgent."""

    BURST = "burst"
    """Very many came from one network within the hour."""
    REPEATED_TEXT = "repeated_text"
    """The same long text came again and again."""


class AgeBand(OpenVocabulary):
    """Age of the person harmed. Bands, because an age is closer to a name."""

    UNDER_14 = "under_14"
    FROM_14_TO_18 = "14_18"
    FROM_19_TO_24 = "19_24"
    FROM_25_TO_29 = "25_29"
    THIRTIES = "30s"
    FORTIES = "40s"
    FIFTIES_UP = "50_up"
    UNKNOWN = "unknown"


class Gender(OpenVocabulary):
    """Gender of the person harmed, as told."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class Relationship(OpenVocabulary):
    """The person harmed and the offender, in the categories of the yearly statistics."""

    TEMPORARY = "temporary"
    STRANGER = "stranger"
    INTIMATE = "intimate"
    SOCIAL = "social"
    FAMILY = "family"
    UNKNOWN = "unknown"


class PlatformKind(OpenVocabulary):
    """Where it was seen, by kind."""

    SOCIAL_MEDIA = "social_media"
    MESSENGER = "messenger"
    ADULT_SITE = "adult_site"
    SEARCH_ENGINE = "search_engine"
    COMMUNITY = "community"
    FILE_SHARING = "file_sharing"
    OTHER = "other"
    UNKNOWN = "unknown"


class ContactChannel(OpenVocabulary):
    """Ways the reporter agreed to be reached. The address itself stays sealed in intake."""

    PHONE = "phone"
    TEXT = "text"
    EMAIL = "email"
    MESSAGE_HERE = "message_here"
    """Only here, with the receipt: excludes every other way."""


def agreed_channels(chosen: Iterable[ContactChannel]) -> tuple[ContactChannel, ...]:
    """The channels that may be used: "only here" excludes what older reports chose beside it.

    One that this build does not know may exclude the others too, so nobody is contacted by a guess.
    """
    channels = tuple(dict.fromkeys(chosen))
    for alone in channels:
        if alone == UNKNOWN:
            return (alone,)
    return (ContactChannel.MESSAGE_HERE,) if ContactChannel.MESSAGE_HERE in channels else channels


class CenterState(StrEnum):
    """What a centre can do at this moment.

    Closed: who is given a report rests on it, and a centre taken for open that is not would leave a person waiting.
    """

    OPEN = "open"
    SHORT_STAFFED = "short_staffed"
    CLOSED = "closed"
    UNSTAFFED = "unstaffed"
    """Not closed, and nobody is on duty now: what is not critical waits there for the next shift."""


class RoutingReason(OpenVocabulary):
    """Why this centre. The sentence people read is made at display."""

    HOME = "home"
    HOME_FULL_NEIGHBOUR = "home_full_neighbour"
    HOME_FULL_WIDER = "home_full_wider"
    HOME_CLOSED = "home_closed"
    HOME_DECLINED = "home_declined"
    NO_HOME_SEOUL = "no_home_seoul"
    NO_HOME_OVERSEAS = "no_home_overseas"
    NO_HOME_UNKNOWN = "no_home_unknown"
    NO_HOME_DISTRICT_UNKNOWN = "no_home_district_unknown"
    LINKED = "linked"
    ALL_FULL = "all_full"
    ALL_CLOSED = "all_closed"
    TRANSFER_ACCEPTED = "transfer_accepted"
    HOME_SEVERE_FULL = "home_severe_full"
    """The people at home each have as many severe cases as one may have."""
    HOME_UNSTAFFED = "home_unstaffed"
    """Critical, and nobody is on duty at home."""
    HOME_OVERLOADED = "home_overloaded"
    """Home is past what it can carry, and another opened what it keeps for its own people."""
    NOBODY_ON_DUTY = "nobody_on_duty"
    """Critical, and nobody is on duty at any centre that may take it."""
    RETURNED_HOME = "returned_home"
    """A transfer brought it back to the centre that had the right of return."""


class PassedOver(OpenVocabulary):
    """Why a candidate centre was not chosen."""

    CHOSEN = "chosen"
    CLOSED = "closed"
    DECLINED = "declined"
    BUSIER = "busier"
    FULL = "full"
    OUT_OF_REACH = "out_of_reach"
    KEPT_AT_HOME = "kept_at_home"
    UNSTAFFED = "unstaffed"
    """Nobody is on duty there, and somebody must look now."""
    SEVERE_FULL = "severe_full"
    RESERVED = "reserved"
    """What room it has it keeps for its own people, or it has as many guests as it may."""
    NOT_CLEARLY_BETTER = "not_clearly_better"


class CauseKind(StrEnum):
    """What made routing write a record.

    Closed: which events of a case have been carried out rests on it.
    """

    REPORT = "report"
    CASE_EVENT = "case_event"
    CENTER_CLOSED = "center_closed"


class EndReason(StrEnum):
    """Why nothing more is to be done.

    Closed: after a withdrawal nobody may contact the person any more.
    """

    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class UpdateKind(StrEnum):
    """What reached the owner after the report itself.

    Closed: some bring an ended case back, and one that is taken for another would stay ended.
    """

    AMENDED = "amended"
    MESSAGE_LEFT = "message_left"
    REOPENED = "reopened"
    REINSTATED = "reinstated"
    TRANSFER_VOID = "transfer_void"
    """A transfer was accepted and cannot be carried out; the owner is the same."""


class TransferVoid(OpenVocabulary):
    """Why an accepted transfer could not be carried out."""

    SAME_OWNER = "same_owner"
    DECLINED = "declined"
    """The reporter does not want that centre."""
    CENTER_CLOSED = "center_closed"
    CENTRAL_NOT_NEEDED = "central_not_needed"
    """The central centre owns only while every centre that may take the report is closed."""


class SupportKind(OpenVocabulary):
    """Support given, coded as in the yearly statistics."""

    COUNSELLING = "counselling"
    DELETION = "deletion"
    MONITORING = "monitoring"
    INVESTIGATION = "investigation"
    LEGAL = "legal"
    MEDICAL = "medical"
    PSYCHOLOGICAL = "psychological"
    ACCOMPANIMENT = "accompaniment"


class Outcome(OpenVocabulary):
    """How a case was closed."""

    SUPPORTED = "supported"
    REFERRED = "referred"
    NO_CONTACT = "no_contact"
    NOT_IN_SCOPE = "not_in_scope"
    DUPLICATE = "duplicate"


class AlertChannel(OpenVocabulary):
    """How staff are reached."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    APPRISE = "apprise"
    NONE = "none"
    """Nothing was tried: there was nobody, no channel, or the step began too late."""


class AlertTrouble(StrEnum):
    """Why an alert failed without a channel being tried."""

    NOBODY_ON_DUTY = "nobody_on_duty"
    NO_CHANNEL = "no_channel"
    OVERDUE = "overdue"
    """The step began much later than it was due; it was carried out then."""


class SettledReason(OpenVocabulary):
    """What ended an escalation besides the events of a case."""

    READ = "read"
    """Somebody read what the reporter had left."""
    TRIED = "tried"
    """Somebody tried to reach the reporter; the second deadline began again."""
