"""The doors to the rule: decide about a report, record a transfer, and decide again from what was recorded. Pure.

Which centre, and why, is ``second_rule.pick``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from services.routing.model import Board, Choice, Seat
from services.routing.policy.explaining import explained
from services.routing.policy.hosts import is_full, utilisation
from services.routing.policy.reach import Origin, origin_of
from services.routing.policy.rules import RULE, Case, Rule, case_of
from services.routing.policy.second_rule import Question, pick
from shared.centers import CENTRAL, TABLES, Tables
from shared.clock import SEOUL
from shared.events.reports import ReportFacts
from shared.events.routings import Candidate, Decision
from shared.events.vocabulary import PassedOver, RoutingReason

__all__ = [
    "assign",
    "choose",
    "decision_of",
    "linked_center",
    "replay",
    "seoul_day",
    "transferred",
    "utilisation",
]

_CENTRAL_IS_TOLD = frozenset({RoutingReason.ALL_FULL, RoutingReason.NOBODY_ON_DUTY})
_TRANSFERS = frozenset({RoutingReason.TRANSFER_ACCEPTED, RoutingReason.RETURNED_HOME})


def assign(
    facts: ReportFacts,
    board: Mapping[str, Seat],
    day: date,
    *,
    linked: str | None = None,
    rule: Rule = RULE,
    tables: Tables = TABLES,
) -> Decision:
    """Decide about one report received on that Seoul day. ``linked`` is the centre that knows a linked report."""
    ordered = {center: board[center] for center in sorted(board)}
    return decision_of(choose(facts, ordered, day, linked=linked, rule=rule, tables=tables), rule, tables)


def choose(
    facts: ReportFacts,
    board: Board,
    day: date,
    *,
    linked: str | None = None,
    rule: Rule = RULE,
    tables: Tables = TABLES,
) -> Choice:
    """Decide about one report, in the light form. The board's order is the candidates' order, by id."""
    case = case_of(facts, rule)
    origin = origin_of(facts.division, facts.district, day, tables)
    question = Question(case, origin, facts.declined_centers, linked, board, rule)
    picked = pick(question)
    center, reason = picked.center_id, picked.reason
    owner = board.get(center)
    return Choice(
        center,
        origin.home,
        reason,
        owner is None or is_full(owner, case.weight),
        _central_on_copy(center, reason, origin, case),
        explained(question, picked),
        _is_away(center, origin, facts),
        linked,
    )


def _is_away(owner: str, origin: Origin, facts: ReportFacts) -> bool:
    """Whether it has a home the reporter did not decline, and another centre owns it."""
    return owner != origin.home and origin.home is not None and origin.home not in facts.declined_centers


def _central_on_copy(owner: str, reason: RoutingReason, origin: Origin, case: Case) -> bool:
    """Whether ``central`` is told: a child, nobody's home, or nobody who could take it; not where it owns anyway."""
    return owner != CENTRAL and (case.child or origin.home is None or reason in _CENTRAL_IS_TOLD)


def linked_center(owners: Sequence[str]) -> str | None:
    """The centre to keep linked reports together at: most often the owner, ties by id."""
    counted = Counter(owners)
    return min(counted, key=lambda c: (-counted[c], c)) if counted else None


def transferred(
    to_center_id: str,
    facts: ReportFacts,
    board: Board,
    day: date,
    *,
    may_return: bool,
    rule: Rule = RULE,
    tables: Tables = TABLES,
) -> Choice:
    """People agreed on another centre: the rule records it, looks at nothing else and may find it full.

    ``may_return`` says whether the report's home had the right of return until now. An agreement never gives that
    right, it only leaves it, or uses it up: whoever gave a report away from home did not have it while it was there.
    """
    case, seat = case_of(facts, rule), board.get(to_center_id)
    origin = origin_of(facts.division, facts.district, day, tables)
    returned = may_return and to_center_id == origin.home
    reason = RoutingReason.RETURNED_HOME if returned else RoutingReason.TRANSFER_ACCEPTED
    return Choice(
        center_id=to_center_id,
        home_center_id=origin.home,
        reason=reason,
        over_capacity=seat is not None and is_full(seat, case.weight),
        copy_central=_central_on_copy(to_center_id, reason, origin, case),
        candidates=() if seat is None else ((seat, PassedOver.CHOSEN),),
        right_of_return=may_return and _is_away(to_center_id, origin, facts),
    )


def decision_of(choice: Choice, rule: Rule = RULE, tables: Tables = TABLES) -> Decision:
    """The choice as it stands in an event."""
    return Decision(
        center_id=choice.center_id,
        home_center_id=choice.home_center_id,
        reason=choice.reason,
        over_capacity=choice.over_capacity,
        copy_central=choice.copy_central,
        candidates=tuple(Candidate(**seat._asdict(), passed_over=why) for seat, why in choice.candidates),
        right_of_return=choice.right_of_return,
        linked_center_id=choice.linked_center_id,
        rule_version=rule.version,
        table_version=tables.version,
    )


def seoul_day(moment: datetime) -> date:
    """The day on which something happened, as everybody concerned counts it."""
    return moment.astimezone(SEOUL).date()


def replay(decision: Decision, facts: ReportFacts, day: date, *, tables: Tables = TABLES) -> Decision:
    """Decide again from what a decision recorded; ``day`` is the Seoul day on which the report was received.

    The same answer comes out if code and tables still mean what its ``rule_version`` and ``table_version`` say.
    """
    board = {c.center_id: _seat_of(c) for c in sorted(decision.candidates, key=lambda c: c.center_id)}
    if decision.reason in _TRANSFERS:
        might = decision.right_of_return or decision.reason is RoutingReason.RETURNED_HOME
        choice = transferred(decision.center_id, facts, board, day, may_return=might, tables=tables)
    else:
        choice = choose(facts, board, day, linked=decision.linked_center_id, tables=tables)
    return decision_of(choice, tables=tables)


def _seat_of(candidate: Candidate) -> Seat:
    return Seat(
        candidate.center_id,
        candidate.state,
        candidate.staff_on_duty,
        candidate.load,
        candidate.capacity,
        candidate.guests,
        candidate.severe,
        candidate.severe_cap,
    )
