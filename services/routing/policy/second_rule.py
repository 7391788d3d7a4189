"""Rule 2: which centre gets a report. Pure: the same report and the same board always give the same answer.

Read ``pick`` first; each paragraph of the rule is one function below it. The numbers are in ``rules``, what one centre
can be asked in ``hosts``, who is asked in which order in ``reach``, why the others were not chosen in ``explaining``.

Asked may be whatever is neither closed nor declined by the reporter. *Home* is the centre of the reporter's place; a
case is a *guest* everywhere else, and a *host* is a centre that takes guests on given terms.
"""

from collections.abc import Collection
from typing import NamedTuple

from services.routing.model import Board, Seat
from services.routing.policy.hosts import (
    PER_PERCENT,
    Answers,
    asked,
    asked_again,
    has_severe_room,
    is_full,
    is_unstaffed,
    least_used,
    utilisation,
)
from services.routing.policy.reach import Origin
from services.routing.policy.rules import Case, Rule
from shared.centers import CENTRAL
from shared.events.vocabulary import CenterState, RoutingReason

_CLOSED = CenterState.CLOSED
_NEIGHBOUR_RINGS = 2
"""Across the land border, and by ferry or flight; further out is wider."""


class Question(NamedTuple):
    """One report and everything the rule looks at."""

    case: Case
    origin: Origin
    declined: Collection[str]
    linked: str | None
    """The centre that knows a linked report or the reporter."""
    board: Board
    rule: Rule


class Pick(NamedTuple):
    """The centre chosen, why, and what the others said."""

    center_id: str
    reason: RoutingReason
    answers: Answers | None = None
    """What hosts said when they were asked last; none: no other centre was asked."""
    at_most: int | None = None
    """The utilisation above which a host was not clearly better than home, where it had to be."""


class Host(NamedTuple):
    """A centre that takes the guest, and the ring it was found in; 0 is the nearest."""

    center_id: str
    ring: int


def pick(q: Question) -> Pick:
    """A centre that knows the reporter keeps the report; else it goes home; else where it is taken as a guest."""
    if q.linked is not None and _may_have_it(q, q.linked):
        return Pick(q.linked, RoutingReason.LINKED)
    home = q.origin.home
    if home is not None and _may_have_it(q, home):
        return _home_or_overflow(q, q.board[home])
    asked = [center for center in q.board if _may_have_it(q, center)]
    if not asked:
        return Pick(CENTRAL, RoutingReason.ALL_CLOSED)
    return _without_home(q, asked)


def _may_have_it(q: Question, center: str) -> bool:
    """Whether a centre is one of the 16, not closed, and not declined by the reporter."""
    seat = q.board.get(center)
    return seat is not None and seat.state is not _CLOSED and center not in q.declined


def _home_or_overflow(q: Question, home: Seat) -> Pick:
    """Home, unless nobody there can look in time, or it is so busy that a host is clearly better."""
    if q.case.critical and is_unstaffed(home):
        return _somebody_on_duty(q, home)
    answers = None
    if not has_severe_room(home, q.case):
        answers = _asked_every_day(q)
        if host := nearest_host(q, answers):
            return Pick(host.center_id, RoutingReason.HOME_SEVERE_FULL, answers)
    used = utilisation(home, q.case.weight)
    if used <= q.rule.threshold_percent * PER_PERCENT:
        return Pick(home.center_id, RoutingReason.HOME, answers)
    return _overflow(q, home, used, answers or _asked_every_day(q))


def _asked_every_day(q: Question) -> Answers:
    return asked(q.board, q.case, q.rule.guests)


def _asked_to_open(q: Question, answers: Answers) -> Answers:
    """The same centres, now that they open what they keep for their own people."""
    return asked_again(answers, q.board, q.case, q.rule.opened)


