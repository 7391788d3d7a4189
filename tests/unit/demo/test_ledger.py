from typing import Any

from tools.demo.ledger import Ledger, LogRecord

REPORT = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"


def routed(
    version: int, center: str, *, ownership: int = 1, partition: int = 0, kind: str = "report.routed.v1"
) -> LogRecord:
    body: dict[str, Any] = {"report_id": REPORT, "version": version, "ownership": ownership}
    if kind in {"report.routed.v1", "report.rerouted.v1"}:
        body |= {"decision": {"center_id": center}, "facts": {"urgency": "normal"}}
    else:
        body |= {"center_id": center}
    return LogRecord("routings", partition, 0, kind, body, 1)


def folded(*records: LogRecord) -> Ledger:
    ledger = Ledger()
    for record in records:
        ledger.add(record)
    return ledger


def test_the_first_record_of_a_version_is_the_truth() -> None:
    ledger = folded(routed(1, "busan"), routed(1, "ulsan"), routed(1, "busan"))
    assert ledger.owner(REPORT) == "busan"
    assert (ledger.ignored, ledger.ignored_other_owner) == (2, 1)
    assert not ledger.owned_twice(REPORT)


def test_a_reroute_moves_the_owner_and_is_no_second_owner() -> None:
    ledger = folded(routed(1, "busan"), routed(2, "ulsan", ownership=2, kind="report.rerouted.v1"))
    assert ledger.owner(REPORT) == "ulsan"
    assert not ledger.owned_twice(REPORT)


def test_a_hole_is_remembered_and_changes_nothing() -> None:
    ledger = folded(routed(1, "busan"), routed(3, "ulsan", ownership=2, kind="report.rerouted.v1"))
    assert ledger.owner(REPORT) == "busan"
    assert ledger.holes == [REPORT]


def test_one_ownership_with_two_centres_is_owned_twice() -> None:
    ledger = folded(routed(1, "busan"), routed(2, "ulsan", kind="report.rerouted.v1"))
    assert ledger.owned_twice(REPORT)


def test_records_in_two_partitions_are_owned_twice() -> None:
    assert folded(routed(1, "busan"), routed(1, "busan", partition=3)).owned_twice(REPORT)


def test_an_ended_report_is_no_load() -> None:
    assert folded(routed(1, "busan")).recount() == {0: {"busan": 1}}
    assert folded(routed(1, "busan"), routed(2, "busan", kind="report.ended.v1")).recount() == {0: {}}


def event(topic: str, kind: str, version: int) -> LogRecord:
    return LogRecord(topic, 0, 0, kind, {"report_id": REPORT, "intake_version": version}, 1)


def test_a_report_brought_back_is_a_load_again() -> None:
    gone = [routed(1, "busan"), routed(2, "busan", kind="report.ended.v1")]
    back = {"report_id": REPORT, "version": 3, "ownership": 1, "center_id": "busan", "kind": "reinstated"}
    ledger = folded(*gone, LogRecord("routings", 0, 2, "report.updated.v1", {**back, "intake_version": 3}, 1))
    assert ledger.recount() == {0: {"busan": 1}}


def test_a_report_brought_back_at_another_centre_is_a_load_there() -> None:
    gone = [routed(1, "busan"), routed(2, "busan", kind="report.ended.v1")]
    ledger = folded(*gone, routed(3, "jeju", kind="report.rerouted.v1", ownership=2))
    assert ledger.recount() == {0: {"jeju": 1}}


def test_the_newest_version_says_whether_it_is_withdrawn_in_whatever_order_it_was_published() -> None:
    withdrawn = event("reports", "report.withdrawn.v1", 2)
    reinstated = event("reports", "report.reinstated.v1", 3)
    assert folded(withdrawn).withdrawn == {REPORT: (2, True)}
    assert folded(withdrawn, reinstated, withdrawn).withdrawn == {REPORT: (3, False)}


def test_messages_are_followed_from_intake_to_the_owner() -> None:
    left = event("reports", "report.message_left.v1", 2)
    updated = {"report_id": REPORT, "version": 2, "ownership": 1, "center_id": "busan", "kind": "message_left"}
    passed = LogRecord("routings", 0, 1, "report.updated.v1", {**updated, "intake_version": 2}, 1)
    ledger = folded(routed(1, "busan"), left, left, passed)
    assert (ledger.left, ledger.passed_on) == ({REPORT: {2}}, {REPORT: {2}})


def test_an_ownership_that_grows_without_a_new_owner_or_by_two_is_remembered() -> None:
    assert folded(routed(1, "busan"), routed(2, "busan", ownership=2, kind="report.updated.v1")).jumps == [REPORT]
    assert folded(routed(1, "busan"), routed(2, "jeju", ownership=3, kind="report.rerouted.v1")).jumps == [REPORT]
    assert folded(routed(1, "busan"), routed(2, "jeju", ownership=2, kind="report.rerouted.v1")).jumps == []


def test_the_highest_offset_of_loads_wins() -> None:
    def load(upto: int, cases: int) -> LogRecord:
        loads = {"busan": {"open_cases": cases, "weighted": cases * 10}, "jeju": {"open_cases": 0, "weighted": 0}}
        return LogRecord("loads", 0, 0, "load.summarized.v1", {"partition": 2, "upto": upto, "loads": loads}, 1)

    ledger = folded(load(5, 2), load(9, 3), load(7, 8))
    assert ledger.loads[2].open_cases == {"busan": 3}
    assert ledger.loads[2].weighted == {"busan": 30}


def test_dead_records_are_counted_by_topic() -> None:
    assert folded(LogRecord("reports.dead", 0, 0, "", {}, 1)).dead == {"reports.dead": 1}
