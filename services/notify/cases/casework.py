"""What a centre notes about its work on a case: how the reporter was reached, and requests to delete. Codes only."""

from enum import StrEnum
from typing import Final

from services.notify.cases.basics import Instant, Model
from shared.events.vocabulary import ContactChannel, PlatformKind


class ContactWay(StrEnum):
    """How somebody was in touch with the reporter."""

    PHONE = "phone"
    TEXT = "text"
    EMAIL = "email"
    MESSAGE_HERE = "message_here"
    CAME_TO_US = "came_to_us"
    """The reporter called, wrote or came by themselves: nobody contacted them."""


CHANNEL_OF: Final = {
    ContactWay.PHONE: ContactChannel.PHONE,
    ContactWay.TEXT: ContactChannel.TEXT,
    ContactWay.EMAIL: ContactChannel.EMAIL,
    ContactWay.MESSAGE_HERE: ContactChannel.MESSAGE_HERE,
}
"""What the reporter must have agreed to before a way is used. What they do themselves needs no agreement."""


class DeletionState(StrEnum):
    """How far a request to delete is."""

    REQUESTED = "requested"
    REMOVED = "removed"
    REFUSED = "refused"
    REAPPEARED = "reappeared"


NEXT_OF: Final = {
    DeletionState.REQUESTED: (DeletionState.REMOVED, DeletionState.REFUSED),
    DeletionState.REFUSED: (DeletionState.REQUESTED, DeletionState.REMOVED),
    DeletionState.REMOVED: (DeletionState.REAPPEARED,),
    DeletionState.REAPPEARED: (DeletionState.REQUESTED,),
}
"""What may follow. Where it was, nobody writes here: addresses stay in intake's vault."""


class Deletion(Model):
    """Requests to one kind of platform, counted as one entry."""

    number: int
    platform: PlatformKind
    addresses: int
    """How many addresses the request names."""
    state: DeletionState
    at: Instant
    """Since when it stands so."""
