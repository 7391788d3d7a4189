"""Grafana's dashboards: five questions somebody on duty asks, each figure with the question it answers above it.

National totals only, as in the metrics: no panel names a centre, a person or a report.
"""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as of_dashboard
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

FOLDER: Final = "../deploy/monitoring/grafana/dashboards"
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
_RATE: Final = "$__rate_interval"
_PANEL_WIDTH: Final = 8
_PANEL_HEIGHT: Final = 7


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure. ``queries``: PromQL by what its line is called."""

    question: str
    queries: dict[str, str]
    unit: str = "short"
    single: bool = False
    """One big number: something that has to be nought, or a state."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Some figures on one page."""

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]


def _rate(metric: str, by: str = "") -> str:
    """Per second; nought where nothing has been counted yet."""
    return f"sum by ({by}) (rate({metric}[{_RATE}]))" if by else f"sum(rate({metric}[{_RATE}])) or vector(0)"


def _seldom(metric: str, by: str) -> str:
    """``_rate`` by a label whose values appear only when something happens; nought before."""
    return f"{_rate(metric, by)} or on() vector(0)"


def _quantiles(metric: str, who: str = "") -> dict[str, str]:
    of = f"sum by (le) (rate({metric}_bucket{{{who}}}[{_RATE}]))".replace("{}", "")
    return {f"p{round(100 * q)}": f"histogram_quantile({q}, {of})" for q in (0.5, 0.95, 0.99)}


