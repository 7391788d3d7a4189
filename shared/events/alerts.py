"""The `alerts` family: what notify tried so that a person looks."""

from typing import ClassVar

from pydantic import Field

from shared.events.base import CenterId, Moment, ReportEvent, StaffRef, Version
from shared.events.vocabulary import AlertChannel, Open, SettledReason


class AlertEvent(ReportEvent):
    """What all alert events share."""

    TOPIC: ClassVar[str] = "alerts"

    alert_version: Version
    """Number of this event in notify's stream of alerts about the report."""
    ownership: Version
    """The ownership under which the alert was sent."""
    center_id: CenterId
    """Whose staff the alert is for: the owner, or ``central``."""
    step: Version
    """Step of the escalation, from 1."""
    at: Moment
    """When it happened."""

    @property
    def sequence(self) -> int:
        """The alert version."""
        return self.alert_version


class AlertSent(AlertEvent):
    """A channel took the alert."""

    TYPE: ClassVar[str] = "alert.sent.v1"

    channel: Open[AlertChannel]
    attempt: Version
    """Number of the delivery attempt for this step, from 1."""


class AlertFailed(AlertEvent):
    """A channel refused the alert or was away; it is tried again.

    Channel ``none``: nobody was on duty, a target has no channel, or the step began late (``AlertTrouble``).
    """

    TYPE: ClassVar[str] = "alert.failed.v1"

    channel: Open[AlertChannel]
    attempt: Version
    """Number of the delivery attempt for this step, from 1."""
    reason: str = Field(max_length=80)
    """Why, in a word for the operator; never what a mail server answered."""


class AlertEscalated(AlertEvent):
    """Nobody answered in time: the next step of the escalation was reached."""

    TYPE: ClassVar[str] = "alert.escalated.v1"


class AlertSettled(AlertEvent):
    """Somebody looked, and no event of the case says so: a message was read, or reaching the reporter was tried."""

    TYPE: ClassVar[str] = "alert.settled.v1"

    reason: Open[SettledReason]
    by: StaffRef
    """Who looked, as an opaque staff reference."""
