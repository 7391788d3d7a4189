"""Whether somebody at the owning centre may write to the reporter, or a note. Pure.

They may for half an hour after a ticket opened the details to them, in the same sign-in, while the same ownership
stands: what they write rests on what they have just read.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from services.intake.encryption.keys import KeyedDigests
from services.intake.reports import documents
from services.intake.reports.lifecycle import Access
from services.intake.reports.models import LimitedBecause, Ownership
from services.intake.retention import rules as retention_rules
from shared.events.vocabulary import ContactChannel, Role

LASTS: Final = timedelta(minutes=30)
ANSWERS: Final = 50
"""To one report, like messages; more belong in a conversation."""
NOTES: Final = 200
READER: Final = "reader"
"""The field of a stored answer, and of its form, that says for whom it was written: a ``LimitedBecause``, or nothing
where the person harmed holds the receipt."""


class WriteRefusal(StrEnum):
    """Why nothing was written. Part of the audit: never rename one."""

    LEAVE_OVER = "leave_over"
    """Half an hour has passed, or the details were opened in another sign-in, or never."""
    WITHDRAWN = "withdrawn"
    ERASED = "erased"
    OWNER_CHANGED = "owner_changed"
    NOT_AGREED = "not_agreed"
    """The reporter neither wrote here nor agreed to be written to here."""
    TOO_MANY = "too_many"
    NOT_MARKED = "not_marked"
    """The receipt shows only answers for whoever holds it, and this one is not marked as one."""
    READER_CHANGED = "reader_changed"
    """It was written for somebody else than who holds the receipt now."""
    SENT_BEFORE = "idempotency_conflict"
    """The same form was sent before, with another text, which was kept."""


def leave_for(keys: KeyedDigests, report_id: str, ownership: int, subject: str, session: str, until: datetime) -> str:
    """Make the page's leave to write about one report, under one ownership, for one sign-in."""
    stamp = str(int(until.timestamp()))
    mark = keys.mac("leave to write", report_id, str(ownership), subject, session, stamp).hex()
    return f"{ownership}.{stamp}.{mark}"


def ownership_in(
    keys: KeyedDigests, leave: str, report_id: str, subject: str, session: str, now: datetime
) -> int | None:
    """The ownership a leave stands for; None where it does not count any more, or never did."""
    parts = leave.split(".")
    if len(parts) != 3 or not (parts[0].isdecimal() and parts[1].isdecimal()):  # noqa: PLR2004  # as made above
        return None
    mark = keys.mac("leave to write", report_id, parts[0], subject, session, parts[1]).hex()
    fits = hmac.compare_digest(mark.encode(), parts[2].encode())
    return int(parts[0]) if fits and int(parts[1]) >= now.timestamp() else None


def judge(
    ownership: int | None, organisation: str, access: Access, owned: Ownership | None, *, room: bool
) -> WriteRefusal | None:
    """Return why a text about a report is refused; None if it is not. ``room``: there are not too many already."""
    if access is not Access.OPEN:
        return WriteRefusal.ERASED if access is Access.ERASED else WriteRefusal.WITHDRAWN
    if ownership is None:
        return WriteRefusal.LEAVE_OVER
    if owned is None or owned.ownership != ownership or owned.center_id != organisation:
        return WriteRefusal.OWNER_CHANGED
    return None if room else WriteRefusal.TOO_MANY


def may_answer(contact: Mapping[str, Any], messages: int) -> bool:
    """Return whether the holder of the receipt chose to be answered here: they agreed to it, or wrote here first.

    ``messages`` are their own; after a hand-over those of whoever reported do not count.
    """
    return messages > 0 or ContactChannel.MESSAGE_HERE in contact.get("channels", ())


def reader_of(document: Mapping[str, Any]) -> LimitedBecause | None:
    """Return why an answer must be written for somebody else than the person harmed; None where that person reads it.

    Whoever reported for another may be who did it, and whoever took a report over may be who reported.
    """
    facts = document.get("facts")
    return retention_rules.limited_because(
        retention_rules.lifecycle_of(document), Role.read(facts["role"]) if facts else Role.VICTIM
    )


def meant_for(reader: str, because: LimitedBecause | None, *, marked: bool) -> WriteRefusal | None:
    """Return what keeps an answer that was written for ``reader`` from whoever reads it now.

    ``marked``: its writer says that it is for somebody else than the person harmed.
    """
    if reader != (because or ""):
        return WriteRefusal.READER_CHANGED
    return WriteRefusal.NOT_MARKED if because is not None and not marked else None


def shown_to_holder(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the answers that the holder of the receipt may read.

    All since they hold it; where they may not be the person harmed, those that were written for them.
    """
    because = reader_of(document)
    left = documents.of_holder(document, "replies")
    return left if because is None else [one for one in left if one.get(READER) == because]
