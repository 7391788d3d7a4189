"""Rule 1, case by case. It is frozen: these are the decisions that were made under it."""

from functools import partial
from typing import Any

import pytest

from services.routing.policy import assign as doors
from services.routing.policy.first_rule import utilisation
from services.routing.policy.rules import RULES
from shared.centers import CENTER_IDS
from shared.events.vocabulary import PassedOver, RoutingReason
from tests.unit.routing.builders import DAY, board, facts, full

assign = partial(doors.assign, rule=RULES[1])


def why(decision_candidates: object) -> dict[str, PassedOver]:
    return {c.center_id: c.passed_over for c in decision_candidates}  # type: ignore[attr-defined]  # Candidate tuples


def test_a_report_stays_at_home() -> None:
    decision = assign(facts("busan"), board(), DAY)
    assert (decision.center_id, decision.home_center_id, decision.reason) == ("busan", "busan", RoutingReason.HOME)
    assert not decision.over_capacity
    assert not decision.copy_central
    assert len(decision.candidates) == 16
    assert why(decision.candidates)["ulsan"] is PassedOver.KEPT_AT_HOME


def test_it_stays_at_home_up_to_the_threshold_however_idle_the_neighbours_are() -> None:
    # 395 + 10 of 450 is exactly 90 %.
    assert assign(facts("busan"), board({"busan": 395}), DAY).center_id == "busan"
    decision = assign(facts("busan"), board({"busan": 396}), DAY)
    assert (decision.center_id, decision.reason) == ("gyeongnam", RoutingReason.HOME_FULL_NEIGHBOUR)
    assert why(decision.candidates)["busan"] is PassedOver.BUSIER
    assert why(decision.candidates)["jeju"] is PassedOver.OUT_OF_REACH


def test_between_threshold_and_full_a_neighbour_must_be_clearly_better() -> None:
    nearly = {"busan": 420, "gyeongnam": 340, "ulsan": 345}
    decision = assign(facts("busan"), board(nearly), DAY)
    assert (decision.center_id, decision.reason) == ("busan", RoutingReason.HOME)
    assert assign(facts("busan"), board(nearly | {"ulsan": 330}), DAY).center_id == "ulsan"


def test_between_threshold_and_full_only_land_neighbours_are_asked() -> None:
    assert assign(facts("jeju"), board({"jeju": 440}), DAY).center_id == "jeju"


def test_a_full_home_asks_land_then_sea_then_two_steps_then_all() -> None:
    assert assign(facts("busan"), board({"busan": 450, "ulsan": 430}), DAY).center_id == "gyeongnam"
    by_sea = assign(facts("busan"), board(full("jeju", "daegu")), DAY)
    assert (by_sea.center_id, by_sea.reason) == ("jeju", RoutingReason.HOME_FULL_NEIGHBOUR)
    two_steps = assign(facts("busan"), board(full("daegu", "incheon")), DAY)
    assert (two_steps.center_id, two_steps.reason) == ("daegu", RoutingReason.HOME_FULL_WIDER)
    anywhere = assign(facts("busan"), board(full("incheon")), DAY)
    assert (anywhere.center_id, anywhere.reason) == ("incheon", RoutingReason.HOME_FULL_WIDER)
    assert why(anywhere.candidates)["daegu"] is PassedOver.FULL


def test_urgency_weighs() -> None:
    at = board(dict.fromkeys(CENTER_IDS, 435))
    assert not assign(facts("busan", urgency="high"), at, DAY).over_capacity
    critical = assign(facts("busan", urgency="critical"), at, DAY)
    assert (critical.reason, critical.over_capacity) == (RoutingReason.ALL_FULL, True)


def test_when_all_are_full_home_still_owns_and_says_so() -> None:
    decision = assign(facts("sejong"), board(full()), DAY)
    assert (decision.center_id, decision.reason, decision.over_capacity) == ("sejong", RoutingReason.ALL_FULL, True)


def test_a_closed_home_passes_on_to_its_neighbours() -> None:
    decision = assign(facts("gwangju"), board(closed=("gwangju",)), DAY)
    assert (decision.center_id, decision.reason) == ("jeonnam", RoutingReason.HOME_CLOSED)
    assert why(decision.candidates)["gwangju"] is PassedOver.CLOSED


def test_a_declined_home_is_not_chosen_even_when_all_others_are_full() -> None:
    declined = facts("busan", declined_centers=["busan"])
    assert assign(declined, board(), DAY).reason is RoutingReason.HOME_DECLINED
    decision = assign(declined, board(full("busan")), DAY)
    assert decision.center_id != "busan"
    assert (decision.reason, decision.over_capacity) == (RoutingReason.ALL_FULL, True)
    assert why(decision.candidates)["busan"] is PassedOver.DECLINED


def test_all_sixteen_closed_goes_to_central() -> None:
    decision = assign(facts("busan"), board(closed=CENTER_IDS), DAY)
    assert (decision.center_id, decision.reason) == ("central", RoutingReason.ALL_CLOSED)
    assert decision.over_capacity
    assert not decision.copy_central


def test_every_open_centre_declined_goes_to_central() -> None:
    only = board(closed=tuple(c for c in CENTER_IDS if c != "busan"))
    decision = assign(facts("ulsan", declined_centers=["busan"]), only, DAY)
    assert (decision.center_id, decision.reason) == ("central", RoutingReason.ALL_CLOSED)


