"""Diagnose a running installation. Pure: observations in, findings out."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

RUNBOOKS: Final = "docs/how-to/runbooks.md"
CLOCK_S: Final = 60.0
"""Clocks may differ so much: deadlines count in minutes."""
ROOM_BYTES: Final = 2_000_000_000
CERTIFICATE_S: Final = 21 * 86400.0
"""Before a certificate ends; of one that lives shorter than three months, a quarter of its life."""
RESTARTS: Final = 3


class Finding(NamedTuple):
    """Something that is wrong, for whom, and what to do."""

    part: str
    """The process or engine."""
    says: str
    do: str


class Sample(NamedTuple):
    """One value of a process's metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it looks from outside."""

    name: str
    pid: int = 1
    restarts: int = 0
    port: int = 0
    ready: bool | None = None
    """None: it does not answer."""
    checks: Mapping[str, str] = field(default_factory=dict)
    samples: Sequence[Sample] | None = None
    """None: it shows none."""
    is_engine: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """All observations."""

    now: float
    """Unix time."""
    processes: Sequence[Process]
    topics: Sequence[str] | None = ()
    """Differences between the table of topics and the cluster; None: Kafka does not answer."""
    unreachable: Mapping[str, str] = field(default_factory=dict)
    """Public addresses that do not lead to their service, and what came instead."""
    free_bytes: int | None = None
    """On the disk of data and logs."""


class _Rule(NamedTuple):
    metric: str
    wrong: Callable[[float, float], bool]
    """By value and Unix time."""
    says: str
    runbook: str
    labels: frozenset[tuple[str, str]] = frozenset()
    """Of a sample that it is about; of two rules of a metric, the first that fits counts."""


def _more_than(limit: float) -> Callable[[float, float], bool]:
    return lambda value, _: value > limit


