"""The verdict must be able to fail: every promise is broken once here."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from deploy.demo.ledger import Ledger, LogRecord
from tests.kill.verdict import Evidence, faults

A, B = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41", "9a4e1b7c-2d3f-4a5b-8c6d-7e8f90a1b2c3"


def record(topic: str, kind: str, body: dict[str, Any], partition: int = 0) -> LogRecord:
    return LogRecord(topic, partition, 0, kind, body, 1)


def routed(report_id: str, center: str, version: int = 1, *, partition: int = 0) -> LogRecord:
    kind = "report.routed.v1" if version == 1 else "report.rerouted.v1"
    body = {"report_id": report_id, "version": version, "ownership": version, "decision": {"center_id": center}}
    return record("routings", kind, {**body, "facts": {"urgency": "high"}}, partition)


def loads(cases: dict[str, int], weight: int = 15) -> LogRecord:
    sums = {center: {"open_cases": n, "weighted": n * weight} for center, n in cases.items()}
    return record("loads", "load.summarized.v1", {"partition": 0, "upto": 2, "loads": sums})


def well() -> Evidence:
    ledger = Ledger()
    for report_id, center in ((A, "busan"), (B, "jeju")):
        ledger.add(record("reports", "report.received.v1", {"report_id": report_id}))
        ledger.add(routed(report_id, center))
        ledger.add(record("alerts", "alert.sent.v1", {"report_id": report_id, "center_id": center}))
    ledger.add(loads({"busan": 1, "jeju": 1}))
    owners = {A: "busan", B: "jeju"}
    return Evidence(
        accepted=frozenset({A, B}),
        ledger=ledger,
        mailed=Counter({A: 1, B: 2}),
        notify_owner=owners,
        analytics_owner=dict(owners),
        cells={"accepted": 2, "routed": 2, "alerted": 2, "acknowledged": 0},
    )


def test_all_well() -> None:
    assert faults(well()) == []


def test_duplicates_in_the_log_are_no_fault() -> None:
    evidence = well()
    evidence.ledger.add(routed(A, "ulsan"))
    evidence.ledger.add(record("reports", "report.received.v1", {"report_id": A}))
    assert faults(evidence) == []


def _lost_before_the_bus(e: Evidence) -> None:
    e.accepted |= {"c"}


BROKEN: list[tuple[Callable[[Evidence], object], str]] = [
    (_lost_before_the_bus, "1 accepted, but not on the bus: c"),
    (lambda e: e.ledger.owned.pop(A), f"1 without owner: {A}"),
    (lambda e: e.ledger.add(routed(A, "busan", partition=1)), f"1 owned twice by the log: {A}"),
    (lambda e: e.ledger.add(routed(A, "busan", 4)), f"1 a hole in the versions: {A}"),
    (lambda e: e.ledger.received.pop(A), f"1 owned but never accepted by anyone: {A}"),
    (lambda e: e.ledger.alerts.pop(A), f"1 without alert.sent: {A}"),
    (lambda e: e.mailed.pop(B), f"1 without a mail: {B}"),
    (lambda e: setattr(e, "conflicting_answers", ["k"]), "1 answered with two ids: k"),
    (lambda e: setattr(e, "notify_owner", {A: "ulsan", B: "jeju"}), f"1 notify names another owner: {A}"),
    (lambda e: setattr(e, "analytics_owner", {A: None, B: "jeju"}), f"1 analytics names another owner: {A}"),
    (lambda e: setattr(e, "analytics_owner", {B: "jeju"}), f"1 not in analytics: {A}"),
    (lambda e: setattr(e, "cells", {"accepted": 3}), "analytics counts 3 accepted instead of 2"),
    (lambda e: setattr(e, "cells", {}), "analytics counts nothing"),
    (lambda e: setattr(e, "standing", 1), "analytics' reconciliation has 1 left"),
    (lambda e: setattr(e, "unpublished", 1), "1 events were never published"),
    (lambda e: e.ledger.loads.clear(), "partition 0 has no loads"),
    (lambda e: e.ledger.add(loads({"busan": 2})), "loads of partition 0 count {'busan': 2} instead of"),
    (lambda e: e.ledger.add(loads({"busan": 1, "jeju": 1}, 10)), "loads of partition 0 are weighed wrongly"),
    (lambda e: e.ledger.add(record("cases.dead", "", {})), "1 records in cases.dead"),
]


@pytest.mark.parametrize(("break_it", "fault"), BROKEN, ids=[fault[:30] for _, fault in BROKEN])
def test_every_broken_promise_is_found(break_it: Callable[[Evidence], object], fault: str) -> None:
    evidence = well()
    break_it(evidence)
    assert any(found.startswith(fault) for found in faults(evidence)), faults(evidence)
