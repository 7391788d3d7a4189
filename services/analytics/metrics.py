"""Metrics of analytics: national totals only, no centre and no person."""

from prometheus_client import Counter, Gauge, Histogram

from shared.metrics import LATENCY_BUCKETS, REGISTRY

EVENTS = Counter("ieum_analytics_events_total", "Events read, by what became of them.", ["outcome"], registry=REGISTRY)
TRANSACTION = Histogram(
    "ieum_analytics_transaction_duration_seconds",
    "From opening a batch's transaction to its commit.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
GENERATION = Gauge(
    "ieum_analytics_generation_number",
    "Number of the generation that serves; a rebuild or going back changes it.",
    registry=REGISTRY,
)
DIFFERENCE = Gauge(
    "ieum_analytics_reconciliation_difference_reports",
    "accepted - routed - in flight - dead, counted from both ends; must be 0.",
    registry=REGISTRY,
)
IN_FLIGHT = Gauge("ieum_analytics_in_flight_reports", "Reports accepted that have no owner yet.", registry=REGISTRY)
DEAD = Gauge(
    "ieum_analytics_dead_lettered_reports", "Reports whose own record lies in the dead topic.", registry=REGISTRY
)
OLDEST = Gauge(
    "ieum_analytics_oldest_in_flight_report_age_seconds",
    "Age of the longest waiting report without owner; 0 if none.",
    registry=REGISTRY,
)
AHEAD = Gauge(
    "ieum_analytics_ahead_reports",
    "Reports with an owner whose acceptance was not read yet; they stand in no table.",
    registry=REGISTRY,
)
OLDEST_AHEAD = Gauge(
    "ieum_analytics_oldest_ahead_report_age_seconds",
    "Age of the oldest report with an owner whose acceptance was not read yet; 0 if none, or none but given-up ones.",
    registry=REGISTRY,
)
BEHIND = Gauge(
    "ieum_analytics_lag_seconds",
    "How long ago everything written by then had been counted; before the first catch-up, the age of the oldest record "
    "that is not counted; NaN before it is known.",
    registry=REGISTRY,
)
RELEASE_LATE = Gauge(
    "ieum_analytics_release_overdue_seconds",
    "How long the next month, or a quarter or year that goes before it, has been due and is not released; 0 while "
    "nothing is due.",
    registry=REGISTRY,
)
RELEASE_SECONDS = Histogram(
    "ieum_analytics_release_audit_duration_seconds",
    "The solver's time for one release.",
    buckets=(0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60),
    registry=REGISTRY,
)
