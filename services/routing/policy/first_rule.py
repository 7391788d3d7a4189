"""Rule 1, frozen: what decisions made under it replay with, and what a later rule is compared with.

Nothing here is changed any more, except for how it is asked. A centre the reporter declined is never chosen.
Utilisation is the load with this report added, over what the staff on duty can carry, in whole numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from services.routing.model import Board, Choice, Seat
from services.routing.policy.reach import Origin, Ring, origin_of
from shared.centers import CENTRAL, Tables
from shared.events.reports import ReportFacts
from shared.events.vocabulary import CenterState, PassedOver, RoutingReason, Urgency
from shared.severity import concerns_child


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstRule:
    """The numbers of rule 1. Source: our own judgement."""

    version: int
    weights: Mapping[Urgency, int]
    """What one report adds to a centre's load, in tenths of a normal case."""
    threshold_percent: int
    """Up to this utilisation the home centre keeps its reports whatever the neighbours look like."""
    margin_points: int
    """Above it, and while home is not full, a land neighbour must be better by this many points of utilisation."""


FIRST_RULE: Final = FirstRule(
    version=1,
    weights={Urgency.NORMAL: 10, Urgency.HIGH: 15, Urgency.CRITICAL: 20},
    threshold_percent=90,
    margin_points=20,
)

_PER_PERCENT = 10_000
"""Utilisation is counted in millionths, rounded down."""
_NOBODY_ON_DUTY = 1_000_000 * _PER_PERCENT
"""Utilisation of a centre that can carry nothing: behind every other."""
_NEIGHBOUR_RINGS = 2
"""Across the land border, and by ferry or flight; further out is wider."""
_STAYED = frozenset({RoutingReason.HOME, RoutingReason.LINKED})
# Looked up 16 times per report: reading a member through its enum class costs more than the rule itself.
_CLOSED = CenterState.CLOSED
_CHOSEN, _DECLINED, _SHUT, _KEPT = PassedOver.CHOSEN, PassedOver.DECLINED, PassedOver.CLOSED, PassedOver.KEPT_AT_HOME
_FULL, _BUSIER, _OUT_OF_REACH = PassedOver.FULL, PassedOver.BUSIER, PassedOver.OUT_OF_REACH

Picked = tuple[str, RoutingReason]


def choose(facts: ReportFacts, board: Board, day: date, *, linked: str | None, tables: Tables) -> Choice:
    """Decide about one report, in the light form. The board's order is the candidates' order, by id."""
    weight = FIRST_RULE.weights[facts.urgency]
    origin = origin_of(facts.division, facts.district, day, tables)
    center, reason = _pick(origin, board, frozenset(facts.declined_centers), weight, linked)
    owner = board.get(center)
    return Choice(
        center_id=center,
        home_center_id=origin.home,
        reason=reason,
        over_capacity=owner is None or is_full(owner, weight),
        copy_central=center != CENTRAL and (origin.home is None or _concerns_a_child(facts)),
        candidates=_explained(center, reason, origin, board, facts.declined_centers, weight),
    )


def _pick(origin: Origin, board: Board, declined: frozenset[str], weight: int, linked: str | None) -> Picked:
    asked = {c for c, seat in board.items() if seat.state is not _CLOSED and c not in declined}
    if not asked:
        return CENTRAL, RoutingReason.ALL_CLOSED
    if linked is not None and linked in asked:
        return linked, RoutingReason.LINKED
    if origin.home in asked:
        return _home_or_overflow(board[origin.home], origin.rings, board, asked, weight)
    return _elsewhere(_reason_without_home(origin, declined), origin.rings, board, asked, weight)


def _home_or_overflow(home: Seat, rings: Sequence[Ring], board: Board, asked: set[str], weight: int) -> Picked:
    if utilisation(home, weight) <= FIRST_RULE.threshold_percent * _PER_PERCENT:
        return home.center_id, RoutingReason.HOME
    if not is_full(home, weight):
        better = [c for c in rings[0] if c in asked and _clearly_better(board[c], home, weight)]
        return (
            (_least(better, board, weight), RoutingReason.HOME_FULL_NEIGHBOUR)
            if better
            else (
                home.center_id,
                RoutingReason.HOME,
            )
        )
    for number, ring in enumerate(rings):
        if free := _not_full(ring, board, asked, weight):
            near = number < _NEIGHBOUR_RINGS
            reason = RoutingReason.HOME_FULL_NEIGHBOUR if near else RoutingReason.HOME_FULL_WIDER
            return _least(free, board, weight), reason
    return home.center_id, RoutingReason.ALL_FULL


