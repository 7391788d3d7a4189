"""The `centers` family: what a centre can do now."""

from typing import ClassVar

from pydantic import Field

from shared.events.base import CenterId, Event, Moment, Version
from shared.events.vocabulary import CenterState


class CenterChanged(Event):
    """A centre's state or staffing changed; the event holds all of it, not the difference."""

    TYPE: ClassVar[str] = "center.changed.v1"
    TOPIC: ClassVar[str] = "centers"

    center_id: CenterId
    """The centre; the key of the record."""
    center_version: Version
    """Number of this event in notify's stream about the centre; the highest counts."""
    state: CenterState
    """Whether it takes reports."""
    staff_on_duty: int = Field(ge=0, le=999)
    """People on duty now."""
    cases_per_person: int = Field(ge=1, le=999)
    """Normal cases one person can carry at a time."""
    changed_at: Moment
    """When it was changed."""

    @property
    def key(self) -> str:
        """The centre's id."""
        return self.center_id

    @property
    def sequence(self) -> int:
        """The centre version."""
        return self.center_version