@pytest.mark.parametrize(
    ("division", "reason"),
    [
        ("seoul", RoutingReason.NO_HOME_SEOUL),
        ("overseas", RoutingReason.NO_HOME_OVERSEAS),
        ("unknown", RoutingReason.NO_HOME_UNKNOWN),
        ("jeonnam-gwangju", RoutingReason.NO_HOME_DISTRICT_UNKNOWN),
    ],
)
def test_without_a_home_the_reason_is_named_and_central_gets_a_copy(division: str, reason: RoutingReason) -> None:
    decision = assign(facts(division), board(), DAY)
    assert (decision.reason, decision.home_center_id, decision.copy_central) == (reason, None, True)


def test_seoul_goes_to_the_less_loaded_of_the_capital_area() -> None:
    assert assign(facts("seoul"), board({"gyeonggi": 10}), DAY).center_id == "incheon"
    assert assign(facts("seoul"), board({"incheon": 10}), DAY).center_id == "gyeonggi"
    assert assign(facts("seoul"), board({"incheon": 450, "gyeonggi": 450}), DAY).center_id == "chungbuk"


def test_overseas_goes_by_load_alone() -> None:
    assert assign(facts("overseas"), board(full("jeju")), DAY).center_id == "jeju"


def test_load_is_measured_against_the_staff_on_duty() -> None:
    few = board({"incheon": 50, "gyeonggi": 60})
    few["incheon"] = few["incheon"]._replace(staff_on_duty=1, capacity=150)
    assert assign(facts("seoul"), few, DAY).center_id == "gyeonggi"


def test_a_centre_with_nobody_on_duty_is_asked_last() -> None:
    nobody = board(full())
    nobody["busan"] = nobody["busan"]._replace(load=0, capacity=0)
    assert assign(facts("overseas"), nobody, DAY).center_id != "busan"


def test_the_merged_division_is_told_apart_by_district() -> None:
    assert assign(facts("jeonnam-gwangju", district="12240"), board(), DAY).center_id == "gwangju"
    assert assign(facts("jeonnam-gwangju", district="12110"), board(), DAY).center_id == "jeonnam"


def test_linked_reports_stay_together_even_over_capacity() -> None:
    decision = assign(facts("busan"), board({"jeju": 450}), DAY, linked="jeju")
    assert (decision.center_id, decision.reason, decision.over_capacity) == ("jeju", RoutingReason.LINKED, True)


def test_linked_reports_part_when_that_centre_is_closed_or_declined() -> None:
    assert assign(facts("busan"), board(closed=("jeju",)), DAY, linked="jeju").center_id == "busan"
    declined = facts("busan", declined_centers=["jeju"])
    assert assign(declined, board(), DAY, linked="jeju").center_id == "busan"
    assert assign(facts("busan"), board(), DAY, linked="central").center_id == "busan"


@pytest.mark.parametrize(
    "child",
    [{"age_band": "under_14"}, {"harm_types": ["child_material"]}, {"urgency_reasons": ["under_14"]}],
)
def test_what_concerns_a_child_goes_to_central_in_copy(child: dict[str, object]) -> None:
    assert assign(facts("busan", **child), board(), DAY).copy_central


@pytest.mark.parametrize(
    ("division", "told", "to", "loads", "expected"),
    [
        ("busan", {}, "jeju", {}, ("busan", False, False, ["chosen"])),
        ("busan", {}, "jeju", {"jeju": 450}, ("busan", True, False, ["chosen"])),
        ("busan", {}, "jeju", {"jeju": 440}, ("busan", False, False, ["chosen"])),
        ("busan", {"age_band": "under_14"}, "jeju", {}, ("busan", False, True, ["chosen"])),
        ("overseas", {}, "jeju", {}, (None, False, True, ["chosen"])),
        ("overseas", {}, "central", {}, (None, False, False, [])),
        ("jeonnam-gwangju", {"district": "12240"}, "jeju", {}, ("gwangju", False, False, ["chosen"])),
    ],
)
def test_a_transfer_was_recorded_and_looked_at_nothing(
    division: str, told: dict[str, Any], to: str, loads: dict[str, int], expected: tuple[object, ...]
) -> None:
    choice = doors.transferred(to, facts(division, **told), board(loads), DAY, may_return=False, rule=RULES[1])
    verdicts = [str(why) for _, why in choice.candidates]
    assert (choice.home_center_id, choice.over_capacity, choice.copy_central, verdicts) == expected
    assert (choice.center_id, choice.reason) == (to, RoutingReason.TRANSFER_ACCEPTED)
    assert not choice.right_of_return


def test_room_for_exactly_one_more_is_room() -> None:
    decision = assign(facts("busan"), board(full() | {"jeju": 440, "daegu": 440}), DAY)
    assert (decision.center_id, why(decision.candidates)["daegu"]) == ("jeju", PassedOver.OUT_OF_REACH)


def test_utilisation_is_a_whole_number_of_millionths_rounded_down() -> None:
    used = utilisation(board({"busan": 1}, capacity=3)["busan"], 1)
    assert (used, type(used)) == (666_666, int)
