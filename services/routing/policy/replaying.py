"""Deciding everything again from what was recorded, and what comes of it. Pure.

With the rule each decision names, the same must come out: a difference means that code or tables no longer mean what
their versions say, or that somebody changed the log. With another rule it says what that rule would have done, one
decision at a time: each still sees the loads of the day, which the other rule would have made different.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from services.routing.policy.assign import day_of, decide_again
from services.routing.policy.rules import RULES
from shared.centers import Tables
from shared.events.routings import Decision, ReportRerouted, ReportRouted
from shared.events.vocabulary import RoutingReason

MOST_CULPRITS: Final = 20
AGREED: Final = frozenset({RoutingReason.TRANSFER_ACCEPTED, RoutingReason.RETURNED_HOME})
"""What people agreed upon: no rule decides it."""

Decided = ReportRouted | ReportRerouted
Changed = tuple[str, str]
"""What it was, and what it would be."""


class Span(NamedTuple):
    """From a moment until before another; none is without end."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies in it."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


class Culprit(NamedTuple):
    """A decision that does not follow from what it recorded."""

    place: str
    report_id: str
    version: int
    why: str


@dataclass(slots=True)
class Side:
    """What one rule made of the decisions compared."""

    at_home: int = 0
    over_capacity: int = 0
    percents: int = 0
    """Sum of how busy the chosen centres were before, in percent of what their staff can carry."""
    highest: int = 0

    def take(self, decision: Decision) -> None:
        """Count one decision."""
        self.at_home += decision.center_id == decision.home_center_id
        self.over_capacity += decision.over_capacity
        for candidate in decision.candidates:
            if candidate.center_id == decision.center_id and candidate.capacity:
                percent = candidate.load * 100 // candidate.capacity
                self.percents += percent
                self.highest = max(self.highest, percent)


@dataclass(slots=True)
class Replay:
    """The fold over all decisions of a span. Its size does not grow with their number."""

    known: Mapping[str, Tables]
    """Tables by version."""
    rule: int | None = None
    """The rule to decide with; none is the one each decision names."""
    decisions: Counter[str] = field(default_factory=Counter)
    """By event type."""
    by_rule: Counter[int] = field(default_factory=Counter)
    not_comparable: Counter[str] = field(default_factory=Counter)
    """By what this build does not know."""
    differences: int = 0
    culprits: list[Culprit] = field(default_factory=list)
    """The first of them."""
    compared: int = 0
    """With another rule: decisions that rule could take."""
    agreed: int = 0
    """With another rule: decisions of people, which it leaves alone."""
    centers: Counter[Changed] = field(default_factory=Counter)
    reasons: Counter[Changed] = field(default_factory=Counter)
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)

    def take(self, event: Decided, place: str) -> None:
        """Decide one decision again. ``place`` is where it lies in the log."""
        decision = event.decision
        self.decisions[event.TYPE] += 1
        self.by_rule[decision.rule_version] += 1
        unknown = self._unknown(decision)
        if unknown is not None:
            self.not_comparable[unknown] += 1
        elif self.rule is None:
            self._verify(event, place)
        else:
            self._compare(event, place, self.rule)

    def _unknown(self, decision: Decision) -> str | None:
        if decision.rule_version not in RULES:
            return f"rule {decision.rule_version}"
        return None if decision.table_version in self.known else f"tables {decision.table_version}"

    def _verify(self, event: Decided, place: str) -> None:
        self._judged(event, place, event.decision.rule_version, lambda again: _differing(event.decision, again))

    def _compare(self, event: Decided, place: str, rule: int) -> None:
        if event.decision.reason in AGREED:
            self.agreed += 1
            return

        def compared(again: Decision) -> None:
            was = event.decision
            self.compared += 1
            self.before.take(was)
            self.after.take(again)
            if was.center_id != again.center_id:
                self.centers[was.center_id, again.center_id] += 1
            if was.reason is not again.reason:
                self.reasons[was.reason, again.reason] += 1

        self._judged(event, place, rule, compared)

    def _judged(self, event: Decided, place: str, rule: int, judge: Callable[[Decision], str | None]) -> None:
        try:
            why = judge(self._again(event, rule))
        except Exception as error:  # whatever a record trips over that no build of ours wrote
            why = f"cannot be decided again: {type(error).__name__}"
        if why:
            self.differences += 1
            if len(self.culprits) < MOST_CULPRITS:
                self.culprits.append(Culprit(place, event.report_id, event.version, why))

    def _again(self, event: Decided, rule: int) -> Decision:
        day = day_of(rule, received_at=event.received_at, decided_at=event.decided_at)
        tables = self.known[event.decision.table_version]
        return decide_again(event.decision, event.facts, day, rule, tables=tables)


def _differing(was: Decision, again: Decision) -> str | None:
    """The fields that came out otherwise; of the candidates only how many."""
    found = []
    for name in Decision.model_fields:
        old, new = getattr(was, name), getattr(again, name)
        if old == new:
            continue
        if name == "candidates":
            same = sum(one == other for one, other in zip(was.candidates, again.candidates, strict=False))
            found.append(f"candidates: {max(len(was.candidates), len(again.candidates)) - same} of them")
        else:
            found.append(f"{name}: {old} recorded, {new} decided")
    return "; ".join(found) or None
