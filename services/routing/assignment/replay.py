"""Deciding everything again from what was recorded, and what comes of it. Pure.

The same must come out: a difference means that code or tables no longer mean what their versions say, or that somebody
changed the log.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, NamedTuple

from services.routing.assignment.models import CenterLoad
from services.routing.assignment.rules import RULE_VERSION, assign, decision_of, transferred
from shared.centers import TABLES, Tables
from shared.clock import seoul_date
from shared.events.reports import ReportFacts
from shared.events.routings import Candidate, Decision, ReportRerouted, ReportRouted
from shared.events.vocabulary import RoutingReason

MOST_DIFFERENCES: Final = 20

Decided = ReportRouted | ReportRerouted


class Span(NamedTuple):
    """From a moment until before another; none is without end."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Return whether the moment lies in it."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


class ReplayDifference(NamedTuple):
    """A decision that does not follow from what it recorded."""

    place: str
    report_id: str
    version: int
    why: str


TRANSFERS: Final = frozenset({RoutingReason.TRANSFER_ACCEPTED, RoutingReason.RETURNED_HOME})
"""Why a centre has a report that people agreed to hand over: the rule looked at no other centre."""


def replay(decision: Decision, facts: ReportFacts, day: date, *, tables: Tables = TABLES) -> Decision:
    """Decide again from what a decision recorded; ``day`` is the Seoul day on which the report was received.

    The same answer comes out if code and tables still mean what its ``rule_version`` and ``table_version`` say.
    """
    loads = {candidate.center_id: _load_of(candidate) for candidate in decision.candidates()}
    if decision.reason in TRANSFERS:
        might = decision.right_of_return or decision.reason is RoutingReason.RETURNED_HOME
        assignment = transferred(decision.center_id, facts, loads, day, may_return=might, tables=tables)
    else:
        assignment = assign(facts, loads, day, linked=decision.linked_center_id, tables=tables)
    return decision_of(assignment, tables)


def _load_of(candidate: Candidate) -> CenterLoad:
    return CenterLoad(*[getattr(candidate, name) for name in CenterLoad._fields])


@dataclass(slots=True)
class Replay:
    """The fold over all decisions of a span. Its size does not grow with their number."""

    known: Mapping[str, Tables]
    """Tables by version."""
    decisions: Counter[str] = field(default_factory=Counter)
    """By event type."""
    by_rule: Counter[int] = field(default_factory=Counter)
    not_comparable: Counter[str] = field(default_factory=Counter)
    """By what this build does not know."""
    differences: int = 0
    first_differences: list[ReplayDifference] = field(default_factory=list)
    """The first of them."""

    def take(self, event: Decided, place: str) -> None:
        """Decide one decision again. ``place`` is where it lies in the log."""
        decision = event.decision
        self.decisions[event.TYPE] += 1
        self.by_rule[decision.rule_version] += 1
        unknown = self._unknown(decision)
        if unknown is not None:
            self.not_comparable[unknown] += 1
        elif why := self._difference(event):
            self.differences += 1
            if len(self.first_differences) < MOST_DIFFERENCES:
                self.first_differences.append(ReplayDifference(place, event.report_id, event.version, why))

    def _unknown(self, decision: Decision) -> str | None:
        if decision.rule_version != RULE_VERSION:
            return f"rule {decision.rule_version}"
        return None if decision.table_version in self.known else f"tables {decision.table_version}"

    def _difference(self, event: Decided) -> str | None:
        tables = self.known[event.decision.table_version]
        try:
            again = replay(event.decision, event.facts, seoul_date(event.received_at), tables=tables)
        except Exception as error:  # whatever a record trips over that no build of ours wrote
            return f"cannot be decided again: {type(error).__name__}"
        return differing(event.decision, again)


def differing(was: Decision, again: Decision) -> str | None:
    """The fields that came out otherwise; of the candidates only how many. None: nothing did."""
    fields = [name for name in Decision.model_fields if name != "compared"]
    values = [(name, getattr(was, name), getattr(again, name)) for name in fields]
    found = [f"{name}: {old} recorded, {new} decided" for name, old, new in values if old != new]
    seen, decided = was.candidates(), again.candidates()
    if seen != decided:
        same = sum(one == other for one, other in zip(seen, decided, strict=False))
        found.append(f"candidates: {max(len(seen), len(decided)) - same} of them")
    return "; ".join(found) or None
