"""The rule: numbers, linked reports, rings, transfers, deciding again. Who gets what: ``assignment/data/cases``."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.routing.assignment.geography import origin_of, rings_around, rings_from
from services.routing.assignment.replay import replay
from services.routing.assignment.rules import (
    RULE,
    RULE_VERSION,
    decision_of,
    linked_center,
    severity_of,
    transferred,
    utilisation,
)
from shared.centers import CENTER_IDS, TABLE_VERSION, TABLES
from shared.events.routings import Decision
from shared.events.vocabulary import CenterState, HarmType, PassedOver, RoutingReason
from tests.unit.routing.builders import DAY, center_loads, decision_for, facts, full


@pytest.mark.parametrize(
    ("told", "weight"),
    [
        ({}, 10),
        ({"urgency": "high"}, 15),
        ({"urgency": "critical"}, 20),
        ({"harm_types": ["fear_of_distribution", "illegal_filming", "cyber_harassment", "other"]}, 10),
        ({"harm_types": ["distribution"]}, 15),
        ({"harm_types": ["synthesis"]}, 15),
        ({"harm_types": ["distribution_threat"]}, 15),
        ({"harm_types": ["online_grooming"]}, 15),
        ({"harm_types": ["body_cam_phishing"]}, 15),
        ({"harm_types": ["distribution", "synthesis", "distribution_threat"]}, 15),
        ({"harm_types": ["other", "distribution"], "urgency": "high"}, 20),
        ({"harm_types": ["child_material"]}, 30),
        ({"harm_types": ["distribution", "child_material"], "urgency": "high"}, 30),
        ({"age_band": "under_14"}, 20),
        ({"urgency_reasons": ["under_14"], "harm_types": ["online_grooming"]}, 25),
        ({"urgency": "critical", "harm_types": ["child_material"], "synthetic": True}, 0),
    ],
)
def test_a_report_weighs_by_its_urgency_and_its_heaviest_harm(told: dict[str, Any], weight: int) -> None:
    assert severity_of(facts(**told)).weight == weight


@pytest.mark.parametrize(
    ("told", "critical", "severe"),
    [
        ({}, False, False),
        ({"urgency": "high"}, False, False),
        ({"urgency": "critical"}, True, True),
        ({"age_band": "under_14"}, True, True),
        ({"age_band": "14_18"}, False, False),
        ({"urgency_reasons": ["child_material"]}, True, True),
        ({"urgency_reasons": ["under_14"]}, True, True),
        ({"urgency_reasons": ["grooming", "minor"]}, False, False),
        ({"harm_types": ["other", "child_material"]}, True, True),
        ({"harm_types": ["online_grooming"]}, False, True),
        ({"harm_types": ["distribution"]}, False, False),
        ({"urgency": "critical", "synthetic": True}, True, False),
    ],
)
def test_what_cannot_wait_and_what_is_severe(told: dict[str, Any], critical: bool, severe: bool) -> None:
    assert (severity_of(facts(**told)).critical, severity_of(facts(**told)).severe) == (critical, severe)


def test_the_numbers_of_rule_2_are_those_written_down() -> None:
    """Where a number of the rule changes, raise ``version`` first: replay decides again only what has the same version.

    Then this test gets the new number of the rule in its name, and the new numbers.
    """
    assert (RULE_VERSION, RULE.version) == (2, 2)
    assert (RULE.threshold_percent, RULE.margin_points, RULE.overload_percent, RULE.severe_per_person) == (
        90,
        20,
        100,
        4,
    )
    assert RULE.overflow == ((80, 50, False), (80, 50, True), (95, 75, False))
    assert set(RULE.harm_extras) <= set(HarmType)


def test_several_linked_owners_are_counted_and_ties_go_by_id() -> None:
    assert linked_center([]) is None
    assert linked_center(["jeju", "busan", "jeju"]) == "jeju"
    assert linked_center(["jeju", "busan"]) == "busan"


def test_a_decision_names_the_rule_the_tables_and_the_linked_centre_chosen_or_not() -> None:
    decision = decision_for(facts("busan"), center_loads(closed=("jeju",)), DAY, linked="jeju")
    assert (decision.center_id, decision.linked_center_id) == ("busan", "jeju")
    assert (decision.rule_version, decision.table_version) == (RULE_VERSION, TABLE_VERSION)
    assert decision_for(facts("busan"), center_loads(), DAY).linked_center_id is None


def test_candidates_carry_everything_the_rule_looked_at() -> None:
    at = center_loads()
    at["ulsan"] = at["ulsan"]._replace(load=70, guests=20, severe=3, severe_cap=8, state=CenterState.SHORT_STAFFED)
    (ulsan,) = (c for c in decision_for(facts("busan"), at, DAY).candidates() if c.center_id == "ulsan")
    assert (ulsan.load, ulsan.capacity, ulsan.guests, ulsan.severe, ulsan.severe_cap) == (70, 450, 20, 3, 8)
    assert (ulsan.state, ulsan.staff_on_duty, ulsan.passed_over) == ("short_staffed", 3, PassedOver.KEPT_AT_HOME)


@pytest.mark.parametrize("home", CENTER_IDS)
def test_the_rings_around_a_home_hold_every_other_centre_once(home: str) -> None:
    asked = [c for ring in rings_around(home) for c in ring]
    assert sorted(asked) == sorted(set(CENTER_IDS) - {home})


def test_the_rings_without_a_home_hold_every_centre_once() -> None:
    for near in ((), ("gyeonggi", "incheon")):
        assert sorted(c for ring in rings_from(near) for c in ring) == sorted(CENTER_IDS)


def test_the_rings_are_land_then_sea_or_air_then_two_steps_then_all_others() -> None:
    assert origin_of("jeju", None, DAY).rings[:2] == ((), ("busan", "gwangju", "gyeongnam", "jeonnam"))
    assert rings_around("busan")[:3] == (
        ("gyeongnam", "ulsan"),
        ("jeju",),
        ("daegu", "gyeongbuk", "jeonbuk", "jeonnam"),
    )
    assert rings_from(("gyeonggi", "incheon"))[:2] == (("gyeonggi", "incheon"), ("chungbuk", "chungnam", "gangwon"))


def test_away_from_home_a_report_has_the_right_of_return() -> None:
    assert not decision_for(facts("busan"), center_loads(), DAY).right_of_return
    assert decision_for(facts("busan"), center_loads({"busan": 450}), DAY).right_of_return
    assert decision_for(facts("busan"), center_loads(closed=("busan",)), DAY).right_of_return
    assert decision_for(facts("busan"), center_loads(closed=CENTER_IDS), DAY).right_of_return
    assert decision_for(facts("busan"), center_loads(), DAY, linked="jeju").right_of_return
    assert not decision_for(facts("busan", declined_centers=["busan"]), center_loads(), DAY).right_of_return
    assert not decision_for(facts("overseas"), center_loads(), DAY).right_of_return


@pytest.mark.parametrize(
    ("to", "may_return", "declined", "reason", "still"),
    [
        ("jeju", False, [], RoutingReason.TRANSFER_ACCEPTED, False),
        ("jeju", True, [], RoutingReason.TRANSFER_ACCEPTED, True),
        ("jeju", True, ["busan"], RoutingReason.TRANSFER_ACCEPTED, False),
        ("busan", True, [], RoutingReason.RETURNED_HOME, False),
        ("busan", False, [], RoutingReason.TRANSFER_ACCEPTED, False),
    ],
)
def test_a_transfer_leaves_the_right_of_return_or_uses_it(
    to: str, may_return: bool, declined: list[str], reason: RoutingReason, still: bool
) -> None:
    told = facts("busan", declined_centers=declined)
    assignment = transferred(to, told, center_loads(), DAY, may_return=may_return)
    assert (assignment.center_id, assignment.home_center_id, assignment.reason, assignment.right_of_return) == (
        to,
        "busan",
        reason,
        still,
    )
    assert replay(decision_of(assignment), told, DAY) == decision_of(assignment)


def test_a_transfer_looks_at_nothing_but_says_how_full_it_finds_the_centre() -> None:
    assignment = transferred("jeju", facts("busan"), center_loads(full()), DAY, may_return=False)
    assert (assignment.over_capacity, assignment.copy_central, [why for _, why in assignment.candidates]) == (
        True,
        False,
        [PassedOver.CHOSEN],
    )
    assert transferred("jeju", facts("busan", age_band="under_14"), center_loads(), DAY, may_return=False).copy_central
    assert transferred("jeju", facts("overseas"), center_loads(), DAY, may_return=False).copy_central
    central = transferred("central", facts("overseas"), center_loads(), DAY, may_return=False)
    assert (central.candidates, central.over_capacity, central.copy_central) == ((), False, False)


def homes(decision: Decision) -> tuple[str | None, str]:
    return decision.home_center_id, decision.table_version


MERGED = facts("jeonnam-gwangju", district="12240")
BEFORE, AFTER = date(2026, 6, 30), date(2026, 7, 1)
OTHER = replace(
    TABLES,
    version="other",
    catchments=tuple(replace(c, center="jeju") if c.division == "busan" else c for c in TABLES.catchments),
)
"""The same tables, but that Jeju is home to Busan."""


def test_day_and_tables_are_arguments_of_every_decision_and_of_its_repetition() -> None:
    told = facts("busan")
    for decision in (
        decision_for(told, center_loads(), DAY, tables=OTHER),
        decision_of(transferred("ulsan", told, center_loads(), DAY, may_return=True, tables=OTHER), tables=OTHER),
    ):
        assert homes(decision) == ("jeju", "other")
        assert replay(decision, told, DAY, tables=OTHER) == decision
        assert homes(replay(decision, told, DAY)) == ("busan", TABLE_VERSION)
    for day, home in ((BEFORE, None), (AFTER, "gwangju")):
        decided = decision_for(MERGED, center_loads(), day)
        moved = decision_of(transferred("ulsan", MERGED, center_loads(), day, may_return=True))
        assert (decided.home_center_id, moved.home_center_id) == (home, home)
        assert replay(decided, MERGED, day) == decided
        assert replay(moved, MERGED, day) == moved
        assert replay(decided, MERGED, DAY).home_center_id == "gwangju"


def test_tables_say_who_is_near() -> None:
    centers = dict(TABLES.centers)
    centers["busan"] = replace(centers["busan"], land=("incheon",), sea_air=("sejong",))
    centers["incheon"] = replace(centers["incheon"], land=("daegu",))
    other = replace(TABLES, centers=centers)
    assert rings_around("busan", other)[:3] == (("incheon",), ("sejong",), ("daegu",))
    assert origin_of("busan", None, DAY, other) == ("busan", RoutingReason.HOME, rings_around("busan", other))
    near = tuple(replace(c, near=("busan",)) if c.division == "seoul" else c for c in TABLES.catchments)
    seoul = origin_of("seoul", None, DAY, replace(other, catchments=near))
    assert (seoul.home, seoul.rings[:2]) == (None, (("busan",), ("incheon",)))


def test_the_numbers_are_an_argument() -> None:
    heavy = replace(RULE, weights=dict.fromkeys(RULE.weights, 460))
    assert decision_for(facts("busan"), center_loads(), DAY, rule=heavy).over_capacity
    assert transferred("jeju", facts("busan"), center_loads(), DAY, may_return=False, rule=heavy).over_capacity
    assert not transferred("jeju", facts("busan"), center_loads(), DAY, may_return=False).over_capacity


def test_utilisation_is_a_whole_number_of_millionths_rounded_down() -> None:
    used = utilisation(center_loads({"busan": 1}, capacity=3)["busan"], 1)
    assert (used, type(used)) == (666_666, int)
    assert utilisation(center_loads(capacity=0)["busan"], 0) > utilisation(
        center_loads({"busan": 9999}, capacity=1)["busan"], 0
    )
