"""How soon a person must look, decided from typed answers alone. The text a person wrote is never read for it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.intake.submissions.models import Submission
from shared.events.vocabulary import AgeBand, HarmType, Suspicion, Urgency, UrgencyReason
from shared.severity import CHILD_REASONS

VERSION: Final = 2
"""Grows whenever the rule changes; reports keep the number they were judged by."""

DEADLINE_SOON: Final = timedelta(hours=72)
"""A threat with an end inside this span needs a person at once. One weekend and a night; our own choice."""
DEADLINE_PAST: Final = timedelta(days=7)
"""A deadline that has just passed is no calmer: the threat may be being carried out."""

_ONE_LESS: Final = {
    Urgency.CRITICAL: Urgency.HIGH,
    Urgency.HIGH: Urgency.NORMAL,
    Urgency.NORMAL: Urgency.NORMAL,
}
_CRITICAL_ALONE: Final = CHILD_REASONS | {UrgencyReason.DEADLINE_SOON}
_CRITICAL_FOR_MINORS: Final = frozenset(
    {UrgencyReason.SPREADING_NOW, UrgencyReason.THREATENED, UrgencyReason.EXTORTION, UrgencyReason.GROOMING}
)


@dataclass(frozen=True, slots=True)
class Triage:
    """Urgency, every reason that applies in the order of the vocabulary, and the rule's version."""

    urgency: Urgency
    reasons: tuple[UrgencyReason, ...]
    version: int = VERSION


def triage(report: Submission, now: datetime) -> Triage:
    """Judge a submission. An unanswered question never makes a report less urgent than a "no" would."""
    found = {reason for reason, applies in _applying(report, now).items() if applies}
    if not found:
        return Triage(Urgency.NORMAL, (UrgencyReason.NONE_OF_THESE,))
    minor_in_danger = UrgencyReason.MINOR in found and not found.isdisjoint(_CRITICAL_FOR_MINORS)
    critical = minor_in_danger or not found.isdisjoint(_CRITICAL_ALONE)
    reasons = tuple(reason for reason in UrgencyReason if reason in found)
    return Triage(Urgency.CRITICAL if critical else Urgency.HIGH, reasons)


def demoted(found: Triage, suspicion: tuple[Suspicion, ...]) -> Triage:
    """The judgement of a report that may not be meant: one step less urgent; its reasons stay.

    Never more than a step: what would have been critical is still alerted at once, by day and night. A report that
    concerns a child stays critical, as it is to routing: after something at a school many true ones come from one
    network.
    """
    if not suspicion or not CHILD_REASONS.isdisjoint(found.reasons):
        return found
    return replace(found, urgency=_ONE_LESS[found.urgency])


def _applying(report: Submission, now: datetime) -> dict[UrgencyReason, bool]:
    harms = set(report.harm_types)
    deadline = report.threat_deadline
    return {
        UrgencyReason.UNDER_14: report.age_band is AgeBand.UNDER_14,
        UrgencyReason.CHILD_MATERIAL: HarmType.CHILD_MATERIAL in harms,
        UrgencyReason.DEADLINE_SOON: deadline is not None and -DEADLINE_PAST <= deadline - now <= DEADLINE_SOON,
        UrgencyReason.SPREADING_NOW: report.still_spreading is True,
        UrgencyReason.THREATENED: (
            report.threatened is True or deadline is not None or HarmType.DISTRIBUTION_THREAT in harms
        ),
        UrgencyReason.EXTORTION: report.money_demanded is True or HarmType.BODY_CAM_PHISHING in harms,
        UrgencyReason.GROOMING: HarmType.ONLINE_GROOMING in harms,
        UrgencyReason.MINOR: report.age_band is AgeBand.FROM_14_TO_18,
    }
