"""What the doctor says of what it sees."""

import json
import re
from datetime import timedelta

import pytest

from tests.unit.docs.test_paths import PROJECT
from tests.unit.monitoring.test_rules import known
from tools.doctor.command import SETTLES, said
from tools.doctor.rules import RUNBOOKS, Finding, Observation, Process, Sample, findings, metrics, runbooks

NOW = 1_800_000_000.0


def one(process: Process) -> list[str]:
    return [finding.says for finding in findings(Observation(now=NOW, processes=[process]))]


def shown(name: str, value: float, **labels: str) -> list[str]:
    return one(Process("notify", ready=True, samples=[Sample(name, labels, value)]))


def test_of_a_well_installation_nothing_is_said() -> None:
    well = [
        Sample("ieum_kafka_lag_records", {"group": "notify", "topic": "routings", "partition": "1"}, 400),
        Sample("ieum_routing_recounted_timestamp_seconds", {}, NOW - 3600),
        Sample("ieum_routing_recounted_timestamp_seconds", {}, 0),
        Sample("ieum_analytics_lag_seconds", {}, float("nan")),
        Sample("ieum_health_check_status", {"check": "kafka"}, 1),
        Sample("ieum_intake_disk_level", {}, 3),
        Sample("ieum_build_info", {"version": "0.2.0"}, 1),
        Sample("ieum_certificate_expiry_timestamp_seconds", {"certificate": "gateway"}, NOW + 22 * 86400),
        Sample("ieum_certificate_unseen_status", {"certificate": "gateway"}, 0),
    ]
    kafka = Process("kafka", ready=True, is_engine=True)
    seen = Observation(now=NOW, processes=[kafka, Process("notify", ready=True, samples=well)], free_bytes=10**11)
    assert findings(seen) == []
    assert said([], 2, timedelta()) == "all is well with 2 processes\n"


@pytest.mark.parametrize(
    ("process", "line"),
    [
        (Process("routing", pid=0), "it does not run"),
        (Process("routing", port=8002), "it runs and does not answer on port 8002"),
        (Process("kafka", pid=0, is_engine=True), "it does not run"),
        (Process("kafka", is_engine=True), "it runs and does not answer"),
        (Process("intake", ready=True, restarts=3, samples=()), "it was started again 3 times"),
        (
            Process(
                "intake",
                ready=False,
                checks={"store": "store: no answer", "disk": "ok", "tables": "version 1"},
                samples=(),
            ),
            "not ready: store: store: no answer",
        ),
        (
            Process("analytics", ready=True, checks={"kafka": "stopped at routings/3: an end"}, samples=()),
            "kafka: stopped at routings/3: an end",
        ),
        (Process("intake", ready=True), "it shows no metrics to this machine"),
    ],
)
def test_a_process_that_is_not_well(process: Process, line: str) -> None:
    assert one(process) == [line]


@pytest.mark.parametrize(
    ("name", "value", "labels", "line"),
    [
        ("ieum_notify_unread_dead_letters", 2, {}, "2 records nobody could handle lie in dead-letter topics, unread"),
        ("ieum_clock_ahead_of_store_seconds", -70, {}, "its clock is ahead of its store's by -70 s"),
        (
            "ieum_kafka_dead_letters_total",
            3,
            {"group": "analytics", "topic": "centers", "reason": "invalid"},
            "3 records of centers could not be handled since its start (invalid)",
        ),
        (
            "ieum_kafka_blocked_partitions",
            1,
            {"group": "routing", "topic": "reports", "partition": "3", "offset": "17"},
            "group routing has stopped at reports/3, offset 17",
        ),
        (
            "ieum_certificate_expiry_timestamp_seconds",
            NOW + 20 * 86400,
            {"certificate": "gateway"},
            "the certificate gateway ends in 20 days",
        ),
        (
            "ieum_certificate_expiry_timestamp_seconds",
            NOW - 3 * 86400,
            {"certificate": "gateway"},
            "the certificate gateway ended 3 days ago: nobody gets through",
        ),
        (
            "ieum_certificate_unseen_status",
            1,
            {"certificate": "gateway"},
            "no address shows the certificate gateway: its end is not known",
        ),
        (
            "ieum_intake_erasure_register_failures_total",
            1,
            {"what": "withdrawn"},
            "what became of 1 reports could not be noted outside the store since its start",
        ),
        (
            "ieum_intake_erasure_register_failures_total",
            2,
            {"what": "reinstated"},
            "2 undone withdrawals still stand outside the store: a restore would destroy the reports",
        ),
        (
            "ieum_intake_retention_overdue_reports",
            2,
            {"kind": "unread"},
            "the time to keep 2 reports is passing or over, and they cannot be destroyed (unread)",
        ),
        (
            "ieum_intake_oldest_erasure_decision_age_seconds",
            432_001,
            {},
            "a withdrawn report has waited for a lead's decision for more than five days",
        ),
        ("ieum_job_failing", 4, {"job_name": "retention"}, "the job retention fails, 4 times in a row"),
        ("ieum_intake_disk_level", 2, {}, "the store's disk is filling up"),
        ("ieum_health_check_status", 0, {"check": "kafka"}, "the check kafka fails"),
        (
            "ieum_analytics_reconciliation_difference_reports",
            -1,
            {},
            "accepted and routed reports differ by -1: one may be lost or counted twice",
        ),
        (
            "ieum_routing_recounted_timestamp_seconds",
            NOW - 4 * 3600,
            {},
            "routing's sums have not been compared with its log for three hours",
        ),
    ],
)
def test_a_metric_that_is_not_well(name: str, value: float, labels: dict[str, str], line: str) -> None:
    assert shown(name, value, **labels) == [line]