_CERTIFICATE_END: Final = "ieum_certificate_expiry_timestamp_seconds"
_CERTIFICATE_LIFE: Final = "ieum_certificate_life_seconds"
_AHEAD_AGE: Final = "ieum_analytics_oldest_ahead_report_age_seconds"
_NUMBERS_AGE: Final = "ieum_analytics_lag_seconds"
_FRESH_S: Final = 900
"""The numbers may be so old. While they are older, or their age is not known, no acceptance counts as missing."""
_RULES: Final = (
    _Rule(
        "ieum_notify_auditor_overdue_reports",
        _more_than(0),
        "{value:.0f} reports nobody was told of in time ({fault})",
        "ReportsOverdue",
    ),
    _Rule(
        "ieum_analytics_oldest_in_flight_report_age_seconds",
        _more_than(60),
        "a report has had no centre for {value:.0f} s",
        "ReportsWithoutOwner",
    ),
    _Rule(
        "ieum_outbox_oldest_pending_event_age_seconds",
        _more_than(60),
        "what is stored has not got to Kafka for {value:.0f} s ({relay})",
        "OutboxWaiting",
    ),
    _Rule(
        "ieum_kafka_blocked_partitions",
        _more_than(0),
        "group {group} has stopped at {topic}/{partition}, offset {offset}",
        "PartitionsBlocked",
    ),
    _Rule(
        "ieum_kafka_stalled_seconds",
        _more_than(60),
        "records wait for group {group} and none was done for {value:.0f} s",
        "ConsumerStalled",
    ),
    _Rule(
        "ieum_kafka_coordinator_silence_seconds",
        _more_than(60),
        "Kafka has not answered group {group} for {value:.0f} s",
        "CoordinatorSilent",
    ),
    _Rule(
        "ieum_notify_unread_dead_letters",
        _more_than(0),
        "{value:.0f} records nobody could handle lie in dead-letter topics, unread",
        "DeadLetters",
    ),
    *(
        _Rule(
            "ieum_kafka_dead_letters_total",
            _more_than(0),
            "{value:.0f} records of {topic} could not be handled since its start ({reason})",
            "DeadLetters",
            frozenset({("topic", topic)}),
        )
        for topic in ("centers", "alerts")  # notify watches the others
    ),
    _Rule(
        "ieum_analytics_dead_lettered_reports",
        _more_than(0),
        "{value:.0f} reports lie in the dead-letter topic and have no centre",
        "ReportDeadLettered",
    ),
    _Rule(
        _AHEAD_AGE,
        _more_than(3600),
        "a report has a centre, and its acceptance has not been counted for {value:.0f} s",
        "AcceptanceMissing",
    ),
    _Rule(
        _CERTIFICATE_END,
        lambda value, now: value - now < CERTIFICATE_S,  # and by its life: ``_is_renewed_later``
        "the certificate {certificate} {ends}",
        "CertificateEnding",
    ),
    _Rule(
        "ieum_certificate_unseen_status",
        _more_than(0),
        "no address shows the certificate {certificate}: its end is not known",
        "CertificateUnseen",
    ),
    _Rule("ieum_job_failing", _more_than(0), "the job {job_name} fails, {value:.0f} times in a row", "JobFails"),
    _Rule(
        "ieum_clock_ahead_of_store_seconds",
        lambda value, _: abs(value) > CLOCK_S,
        "its clock is ahead of its store's by {value:.0f} s",
        "ClockApart",
    ),
    _Rule("ieum_health_check_status", lambda value, _: value == 0, "the check {check} fails", "CheckFails"),
    _Rule("ieum_notify_due_alerts", _more_than(20), "{value:.0f} alerts are due and not taken", "AlertsWaiting"),
    _Rule("ieum_notify_auditor_silence_seconds", _more_than(30), "its auditor has not looked", "AuditorSilent"),
    _Rule(
        "ieum_notify_unconfirmed_commands",
        _more_than(0),
        "routing has not confirmed what staff did with {value:.0f} cases",
        "CommandsUnconfirmed",
    ),
    _Rule("ieum_intake_disk_level", lambda value, _: value < 3, "the store's disk is filling up", "DiskFilling"),  # noqa: PLR2004  # 3 is plenty
    _Rule(
        "ieum_intake_wrong_receipts_ceiling_status",
        _more_than(0),
        "more wrong receipts come than people mistype: somebody may be guessing",
        "ReceiptsGuessed",
    ),
    _Rule(
        "ieum_intake_oldest_unassigned_report_age_seconds",
        _more_than(300),
        "a report in intake's store has had no centre for {value:.0f} s",
        "ReportsUnassigned",
    ),
    _Rule(
        "ieum_intake_routing_gap_reports",
        _more_than(0),
        "the log of routings lacks a record of {value:.0f} reports",
        "RoutingRecordMissing",
    ),
    _Rule(
        "ieum_intake_erasure_register_failures_total",
        _more_than(0),
        "{value:.0f} undone withdrawals still stand outside the store: a restore would destroy the reports",
        "ReinstatementNotNoted",
        frozenset({("what", "reinstated")}),
    ),
    _Rule(
        "ieum_intake_erasure_register_failures_total",
        _more_than(0),
        "what became of {value:.0f} reports could not be noted outside the store since its start",
        "ErasureRegisterFails",
    ),
    _Rule("ieum_intake_erasure_overdue_seconds", _more_than(3600), "an erasure is overdue", "ErasureOverdue"),
    _Rule(
        "ieum_intake_retention_overdue_reports",
        _more_than(0),
        "the time to keep {value:.0f} reports is passing or over, and they cannot be destroyed ({kind})",
        "RetentionOverdue",
    ),
    _Rule(
        "ieum_intake_oldest_erasure_decision_age_seconds",
        _more_than(5 * 86400),
        "a withdrawn report has waited for a lead's decision for more than five days",
        "ErasureDecisionsWait",
    ),
    _Rule(
        "ieum_routing_recount_differing_centers",
        _more_than(0),
        "routing tells other sums than its log for {value:.0f} centres",
        "RecountDiffers",
    ),
    _Rule(
        "ieum_routing_recounted_timestamp_seconds",
        lambda value, now: 0 < value < now - 3 * 3600,  # 0: its first one is to come, or fails, which is said by itself
        "routing's sums have not been compared with its log for three hours",
        "RecountStale",
    ),
    _Rule(
        "ieum_routing_stale_load_partitions",
        _more_than(0),
        "nobody tells the sums of {value:.0f} partitions",
        "LoadsStale",
    ),
    _Rule(
        "ieum_analytics_reconciliation_difference_reports",
        lambda value, _: value != 0,
        "accepted and routed reports differ by {value:.0f}: one may be lost or counted twice",
        "Reconciliation",
    ),
    _Rule(_NUMBERS_AGE, _more_than(_FRESH_S), "the numbers are {value:.0f} s old", "NumbersFresh"),
    _Rule("ieum_audit_findings", _more_than(0), "its audit has been altered, reordered or shortened", "AuditBroken"),
    _Rule(
        "ieum_identity_rejected_signing_keys",
        _more_than(0),
        "{value:.0f} signing keys in the store are not identity's",
        "SigningKeysTampered",
    ),
    _Rule("ieum_identity_signing_keys", lambda value, _: value == 0, "there is no signing key", "SigningKeysTampered"),
    _Rule(
        "ieum_identity_keys_age_seconds",
        _more_than(300),
        "it has not heard from identity for {value:.0f} s; staff may be signed out soon",
        "KeysStale",
    ),
    _Rule(
        "ieum_identity_key_documents_refused_total",
        _more_than(0),
        "it was given sign-in keys that no root key of identity signed ({source})",
        "KeyDocumentsRefused",
    ),
    _Rule(
        "ieum_intake_report_authentication_failures_total",
        _more_than(0),
        "a stored report or front end was changed by hand ({part})",
        "ReportChangedByHand",
    ),
)
_NO_FAULTS: Final = frozenset({"jobs", "tables"})
"""Checks of readiness beside faults: failing jobs, which have lines of their own by their metric, and which tables."""
_LAG: Final = 1000
"""Records that may wait for a group."""


def metrics() -> frozenset[str]:
    """Every metric the doctor looks at."""
    return frozenset(rule.metric for rule in _RULES) | {"ieum_kafka_lag_records", "ieum_build_info", _CERTIFICATE_LIFE}


