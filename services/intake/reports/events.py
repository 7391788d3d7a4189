"""The events of a report: as records, and how much of its facts goes onto the log. Pure.

The report's document keeps every fact as it was told and loses them with its key; the log is kept for ever. So the log
gets each fact only as finely as one of its readers uses it: `shared.events.needs` says who reads which, and why.
"""

from datetime import datetime
from typing import Final

from shared.centers import catchment_code
from shared.events.base import Event, Record, encode
from shared.events.reports import ReportAmended, ReportFacts, ReportReceived
from shared.events.vocabulary import UNKNOWN, HarmType, UrgencyReason
from shared.severity import CHILD_REASONS

KOREAN: Final = "ko"
NOT_KOREAN: Final = "und"
"""ISO 639-2 for "undetermined": a language other than Korean; which one stands with the details."""
_PLACES: Final = {harm: place for place, harm in enumerate(HarmType)}


def record_of(event: Event, at: datetime, traceparent: str) -> Record:
    """The record that publishes an event of intake."""
    return encode(event, source="intake", time=at, traceparent=traceparent)


def received(report_id: str, now: datetime, facts: ReportFacts) -> ReportReceived:
    """The first event of a report."""
    return ReportReceived(report_id=report_id, intake_version=1, received_at=now, facts=published(facts))


def amended(report_id: str, version: int, now: datetime, facts: ReportFacts) -> ReportAmended:
    """The event of an addition; ``facts`` are the whole of what is now true."""
    return ReportAmended(report_id=report_id, intake_version=version, amended_at=now, facts=published(facts))


def published(facts: ReportFacts) -> ReportFacts:
    """The facts as they go onto the log. What is decided and counted from them is the same.

    A reason of a later build stays: it may concern a child.
    """
    reasons = tuple(reason for reason in facts.urgency_reasons if reason in CHILD_REASONS or reason == UNKNOWN)
    return facts.model_copy(
        update={
            "harm_types": tuple(sorted(facts.harm_types, key=lambda harm: _PLACES.get(harm, len(_PLACES)))),
            "urgency_reasons": reasons or (UrgencyReason.NONE_OF_THESE,),
            "district": catchment_code(facts.division, facts.district),
            "language": KOREAN if facts.language == KOREAN else NOT_KOREAN,
        }
    )
