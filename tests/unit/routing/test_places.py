"""A report from a place no table knows is refused where it enters, named; its neighbours go on."""

from dataclasses import replace
from typing import Any

import pytest

from services.routing.assignment.geography import place_fault
from services.routing.state.partition import PartitionState
from services.routing.transitions.models import Moment
from services.routing.transitions.rules import decide, moves
from shared.centers import TABLES
from shared.events.base import Event
from shared.events.reports import ReportAmended, ReportMessageLeft
from shared.events.vocabulary import RoutingReason
from tests.unit.routing.builders import NOW, TRACE, center_loads, facts, incoming, received, report_id
from tests.unit.routing.steps import accepted, published, routed, run, settle

WITH_ATLANTIS = replace(
    TABLES,
    version="later",
    divisions={**TABLES.divisions, "atlantis": replace(TABLES.divisions["jeju"], slug="atlantis", mois_code="99")},
    catchments=(*TABLES.catchments, replace(TABLES.catchments[0], division="atlantis", center="jeju")),
)

NOT_OF_THE_DIVISION = "the district is not one of the division's"


def amended(version: int = 2, **place: str) -> ReportAmended:
    new = facts(**({"division": "busan"} | place))
    return ReportAmended(report_id=report_id(1), intake_version=version, amended_at=NOW, facts=new)


@pytest.mark.parametrize(
    ("division", "district", "known"),
    [
        ("busan", None, True),
        ("busan", "26110", True),
        ("busan", "12210", False),
        ("gwangju", "29155", True),
        ("gwangju", "12210", False),
        ("gangwon", "42110", True),
        ("jeonnam-gwangju", "12210", True),
        ("jeonnam-gwangju", "29155", True),
        ("jeonnam-gwangju", "46110", True),
        ("jeonnam-gwangju", "26110", False),
        ("seoul", "11680", True),
        ("overseas", None, True),
        ("unknown", None, True),
        ("overseas", "26110", False),
        ("unknown", "26110", False),
        ("atlantis", None, False),
    ],
)
def test_a_place_is_known_or_not(division: str, district: str | None, known: bool) -> None:
    fault = place_fault(facts(division, district=district), TABLES)
    assert (fault is None) is known
    assert division not in (fault or "")
    assert (district or "-") not in (fault or "")


@pytest.mark.parametrize(
    ("division", "district", "said"),
    [
        ("busan", "12210", NOT_OF_THE_DIVISION),
        ("overseas", "26110", "a district of a place that has none"),
        ("atlantis", None, "no table knows the division"),
        ("atlantis", "99110", "no table knows the division"),
    ],
)
def test_what_is_wrong_with_a_place_is_said_in_words(division: str, district: str | None, said: str) -> None:
    assert place_fault(facts(division, district=district), TABLES) == said


def test_a_district_belongs_to_a_division_by_the_codes_of_the_tables_given() -> None:
    assert place_fault(facts("atlantis", district="99110"), WITH_ATLANTIS) is None
    assert place_fault(facts("atlantis", district="50110"), WITH_ATLANTIS) == NOT_OF_THE_DIVISION


@pytest.mark.parametrize("place", [{"division": "atlantis"}, {"division": "busan", "district": "12210"}])
def test_an_event_from_nowhere_is_refused_and_its_neighbours_are_routed(place: dict[str, str]) -> None:
    state = PartitionState()
    outcome = run(state, received(1), received(2, **place), received(3))
    said = "no table knows the division" if place["division"] == "atlantis" else NOT_OF_THE_DIVISION
    assert outcome.refused == [(1, "unknown_division", said)]
    assert [e.report_id for e in settle(state, outcome)] == [report_id(1), report_id(3)]
    assert report_id(2) not in state.report_states


def test_an_amendment_from_nowhere_is_refused_and_changes_nothing() -> None:
    state = routed()
    before = state.report_states[report_id(1)]
    outcome = run(state, amended(division="atlantis"))
    assert [(r.place, r.reason) for r in outcome.refused] == [(0, "unknown_division")]
    assert (outcome.drafts, state.report_states[report_id(1)]) == ([], before)
    (event,) = settle(state, run(state, amended(3, division="jeju")))
    assert (event.version, event.intake_version) == (2, 3)


def test_what_follows_a_refused_report_is_refused_with_it() -> None:
    left = ReportMessageLeft(report_id=report_id(1), intake_version=2, left_at=NOW)
    outcome = run(PartitionState(), received(division="atlantis"), left)
    assert [(r.place, r.reason) for r in outcome.refused] == [(0, "unknown_division"), (1, "unknown_report")]


def test_a_repeated_report_is_not_looked_at_twice() -> None:
    outcome = run(routed(), received(division="atlantis"))
    assert (outcome.repeated, outcome.refused) == (1, [])


def test_once_the_tables_know_the_place_the_same_event_is_routed_by_them() -> None:
    event = incoming(received(division="atlantis"))
    moment = Moment(now=NOW, tables=WITH_ATLANTIS)
    outcome = decide([event], PartitionState(), center_loads(), moment, {})
    assert outcome.refused == []
    (routing,) = published(outcome)
    decision = routing.decision
    assert (decision.center_id, decision.reason, decision.table_version) == ("jeju", RoutingReason.HOME, "later")


def test_other_tables_count_for_whatever_happens_to_a_report_later() -> None:
    """Handed to another centre, moved away from a closed one, taken from one that is declined: all by those tables."""
    moment, state = Moment(now=NOW, tables=WITH_ATLANTIS), PartitionState()

    def happens(event: Event, source: str = "intake") -> Any:
        (published_event,) = settle(state, decide([incoming(event, source)], state, center_loads(), moment, {}))
        return published_event.decision

    def seen(decision: Any) -> tuple[str, str | None, RoutingReason, str]:
        return decision.center_id, decision.home_center_id, decision.reason, decision.table_version

    assert seen(happens(received(division="atlantis"))) == ("jeju", "jeju", RoutingReason.HOME, "later")
    given = seen(happens(accepted("busan"), "notify"))
    assert given == ("busan", "jeju", RoutingReason.TRANSFER_ACCEPTED, "later")
    outcome = run(state)
    outcome.drafts.extend(moves(state, center_loads(closed=("busan",)), moment, TRACE, limit=9, owners={}))
    (moved,) = settle(state, outcome)
    assert seen(moved.decision) == ("jeju", "jeju", RoutingReason.HOME, "later")
    new = facts("atlantis", declined_centers=["jeju"])
    taken = happens(ReportAmended(report_id=report_id(1), intake_version=2, amended_at=NOW, facts=new))
    assert (taken.center_id != "jeju", taken.home_center_id, taken.table_version) == (True, "jeju", "later")
