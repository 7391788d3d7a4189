"""Why each centre was not chosen. Pure; nothing here decides anything."""

from collections.abc import Collection
from functools import lru_cache

from services.routing.model import Seat
from services.routing.policy.hosts import Answers, has_severe_room, is_full, is_unstaffed, utilisation
from services.routing.policy.reach import Origin
from services.routing.policy.second_rule import Pick, Question
from shared.events.vocabulary import CenterState, PassedOver

# Looked up 16 times per report: reading a member through its enum class costs more than the rule itself.
_CLOSED = CenterState.CLOSED
_CHOSEN, _DECLINED, _SHUT, _KEPT = PassedOver.CHOSEN, PassedOver.DECLINED, PassedOver.CLOSED, PassedOver.KEPT_AT_HOME
_NOT_BETTER, _BUSIER, _OUT_OF_REACH = PassedOver.NOT_CLEARLY_BETTER, PassedOver.BUSIER, PassedOver.OUT_OF_REACH

Explained = tuple[tuple[Seat, PassedOver], ...]


def explained(q: Question, pick: Pick) -> Explained:
    """Every centre with the most telling reason why it was not chosen, in the board's order."""
    if pick.answers is None:
        verdicts = {center: _SHUT if seat.state is _CLOSED else _KEPT for center, seat in q.board.items()}
    else:
        verdicts = _of_the_asked(q, pick, pick.answers)
    for center in q.declined:
        if center in verdicts:
            verdicts[center] = _DECLINED
    if pick.center_id in verdicts:
        verdicts[pick.center_id] = _CHOSEN
    return tuple([(seat, verdicts[center]) for center, seat in q.board.items()])


def _of_the_asked(q: Question, pick: Pick, answers: Answers) -> dict[str, PassedOver]:
    home, as_near = q.origin.home, _as_near(q.origin, pick.center_id)
    verdicts = {center: said or _of_a_host(q, pick, center, as_near) for center, said in answers.items()}
    if home is not None and verdicts[home] is not _SHUT:
        verdicts[home] = _of_home(q, q.board[home])
    return verdicts


def _of_a_host(q: Question, pick: Pick, center: str, as_near: Collection[str]) -> PassedOver:
    """Why not one that would have taken it."""
    if pick.at_most is not None and utilisation(q.board[center], q.case.weight) > pick.at_most:
        return _NOT_BETTER
    return _BUSIER if center in as_near else _OUT_OF_REACH


def _of_home(q: Question, home: Seat) -> PassedOver:
    """Why not home, though it was open and not declined."""
    if q.case.critical and is_unstaffed(home):
        return PassedOver.UNSTAFFED
    if not has_severe_room(home, q.case):
        return PassedOver.SEVERE_FULL
    return PassedOver.FULL if is_full(home, q.case.weight) else PassedOver.BUSIER


def _ring_of(origin: Origin, chosen: str) -> Collection[str]:
    """The ring the chosen centre is in: nearer ones have no host, or it would not have been chosen."""
    return next((ring for ring in origin.rings if chosen in ring), ())


_as_near = lru_cache(maxsize=4096)(_ring_of)  # no decorator: mutation testing leaves out what is decorated
