"""The verdict must be able to fail: every promise is broken once here."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.kill.verdict import Evidence, faults
from tools.demo.ledger import Ledger, LogRecord

A, B = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41", "9a4e1b7c-2d3f-4a5b-8c6d-7e8f90a1b2c3"


def record(topic: str, kind: str, body: dict[str, Any], partition: int = 0) -> LogRecord:
    return LogRecord(topic, partition, 0, kind, body, 1)


def routed(report_id: str, center: str, version: int = 1, *, partition: int = 0) -> LogRecord:
    kind = "report.routed.v1" if version == 1 else "report.rerouted.v1"
    body = {"report_id": report_id, "version": version, "ownership": version, "decision": {"center_id": center}}
    return record("routings", kind, {**body, "facts": {"urgency": "high"}}, partition)


def updated(report_id: str, center: str) -> LogRecord:
    """An addition, told to a centre under the first ownership."""
    body = {"report_id": report_id, "version": 2, "ownership": 1, "center_id": center, "kind": "amended"}
    return record("routings", "report.updated.v1", body)


def loads(cases: dict[str, int], weight: int = 15) -> LogRecord:
    sums = {center: {"open_cases": n, "weighted": n * weight} for center, n in cases.items()}
    return record("loads", "load.summarized.v1", {"partition": 0, "upto": 2, "loads": sums})


def said(kind: str, version: int, report_id: str = A) -> LogRecord:
    return record("reports", f"report.{kind}.v1", {"report_id": report_id, "intake_version": version})


def ended(e: Evidence, reason: str = "withdrawn") -> None:
    """A is taken back, and everybody knows it."""
    e.withdrawn = e.intake_withdrawn = frozenset({A})
    e.ledger.add(said("withdrawn", 2))
    body = {"report_id": A, "version": 2, "ownership": 1, "center_id": "busan", "reason": reason}
    e.ledger.add(record("routings", "report.ended.v1", body))
    e.notify_ended = e.analytics_ended = {A: "withdrawn"}
    e.ledger.add(loads({"jeju": 1}))


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


def test_a_report_taken_back_needs_no_alert() -> None:
    evidence = well()
    ended(evidence)
    evidence.ledger.alerts.pop(A)
    evidence.ledger.under.pop(A)
    evidence.mailed.pop(A)
    evidence.cells = {**evidence.cells, "alerted": 1}
    assert faults(evidence) == []


def test_a_transfer_and_a_message_are_no_fault_when_they_were_carried_out() -> None:
    evidence = well()
    evidence.ledger.add(routed(A, "jeju", 2))
    evidence.moved = {(A, 1): "jeju"}
    evidence.messages = {B: 1}
    evidence.ledger.add(said("message_left", 2, B))
    body = {"report_id": B, "version": 2, "ownership": 1, "center_id": "jeju", "kind": "message_left"}
    evidence.ledger.add(record("routings", "report.updated.v1", {**body, "intake_version": 2}))
    evidence.ledger.add(loads({"jeju": 2}))
    evidence.notify_owner, evidence.analytics_owner = {A: "jeju", B: "jeju"}, {A: "jeju", B: "jeju"}
    evidence.cells = {**evidence.cells, "alerted": 1}
    assert faults(evidence) == []


def taken_back(break_it: Callable[[Evidence], object]) -> Callable[[Evidence], object]:
    def do(evidence: Evidence) -> None:
        ended(evidence)
        break_it(evidence)

    return do


def _left_and_lost(evidence: Evidence) -> None:
    evidence.ledger.add(said("message_left", 2))
    evidence.messages = {A: 1}


TRUST: list[tuple[Callable[[Evidence], object], str]] = [
    (taken_back(lambda e: e.ledger.withdrawn.clear()), f"1 taken back, but not on the bus: {A}"),
    (lambda e: ended(e, "closed"), f"1 taken back, but not ended: {A}"),
    (taken_back(lambda e: setattr(e, "intake_withdrawn", frozenset())), f"1 taken back, but not in intake: {A}"),
    (taken_back(lambda e: setattr(e, "notify_ended", {})), f"1 taken back, but open in notify: {A}"),
    (taken_back(lambda e: setattr(e, "alerting", frozenset({A}))), f"1 taken back, but alerts go on: {A}"),
    (taken_back(lambda e: setattr(e, "analytics_ended", {})), f"1 taken back, but not so counted: {A}"),
    (taken_back(lambda e: setattr(e, "reinstated", frozenset({A}))), f"1 brought back, but not on the bus: {A}"),
    (taken_back(lambda e: setattr(e, "reinstated", frozenset({A}))), f"1 brought back, but ended: {A}"),
    (taken_back(lambda e: setattr(e, "reinstated", frozenset({A}))), f"1 brought back, but not in notify: {A}"),
    (lambda e: setattr(e, "messages", {A: 1}), f"1 with fewer messages than told: {A}"),
    (_left_and_lost, f"1 with a message that was not passed on: {A}"),
    (lambda e: setattr(e, "moved", {(A, 1): "jeju"}), f"1 with a transfer that was not carried out: {A}"),
    (lambda e: setattr(e, "wrong_keys", [B]), f"1 sealed with a key that is gone: {B}"),
    (lambda e: setattr(e, "audit", ["notify: line 3 was altered"]), "the audit: notify: line 3 was altered"),
    (lambda e: e.ledger.jumps.append(A), f"1 an ownership that jumps: {A}"),
]


def _lost_before_the_bus(e: Evidence) -> None:
    e.accepted |= {"c"}


BROKEN: list[tuple[Callable[[Evidence], object], str]] = [
    (_lost_before_the_bus, "1 accepted, but not on the bus: c"),
    (lambda e: e.ledger.owned.pop(A), f"1 without owner: {A}"),
    (lambda e: e.ledger.add(routed(A, "busan", partition=1)), f"1 owned twice by the log: {A}"),
    (lambda e: e.ledger.add(updated(A, "ulsan")), f"1 owned twice by the log: {A}"),
    (lambda e: e.ledger.add(routed(A, "busan", 4)), f"1 a hole in the versions: {A}"),
    (lambda e: e.ledger.received.pop(A), f"1 owned but never accepted by anyone: {A}"),
    (lambda e: e.ledger.alerts.pop(A), f"1 without alert.sent: {A}"),
    (lambda e: e.mailed.pop(B), f"1 without a mail: {B}"),
    (lambda e: setattr(e, "conflicting_answers", ["k"]), "1 answered with two ids: k"),
    (lambda e: setattr(e, "notify_owner", {A: "ulsan", B: "jeju"}), f"1 notify names another owner: {A}"),
    (lambda e: setattr(e, "analytics_owner", {A: None, B: "jeju"}), f"1 analytics names another owner: {A}"),
    (lambda e: setattr(e, "analytics_owner", {B: "jeju"}), f"1 not in analytics: {A}"),
    (lambda e: setattr(e, "cells", {"accepted": 3}), "analytics counts 3 accepted instead of 2"),
    (lambda e: setattr(e, "cells", {}), "analytics counts 0 accepted instead of 2"),
    (lambda e: setattr(e, "cells", {"accepted": 2, "routed": 2}), "analytics counts 0 alerted instead of 2"),
    (lambda e: setattr(e, "standing", 1), "analytics' reconciliation has 1 left"),
    (lambda e: setattr(e, "not_buried", ["x"]), "1 bad records without a dead letter: x"),
    (lambda e: setattr(e, "unpublished", 1), "1 events were never published"),
    (lambda e: e.ledger.loads.clear(), "partition 0 has no loads"),
    (lambda e: e.ledger.add(loads({"busan": 2})), "loads of partition 0 count {'busan': 2} instead of"),
    (lambda e: e.ledger.add(loads({"busan": 1, "jeju": 1}, 10)), "loads of partition 0 are weighed wrongly"),
    (lambda e: e.ledger.add(record("cases.dead", "", {})), "1 records in cases.dead"),
]


ALL = [*BROKEN, *TRUST]


@pytest.mark.parametrize(("break_it", "fault"), ALL, ids=[fault[:34] for _, fault in ALL])
def test_every_broken_promise_is_found(break_it: Callable[[Evidence], object], fault: str) -> None:
    evidence = well()
    break_it(evidence)
    assert any(found.startswith(fault) for found in faults(evidence)), faults(evidence)
