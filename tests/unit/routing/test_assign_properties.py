"""What must hold of every decision whatever the report and whatever the board."""

from hypothesis import assume, given
from hypothesis import strategies as st

from services.routing.assignment.geography import origin_of
from services.routing.assignment.models import Assignment, CenterLoad, CenterLoads
from services.routing.assignment.replay import replay
from services.routing.assignment.rules import assign, decision_of, severity_of, transferred
from shared.centers import CENTER_IDS, CENTRAL
from shared.events.reports import ReportFacts
from shared.events.routings import Decision
from shared.events.vocabulary import CenterState, PassedOver, RoutingReason
from tests.integration.routing import weights
from tests.unit.routing.builders import DAY, any_board, any_facts, busy_board, decision_for
from tools.demo import ledger

BOARDS = any_board() | busy_board()
LINKED = st.none() | st.sampled_from([*CENTER_IDS, CENTRAL])
EVERYDAY = {
    RoutingReason.HOME_FULL_NEIGHBOUR,
    RoutingReason.HOME_FULL_WIDER,
    RoutingReason.HOME_SEVERE_FULL,
}
"""Reasons for which a host takes a guest on everyday terms: 80 % of its capacity, guests 50 %."""
BY_ITSELF_FULL = {
    RoutingReason.LINKED,
    RoutingReason.ALL_FULL,
    RoutingReason.ALL_CLOSED,
    RoutingReason.HOME_UNSTAFFED,
    RoutingReason.NOBODY_ON_DUTY,
}
"""Reasons that may lead to a centre past its capacity."""


def allowed(facts: ReportFacts, center_loads: CenterLoads) -> set[str]:
    return {c for c, s in center_loads.items() if s.state is not CenterState.CLOSED and c not in facts.declined_centers}


def on_duty(facts: ReportFacts, center_loads: CenterLoads) -> set[str]:
    return {c for c in allowed(facts, center_loads) if center_loads[c].state is not CenterState.UNSTAFFED}


def home_of(facts: ReportFacts) -> str | None:
    return origin_of(facts.division, facts.district, DAY).home


def takes(center_load: CenterLoad, facts: ReportFacts, load: int, guests: int, *, unstaffed: bool = False) -> bool:
    """Whether a centre takes the report as a guest, written down from the rule's text."""
    weight = severity_of(facts).weight
    return (
        center_load.state is not CenterState.CLOSED
        and (unstaffed or center_load.state is not CenterState.UNSTAFFED)
        and center_load.capacity > 0  # without anybody nothing can be carried, not even a drill
        and (center_load.load + weight) * 100 <= load * center_load.capacity
        and (center_load.guests + weight) * 100 <= guests * center_load.capacity
        and (not severity_of(facts).severe or center_load.severe + 1 <= center_load.severe_cap)
    )


def used_percent(center_load: CenterLoad, facts: ReportFacts) -> float:
    return (
        (center_load.load + severity_of(facts).weight) * 100 / center_load.capacity if center_load.capacity else 10**6
    )


@given(any_facts(), BOARDS, LINKED)
def test_there_is_always_an_owner_never_declined_never_closed_while_another_is_allowed(
    facts: ReportFacts, center_loads: CenterLoads, linked: str | None
) -> None:
    decision = decision_for(facts, center_loads, DAY, linked=linked)
    ok = allowed(facts, center_loads)
    assert decision.center_id in ok if ok else decision.center_id == CENTRAL
    assert (decision.reason is RoutingReason.ALL_CLOSED) == (not ok)


