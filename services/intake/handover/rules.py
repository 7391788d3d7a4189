"""Handing a report over from whoever made it to the person it is about. Pure.

The one who reported gets a code, for one use and a time, and gives it to the person. That person gets a receipt of
their own with it; from then on the old receipt says that the report was handed over, and nothing else, ever. A code
proves nobody to be the person harmed, for whoever reported may use it themselves: so nothing more than before is shown
until the centre has heard from the person by a way of their own, and nobody is contacted in the old ways any more.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.intake.encryption.keys import KeyedDigests, ReceiptKeys
from services.intake.reports import receipt_numbers
from services.intake.reports.lifecycle import Lifecycle
from services.intake.retention import rules as retention_rules
from services.intake.retention.rules import RefusedError
from shared.events.reports import ReportFacts
from shared.events.vocabulary import ContactChannel, Role

OPEN_FOR: Final = timedelta(hours=72)
"""How long a code counts: as long as second thoughts, one weekend and a night."""
REPEATED_FOR: Final = timedelta(minutes=10)
"""For how long the very same request is answered with the same receipt: a lost connection, no more."""


class HandoverCode(BaseModel):
    """A code as stored, beside its hash."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    until: datetime
    cancelled: bool = False
    taken_at: datetime | None = None
    taken_by: str | None = None
    """Keyed digest of the request that took it, so that a repeat gets the same receipt."""
    said_before: Mapping[str, int] | None = None
    """How many messages, additions and answers are from before it was taken, see ``documents.of_holder``."""


def handover_code_of(document: Mapping[str, Any]) -> HandoverCode | None:
    """The newest code's state; None where there was never one."""
    stored = document.get("hand_over")
    return HandoverCode.model_validate(stored) if stored else None


def may_offer(life: Lifecycle, facts: ReportFacts) -> bool:
    """Return whether a report may be handed over: it is a representative's, and still theirs.

    A third party's is a tip, never a case in somebody's name: there the person makes a report of their own.
    """
    return facts.role is Role.REPRESENTATIVE and life.handed_over_at is None


def open_until(offer: HandoverCode | None, now: datetime) -> datetime | None:
    """Until when a code is open; None where none is."""
    open_now = offer is not None and not offer.cancelled and offer.taken_at is None and now < offer.until
    return offer.until if offer is not None and open_now else None


def offered(life: Lifecycle, facts: ReportFacts, now: datetime) -> HandoverCode:
    """A new code's state; it takes the place of an earlier one. Raises ``RefusedError``: ``nobody_to_hand_over_to``."""
    if not may_offer(life, facts):
        raise RefusedError("nobody_to_hand_over_to")
    return HandoverCode(until=now + OPEN_FOR)


def cancelled(offer: HandoverCode | None) -> HandoverCode | None:
    """The code made void; None where there is none to make void."""
    if offer is None or offer.cancelled or offer.taken_at is not None:
        return None
    return offer.model_copy(update={"cancelled": True})


def taken(offer: HandoverCode, by: str, now: datetime) -> HandoverCode | None:
    """The code used up; None where this very request did so before.

    Raises ``RefusedError``: ``code_used``, ``code_void`` or ``code_expired``.
    """
    if offer.taken_at is not None:
        if offer.taken_by == by and now < offer.taken_at + REPEATED_FOR:
            return None
        raise RefusedError("code_used")
    if offer.cancelled:
        raise RefusedError("code_void")
    if now >= offer.until:
        raise RefusedError("code_expired")
    return offer.model_copy(update={"taken_at": now, "taken_by": by})


def handed_over(
    life: Lifecycle,
    before: ReportFacts,
    channels: tuple[ContactChannel, ...],
    now: datetime,
    *,
    other_centers: bool = False,
) -> tuple[Lifecycle, ReportFacts]:
    """The life and the facts once the person has it: a victim's report, with only what they chose and agreed to."""
    chosen = {"contact_channels": tuple(dict.fromkeys(channels)), "other_centers": other_centers}
    facts = before.model_copy(update={"role": Role.VICTIM, **chosen})
    return retention_rules.amended(life, before, facts).model_copy(update={"handed_over_at": now}), facts


def code_hashes(keys: ReceiptKeys, code: str) -> tuple[str, ...]:
    """Hash a code with every key in use; a new one is stored under the first."""
    return tuple(key.mac("hand-over code", code).hex() for key in keys.all)


def request_mark(keys: KeyedDigests, code: str, key: str) -> str:
    """Digest the request that takes over, for storage."""
    return keys.mac("hand-over request", code, key).hex()


def receipts(keys: ReceiptKeys, report_id: str, code: str, key: str) -> list[str]:
    """The new receipt by each key, the current one first.

    ``key`` is known only to who takes over: the code alone leads to none.
    """
    made = [int.from_bytes(one.mac("hand-over receipt", report_id, code, key), "big") for one in keys.all]
    return [receipt_numbers.from_number(number % receipt_numbers.SPACE) for number in made]
