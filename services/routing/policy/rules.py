"""The numbers of the rule, by version. A change of any number is a new version, so that old decisions replay.

They are no settings for the same reason: a decision names its rule version, and that must say all. Source of every
number: our own judgement, to be reviewed with the ministry's figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from shared.events.reports import ReportFacts
from shared.events.vocabulary import AgeBand, HarmType, Urgency, UrgencyReason
from shared.severity import SEVERE_HARMS, SEVERE_PER_PERSON, concerns_child


class Terms(NamedTuple):
    """On which terms a centre takes a guest: a case whose home is another centre, or none."""

    load_percent: int
    """With the guest its load is at most so much of its capacity: it keeps the rest for its own people."""
    guest_percent: int
    """With the guest its guests are at most so much of its capacity."""
    unstaffed_too: bool = False
    """Whether the guest may wait where nobody is on duty."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """One version of the rule's numbers."""

    version: int
    weights: Mapping[Urgency, int]
    """What one report adds to a centre's load by its urgency, in tenths of a normal case."""
    harm_extras: Mapping[HarmType, int]
    """What the heaviest of its harms adds to that, in the same units; nothing where a harm is not named."""
    severe_harms: frozenset[HarmType]
    """Harms that make a report severe whatever its urgency."""
    severe_per_person: int
    """Severe cases one person may have at a time."""
    threshold_percent: int
    """Up to this utilisation the home centre keeps its reports whatever the others look like."""
    margin_points: int
    """Above it, a host must be better by this many points of utilisation."""
    overload_percent: int
    """Above this utilisation of home its reports wait where nobody is on duty yet, and others open what they keep."""
    guests: Terms
    """The terms on which a centre takes guests every day."""
    waiting: Terms
    """The same for a guest that can wait for the next shift: one without a home, or whose home is overloaded."""
    opened: Terms
    """The terms once the reserve is opened."""


RULE: Final = Rule(
    version=2,
    weights={Urgency.NORMAL: 10, Urgency.HIGH: 15, Urgency.CRITICAL: 20},
    harm_extras={
        HarmType.CHILD_MATERIAL: 10,
        HarmType.DISTRIBUTION: 5,
        HarmType.SYNTHESIS: 5,
        HarmType.DISTRIBUTION_THREAT: 5,
        HarmType.ONLINE_GROOMING: 5,
        HarmType.BODY_CAM_PHISHING: 5,
    },
    severe_harms=SEVERE_HARMS,
    severe_per_person=SEVERE_PER_PERSON,
    threshold_percent=90,
    margin_points=20,
    overload_percent=100,
    guests=Terms(load_percent=80, guest_percent=50),
    waiting=Terms(load_percent=80, guest_percent=50, unstaffed_too=True),
    opened=Terms(load_percent=95, guest_percent=75),
)
"""Rule 2. Nothing was ever released under version 1."""

RULE_VERSION: Final = RULE.version


class Case(NamedTuple):
    """What the rule needs to know of a report besides its place."""

    weight: int
    """What it adds to a load, in tenths of a normal case; 0 for a drill."""
    severe: bool
    """Whether it takes one of the places for severe cases; a drill does not."""
    critical: bool
    """Whether somebody must look now."""
    child: bool
    """Whether it concerns a child: ``central`` is on copy."""


class Answers(NamedTuple):
    """The part of a report's facts on which its weight rests; few combinations are common."""

    urgency: Urgency
    harm_types: tuple[HarmType, ...]
    age_band: AgeBand
    urgency_reasons: tuple[UrgencyReason, ...]
    synthetic: bool


def case_of(facts: ReportFacts, rule: Rule = RULE) -> Case:
    """What the rule needs to know of a report besides its place."""
    answers = Answers(facts.urgency, facts.harm_types, facts.age_band, facts.urgency_reasons, facts.synthetic)
    return _case(answers, rule)


def is_severe(facts: ReportFacts) -> bool:
    """Whether an open report counts among the severe ones, of which one person may have only so many."""
    return case_of(facts).severe


def weight_of(facts: ReportFacts) -> int:
    """What an open report adds to its owner's load, in tenths of a normal case; a drill adds nothing."""
    return case_of(facts).weight


def _reckoned(answers: Answers, rule: Rule) -> Case:
    child = concerns_child(answers.age_band, answers.harm_types, answers.urgency_reasons)
    critical = child or answers.urgency is Urgency.CRITICAL
    if answers.synthetic:
        return Case(0, severe=False, critical=critical, child=child)
    severe = critical or not rule.severe_harms.isdisjoint(answers.harm_types)
    return Case(_weight(answers, rule, critical=critical), severe, critical, child)


_case = lru_cache(maxsize=8192)(_reckoned)  # no decorator: mutation testing leaves out what is decorated


def _weight(answers: Answers, rule: Rule, *, critical: bool) -> int:
    """By urgency, and by the heaviest of its harms; not by their number, or a long list would outweigh a grave one."""
    urgency = Urgency.CRITICAL if critical else answers.urgency
    return rule.weights[urgency] + max(rule.harm_extras.get(harm, 0) for harm in answers.harm_types)
