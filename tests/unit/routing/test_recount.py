"""Adding the log up again: the same as the plainest way to do it, in little memory however long the history."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.assignment.rules import severity_of
from services.routing.model import Tally
from services.routing.projection import RoutingEvent
from services.routing.projection.compact import CompactMap
from services.routing.projection.recount import Recount, difference
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from tests.unit.routing.builders import report_id
from tests.unit.routing.histories import any_history, routed_record

MOST_BYTES_A_REPORT = 40


def plainly(events: Sequence[RoutingEvent]) -> dict[str, Tally]:
    """The newest record of each report that counts, one after the other, and what is open added up."""
    newest: dict[str, dict[str, Any]] = {}
    for event in events:
        before = newest.get(event.report_id, {"version": 0})
        if event.version != before["version"] + 1 or (event.version > 1 and isinstance(event, ReportRouted)):
            continue
        told = {**before, "version": event.version}
        match event:
            case ReportRouted() | ReportRerouted():
                decision = event.decision
                told |= {"owner": decision.center_id, "home": decision.home_center_id, "facts": event.facts}
                told["open"] = True
            case ReportUpdated():
                told |= {"facts": event.facts, "open": before["open"] or event.kind in {"reopened", "reinstated"}}
            case ReportEnded():
                told["open"] = False
        newest[event.report_id] = told
    tallies: dict[str, Tally] = {}
    for one in newest.values():
        weight = severity_of(one["facts"]).weight
        if one["open"] and weight:
            known = tallies.get(one["owner"], Tally())
            guest = weight if one["owner"] != one["home"] else 0
            severe = known.severe + severity_of(one["facts"]).severe
            tallies[one["owner"]] = Tally(known.open_cases + 1, known.weighted + weight, known.guests + guest, severe)
    return tallies


@given(any_history())
def test_it_comes_to_the_same_as_the_plainest_way(events: list[RoutingEvent]) -> None:
    recount = Recount()
    for event in events:
        recount.take(event)
    assert recount.tallies() == plainly(events)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 2**64 - 1)), max_size=400))
def test_the_compact_map_holds_what_a_dictionary_holds(steps: list[tuple[int, int]]) -> None:
    compact, known = CompactMap(), dict[str, int]()
    for number, value in steps:
        compact.set(report_id(number), value)
        known[report_id(number)] = value
        assert compact.get(report_id(number)) == value
    assert {one: compact.get(one) for one in known} == known
    assert sorted(compact.values()) == sorted(known.values())
    assert compact.get(report_id(3001)) == 0


@pytest.mark.parametrize("reports", [20_000, 27_000])
def test_a_report_takes_few_bytes_while_it_is_counted(reports: int) -> None:
    """Just below and above where tables grow; with a million it is the same, they only are larger."""
    recount, first = Recount(), routed_record(0)
    tracemalloc.start()
    try:
        for number in range(reports):
            recount.take(first.model_copy(update={"report_id": report_id(number)}))
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / reports <= MOST_BYTES_A_REPORT
    assert most / reports <= MOST_BYTES_A_REPORT
    assert recount.tallies() == {"busan": Tally(reports, 10 * reports, 0, 0)}


def test_what_does_not_fit_into_a_line_is_not_cut_off() -> None:
    def owned_by(center: str, number: int) -> ReportRouted:
        event = routed_record(number)
        return event.model_copy(update={"decision": event.decision.model_copy(update={"center_id": center})})

    recount = Recount()
    for number in range(254):  # and busan, which is the home of all
        recount.take(owned_by(f"c{number}", number))
    assert len(recount.tallies()) == 254
    with pytest.raises(OverflowError, match="256 does not fit"):
        recount.take(owned_by("one-too-many", 254))


def test_only_what_differs_is_named_and_what_is_missing_is_nothing() -> None:
    one, two = {"busan": Tally(1, 10), "jeju": Tally(2, 20)}, {"busan": Tally(1, 10), "ulsan": Tally(1, 15)}
    assert difference(one, two) == {"jeju": (Tally(2, 20), Tally()), "ulsan": (Tally(), Tally(1, 15))}
    assert difference(one, dict(one)) == {}
