"""What a report adds to the cells of its month: each cube, time and figure from what was folded of it."""

from datetime import timedelta

import pytest

from services.analytics.counting.aggregate import Histogram, monthly, seen_within_target, time_bucket
from services.analytics.counting.models import Fact
from shared.events.base import ReportEvent
from shared.events.reports import ReportFacts
from shared.events.routings import ReportRouted
from shared.events.vocabulary import EndReason, HarmType, Outcome, SupportKind, UpdateKind
from tests.unit.analytics import events as make
from tests.unit.analytics.counting.test_project import R, folded


def by_month(*events: ReportEvent) -> dict[str, int]:
    found = monthly(folded(*events))
    assert {month for month, _ in found} <= {"2026-11"}
    return {cell: n for (_, cell), n in found.items()}


def test_a_report_is_in_every_cube_of_its_month_once_and_in_harm_types_once_each() -> None:
    body = make.facts((HarmType.SYNTHESIS, HarmType.OTHER))
    assert by_month(make.received(R, body), make.routed(R)) == {
        "center+harm|busan|all": 1,
        "center+harm|busan|synthesis": 1,
        "center+harm|busan|other": 1,
        "home+center|busan|busan": 1,
        "age_band+gender|unknown|unknown": 1,
        "role+channel|victim|web": 1,
        "relationship|unknown": 1,
        "platform|unknown": 1,
        "division|busan": 1,
        "urgency|normal": 1,
        "outcome|in_care": 1,
        "support|none": 1,
        "reason|first|home": 1,
    }


def test_words_of_a_later_build_are_counted_as_unknown() -> None:
    later = {"role": "employer", "channel": "kiosk", "urgency": "extreme", "platform_kind": "games", "gender": "new"}
    body = make.facts().model_dump(mode="json") | later | {"harm_types": ["voice_cloning", "voice_theft"]}
    routed = make.routed(R).model_dump(mode="json")
    routed["decision"]["reason"] = "drawn_by_lot"
    cells = by_month(
        make.received(R, ReportFacts.model_validate(body)),
        ReportRouted.model_validate(routed),
        make.acknowledged(R),
        make.supported(R, SupportKind.read("housing"), 2),
    )
    assert {
        "center+harm|busan|all": 1,
        "center+harm|busan|unknown": 1,
        "age_band+gender|unknown|unknown": 1,
        "role+channel|unknown|unknown": 1,
        "platform|unknown": 1,
        "urgency|unknown": 1,
        "support|unknown": 1,
        "reason|first|unknown": 1,
        "figure|cases": 1,
    }.items() <= cells.items()
    waits = Histogram.of({time_bucket(90): 1})
    assert f"time|waiting|busan|unknown|{time_bucket(90)}" in cells
    assert seen_within_target({"unknown": waits}) == 1


@pytest.mark.parametrize(
    "events",
    [
        (make.received(R),),
        (make.routed(R),),
        (make.amended(R, make.facts()), make.routed(R)),
        (make.received(R, make.facts(synthetic=True)), make.routed(R, body=make.facts(synthetic=True))),
    ],
)
def test_without_acceptance_or_owner_or_as_a_drill_no_month_counts_it(events: tuple[ReportEvent, ...]) -> None:
    assert by_month(*events) == {}


def test_a_transferred_report_keeps_its_home_and_both_reasons() -> None:
    cells = by_month(make.received(R), make.routed(R), make.rerouted(R, "ulsan"))
    assert {"home+center|busan|ulsan", "reason|first|home", "reason|later|transfer_accepted"} <= set(cells)
    assert cells["figure|transfers"] == 1
    assert "center+harm|busan|all" not in cells


def test_support_counts_each_kind_once_and_stays_when_the_report_moves() -> None:
    given_ = [make.supported(R, SupportKind.DELETION, n) for n in (1, 2)]
    cells = by_month(make.received(R), make.routed(R), *given_, make.rerouted(R, "ulsan"))
    assert {cell: n for cell, n in cells.items() if cell.startswith("support|")} == {"support|deletion": 1}


def outcomes(*events: ReportEvent) -> set[str]:
    return {cell for cell in by_month(make.received(R), make.routed(R), *events) if cell.startswith("outcome|")}


def test_the_outcome_is_that_of_the_closing_under_the_present_ownership() -> None:
    shut, end = make.closed(R, 1, outcome=Outcome.REFERRED), make.ended(R, 2)
    assert outcomes(shut, end) == outcomes(end, shut) == {"outcome|referred"}
    assert outcomes(end) == {"outcome|unknown"}
    assert outcomes(shut) == {"outcome|in_care"}
    assert outcomes(shut, make.reopened(R, 2), end) == {"outcome|unknown"}, "the reopening is read before routing's"
    assert outcomes(shut, end, make.rerouted(R, "ulsan", version=3)) == {"outcome|in_care"}
    again = (make.rerouted(R, "ulsan", version=3), make.ended(R, 4, ownership=2))
    assert outcomes(shut, end, *again) == {"outcome|unknown"}
    assert outcomes(shut, make.reopened(R, 2), end, make.updated(R, 3, kind=UpdateKind.REOPENED)) == {"outcome|in_care"}
    assert outcomes(shut, end, make.ended(R, 3, reason=EndReason.WITHDRAWN)) == {"outcome|withdrawn"}


def test_a_case_is_what_its_owner_acknowledged_and_no_duplicate() -> None:
    answered = (make.received(R), make.routed(R), make.acknowledged(R))
    assert by_month(*answered)["figure|cases"] == 1
    assert "figure|cases" not in by_month(*answered[:2])
    assert "figure|cases" not in by_month(*answered, make.rerouted(R, "ulsan"))
    double = make.closed(R, 2, outcome=Outcome.DUPLICATE)
    assert "figure|cases" not in by_month(*answered, double, make.ended(R, 2))


def test_each_time_runs_from_where_it_says() -> None:
    moved = make.rerouted(R, "ulsan").model_copy(update={"decided_at": make.START + timedelta(seconds=1000)})
    cells = by_month(
        make.received(R),
        make.routed(R),
        make.acknowledged(R, 1, 1, 100),
        make.contacted(R, 2, 1, 400),
        moved,
        make.acknowledged(R, 3, 2, 1020),
        make.closed(R, 4, 2, seconds=90_000),
        make.ended(R, 3, 2),
    )
    assert {cell for cell in cells if cell.startswith("time|")} == {
        f"time|waiting|ulsan|normal|{time_bucket(100)}",
        f"time|acknowledgement|ulsan|normal|{time_bucket(20)}",
        f"time|first_contact|ulsan|normal|{time_bucket(400)}",
        f"time|closing|ulsan|normal|{time_bucket(90_000)}",
    }


def test_alerts_are_counted_each() -> None:
    cells = by_month(
        make.received(R), make.routed(R), make.alert_failed(R, 1), make.alert_failed(R, 2), make.alert_sent(R, 3),
        make.escalated(R, 4), make.alert_sent(R, 3),
    )  # fmt: skip
    figures = {cell: n for cell, n in cells.items() if cell.startswith("figure|")}
    assert figures == {"figure|alerts_failed": 2, "figure|alerts_sent": 1, "figure|escalations": 1}


def test_a_time_finer_than_the_store_keeps_counts_as_the_store_keeps_it() -> None:
    late = make.acknowledged(R, 1, 1, 300.0009)
    fact = folded(make.received(R), make.routed(R), late)
    stored = Fact.from_document(fact.to_document())
    assert monthly(fact) == monthly(stored)
    assert fact.seen == make.START + timedelta(seconds=300)
