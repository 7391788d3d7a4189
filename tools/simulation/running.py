"""Lets the rule decide through all weeks. Pure: a board in memory, no bus and no clock."""

import heapq
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.routing.assignment.models import Assignment, CenterLoad, CenterLoads, Rule, Severity
from services.routing.assignment.rules import RULE, assign, severity_of
from shared.centers import CENTER_IDS, center
from shared.events.vocabulary import CenterState, Urgency
from tools.simulation.arrivals import HOURS, Arrival, Figures, day_of, is_day

_NORMAL: Final = RULE.weights[Urgency.NORMAL]


class Decided(NamedTuple):
    """One decision: what the rule saw, and what it chose."""

    arrival: Arrival
    case: Severity
    choice: Assignment
    board: CenterLoads
    """As the rule saw it; not changed afterwards."""


class Hour(NamedTuple):
    """How much each centre carries at the end of an hour, in percent of what the staff it is funded for can."""

    hour: int
    percent: dict[str, float]


class Run(NamedTuple):
    """The rule's decisions in one run."""

    decided: list[Decided]
    hours: list[Hour]


class _Open(NamedTuple):
    """An open case, in the order of its end."""

    closes: float
    number: int
    center_id: str
    weight: int
    guest: bool
    severe: bool


class _House:
    """Open cases of all centres."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._open: list[_Open] = []
        self._load, self._guests, self._severe = (dict.fromkeys(CENTER_IDS, 0) for _ in range(3))
        self._by_day = False
        self._seats: CenterLoads = {}
        """Those that have not changed since they were looked at, in the shift that ``_by_day`` says."""

    def close_until(self, hour: float) -> None:
        while self._open and self._open[0].closes <= hour:
            self._add(heapq.heappop(self._open), -1)

    def take(self, case: _Open) -> None:
        heapq.heappush(self._open, case)
        self._add(case, 1)

    def _add(self, case: _Open, sign: int) -> None:
        if case.center_id not in self._load:
            return  # central owns it: all 16 were closed
        self._load[case.center_id] += sign * case.weight
        self._guests[case.center_id] += sign * case.weight * case.guest
        self._severe[case.center_id] += sign * case.severe
        self._seats.pop(case.center_id, None)

    def board(self, hour: float) -> CenterLoads:
        by_day = is_day(self._figures, hour)
        if by_day is not self._by_day:
            self._by_day = by_day
            self._seats.clear()
        seats = self._seats
        return {c: seats.get(c) or seats.setdefault(c, self._seat(c)) for c in CENTER_IDS}

    def _seat(self, center_id: str) -> CenterLoad:
        funded = center(center_id).staff
        staff = funded if self._by_day else self._figures.night_centres.get(center_id, 0)
        measured = staff or funded
        return CenterLoad(
            center_id,
            CenterState.OPEN if staff else CenterState.UNSTAFFED,
            staff,
            self._load[center_id],
            measured * self._figures.cases_per_person * _NORMAL,
            self._guests[center_id],
            self._severe[center_id],
            measured * RULE.severe_per_person,
        )

    def percent(self) -> dict[str, float]:
        per_person = self._figures.cases_per_person * _NORMAL
        return {c: load * 100 / (center(c).staff * per_person) for c, load in self._load.items()}


def run(figures: Figures, coming: Sequence[Arrival], rule: Rule = RULE) -> Run:
    """Decide about every report as it comes; cases close after their time."""
    house = _House(figures)
    found = Run([], [])
    number = 0
    for hour in range(HOURS):
        while number < len(coming) and coming[number].hour < hour + 1:
            arrival = coming[number]
            house.close_until(arrival.hour)
            found.decided.append(_decide(house, arrival, rule, number))
            number += 1
        house.close_until(hour + 1)
        found.hours.append(Hour(hour, house.percent()))
    return found


def _decide(house: _House, arrival: Arrival, rule: Rule, number: int) -> Decided:
    board = house.board(arrival.hour)
    choice = assign(arrival.facts, board, day_of(arrival.hour), rule=rule)
    case = severity_of(arrival.facts, rule)
    house.take(
        _Open(
            arrival.hour + arrival.open_hours,
            number,
            choice.center_id,
            case.weight,
            choice.center_id != choice.home_center_id,
            case.severe,
        )
    )
    return Decided(arrival, case, choice, board)
