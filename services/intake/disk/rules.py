"""What may still be written when the store's disk fills up: drafts give way first, reports last. Pure."""

from enum import IntEnum
from typing import Final, NamedTuple

MB: Final = 1024 * 1024


class Room(IntEnum):
    """How much room is left; more is larger."""

    NONE = 0
    """Not even reports: people are told to call."""
    REPORTS = 1
    """Reports and what belongs to them; no drafts."""
    LOW = 2
    """Everything, and somebody must act."""
    PLENTY = 3


class Marks(NamedTuple):
    """Free bytes below which a room ends."""

    alarm: int
    drafts: int
    reports: int


def room_of(free: int | None, marks: Marks) -> Room:
    """The room for so many free bytes; where nobody can say, everything is tried: the store itself refuses in time."""
    if free is None or free >= marks.alarm:
        return Room.PLENTY
    if free >= marks.drafts:
        return Room.LOW
    return Room.REPORTS if free >= marks.reports else Room.NONE