DASHBOARDS: Final = (
    Dashboard(
        "reports-way",
        "Ieum: a report's way",
        "From accepted to owned to seen, and what waits on the way.",
        (
            Panel(
                "Are all promises kept? (error ratio of an hour)", {"{{slo}}": "slo:error_ratio:rate1h"}, "percentunit"
            ),
            Panel(
                "How many reports are accepted?",
                {"{{channel}}": _rate("ieum_intake_reports_accepted_total", "channel")},
                "cps",
            ),
            Panel("How long until a report has a centre?", _quantiles("ieum_routing_decision_latency_seconds"), "s"),
            Panel("How long until consoles show it?", _quantiles("ieum_notify_accepted_to_shown_seconds"), "s"),
            Panel(
                "How long until a critical case is acknowledged?",
                _quantiles("ieum_notify_owned_to_acknowledged_seconds", 'urgency="critical"'),
                "s",
            ),
            Panel(
                "What waits in outboxes, and for how long?",
                {"{{relay}}": "max by (relay) (ieum_outbox_oldest_pending_event_age_seconds)"},
                "s",
            ),
            Panel(
                "How long has the oldest waited?",
                {
                    "without a centre": "max(ieum_analytics_oldest_in_flight_report_age_seconds)",
                    "without an answer": "max(ieum_notify_oldest_unacknowledged_case_age_seconds)",
                },
                "s",
            ),
            Panel(
                "How does intake answer?",
                {"{{status}}": _rate('ieum_http_requests_total{job="intake",route!~"/health/.*|/metrics"}', "status")},
                "reqps",
            ),
            Panel(
                "How long does intake take to answer?",
                _quantiles("ieum_http_request_duration_seconds", 'job="intake"'),
                "s",
            ),
            Panel("How long does the store take for reports?", _quantiles("ieum_intake_insert_duration_seconds"), "s"),
            Panel(
                "Why are submissions refused?",
                {"{{code}}": _seldom("ieum_intake_reports_refused_total", "code")},
                "cps",
            ),
            Panel(
                "Do front ends get in?",
                {"{{outcome}}": _seldom("ieum_intake_client_requests_total", "outcome")},
                "reqps",
            ),
            Panel(
                "Does somebody flood the form?",
                {
                    "{{reason}}": _seldom("ieum_intake_reports_suspected_total", "reason"),
                    "asked for proof of work": _rate('ieum_intake_form_submissions_total{outcome="challenged"}'),
                },
                "cps",
            ),
            Panel(
                "Are reports taken back, or destroyed?",
                {
                    "taken back": _rate("ieum_intake_withdrawals_total"),
                    "destroyed: {{cause}}": _seldom("ieum_intake_keys_destroyed_total", "cause"),
                },
                "cps",
            ),
            Panel(
                "Do reports leave their own centre?",
                {
                    "to a centre past its capacity": _rate("ieum_routing_over_capacity_decisions_total"),
                    "moved from a closed one": _rate("ieum_routing_moved_reports_total"),
                },
                "cps",
            ),
            Panel(
                "Why do reports go where they go?",
                {"{{reason}}": _seldom("ieum_routing_decisions_total", "reason")},
                "cps",
            ),
        ),
    ),
    Dashboard(
        "alerts",
        "Ieum: alerts",
        "Whether somebody is told in time of every report.",
        (
            Panel(
                "Was anybody not told in time?",
                {"{{fault}}": "max by (fault) (ieum_notify_auditor_overdue_reports)"},
                single=True,
            ),
            Panel(
                "Does the auditor look?",
                {"seconds since": "max(ieum_notify_auditor_silence_seconds)"},
                "s",
                single=True,
            ),
            Panel(
                "Does a critical report wait too long for its first alert?",
                {"reports": "max(ieum_notify_auditor_unalerted_critical_reports)"},
                single=True,
            ),
            Panel(
                "Does a case wait too long for its acknowledgement?",
                {"cases": "max(ieum_notify_auditor_unacknowledged_reports)"},
                single=True,
            ),
            Panel("Are there unread dead letters?", {"unread": "max(ieum_notify_unread_dead_letters)"}, single=True),
            Panel(
                "How long until the first alert of a critical report?",
                _quantiles("ieum_notify_accepted_to_alert_seconds", 'urgency="critical"'),
                "s",
            ),
            Panel(
                "Are alerts taken?",
                {
                    "sent": _rate('ieum_notify_alerts_total{outcome="sent"}'),
                    "failed": _rate('ieum_notify_alerts_total{outcome="failed"}'),
                    "of offers failed": _rate('ieum_notify_offer_mails_total{outcome="failed"}'),
                },
                "cps",
            ),
            Panel("How many alerts are due?", {"due": "max(ieum_notify_due_alerts)"}),
            Panel(
                "Who was not reached at first?",
                {
                    "late steps": _rate("ieum_notify_overdue_steps_total"),
                    "nobody on duty": _rate("ieum_notify_alerts_without_duty_total"),
                    "went up a rung": _rate("ieum_notify_escalations_total"),
                },
                "cps",
            ),
            Panel(
                "How many cases wait for an answer?",
                {"routing": "sum(ieum_routing_waiting_reports)", "auditor": "max(ieum_notify_auditor_watched_reports)"},
            ),
            Panel(
                "How many consoles are open?",
                {"consoles": "sum(ieum_notify_open_streams)", "live pages": "sum(ieum_routing_open_streams)"},
            ),
            Panel(
                "Do consoles lose what they show?",
                {
                    "too slow": _rate("ieum_notify_streams_dropped_total"),
                    "too much at once": _rate("ieum_notify_console_feed_overflows_total"),
                    "signed out": _rate("ieum_notify_streams_signed_out_total"),
                },
                "cps",
            ),
            Panel(
                "What becomes of what staff do?",
                {"{{outcome}}": _seldom("ieum_notify_case_commands_total", "outcome")},
                "cps",
            ),
            Panel(
                "Do details open?",
                {
                    "tickets: {{outcome}}": _seldom("ieum_notify_details_tickets_total", "outcome"),
                    "details: {{outcome}}": _seldom("ieum_intake_details_requests_total", "outcome"),
                },
                "cps",
            ),
            Panel(
                "Do consoles show what the store has?",
                {
                    "not stored": "max(ieum_notify_unstored_cases)",
                    "not confirmed": "max(ieum_notify_unconfirmed_commands)",
                },
            ),
        ),
    ),
    Dashboard(
        "numbers",
        "Ieum: numbers",
        "Whether figures are fresh, complete and released.",
        (
            Panel(
                "Does it add up? (must be 0)",
                {"difference": "max(abs(ieum_analytics_reconciliation_difference_reports))"},
                single=True,
            ),
            Panel("How old are the numbers?", {"lag": "max(ieum_analytics_lag_seconds)"}, "s"),
            Panel("How many reports have no owner yet?", {"in flight": "max(ieum_analytics_in_flight_reports)"}),
            Panel("How many have an owner and no acceptance yet?", {"read ahead": "max(ieum_analytics_ahead_reports)"}),
            Panel(
                "Do routing's sums fit its log? (must be 0)",
                {"differing": "max(ieum_routing_recount_differing_centers)"},
                single=True,
            ),
            Panel(
                "When was the log last recounted?",
                {"ago": "time() - max(ieum_routing_recounted_timestamp_seconds)"},
                "s",
                single=True,
            ),
            Panel("Is a month overdue?", {"late": "max(ieum_analytics_release_overdue_seconds)"}, "s", single=True),
            Panel("What becomes of events?", {"events": _rate("ieum_analytics_events_total")}, "cps"),
            Panel("How long does a batch take?", _quantiles("ieum_analytics_transaction_duration_seconds"), "s"),
            Panel("Which generation serves?", {"generation": "max(ieum_analytics_generation_number)"}, single=True),
        ),
    ),
    Dashboard(
        "engines",
        "Ieum: engines and processes",
        "Kafka, the store's disk, and what the processes use.",
        (
            Panel("Which process gives no metrics?", {"{{job}}": "min by (job) (up)"}, single=True),
            Panel("How far behind is each group?", {"{{group}}": "sum by (group) (ieum_kafka_lag_records)"}),
            Panel("Which partitions stand still?", {"{{group}}": "sum by (group) (ieum_kafka_blocked_partitions)"}),
            Panel("Does every group move?", {"{{group}}": "max by (group) (ieum_kafka_stalled_seconds)"}, "s"),
            Panel(
                "How many records does each group finish?",
                {"{{group}}": _seldom("ieum_kafka_consumed_records_total", "group")},
                "cps",
            ),
            Panel(
                "Does reading stumble?",
                {
                    "tried again": _rate("ieum_kafka_batch_retries_total"),
                    "left to another process": _rate("ieum_kafka_batches_dropped_total"),
                    "commits refused": _rate("ieum_kafka_commit_failures_total"),
                },
                "cps",
            ),
            Panel("For how many partitions does routing decide?", {"of all": "sum(ieum_routing_assigned_partitions)"}),
            Panel(
                "Did two workers write to one partition?",
                {
                    "records that came second": "sum(ieum_routing_superseded_records)",
                    "conflicts": _rate("ieum_routing_publish_conflicts_total"),
                },
            ),
            Panel(
                "Does Kafka answer?",
                {"{{group}}": "max by (group) (ieum_kafka_coordinator_silence_seconds)"},
                "s",
            ),
            Panel("How long does publishing take?", _quantiles("ieum_kafka_publish_duration_seconds"), "s"),
            Panel("How much room has the store?", {"free": "min(ieum_intake_disk_free_bytes)"}, "bytes"),
            Panel(
                "How much memory does each process use?",
                {"{{job}}": "sum by (job) (process_resident_memory_bytes)"},
                "bytes",
            ),
            Panel(
                "How much of a core does each process use?",
                {"{{job}}": _rate("process_cpu_seconds_total", "job")},
                "percentunit",
            ),
            Panel("Which build runs?", {"{{version}}": "count by (version) (ieum_build_info)"}, single=True),
            Panel("Since when does each run?", {"{{job}}": "time() - min by (job) (process_start_time_seconds)"}, "s"),
            Panel("How many series are shown?", {"{{job}}": "sum by (job) (scrape_samples_scraped)"}),
        ),
    ),
    Dashboard(
        "jobs",
        "Ieum: jobs, keys and audit",
        "Work nobody waits for until it is missing.",
        (
            Panel("Which jobs fail?", {"{{job}} {{job_name}}": "max by (job, job_name) (ieum_job_failing)"}),
            Panel(
                "How often did passes fail?",
                {"{{job}} {{job_name}}": f"sum by (job, job_name) (increase(ieum_job_failures_total[{_RATE}]))"},
            ),
            Panel(
                "Which checks fail beside readiness? (1: passes)",
                {"{{check}}": "min by (check) (ieum_health_check_status)"},
            ),
            Panel("What is left out as unreadable?", {"documents": _rate("ieum_documents_skipped_total")}, "cps"),
            Panel("Is the audit whole? (must be 0)", {"{{job}}": "max by (job) (ieum_audit_findings)"}, single=True),
            Panel("Is anybody refused?", {"lines": _rate('ieum_audit_lines_total{outcome="refused"}')}, "cps"),
            Panel(
                "Do people get in?",
                {"{{outcome}}": _seldom("ieum_identity_sign_ins_total", "outcome")},
                "cps",
            ),
            Panel(
                "Why do sessions end?", {"{{reason}}": _seldom("ieum_identity_sessions_ended_total", "reason")}, "cps"
            ),
            Panel(
                "Are the keys of sign-ins fresh?",
                {"{{job}}": "max by (job) (ieum_identity_keys_age_seconds)"},
                "s",
            ),
            Panel(
                "Did somebody write to identity's store? (must be 0)",
                {"rejected keys": "max(ieum_identity_rejected_signing_keys)"},
                single=True,
            ),
            Panel(
                "Was a stored report changed by hand?",
                {"refused": _rate("ieum_intake_report_authentication_failures_total")},
                "cps",
            ),
            Panel(
                "Does somebody guess receipts?",
                {
                    "ceiling reached": "max(ieum_intake_wrong_receipts_ceiling_status)",
                    "wrong receipts": _rate("ieum_intake_wrong_receipts_total"),
                },
            ),
            Panel("Is erasure on time?", {"overdue": "max(ieum_intake_erasure_overdue_seconds)"}, "s"),
        ),
    ),
)