def runbooks() -> frozenset[str]:
    """The runbooks it sends people to."""
    return frozenset(rule.runbook for rule in _RULES) | {"ProcessDown", "ConsumerBehind", "VersionsDiffer", "DiskFull"}


def findings(seen: Observation) -> list[Finding]:
    """Return every finding, processes first."""
    found = [finding for process in seen.processes for finding in _of_process(process)]
    found += [finding for process in seen.processes for finding in _of_metrics(process, seen.now)]
    found += _of_topics(seen.topics)
    found += _of_versions(seen.processes)
    found += [
        Finding(service, f"its public address does not lead to it: {said}", "see IEUM_PUBLIC_URLS and the ingress")
        for service, said in seen.unreachable.items()
    ]
    if seen.free_bytes is not None and seen.free_bytes < ROOM_BYTES:
        found.append(Finding("disk", f"only {seen.free_bytes // 1_000_000} MB are free for data", _book("DiskFull")))
    return found


def _book(name: str) -> str:
    return f"{RUNBOOKS}#{name.lower()}"


def _of_process(process: Process) -> Iterable[Finding]:
    name = process.name
    if not process.pid:
        yield Finding(name, "it does not run", _book("ProcessDown"))
        return
    if process.restarts >= RESTARTS:
        yield Finding(name, f"it was started again {process.restarts} times", f"ieum logs {name}")
    if process.ready is None:
        what = "it runs and does not answer"
        yield Finding(name, f"{what} on port {process.port}" if process.port else what, _book("ProcessDown"))
        return
    words = {check: word for check, word in process.checks.items() if word != "ok" and check not in _NO_FAULTS}
    if not process.ready:
        for check, word in words.items():
            yield Finding(name, f"not ready: {check}: {word}", _advice(name, word))
        if not words:
            yield Finding(name, "not ready", f"ieum logs {name}")
    else:
        for check, word in words.items():
            if word.startswith(("degraded", "stopped")):
                yield Finding(name, f"{check}: {word}", _advice(name, word))


def _advice(name: str, word: str) -> str:
    """Where to read on about a failing check."""
    return _book("RoutingRecordMissing") if "does not follow" in word else f"ieum logs {name}"


def _of_metrics(process: Process, now: float) -> Iterable[Finding]:
    if process.is_engine or process.ready is None:
        return
    if process.samples is None:
        yield Finding(process.name, "it shows no metrics to this machine", "set IEUM_METRICS_TOKEN here too")
        return
    keeps_up = any(sample.name == _NUMBERS_AGE and sample.value < _FRESH_S for sample in process.samples)
    lives = {one.labels["certificate"]: one.value for one in process.samples if one.name == _CERTIFICATE_LIFE}
    waiting: dict[str, float] = {}
    for sample in process.samples:
        if sample.name == _AHEAD_AGE and not keeps_up:
            continue
        if _is_renewed_later(sample, lives, now):
            continue
        fitting = (one for one in _RULES if one.metric == sample.name and one.labels <= sample.labels.items())
        rule = next(fitting, None)
        if sample.name == "ieum_kafka_lag_records":
            group = sample.labels["group"]
            waiting[group] = waiting.get(group, 0) + sample.value
        elif rule is not None and not math.isnan(sample.value) and rule.wrong(sample.value, now):
            says = rule.says.format(value=sample.value, ends=_ends((sample.value - now) / 86400), **sample.labels)
            yield Finding(process.name, says, _book(rule.runbook))
    for group, records in waiting.items():
        if records > _LAG:
            yield Finding(process.name, f"group {group} is {records:.0f} records behind", _book("ConsumerBehind"))


def _is_renewed_later(sample: Sample, lives: Mapping[str, float], now: float) -> bool:
    """Whether it is the end of a certificate of so short a life that nobody has renewed it yet. As alerts have it."""
    if sample.name != _CERTIFICATE_END:
        return False
    return sample.value - now >= lives.get(sample.labels["certificate"], math.inf) / 4


def _ends(days: float) -> str:
    return f"ends in {days:.0f} days" if days > 0 else f"ended {-days:.0f} days ago: nobody gets through"


def _of_topics(differences: Sequence[str] | None) -> list[Finding]:
    if differences is None:
        return [Finding("kafka", "it does not answer: topics were not looked at", _book("ProcessDown"))]
    hint = "the number of partitions is fixed for ever; other settings: kafka-configs.sh --alter"
    return [Finding("kafka", line, hint) for line in differences]


def _of_versions(processes: Iterable[Process]) -> list[Finding]:
    running: dict[str, list[str]] = {}
    for process in processes:
        for sample in process.samples or ():
            if sample.name == "ieum_build_info":
                running.setdefault(sample.labels["version"], []).append(process.name)
    if len(running) < 2:  # noqa: PLR2004  # two versions
        return []
    said = "; ".join(f"{version}: {', '.join(names)}" for version, names in sorted(running.items()))
    return [Finding("upgrade", f"several versions run ({said})", _book("VersionsDiffer"))]
