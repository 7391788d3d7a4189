"""Inputs and result of deciding a batch. Pure values."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.routing.assignment.models import Assignment
from services.routing.models import Draft, FirstRouting, Refusal
from shared.centers import TABLES, Tables
from shared.events.routings import Decision, ReportRerouted


@dataclass(slots=True)
class TransitionResult:
    """Result of a batch."""

    drafts: list[Draft] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    deferred: list[int] = field(default_factory=list)
    """Places of events that wait until the log holds what this batch says about their report."""
    repeated: int = 0
    """Events already acted on."""
    void: Counter[str] = field(default_factory=Counter)
    """Events that change nothing, by reason: made under an ownership that is over, or no longer fitting the report."""


def reasons_of(drafts: Sequence[Draft]) -> tuple[dict[str, int], int]:
    """Count the owners chosen for each reason, and how many of them were past their capacity with it."""
    reasons: dict[str, int] = {}
    over = 0
    for draft in drafts:
        body = draft.body
        decision: Assignment | Decision | None = None
        if isinstance(body, FirstRouting):
            decision = body.assignment
        elif isinstance(body, ReportRerouted):
            decision = body.decision
        if decision is not None:
            reasons[decision.reason] = reasons.get(decision.reason, 0) + 1
            over += decision.over_capacity
    return reasons, over


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a batch is decided, and by which tables; which row of them counts, the day of the report's receipt says."""

    now: datetime
    tables: Tables = TABLES
