"""Decide what may be written as the store's disk fills up: drafts give way first, reports last. Pure."""

from enum import IntEnum
from typing import Final, NamedTuple

MB: Final = 1024 * 1024


class DiskLevel(IntEnum):
    """How much room is left; more is larger."""

    NONE = 0
    """Not even reports: people are told to call."""
    REPORTS = 1
    """Reports and what belongs to them; no drafts."""
    LOW = 2
    """Everything may be written; operators are warned."""
    PLENTY = 3


class DiskThresholds(NamedTuple):
    """Free bytes below which a room ends."""

    alarm: int
    drafts: int
    reports: int


def room_of(free: int | None, marks: DiskThresholds) -> DiskLevel:
    """The room for so many free bytes; where nobody can say, everything is tried: the store itself refuses in time."""
    if free is None or free >= marks.alarm:
        return DiskLevel.PLENTY
    if free >= marks.drafts:
        return DiskLevel.LOW
    return DiskLevel.REPORTS if free >= marks.reports else DiskLevel.NONE
