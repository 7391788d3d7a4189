"""What can be asked of one centre: how busy it is, and whether it takes a guest. Pure, all in whole numbers."""

from collections.abc import Collection, Mapping
from typing import Final

from services.routing.model import Board, Seat, Standing
from services.routing.policy.rules import Case, Terms
from shared.events.vocabulary import CenterState, PassedOver

PER_PERCENT: Final = 10_000
"""Utilisation is counted in millionths, rounded down, so that no machine rounds differently."""
_CAN_CARRY_NOTHING: Final = 1_000_000 * PER_PERCENT
"""Utilisation of a centre without any staff: behind every other."""
Answers = Mapping[str, PassedOver | None]
"""By centre: why it does not take a guest; none where it takes it."""
# Asked of up to 16 centres per report: reading a member through its enum class costs as much as comparing it.
_CLOSED: Final = CenterState.CLOSED
_NOBODY_ON_DUTY: Final = CenterState.UNSTAFFED
_UNSTAFFED, _SEVERE_FULL, _SHUT = PassedOver.UNSTAFFED, PassedOver.SEVERE_FULL, PassedOver.CLOSED
_FULL, _RESERVED = PassedOver.FULL, PassedOver.RESERVED
_WHATEVER_THE_TERMS: Final = frozenset({_SHUT, _SEVERE_FULL, _FULL})


def utilisation(seat: Seat, weight: int) -> int:
    """Load with one more report of this weight over capacity, in millionths rounded down."""
    return (seat.load + weight) * 100 * PER_PERCENT // seat.capacity if seat.capacity else _CAN_CARRY_NOTHING


def counted(seat: Seat, standing: Standing, sign: int) -> Seat:
    """The seat with a case more (or, with sign -1, less); other partitions' sums may lag, so nothing goes below 0."""
    center_id, state, staff, load, capacity, guests, severe, severe_cap = seat
    weight = sign * standing.weight
    if center_id != standing.home:
        guests = max(0, guests + weight)
    if standing.severe:
        severe = max(0, severe + sign)
    return Seat(center_id, state, staff, max(0, load + weight), capacity, guests, severe, severe_cap)


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
    # Unpacked at once: reading one field after the other takes half as long again, 16 times per report.
    _, state, _, load, capacity, guests, severe, severe_cap = seat
    weight, is_severe, _, _ = case
    if state is _NOBODY_ON_DUTY and not terms.unstaffed_too:
        return _UNSTAFFED
    if is_severe and severe >= severe_cap:
        return _SEVERE_FULL
    if load + weight > capacity or not capacity:
        return _FULL
    load_percent, guest_percent, _ = terms
    if (load + weight) * 100 > capacity * load_percent or (guests + weight) * 100 > capacity * guest_percent:
        return _RESERVED
    return None


def asked(board: Board, case: Case, terms: Terms) -> Answers:
    """What every centre says to a guest on these terms."""
    return {center: _SHUT if seat.state is _CLOSED else turns_away(seat, case, terms) for center, seat in board.items()}


def asked_again(answers: Answers, board: Board, case: Case, terms: Terms) -> Answers:
    """The same on wider terms: who is closed or full, or has all its severe cases, says so on any."""
    return {
        center: said if said in _WHATEVER_THE_TERMS else turns_away(board[center], case, terms)
        for center, said in answers.items()
    }


def least_used(among: Collection[str], board: Board, weight: int) -> str:
    """The least utilised of some centres with the report added; of equals the first by id."""
    return min(among, key=lambda center: (utilisation(board[center], weight), center))