def _somebody_on_duty(q: Question, home: Seat) -> Pick:
    """It cannot wait and nobody is on duty at home: the nearest host, the rules for guests giving way step by step."""
    answers = _asked_every_day(q)
    if host := nearest_host(q, answers):
        return Pick(host.center_id, RoutingReason.HOME_UNSTAFFED, answers)
    opened = _asked_to_open(q, answers)
    if host := nearest_host(q, opened):
        return Pick(host.center_id, RoutingReason.HOME_UNSTAFFED, opened)
    on_duty = [c for c in q.board if _may_have_it(q, c) and not is_unstaffed(q.board[c])]
    if on_duty:
        return Pick(least_used(on_duty, q.board, q.case.weight), RoutingReason.HOME_UNSTAFFED, opened)
    return Pick(home.center_id, RoutingReason.NOBODY_ON_DUTY, opened)


def _overflow(q: Question, home: Seat, used: int, answers: Answers) -> Pick:
    """Home is past the threshold: a clearly better host, or if it is overloaded any that can be had, or home."""
    clearly_better = used - q.rule.margin_points * PER_PERCENT
    if host := nearest_host(q, answers, at_most=clearly_better):
        return Pick(host.center_id, _full_home(host), answers, clearly_better)
    if used <= q.rule.overload_percent * PER_PERCENT:
        return Pick(home.center_id, _home_all_the_same(q, home), answers, clearly_better)
    if not q.case.critical:
        # What can wait does so at a host near by until its shift begins, before anybody opens what they keep.
        waiting = asked_again(answers, q.board, q.case, q.rule.waiting)
        if host := nearest_host(q, waiting):
            return Pick(host.center_id, _full_home(host), waiting)
    opened = _asked_to_open(q, answers)
    if host := nearest_host(q, opened):
        return Pick(host.center_id, RoutingReason.HOME_OVERLOADED, opened)
    return Pick(home.center_id, _home_all_the_same(q, home), opened)


def _full_home(host: Host) -> RoutingReason:
    """Why it is not at home, and how far it had to go."""
    near = host.ring < _NEIGHBOUR_RINGS
    return RoutingReason.HOME_FULL_NEIGHBOUR if near else RoutingReason.HOME_FULL_WIDER


def _home_all_the_same(q: Question, home: Seat) -> RoutingReason:
    return RoutingReason.ALL_FULL if is_full(home, q.case.weight) else RoutingReason.HOME


def _without_home(q: Question, may_have_it: Collection[str]) -> Pick:
    """No home, or home is closed or declined: the nearest host; if none takes it, the least busy of all."""
    on_duty = [center for center in may_have_it if not is_unstaffed(q.board[center])]
    needs_duty = q.case.critical and bool(on_duty)
    reason = RoutingReason.NOBODY_ON_DUTY if q.case.critical and not on_duty else reason_without_home(q)
    every_day = answers = _asked_every_day(q)
    host = nearest_host(q, answers)
    if host is None and not needs_duty:
        # What can wait, or must, waits at a host near by before anybody opens what is kept for their own people.
        answers = asked_again(every_day, q.board, q.case, q.rule.waiting)
        host = nearest_host(q, answers)
    if host is None:
        answers = _asked_to_open(q, every_day)
        host = nearest_host(q, answers)
    if host is not None:
        return Pick(host.center_id, reason, answers)
    least = least_used(on_duty if needs_duty else may_have_it, q.board, q.case.weight)
    if reason is not RoutingReason.NOBODY_ON_DUTY and is_full(q.board[least], q.case.weight):
        reason = RoutingReason.ALL_FULL
    return Pick(least, reason, answers)


def reason_without_home(q: Question) -> RoutingReason:
    """Why the report is not at home, where no home was asked."""
    if q.origin.home is None:
        return q.origin.reason
    return RoutingReason.HOME_DECLINED if q.origin.home in q.declined else RoutingReason.HOME_CLOSED


def nearest_host(q: Question, answers: Answers, *, at_most: int | None = None) -> Host | None:
    """The least utilised host of the nearest ring that has one; none where nobody takes it.

    ``at_most`` is the utilisation, with the guest, that a host may come to.
    """
    if None not in answers.values():
        return None
    weight, board, declined = q.case.weight, q.board, q.declined
    for number, ring in enumerate(q.origin.rings):
        hosts = [
            center
            for center in ring
            if answers[center] is None
            and center not in declined
            and (at_most is None or utilisation(board[center], weight) <= at_most)
        ]
        if hosts:
            return Host(least_used(hosts, board, weight), number)
    return None
