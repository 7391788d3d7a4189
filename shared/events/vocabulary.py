"""The words events use. Values are part of the contract: never rename one, only add."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """Who reports. The three have different legal effect (Act art. 7-3)."""

    VICTIM = "victim"
    REPRESENTATIVE = "representative"
    THIRD_PARTY = "third_party"


class Channel(StrEnum):
    """Which way the report came in."""

    WEB = "web"
    PHONE = "phone"
    API = "api"


class HarmType(StrEnum):
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


class Urgency(StrEnum):
    """How soon a person must look. Decided by the triage rule, never by the reporter alone."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"


class UrgencyReason(StrEnum):
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


class Suspicion(StrEnum):
    """Why a report may not be meant. It is accepted like any other, and judged one step less urgent."""

    BURST = "burst"
    """Very many came from one network within the hour."""
    REPEATED_TEXT = "repeated_text"
    """The same long text came again and again."""


class AgeBand(StrEnum):
    """Age of the person harmed. Bands, because an age is closer to a name."""

    UNDER_14 = "under_14"
    FROM_14_TO_18 = "14_18"
    FROM_19_TO_24 = "19_24"
    FROM_25_TO_29 = "25_29"
    THIRTIES = "30s"
    FORTIES = "40s"
    FIFTIES_UP = "50_up"
    UNKNOWN = "unknown"


class Gender(StrEnum):
    """Gender of the person harmed, as told."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class Relationship(StrEnum):
    """The person harmed and the offender, in the categories of the yearly statistics."""

    TEMPORARY = "temporary"
    STRANGER = "stranger"
    INTIMATE = "intimate"
    SOCIAL = "social"
    FAMILY = "family"
    UNKNOWN = "unknown"


class PlatformKind(StrEnum):
    """Where it was seen, by kind."""

    SOCIAL_MEDIA = "social_media"
    MESSENGER = "messenger"
    ADULT_SITE = "adult_site"
    SEARCH_ENGINE = "search_engine"
    COMMUNITY = "community"
    FILE_SHARING = "file_sharing"
    OTHER = "other"
    UNKNOWN = "unknown"


class ContactChannel(StrEnum):
    """Ways the reporter agreed to be reached. The address itself stays in intake's vault."""

    PHONE = "phone"
    TEXT = "text"
    EMAIL = "email"
    MESSAGE_HERE = "message_here"
    """Only here, with the receipt: excludes every other way."""


def agreed_channels(chosen: Iterable[ContactChannel]) -> tuple[ContactChannel, ...]:
    """The channels that may be used: "only here" excludes what older reports chose beside it."""
    channels = tuple(dict.fromkeys(chosen))
    return (ContactChannel.MESSAGE_HERE,) if ContactChannel.MESSAGE_HERE in channels else channels


class CenterState(StrEnum):
    """What a centre can do at this moment."""

    OPEN = "open"
    SHORT_STAFFED = "short_staffed"
    CLOSED = "closed"
    UNSTAFFED = "unstaffed"
    """Not closed, and nobody is on duty now: what is not critical waits there for the next shift."""


class RoutingReason(StrEnum):
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


class PassedOver(StrEnum):
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
    """What made routing write a record."""

    REPORT = "report"
    CASE_EVENT = "case_event"
    CENTER_CLOSED = "center_closed"


class EndReason(StrEnum):
    """Why nothing more is to be done."""

    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class UpdateKind(StrEnum):
    """What reached the owner after the report itself."""

    AMENDED = "amended"
    MESSAGE_LEFT = "message_left"
    REOPENED = "reopened"
    REINSTATED = "reinstated"
    TRANSFER_VOID = "transfer_void"
    """A transfer was accepted and cannot be carried out; the owner is the same."""


class TransferVoid(StrEnum):
    """Why an accepted transfer could not be carried out."""

    SAME_OWNER = "same_owner"
    DECLINED = "declined"
    """The reporter does not want that centre."""
    CENTER_CLOSED = "center_closed"
    CENTRAL_NOT_NEEDED = "central_not_needed"
    """The central centre owns only while every centre that may take the report is closed."""


class SupportKind(StrEnum):
    """Support given, coded as in the yearly statistics."""

    COUNSELLING = "counselling"
    DELETION = "deletion"
    MONITORING = "monitoring"
    INVESTIGATION = "investigation"
    LEGAL = "legal"
    MEDICAL = "medical"
    PSYCHOLOGICAL = "psychological"
    ACCOMPANIMENT = "accompaniment"


class Outcome(StrEnum):
    """How a case was closed."""

    SUPPORTED = "supported"
    REFERRED = "referred"
    NO_CONTACT = "no_contact"
    NOT_IN_SCOPE = "not_in_scope"
    DUPLICATE = "duplicate"


class AlertChannel(StrEnum):
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


class SettledReason(StrEnum):
    """What ended a run of the ladder besides the events of a case."""

    READ = "read"
    """Somebody read what the reporter had left."""
    TRIED = "tried"
    """Somebody tried to reach the reporter; the second deadline began again."""
