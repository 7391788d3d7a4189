"""What a case adds to the board while a batch is decided: the next decision of the batch must see it. Pure."""

from services.routing.model import Board, Seat, Standing


def count(board: Board, standing: Standing, sign: int) -> None:
    """Add a case to its owner's seat, or take it away; other partitions' sums may lag, so nothing goes below 0."""
    seat, weight = board.get(standing.center_id), sign * standing.weight
    if seat is not None and weight:
        center_id, state, staff, load, capacity, guests, severe, severe_cap = seat
        if center_id != standing.home:
            guests = max(0, guests + weight)
        if standing.severe:
            severe = max(0, severe + sign)
        load = max(0, load + weight)
        board[center_id] = Seat(center_id, state, staff, load, capacity, guests, severe, severe_cap)