@given(any_facts(), BOARDS, LINKED)
def test_every_centre_is_explained_and_exactly_the_owner_is_chosen(
    facts: ReportFacts, center_loads: CenterLoads, linked: str | None
) -> None:
    decision = decision_for(facts, center_loads, DAY, linked=linked)
    assert [c.center_id for c in decision.candidates()] == sorted(center_loads)
    chosen = [c.center_id for c in decision.candidates() if c.passed_over is PassedOver.CHOSEN]
    assert chosen == ([] if decision.center_id == CENTRAL else [decision.center_id])
    for candidate in decision.candidates():
        center_load = center_loads[candidate.center_id]
        assert (candidate.passed_over is PassedOver.DECLINED) == (center_load.center_id in facts.declined_centers)
        if candidate.passed_over is PassedOver.CLOSED:
            assert center_load.state is CenterState.CLOSED
        if candidate.passed_over is PassedOver.FULL:
            assert center_load.load + severity_of(facts).weight > center_load.capacity or not center_load.capacity
        if candidate.passed_over is PassedOver.UNSTAFFED:
            assert center_load.state is CenterState.UNSTAFFED
        if candidate.passed_over is PassedOver.SEVERE_FULL:
            assert severity_of(facts).severe
            assert center_load.severe >= center_load.severe_cap


