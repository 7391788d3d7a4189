"""The `loads` family: what each partition of `routings` adds up to, told by its worker to all workers."""

from typing import ClassVar

from pydantic import Field

from shared.events.base import CenterId, Count, Event, Model, Moment


class LoadTotal(Model):
    """One centre's part in one partition."""

    open_cases: Count
    """Open cases."""
    weighted: Count
    """Weighted open cases, in units of one normal case times ten."""
    guests: Count = 0
    """The part of ``weighted`` whose home is another centre, or none."""
    severe: Count = 0
    """Severe open cases."""
    waiting: Count = 0
    """Open cases nobody there has acknowledged."""
    waiting_since: Moment | None = None
    """Since when the oldest of these waits."""


class LoadSummarized(Event):
    """Sums over one partition up to an offset. The highest offset wins; the owner repeats it as a heartbeat."""

    TYPE: ClassVar[str] = "load.summarized.v1"
    TOPIC: ClassVar[str] = "loads"

    partition: Count
    """The partition of `routings`; the key of the record."""
    upto: Count
    """First offset of `routings` in this partition that is not in the sums."""
    loads: dict[CenterId, LoadTotal]
    """By centre; one that is not named has no load in this partition."""
    summarized_at: Moment
    """When the worker wrote it; a summary that is not repeated is out of date."""
    worker: str = Field(max_length=80)
    """The process that wrote it, for the operator."""

    @property
    def key(self) -> str:
        """The partition, as text."""
        return str(self.partition)

    @property
    def sequence(self) -> int:
        """The offset the sums stand for."""
        return self.upto

    @property
    def occurrence(self) -> str:
        """The whole content: what waits changes at one offset too, and a repeat is an event of its own."""
        return self.model_dump_json()
