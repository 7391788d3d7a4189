"""What can be asked of one centre: how busy it is, and whether it takes a guest. Pure, all in whole numbers."""

from collections.abc import Collection
from typing import Final

from services.routing.model import Board, Seat
from services.routing.policy.rules import Case, Terms
from shared.events.vocabulary import CenterState, PassedOver

PER_PERCENT: Final = 10_000
"""Utilisation is counted in millionths, rounded down, so that no machine rounds differently."""
_CAN_CARRY_NOTHING: Final = 1_000_000 * PER_PERCENT
"""Utilisation of a centre without any staff: behind every other."""
# Asked of up to 16 centres per report: reading a member through its enum class costs as much as comparing it.
_NOBODY_ON_DUTY: Final = CenterState.UNSTAFFED
_UNSTAFFED, _SEVERE_FULL = PassedOver.UNSTAFFED, PassedOver.SEVERE_FULL
_FULL, _RESERVED = PassedOver.FULL, PassedOver.RESERVED


def utilisation(seat: Seat, weight: int) -> int:
    """Load with one more report of this weight over capacity, in millionths rounded down."""
    return (seat.load + weight) * 100 * PER_PERCENT // seat.capacity if seat.capacity else _CAN_CARRY_NOTHING


def is_full(seat: Seat, weight: int) -> bool:
    """Whether one more report of this weight would pass what the staff can carry."""
    return seat.load + weight > seat.capacity


def is_unstaffed(seat: Seat) -> bool:
    """Whether nobody is on duty there now, though it is not closed."""
    return seat.state is _NOBODY_ON_DUTY


def has_severe_room(seat: Seat, case: Case) -> bool:
    """Whether its people may have this case besides the severe ones they have; a case that is not severe always."""
    return not case.severe or seat.severe < seat.severe_cap


def turns_away(seat: Seat, case: Case, terms: Terms) -> PassedOver | None:
    """Why a centre does not take a guest on these terms; none if it takes it. What tells most comes first."""
    weight, capacity = case.weight, seat.capacity
    load, guests = seat.load + weight, seat.guests + weight
    if seat.state is _NOBODY_ON_DUTY and not terms.unstaffed_too:
        return _UNSTAFFED
    if case.severe and seat.severe >= seat.severe_cap:
        return _SEVERE_FULL
    if load > capacity:
        return _FULL
    if load * 100 > capacity * terms.load_percent or guests * 100 > capacity * terms.guest_percent:
        return _RESERVED
    return None


def least_used(among: Collection[str], board: Board, weight: int) -> str:
    """The least utilised of some centres with the report added; of equals the first by id."""
    return min(among, key=lambda center: (utilisation(board[center], weight), center))