def _elsewhere(reason: RoutingReason, rings: Sequence[Ring], board: Board, asked: set[str], weight: int) -> Picked:
    for ring in rings:
        if free := _not_full(ring, board, asked, weight):
            return _least(free, board, weight), reason
    return _least(asked, board, weight), RoutingReason.ALL_FULL


def _reason_without_home(origin: Origin, declined: frozenset[str]) -> RoutingReason:
    if origin.home is None:
        return origin.reason
    return RoutingReason.HOME_DECLINED if origin.home in declined else RoutingReason.HOME_CLOSED


def is_full(seat: Seat, weight: int) -> bool:
    """Whether one more report of this weight would pass what the staff on duty can carry."""
    return seat.load + weight > seat.capacity


def utilisation(seat: Seat, weight: int) -> int:
    """Load with one more report of this weight over capacity, in millionths rounded down."""
    return (seat.load + weight) * 100 * _PER_PERCENT // seat.capacity if seat.capacity else _NOBODY_ON_DUTY


def _clearly_better(other: Seat, home: Seat, weight: int) -> bool:
    return utilisation(home, weight) - utilisation(other, weight) >= FIRST_RULE.margin_points * _PER_PERCENT


def _not_full(ring: Ring, board: Board, asked: set[str], weight: int) -> list[str]:
    return [c for c in ring if c in asked and board[c].load + weight <= board[c].capacity]


def _least(among: Iterable[str], board: Board, weight: int) -> str:
    return min(among, key=lambda c: (utilisation(board[c], weight), board[c].load, c))


def _concerns_a_child(facts: ReportFacts) -> bool:
    return concerns_child(facts.age_band, facts.harm_types, facts.urgency_reasons)


def _explained(
    chosen: str, reason: RoutingReason, origin: Origin, board: Board, declined: Sequence[str], weight: int
) -> tuple[tuple[Seat, PassedOver], ...]:
    """Every centre with why it was not chosen; the weightier word replaces the lighter."""
    verdicts = dict.fromkeys(board, _KEPT) if reason in _STAYED else _compared(chosen, origin, board, weight)
    for center, seat in board.items():
        if seat.state is _CLOSED:
            verdicts[center] = _SHUT
    for center in declined:
        if center in verdicts:
            verdicts[center] = _DECLINED
    if chosen in verdicts:
        verdicts[chosen] = _CHOSEN
    return tuple(zip(board.values(), verdicts.values(), strict=True))


def _compared(chosen: str, origin: Origin, board: Board, weight: int) -> dict[str, PassedOver]:
    asked = _asked_up_to(chosen, origin)
    return {
        center: _FULL if seat.load + weight > seat.capacity else _BUSIER if center in asked else _OUT_OF_REACH
        for center, seat in board.items()
    }


def _inside(chosen: str, origin: Origin) -> frozenset[str]:
    """Home and every ring out to the one the chosen centre is in."""
    inner: set[str] = {origin.home} if origin.home is not None else set()
    for ring in origin.rings:
        inner.update(ring)
        if chosen in ring:
            break
    return frozenset(inner)


_asked_up_to = lru_cache(maxsize=4096)(_inside)  # no decorator: mutation testing leaves out what is decorated


def transferred(to_center_id: str, facts: ReportFacts, board: Board, day: date, *, tables: Tables) -> Choice:
    """People agreed on another centre: the rule records it, looks at nothing else and may find it full."""
    seat = board.get(to_center_id)
    home = origin_of(facts.division, facts.district, day, tables).home
    return Choice(
        center_id=to_center_id,
        home_center_id=home,
        reason=RoutingReason.TRANSFER_ACCEPTED,
        over_capacity=seat is not None and is_full(seat, FIRST_RULE.weights[facts.urgency]),
        copy_central=to_center_id != CENTRAL and (home is None or _concerns_a_child(facts)),
        candidates=() if seat is None else ((seat, PassedOver.CHOSEN),),
    )
