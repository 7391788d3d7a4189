"""A surge, simulated: nobody drowns while somebody near has room. What room is, is reckoned here anew from the numbers
the rule is described by, not with its own functions."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import pytest

from services.routing.assignment.models import CenterLoad, Overflow, OverflowLimits, Rule
from services.routing.assignment.rules import RULE
from shared.centers import CENTER_IDS, linked, neighbours
from shared.events.vocabulary import CenterState, RoutingReason
from tools.demo import params as demo_params
from tools.simulation.__main__ import MOST_TIMES, main
from tools.simulation.arrivals import HOURS, Arrival, Figures, Surge, arrivals, phase_of
from tools.simulation.figures import Figure, figures_of, jain, swaps
from tools.simulation.running import Decided, Run, run

FIGURES = Figures.load()
SURGES = {
    "gyeonggi": Surge(province="gyeonggi", times=10),
    "gyeonggi-flood": Surge(province="gyeonggi", times=25),
    "jeju": Surge(province="jeju", times=40),
    "busan": Surge(province="busan", times=20),
    "everywhere": Surge(province=None, times=3),
    "everywhere-flood": Surge(province=None, times=7),
}
SEEDS = (1, 2)
NONE = OverflowLimits(5, 5)
"""Nobody takes a guest on these."""


@cache
def coming(name: str, seed: int) -> tuple[Arrival, ...]:
    return tuple(arrivals(FIGURES, SURGES[name], seed=seed))


@cache
def simulated(name: str, seed: int) -> Run:
    return run(FIGURES, coming(name, seed))


def week(name: str, seed: int) -> Figure:
    home = SURGES[name].province
    return next(one for one in figures_of(FIGURES, simulated(name, seed), home) if one.phase == "surge")


class Room(NamedTuple):
    """On which terms a centre has room for a guest: it keeps the rest for its own people."""

    load_percent: int
    guest_percent: int
    unstaffed: bool = False
    """Whether a case that can wait may do so where nobody is on duty."""


EVERY_DAY, WAITING, OPENED = Room(80, 50), Room(80, 50, unstaffed=True), Room(95, 75)
ANY = Room(100, 100, unstaffed=True)
"""Whoever could carry it at all, what it keeps for its own people counted."""


def has_room(seat: CenterLoad, one: Decided, room: Room) -> bool:
    """Whether a centre could take this case as a guest on these terms."""
    load, guests = seat.load + one.case.weight, seat.guests + one.case.weight
    return (
        (seat.state is CenterState.OPEN or (room.unstaffed and not one.case.critical))
        and seat.center_id not in one.arrival.facts.declined_centers
        and load * 100 <= seat.capacity * room.load_percent
        and guests * 100 <= seat.capacity * room.guest_percent
        and (not one.case.severe or seat.severe < seat.severe_cap)
    )


def past(one: Decided, percent: int) -> bool:
    """Whether the case brought its centre past so much of what its people can carry."""
    seat = one.board[one.choice.center_id]
    return (seat.load + one.case.weight) * 100 > seat.capacity * percent


def with_room(one: Decided, room: Room) -> Iterator[str]:
    for center, seat in one.board.items():
        if center != one.choice.center_id and has_room(seat, one, room):
            yield center


def near(center: str) -> set[str]:
    return {*neighbours(center), *linked(center)}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SURGES)
def test_no_centre_is_past_its_capacity_while_a_neighbour_has_room_for_the_case(name: str, seed: int) -> None:
    burdened = [one for one in simulated(name, seed).decided if past(one, 100)]
    assert [
        (one.choice, room) for one in burdened if (room := near(one.choice.center_id) & {*with_room(one, EVERY_DAY)})
    ] == []
    # Nor while anybody at all has: the last ring is everybody.
    assert not any(list(with_room(one, EVERY_DAY)) for one in burdened)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SURGES)
def test_no_home_is_past_its_capacity_while_anybody_may_open_a_reserve_or_lets_it_wait(name: str, seed: int) -> None:
    drowning = [
        one
        for one in simulated(name, seed).decided
        if one.choice.center_id == one.choice.home_center_id and past(one, 100)
    ]
    assert not any([*with_room(one, OPENED), *with_room(one, WAITING)] for one in drowning)


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(3, 21))])
@pytest.mark.parametrize("name", ["gyeonggi", "everywhere"])
def test_in_the_surges_of_the_command_no_centre_is_past_its_capacity_while_a_neighbour_could_carry_the_case(
    name: str, seed: int
) -> None:
    """What hosts keep for their own people counts as room here: it is enough as long as the country is not full."""
    decided = simulated(name, seed).decided
    burdened = [one for one in decided if past(one, 100)]
    assert [one.choice for one in burdened if near(one.choice.center_id) & {*with_room(one, ANY)}] == []
    # It is a surge: home gives away what it cannot carry, and in the province others open what they keep.
    reasons = {one.choice.reason for one in decided}
    assert RoutingReason.HOME_FULL_WIDER in reasons
    assert name != "gyeonggi" or RoutingReason.HOME_OVERLOADED in reasons
    assert week(name, seed).beside_room == 0


@pytest.mark.parametrize("name", ["gyeonggi-flood", "everywhere-flood"])
def test_the_floods_do_fill_the_country(name: str) -> None:
    """What the two tests above look at does occur: centres past their capacity, homes too, all full."""
    for seed in SEEDS:
        decided = simulated(name, seed).decided
        assert sum(past(one, 100) for one in decided) > 100
        assert any(past(one, 100) and one.choice.center_id == one.choice.home_center_id for one in decided)
        reasons = {one.choice.reason for one in decided}
        assert {RoutingReason.ALL_FULL, RoutingReason.HOME_OVERLOADED, RoutingReason.HOME_FULL_WIDER} <= reasons


@pytest.mark.parametrize(
    ("broken", "room"),
    [
        (replace(RULE, overflow=Overflow(NONE, NONE, NONE)), EVERY_DAY),
        (replace(RULE, margin_points=99, overload_percent=200), EVERY_DAY),
        (replace(RULE, overflow=RULE.overflow._replace(waiting=NONE)), WAITING),
        (replace(RULE, overflow=RULE.overflow._replace(reserve=NONE)), OPENED),
        (replace(RULE, overload_percent=120), WAITING),
        (replace(RULE, overload_percent=120), OPENED),
    ],
    ids=[
        "takes no guests",
        "never clearly better",
        "nothing waits where nobody is on duty",
        "never opens a reserve",
        "waits too long before it lets a case wait elsewhere",
        "waits too long before it opens a reserve",
    ],
)
def test_a_rule_that_lets_a_home_drown_is_found_out(broken: Rule, room: Room) -> None:
    found = run(FIGURES, coming("gyeonggi-flood", 1), broken).decided
    assert any(past(one, 100) and list(with_room(one, room)) for one in found)


def test_an_arrival_goes_through_every_hour_once_and_the_same_seed_makes_the_same_weeks() -> None:
    again = arrivals(FIGURES, SURGES["gyeonggi"], seed=1)
    assert list(coming("gyeonggi", 1)) == again
    assert coming("gyeonggi", 1) != coming("gyeonggi", 2)
    assert run(FIGURES, again, RULE) == simulated("gyeonggi", 1)
    found = simulated("gyeonggi", 1)
    assert len(found.decided) == len(again)
    assert [hour.hour for hour in found.hours] == list(range(HOURS))


def test_only_the_week_and_the_province_of_the_surge_have_more() -> None:
    plain = arrivals(FIGURES, Surge(province=None, times=1), seed=1)
    surging = coming("gyeonggi", 1)

    def number(of: tuple[Arrival, ...] | list[Arrival], phase: str | None, here: bool) -> int:
        return sum(phase_of(one.hour) == phase and (one.facts.division == "gyeonggi") is here for one in of)

    assert number(surging, "surge", here=True) > 6 * number(plain, "surge", here=True)
    assert number(surging, "surge", here=False) < 2 * number(plain, "surge", here=False)
    assert number(surging, "before", here=True) == number(plain, "before", here=True)


def test_the_figures_mean_what_they_say() -> None:
    assert jain([5.0] * 16) == 1
    assert jain([1.0, *[0.0] * 15]) == 1 / 16
    assert jain([0.0] * 16) == 1
    one = next(one for one in simulated("gyeonggi", 1).decided if one.choice.home_center_id == "gyeonggi")
    there = one._replace(choice=one.choice._replace(home_center_id="busan", center_id="ulsan"))
    back = one._replace(choice=one.choice._replace(home_center_id="ulsan", center_id="busan"))
    later = back._replace(arrival=one.arrival._replace(hour=one.arrival.hour + 1))
    assert (swaps([there, back, there]), swaps([there, later]), swaps([there, there])) == (1, 0, 0)
    found = week("gyeonggi", 1)
    assert found.reports == sum(phase_of(a.hour) == "surge" for a in coming("gyeonggi", 1))
    assert 0 < found.fairness <= 1


def test_staff_come_and_go_with_the_shifts() -> None:
    decided = simulated("gyeonggi", 1).decided
    night = next(one for one in decided if one.arrival.hour % 24 < 8)
    noon = next(one for one in decided if 12 <= one.arrival.hour % 24 < 13)
    unstaffed = {c for c, seat in night.board.items() if seat.state is CenterState.UNSTAFFED}
    assert unstaffed == {*CENTER_IDS} - {*FIGURES.night_centres}
    assert {seat.capacity for seat in night.board.values()} == {450}
    assert {seat.state for seat in noon.board.values()} == {CenterState.OPEN}


def test_the_command_prints_both_surges_(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--province", "busan", "--times", "5", "--seed", "2", "--seeds", "2"]) == 0
    printed = capsys.readouterr().out
    rows = [line.split()[0] for line in printed.splitlines() if line.startswith(("before", "surge", "after"))]
    assert rows == ["before", "surge", "after"] * 2
    assert "busan, 5 times as many for a week" in printed
    assert "Assumed: a case is open for 3 days" in printed
    verdicts = [line for line in printed.splitlines() if line.startswith("seeds 2 to 3: 0 of ")]
    assert len(verdicts) == 2
    assert all("0 of them while a neighbour could have carried it" in line for line in verdicts)
    with pytest.raises(SystemExit):
        main(["--province", "atlantis"])


@pytest.mark.parametrize("times", ["1001", "1e9", "inf", "nan", "0", "-3"])
def test_more_than_can_be_drawn_rightly_is_refused(times: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The draws of an hour stop at about 745 however many are asked for, so that the surge would be told too small."""
    with pytest.raises(SystemExit):
        main([f"--times={times}"])
    assert "from 1 to 1000 times as many" in capsys.readouterr().err


def test_an_hour_at_the_most_times_is_within_what_is_drawn_rightly() -> None:
    params = demo_params.load()
    shares = dict(zip(params.division.values, params.division.weights, strict=True))
    busiest = max(shares.values()) / sum(shares.values()) * max(FIGURES.hourly_weights) / sum(FIGURES.hourly_weights)
    assert FIGURES.reports_per_day * busiest * MOST_TIMES < 700
