"""Metrics of the auditor. No label names a centre, a person or a report."""

from typing import Final

from prometheus_client import Counter, Gauge

from shared.metrics import REGISTRY

OVERDUE: Final = Gauge(
    "ieum_notify_auditor_overdue_reports",
    "Reports somebody should have been told of, by what is wrong.",
    ["fault"],
    registry=REGISTRY,
)
OLDEST: Final = Gauge(
    "ieum_notify_auditor_oldest_overdue_report_age_seconds",
    "How long the longest of them is overdue.",
    registry=REGISTRY,
)
UNALERTED: Final = Gauge(
    "ieum_notify_auditor_unalerted_critical_reports",
    "Critical reports that wait for their first alert although it should have been taken.",
    registry=REGISTRY,
)
UNACKNOWLEDGED: Final = Gauge(
    "ieum_notify_auditor_unacknowledged_reports",
    "Reports that wait for their acknowledgement although it should have been given.",
    registry=REGISTRY,
)
WATCHED: Final = Gauge("ieum_notify_auditor_watched_reports", "Reports to which something is owed.", registry=REGISTRY)
LAST_LOOK: Final = Gauge(
    "ieum_notify_auditor_last_run_timestamp_seconds",
    "When the auditor last looked at everything: the dead-man signal.",
    registry=REGISTRY,
)
MAILS: Final = Counter("ieum_notify_auditor_mails", "Mails to central by outcome.", ["outcome"], registry=REGISTRY)
HEARTBEATS: Final = Counter(
    "ieum_notify_auditor_heartbeats",
    "Knocks at the watcher outside by outcome; withheld: something is wrong here, and the watcher calls somebody.",
    ["outcome"],
    registry=REGISTRY,
)
