"""Sum up the rule's weeks: how evenly the centres carry, who stays at home, who waits. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from shared.centers import linked, neighbours
from tools.simulation.arrivals import PHASES, Figures, is_day, phase_of
from tools.simulation.running import Decided, Run

_DAY_HOURS = 24


class Figure(NamedTuple):
    """One week."""

    phase: str
    reports: int
    fairness: float
    """Jain's index of how much the centres carry, mean over the hours: 1 all alike, 1/16 one carries everything."""
    kept_at_home: float
    """Percent of the reports that have a home."""
    guests: float
    """Percent of all reports that went to another centre than home, or have none."""
    over_capacity: int
    """Reports that brought their owner past its capacity."""
    beside_room: int
    """Of these, how many while a neighbour by land or sea could have carried it, what it keeps for its own counted: on
    duty, or by its next shift if the case could wait."""
    critical_unstaffed: int
    """Critical reports given to a centre where nobody was on duty."""
    critical_wait_hours: float
    """Until somebody came on duty there, mean; 0 where there were none."""
    home_highest: float
    """Most the surging home carried, in percent of what the staff it is funded for can; of all centres if none."""
    neighbours_highest: float
    """The same of its neighbours by land and sea; 0 if no one home surges."""
    swaps: int
    """Hours and pairs in which a centre hosted the other's while the other hosted its own."""


def figures_of(figures: Figures, run: Run, home: str | None) -> list[Figure]:
    """Every counted week of a run. ``home`` is the centre of the province that surges."""
    return [_figure(figures, run, phase, home) for phase in PHASES]


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index: (Σx)² / (n·Σx²); 1 where nobody carries anything."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def swaps(decided: Iterable[Decided]) -> int:
    """In each hour, pairs of centres that hosted one of each other's."""
    hosted = {
        (int(one.arrival.hour), one.choice.home_center_id, one.choice.center_id)
        for one in decided
        if one.choice.home_center_id not in {None, one.choice.center_id}
    }
    return sum((hour, host, home) in hosted for hour, home, host in hosted) // 2


def _figure(figures: Figures, run: Run, phase: str, home: str | None) -> Figure:
    decided = [one for one in run.decided if phase_of(one.arrival.hour) == phase]
    hours = [hour.percent for hour in run.hours if phase_of(hour.hour) == phase]
    housed = [one for one in decided if one.choice.home_center_id is not None]
    at_home = sum(one.choice.center_id == one.choice.home_center_id for one in housed)
    waits = list(_waits(figures, decided))
    near = [] if home is None else [*neighbours(home), *linked(home)]
    return Figure(
        phase=phase,
        reports=len(decided),
        fairness=fmean(jain(list(percent.values())) for percent in hours),
        kept_at_home=at_home * 100 / max(1, len(housed)),
        guests=(len(decided) - at_home) * 100 / max(1, len(decided)),
        over_capacity=sum(one.choice.over_capacity for one in decided),
        beside_room=sum(one.choice.over_capacity and _near_has_room(one) for one in decided),
        critical_unstaffed=len(waits),
        critical_wait_hours=fmean(waits) if waits else 0.0,
        home_highest=max(max(p.values()) if home is None else p[home] for p in hours),
        neighbours_highest=max((p[c] for p in hours for c in near), default=0.0),
        swaps=swaps(decided),
    )


def _near_has_room(one: Decided) -> bool:
    owner = one.choice.center_id
    seats = [one.board[c] for c in (*neighbours(owner), *linked(owner)) if c not in one.arrival.facts.declined_centers]
    return any(
        (seat.staff_on_duty or not one.case.critical) and seat.load + one.case.weight <= seat.capacity for seat in seats
    )


def _waits(figures: Figures, decided: Iterable[Decided]) -> Iterator[float]:
    for one in decided:
        seat = one.board.get(one.choice.center_id)
        if one.case.critical and seat is not None and not seat.staff_on_duty and not is_day(figures, one.arrival.hour):
            yield (figures.day_from_hour - one.arrival.hour) % _DAY_HOURS


def table(found: Sequence[Figure]) -> Iterator[str]:
    """The figures as lines."""
    yield (
        f"{'week':<8}{'reports':>9}{'fairness':>10}{'at home':>9}{'guests':>8}{'over':>6}{'beside room':>13}"
        f"{'crit. unstaffed':>17}{'wait h':>8}{'home max':>10}{'near max':>10}{'swaps':>7}"
    )
    for phase in PHASES:
        for one in found:
            if one.phase == phase:
                near = f"{one.neighbours_highest:.0f}%" if one.neighbours_highest else "–"
                yield (
                    f"{one.phase:<8}{one.reports:>9}{one.fairness:>10.3f}{one.kept_at_home:>8.1f}%"
                    f"{one.guests:>7.1f}%{one.over_capacity:>6}{one.beside_room:>13}"
                    f"{one.critical_unstaffed:>17}{one.critical_wait_hours:>8.1f}"
                    f"{one.home_highest:>9.0f}%{near:>10}{one.swaps:>7}"
                )


def verdict(weeks: Sequence[Figure], seeds: range) -> str:
    """Return whether any centre was past its capacity while a neighbour could have carried the case."""
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return (
        f"{which}: {sum(one.over_capacity for one in weeks)} of {sum(one.reports for one in weeks)} reports brought "
        f"their centre past its capacity, {sum(one.beside_room for one in weeks)} of them while a neighbour could have "
        "carried it"
    )
