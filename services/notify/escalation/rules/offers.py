"""The mail about an offer, and how long the other centre may think. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.notify.cases.models import Case, Center, Target
from services.notify.escalation.rules.ids import uuid_like
from shared.events.vocabulary import Urgency

OFFER_LASTS: Final[dict[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(minutes=30),
    Urgency.HIGH: timedelta(hours=4),
    Urgency.NORMAL: timedelta(hours=24),
}
"""How long another centre may think about an offer; this project's own times."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to the centre that has an open offer."""

    offer_id: str
    to_center_id: str
    target: Target
    attempt: int
    alert_id: str


def notice(case: Case, receiver: Center, now: datetime) -> Notice | None:
    """The mail about an offer that is due now: to the lead where nobody is on duty; none where nothing is due."""
    offer = case.offer
    if offer is None or offer.tell_at is None or offer.tell_at > now or offer.expires_at <= now:
        return None
    return Notice(
        offer_id=offer.offer_id,
        to_center_id=offer.to_center_id,
        target=Target.LEAD if receiver.nobody else Target.DUTY,
        attempt=offer.tries + 1,
        alert_id=uuid_like(f"offer|{case.report_id}|{offer.offer_id}"),
    )


def offer_id(report_id: str, case_version: int) -> str:
    """The id of an offer, made from the event that tells of it."""
    return "offer-" + hashlib.sha256(f"{report_id}|{case_version}".encode()).hexdigest()[:16]
