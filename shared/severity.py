"""Definitions of child, critical and severe, for triage, assignment, escalation and the cap on severe cases. Pure.

Routing's rule decides by these definitions: a change here is a new version of the rule there, and the old version keeps
the old definition, so that old decisions replay.
"""

from collections.abc import Collection
from typing import Final

from shared.events.reports import ReportFacts
from shared.events.vocabulary import UNKNOWN, AgeBand, HarmType, Urgency, UrgencyReason

CHILD_REASONS: Final = frozenset({UrgencyReason.UNDER_14, UrgencyReason.CHILD_MATERIAL})
"""Urgency reasons that say that a report concerns a child."""
SEVERE_HARMS: Final = frozenset({HarmType.CHILD_MATERIAL, HarmType.ONLINE_GROOMING})
"""Harms that make a report severe whatever its urgency."""
RANK: Final = {Urgency.CRITICAL: 0, Urgency.HIGH: 1, Urgency.NORMAL: 2}
"""The order of urgency; the most urgent is first."""
CASES_PER_PERSON: Final = 15
"""Normal cases one person can carry at a time, until a center says otherwise. An assumption, to be reviewed."""
SEVERE_PER_PERSON: Final = 4
"""Severe cases one person may have at a time (staff wellbeing; our own judgement)."""


def concerns_child(
    age_band: AgeBand, harm_types: Collection[HarmType], reasons: Collection[UrgencyReason] = ()
) -> bool:
    """Return whether the person harmed is under 14 or the material shows a child, by any answer that may say so."""
    return (
        age_band is AgeBand.UNDER_14 or HarmType.CHILD_MATERIAL in harm_types or not CHILD_REASONS.isdisjoint(reasons)
    )


def urgency_of(facts: ReportFacts) -> Urgency:
    """The urgency that counts: a report that concerns a child is critical, whatever lowered it.

    One of a later build may be the most urgent there is, so it counts as that.
    """
    child = concerns_child(facts.age_band, facts.harm_types, facts.urgency_reasons)
    return Urgency.CRITICAL if child else known_urgency(facts.urgency)


def known_urgency(urgency: Urgency) -> Urgency:
    """The urgency as this build can act upon it: never less urgent than it may be."""
    return Urgency.CRITICAL if urgency == UNKNOWN else urgency


def is_severe(urgency: Urgency, harm_types: Collection[HarmType], *, synthetic: bool) -> bool:
    """Return whether an open case counts towards the cap on severe cases; a drill does not.

    ``urgency`` is the one that counts (`urgency_of`).
    """
    return not synthetic and (urgency is Urgency.CRITICAL or not SEVERE_HARMS.isdisjoint(harm_types))
