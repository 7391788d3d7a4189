"""Metrics of routing. No label names a centre: live counts per centre are not for everyone who can read metrics."""

from prometheus_client import Counter, Gauge, Histogram

from shared.metrics import LATENCY_BUCKETS, REGISTRY

DECISIONS = Counter("ieum_routing_decisions", "Decisions in the log, by reason.", ("reason",), registry=REGISTRY)
OVER_CAPACITY = Counter(
    "ieum_routing_over_capacity_decisions",
    "Decisions that gave a report to a centre past its capacity.",
    registry=REGISTRY,
)
DECISION_SECONDS = Histogram(
    "ieum_routing_decision_latency_seconds",
    "From accepting a report to deciding about it; in large batches every tenth.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
GAPS = Counter(
    "ieum_routing_publish_conflicts",
    "Publishes that found somebody had written in between, or no offset at all.",
    registry=REGISTRY,
)
IGNORED = Gauge(
    "ieum_routing_superseded_records", "Records of this worker's partitions that came second.", registry=REGISTRY
)
REPEATED = Counter("ieum_routing_repeated_events", "Events already acted on.", registry=REGISTRY)
VOID = Counter(
    "ieum_routing_ignored_events",
    "Events that changed nothing, by reason: of an ownership that is over, or not fitting the report any more.",
    ("reason",),
    registry=REGISTRY,
)
MOVED = Counter("ieum_routing_moved_reports", "Reports moved away from closed centres.", registry=REGISTRY)
PARTITIONS = Gauge("ieum_routing_assigned_partitions", "Partitions this worker decides for.", registry=REGISTRY)
SILENT = Gauge(
    "ieum_routing_stale_load_partitions",
    "Partitions no worker has told the sums of for a while; must be 0.",
    registry=REGISTRY,
)
WAITING = Gauge(
    "ieum_routing_waiting_reports",
    "Open reports of this worker's partitions nobody has acknowledged.",
    registry=REGISTRY,
)
OLDEST_WAITING = Gauge(
    "ieum_routing_oldest_waiting_report_age_seconds", "For how long the oldest of these waits.", registry=REGISTRY
)
RESTORED = Counter(
    "ieum_routing_state_restored",
    "State stores thrown away because their checkpoint does not fit the log, and restored from it.",
    registry=REGISTRY,
)
TABLES_REFUSED = Counter(
    "ieum_routing_tables_rejected",
    "Folders of tables refused at start; the tables that ship with the code stay in force.",
    registry=REGISTRY,
)
STREAMS = Gauge("ieum_routing_open_streams", "Live pages open at this process.", registry=REGISTRY)
