from typing import Any

import pytest

from tools.demo.ledger import Ledger, LogRecord
from tools.demo.summary import Summary, counted_of_run, percentile, summarise

A, B = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41", "9a4e1b7c-2d3f-4a5b-8c6d-7e8f90a1b2c3"


def whole(report_id: str, center: str = "busan") -> list[LogRecord]:
    owned = {"report_id": report_id, "version": 1, "ownership": 1, "decision": {"center_id": center}}
    return [
        LogRecord("reports", 0, 0, "report.received.v1", {"report_id": report_id}, 1),
        LogRecord("routings", 0, 0, "report.routed.v1", {**owned, "facts": {"urgency": "high"}}, 1),
        LogRecord("alerts", 0, 0, "alert.sent.v1", {"report_id": report_id, "center_id": center}, 1),
    ]


def summary(records: list[LogRecord], **changes: Any) -> Summary:
    ledger = Ledger()
    for record in records:
        ledger.add(record)
    given: dict[str, Any] = {
        "accepted": [A, B],
        "repeats": 1,
        "refused": {"too_large": 2},
        "ledger": ledger,
        "counted": 2,
        "owners_elsewhere": {A: ["busan"]},
        "shown_ms": {A: 10.0, B: 30.0},
        "unexpected": [],
    }
    return summarise(**{**given, **changes})


def test_all_well() -> None:
    found = summary(whole(A) + whole(B, "jeju"))
    assert found.problems == []
    assert found.to_json()["refused"] == 2
    assert (found.p50_ms, found.p99_ms, found.by_center) == (10.0, 30.0, {"busan": 1, "jeju": 1})


@pytest.mark.parametrize(
    ("missing", "problem"), [(0, "lost 1"), (1, "accepted 2, but routed 1"), (2, "accepted 2, but alerted 1")]
)
def test_a_missing_record_of_one_stage_is_a_loss(missing: int, problem: str) -> None:
    records = whole(A)
    del records[missing]
    found = summary(records + whole(B))
    assert found.lost == 1
    assert problem in found.problems


def test_what_analytics_does_not_count_is_a_loss() -> None:
    assert summary(whole(A) + whole(B), counted=1).problems == ["accepted 2, but counted 1", "lost 1"]


def test_an_owner_before_a_transfer_may_have_been_shown() -> None:
    moved = {"report_id": A, "version": 2, "ownership": 2, "decision": {"center_id": "jeju"}}
    records = [*whole(A), *whole(B), LogRecord("routings", 0, 1, "report.rerouted.v1", moved, 1)]
    assert summary(records, owners_elsewhere={A: ["busan", "jeju"]}).problems == []


def test_a_console_that_names_another_owner_is_owned_twice() -> None:
    assert summary(whole(A) + whole(B), owners_elsewhere={A: ["busan", "jeju"]}).problems == ["owned twice 1"]


def test_nothing_accepted_is_no_success() -> None:
    assert summary([], accepted=[], counted=0).problems == ["nothing was accepted"]


def test_other_runs_are_not_counted() -> None:
    assert summary(whole(A) + whole(B), accepted=[A], counted=1).problems == []


def test_percentiles_are_nearest_rank() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 99.0


def test_analytics_total_less_others_and_drills_is_this_runs() -> None:
    ledger = Ledger()
    for report_id, synthetic in (("mine", False), ("other", False), ("drill", True)):
        body = {"report_id": report_id, "facts": {"synthetic": synthetic}}
        ledger.add(LogRecord("reports", 0, 0, "report.received.v1", body, 1))
    assert counted_of_run(2, ["mine"], ledger) == 1
    assert counted_of_run(1, ["mine"], ledger) == 0


def test_counted_twice_is_a_problem_but_no_loss() -> None:
    assert summary(whole(A) + whole(B), counted=3).problems == ["accepted 2, but counted 3"]