def queries() -> list[tuple[str, str, str]]:
    """Every query as (dashboard, question, PromQL), as Grafana sends it but for its own variables."""
    return [(d.name, p.question, query) for d in DASHBOARDS for p in d.panels for query in p.queries.values()]


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made = stat.Panel() if panel.single else timeseries.Panel().min(0)
    made = made.title(panel.question).unit(panel.unit).datasource(SOURCE).span(_PANEL_WIDTH).height(_PANEL_HEIGHT)
    for number, (name, query) in enumerate(panel.queries.items()):
        asked = prometheus.Dataquery().expr(query).legend_format(name).datasource(SOURCE)
        made = made.with_target(asked.ref_id(chr(ord("A") + number)))
    return made


def _json(dashboard: Dashboard) -> str:
    made = (
        of_dashboard.Dashboard(dashboard.title)
        .uid(f"ieum-{dashboard.name}")
        .description(dashboard.about)
        .tags(["ieum"])
        .timezone("Asia/Seoul")
        .refresh("30s")
        .time("now-6h", "now")
        .readonly()
    )
    for panel in dashboard.panels:
        made = made.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def files() -> dict[str, str]:
    """The dashboards as Grafana loads them, by their paths below ``docs``."""
    return {f"{FOLDER}/{dashboard.name}.json": _json(dashboard) for dashboard in DASHBOARDS}
