"""The `reports` family: what intake tells the world about a report. Nothing here names or reaches a person."""

from typing import ClassVar

from pydantic import Field

from shared.events.base import CenterId, Model, Moment, ReportEvent, ReportId, Slug, Version
from shared.events.vocabulary import (
    AgeBand,
    Channel,
    ContactChannel,
    Gender,
    HarmType,
    Open,
    PlatformKind,
    Relationship,
    Role,
    Suspicion,
    Urgency,
    UrgencyReason,
)


class ReportFacts(Model):
    """What routing and counting need of a report, and the only part of it that leaves intake.

    Intake keeps each as it was told. On the log, which is kept for ever, each is as coarse as its readers can do with
    (`shared.events.needs`, `docs/reference/log-fields.md`).
    """

    role: Open[Role]
    harm_types: tuple[Open[HarmType], ...] = Field(min_length=1)
    """What was done, as the reporter named it: one kind or several."""
    urgency: Open[Urgency]
    urgency_reasons: tuple[Open[UrgencyReason], ...] = Field(min_length=1)
    """On the log only those that say that the report concerns a child; ``none_of_these`` where none does."""
    division: Slug
    """A division's slug, or ``overseas`` or ``unknown``."""
    district: str | None = Field(default=None, pattern=r"^[0-9]{5}$")
    """Five-digit code; only where one division has two catchments. On the log the one that stands for the catchment."""
    age_band: Open[AgeBand] = AgeBand.UNKNOWN
    gender: Open[Gender] = Gender.UNKNOWN
    relationship: Open[Relationship] = Relationship.UNKNOWN
    platform_kind: Open[PlatformKind] = PlatformKind.UNKNOWN
    channel: Open[Channel]
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    """On the log ``ko``, or ``und`` for any other language; which one, staff read in the details."""
    declined_centers: tuple[CenterId, ...] = ()
    """Centres the reporter does not want; none of them is assigned the report."""
    linked_reports: tuple[ReportId, ...] = ()
    """Reports of the same address, file or offender's account: the ten newest at most, newest first."""
    other_centers: bool = False
    """The person agreed in the report that another centre may be told without being asked first."""
    contact_channels: tuple[Open[ContactChannel], ...] = ()
    """Ways in which the reporter may be reached; the numbers and addresses stay sealed in intake."""
    threat_deadline: Moment | None = None
    """When a threat is to be carried out, rounded down to the hour; the exact moment stays sealed in intake."""
    suspicion: tuple[Open[Suspicion], ...] = ()
    """Why it may not be meant, if anything says so; ``urgency`` is then one step lower than its reasons say."""
    synthetic: bool = False
    """A drill: goes the whole way through, is in no count and no load."""
    sandbox: bool = False
    """A drill of a front end that is being tried out: nobody is alerted of it."""
    triage_version: Version
    """Version of the rule that gave the urgency."""


class _ReportStream(ReportEvent):
    TOPIC: ClassVar[str] = "reports"

    intake_version: Version
    """Number of this event in intake's stream about the report."""

    @property
    def sequence(self) -> int:
        return self.intake_version


class ReportReceived(_ReportStream):
    """A report was accepted and is durable. Always intake version 1."""

    TYPE: ClassVar[str] = "report.received.v1"

    received_at: Moment
    """When intake accepted the report."""
    facts: ReportFacts
    """What readers need to know of the report."""


class ReportAmended(_ReportStream):
    """The reporter added to the report, or intake says its facts anew; they are the whole of what is now true."""

    TYPE: ClassVar[str] = "report.amended.v1"

    amended_at: Moment
    """When the reporter added to it, or intake said them anew."""
    facts: ReportFacts
    """All that is now true, not the difference."""


class ReportMessageLeft(_ReportStream):
    """The reporter left a message for the centre. That one was left, never what it says."""

    TYPE: ClassVar[str] = "report.message_left.v1"

    left_at: Moment
    """When the message was left."""


class ReportWithdrawn(_ReportStream):
    """The reporter took the report back: all contact stops."""

    TYPE: ClassVar[str] = "report.withdrawn.v1"

    withdrawn_at: Moment
    """When the report was withdrawn."""


class ReportReinstated(_ReportStream):
    """The reporter undid a withdrawal within the time for second thoughts."""

    TYPE: ClassVar[str] = "report.reinstated.v1"

    reinstated_at: Moment
    """When the withdrawal was undone."""
