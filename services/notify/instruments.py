"""What notify counts. No label names a centre, a person or a report."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from shared.metrics import LATENCY_BUCKETS, REGISTRY

ALERTS: Final = Counter(
    "notify_alerts", "Alerts by channel, step and outcome.", ["channel", "step", "outcome"], registry=REGISTRY
)
ESCALATED: Final = Counter("notify_escalations", "Cases that reached the next rung.", ["step"], registry=REGISTRY)
NOBODY: Final = Counter("notify_nobody_on_duty", "Alerts that found nobody on duty at the centre.", registry=REGISTRY)
DUE: Final = Gauge("notify_due_alerts", "Cases whose next step is due and not claimed.", registry=REGISTRY)
OLDEST: Final = Gauge(
    "notify_unacknowledged_oldest_age_seconds", "Age of the oldest case nobody has acknowledged.", registry=REGISTRY
)
STREAMS: Final = Gauge("notify_open_streams", "Consoles listening.", registry=REGISTRY)
DROPPED: Final = Counter("notify_dropped_streams", "Consoles dropped because they read too slowly.", registry=REGISTRY)
ACKNOWLEDGED: Final = Counter("notify_acknowledgements", "Acknowledgements by outcome.", ["outcome"], registry=REGISTRY)
DEAD_UNREAD: Final = Gauge("notify_dead_records_unread", "Dead records central has not read of.", registry=REGISTRY)
TO_ALERT: Final = Histogram(
    "notify_accepted_to_alert_seconds",
    "From accepted to the first alert taken.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
TO_SHOWN: Final = Histogram(
    "notify_accepted_to_shown_seconds",
    "From accepted to the row handed to consoles.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