@pytest.mark.parametrize(
    ("life", "left", "is_said"),
    [(90, 20.9, True), (90, 21.1, False), (45, 11.2, True), (45, 11.3, False), (6, 1.4, True), (6, 1.6, False)],
)
def test_a_certificate_of_a_short_life_is_renewed_later(life: float, left: float, is_said: bool) -> None:
    labels = {"certificate": "gateway"}
    samples = [
        Sample("ieum_certificate_expiry_timestamp_seconds", labels, NOW + left * 86400),
        Sample("ieum_certificate_life_seconds", labels, life * 86400),
    ]
    assert bool(one(Process("notify-auditor", ready=True, samples=samples))) is is_said


@pytest.mark.parametrize(
    ("lag", "is_said"), [(2.0, True), (899.0, True), (900.0, False), (float("nan"), False)], ids=str
)
def test_an_acceptance_is_missing_only_while_counting_keeps_up(lag: float, is_said: bool) -> None:
    """As the alert has it: of two topics, what is read of one and not of the other says nothing while catching up."""
    samples = [
        Sample("ieum_analytics_oldest_ahead_report_age_seconds", {}, 4000),
        Sample("ieum_analytics_lag_seconds", {}, lag),
    ]
    missing = "a report has a centre, and its acceptance has not been counted for 4000 s"
    assert (missing in one(Process("analytics", ready=True, samples=samples))) is is_said


def test_lag_is_added_up_over_the_partitions_of_a_group() -> None:
    samples = [
        Sample("ieum_kafka_lag_records", {"group": "analytics", "topic": "reports", "partition": str(p)}, 600)
        for p in range(2)
    ]
    assert one(Process("analytics", ready=True, samples=samples)) == ["group analytics is 1200 records behind"]


def test_several_versions_topics_addresses_and_disk() -> None:
    processes = [
        Process(name, ready=True, samples=[Sample("ieum_build_info", {"version": version}, 1)])
        for name, version in (("intake", "0.2.0"), ("routing", "0.3.0"))
    ]
    found = findings(
        Observation(
            now=NOW,
            processes=processes,
            topics=["reports has another number of partitions; found 6; expected 7"],
            unreachable={"intake": "https://report.example answers 502"},
            free_bytes=5_000_000,
        )
    )
    assert [finding.part for finding in found] == ["kafka", "upgrade", "intake", "disk"]
    assert "0.2.0: intake; 0.3.0: routing" in found[1].says
    assert said(found, 2, SETTLES).endswith("4 things are wrong\n")
    assert "4 things are wrong, or not ready yet" in said(found, 2, SETTLES - timedelta(seconds=1))
    assert [f.part for f in findings(Observation(now=NOW, processes=[], topics=None))] == ["kafka"]


def test_it_looks_at_metrics_that_exist_and_sends_people_to_runbooks_that_exist() -> None:
    assert metrics() <= known()
    page = (PROJECT / RUNBOOKS).read_text(encoding="utf-8")
    assert runbooks() <= set(re.findall(r"^## (\w+)$", page, re.MULTILINE))


def test_a_finding_is_json() -> None:
    assert json.loads(json.dumps(Finding("a", "b", "c")._asdict())) == {"part": "a", "says": "b", "do": "c"}