@given(any_facts(), BOARDS, LINKED, st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_nothing(
    facts: ReportFacts, center_loads: CenterLoads, linked: str | None, random: object
) -> None:
    shuffled = list(center_loads.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random made by hypothesis
    again, first = (assign(facts, loads, DAY, linked=linked) for loads in (dict(shuffled), center_loads))
    assert sorted(again.candidates) == sorted(first.candidates)
    assert again._replace(loads=first.loads, passed_over=first.passed_over) == first


@given(any_facts(), BOARDS, LINKED)
def test_deciding_again_from_what_was_recorded_gives_the_same(
    facts: ReportFacts, center_loads: CenterLoads, linked: str | None
) -> None:
    decision = decision_for(facts, center_loads, DAY, linked=linked)
    stored = Decision.model_validate_json(decision.model_dump_json())
    told = ReportFacts.model_validate_json(facts.model_dump_json())
    assert replay(stored, told, DAY) == decision


@given(any_facts(), BOARDS, st.sampled_from([*CENTER_IDS, CENTRAL]), st.booleans())
def test_a_transfer_replays_too(facts: ReportFacts, center_loads: CenterLoads, to: str, may_return: bool) -> None:
    decision = decision_of(transferred(to, facts, center_loads, DAY, may_return=may_return))
    assert decision.center_id == to
    assert replay(Decision.model_validate_json(decision.model_dump_json()), facts, DAY) == decision


@given(any_facts(), BOARDS, LINKED)
def test_the_marks_mean_what_they_say(facts: ReportFacts, center_loads: CenterLoads, linked: str | None) -> None:
    assignment = assign(facts, center_loads, DAY, linked=linked)
    center_load, home = center_loads.get(assignment.center_id), home_of(facts)
    assert assignment.home_center_id == home
    assert assignment.over_capacity == (
        center_load is None or center_load.load + severity_of(facts).weight > center_load.capacity
    )
    assert not assignment.over_capacity or assignment.reason in BY_ITSELF_FULL
    assert assignment.over_capacity or assignment.reason is not RoutingReason.ALL_FULL
    told = {RoutingReason.ALL_FULL, RoutingReason.NOBODY_ON_DUTY}
    child = "under_14" in {facts.age_band, *facts.urgency_reasons} or "child_material" in {
        *facts.harm_types,
        *facts.urgency_reasons,
    }
    expected = assignment.center_id != CENTRAL and (home is None or child or assignment.reason in told)
    assert assignment.copy_central == expected
    assert assignment.right_of_return == (
        home is not None and home != assignment.center_id and home not in facts.declined_centers
    )
    assert assignment.linked_center_id == linked


@given(any_facts(), BOARDS)
def test_full_is_only_said_where_nobody_takes_it(facts: ReportFacts, center_loads: CenterLoads) -> None:
    assignment = assign(facts, center_loads, DAY)
    assume(assignment.reason is RoutingReason.ALL_FULL)
    home, others = home_of(facts), allowed(facts, center_loads) - {assignment.center_id}
    assert [c for c in others if takes(center_loads[c], facts, 95, 75)] == []
    if not severity_of(facts).critical:
        assert [c for c in others if takes(center_loads[c], facts, 80, 50, unstaffed=True)] == []
    clearly = [
        c
        for c in others
        if takes(center_loads[c], facts, 80, 50)
        and (
            assignment.center_id != home
            or used_percent(center_loads[home], facts) - used_percent(center_loads[c], facts) >= 20.01
        )
    ]
    assert clearly == []


@given(any_facts(), BOARDS)
def test_a_host_keeps_what_it_keeps_for_its_own_people(facts: ReportFacts, center_loads: CenterLoads) -> None:
    assignment = assign(facts, center_loads, DAY)
    if assignment.reason in EVERYDAY:
        waits = center_loads[assignment.center_id].state is CenterState.UNSTAFFED
        assert takes(center_loads[assignment.center_id], facts, 80, 50, unstaffed=waits)
        if waits:
            assert assignment.reason is not RoutingReason.HOME_SEVERE_FULL
            assert not severity_of(facts).critical
            assert used_percent(center_loads[home_of(facts) or ""], facts) > 100
            assert not any(takes(center_loads[c], facts, 80, 50) for c in allowed(facts, center_loads))
    if assignment.reason is RoutingReason.HOME_OVERLOADED:
        assert takes(center_loads[assignment.center_id], facts, 95, 75)
        home = home_of(facts)
        assert home is not None
        assert used_percent(center_loads[home], facts) > 100
        waits = not severity_of(facts).critical
        assert not any(
            takes(center_loads[c], facts, 80, 50, unstaffed=waits) for c in allowed(facts, center_loads) - {home}
        )


@given(any_facts(), BOARDS, LINKED)
def test_what_cannot_wait_goes_where_somebody_is_on_duty(
    facts: ReportFacts, center_loads: CenterLoads, linked: str | None
) -> None:
    assignment = assign(facts, center_loads, DAY, linked=linked)
    assume(
        severity_of(facts).critical
        and assignment.reason is not RoutingReason.LINKED
        and assignment.center_id != CENTRAL
    )
    there = on_duty(facts, center_loads)
    assert assignment.center_id in there or not there
    assert (assignment.reason is RoutingReason.NOBODY_ON_DUTY) == (not there)


@given(any_facts(), BOARDS, st.integers(1, 900))
def test_more_load_at_home_never_brings_a_case_home(facts: ReportFacts, center_loads: CenterLoads, more: int) -> None:
    home = home_of(facts)
    assume(home is not None and home in allowed(facts, center_loads))
    assert home is not None  # for the type checker
    busier = center_loads | {home: center_loads[home]._replace(load=center_loads[home].load + more)}
    if assign(facts, center_loads, DAY).center_id != home:
        assert assign(facts, busier, DAY).center_id != home


def overflowed(assignment: Assignment, to: str) -> bool:
    return assignment.center_id == to and assignment.reason in EVERYDAY | {RoutingReason.HOME_OVERLOADED}


PLACES = st.sampled_from([c for c in CENTER_IDS if c not in {"gwangju", "jeonnam"}])


@given(any_facts(), BOARDS, PLACES, PLACES)
def test_two_centres_never_swap_cases_on_one_board(
    facts: ReportFacts, center_loads: CenterLoads, one: str, two: str
) -> None:
    there = assign(facts.model_copy(update={"division": one}), center_loads, DAY)
    back = assign(facts.model_copy(update={"division": two}), center_loads, DAY)
    assert not (one != two and overflowed(there, two) and overflowed(back, one))


@given(any_facts())
def test_whoever_recounts_weighs_alike(facts: ReportFacts) -> None:
    told = facts.model_copy(update={"synthetic": False})
    written = told.model_dump(mode="json")
    assert weights.weight_of(written) == ledger.weight_of(written) == severity_of(told).weight
