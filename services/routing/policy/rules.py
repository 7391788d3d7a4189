"""The numbers of the rule, by version. A change of any number is a new version, so that old decisions replay.

They are no settings for the same reason: a decision names its rule version, and that must say all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.events.reports import ReportFacts
from shared.events.vocabulary import Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One version of the rule's numbers. Source: our own judgement; to be reviewed with the ministry's load figures."""

    version: int
    weights: Mapping[Urgency, int]
    """What one report adds to a centre's load, in tenths of a normal case."""
    threshold_percent: int
    """Up to this utilisation the home centre keeps its reports whatever the neighbours look like."""
    severe_per_person: int
    """Severe cases one person may have at a time."""
    margin_points: int
    """Above it, and while home is not full, a land neighbour must be better by this many points of utilisation."""


RULES: Final[Mapping[int, Rule]] = {
    1: Rule(
        version=1,
        weights={Urgency.NORMAL: 10, Urgency.HIGH: 15, Urgency.CRITICAL: 20},
        severe_per_person=4,
        threshold_percent=90,
        margin_points=20,
    ),
}

RULE_VERSION: Final = max(RULES)
RULE: Final = RULES[RULE_VERSION]


def is_severe(facts: ReportFacts) -> bool:
    """Whether an open report counts among the severe ones, of which one person may have only so many."""
    return facts.urgency is Urgency.CRITICAL and not facts.synthetic


def weight_of(facts: ReportFacts) -> int:
    """What an open report adds to its owner's load; a drill adds nothing."""
    return 0 if facts.synthetic else RULE.weights[facts.urgency]
