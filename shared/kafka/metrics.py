"""Metrics of consuming and publishing. Labels are topic, partition and consumer group, never a key."""

from collections.abc import Mapping
from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from shared.health import Check
from shared.metrics import LATENCY_BUCKETS, REGISTRY

_BY_TOPIC = ("subscription", "topic")

CONSUMED = Counter("ieum_bus_consumed", "Records whose effects are durable.", _BY_TOPIC, registry=REGISTRY)
DEAD = Counter("ieum_bus_dead", "Records sent to the dead topic.", (*_BY_TOPIC, "reason"), registry=REGISTRY)
REJECTED = Counter("ieum_bus_rejected", "Records refused by the handler.", _BY_TOPIC, registry=REGISTRY)
RETRIES = Counter("ieum_bus_retries", "Batches tried again.", ("subscription",), registry=REGISTRY)
COMMIT_FAILURES = Counter(
    "ieum_bus_commit_failures", "Commits refused because the group had moved on.", ("subscription",), registry=REGISTRY
)
DROPPED = Counter(
    "ieum_bus_batches_dropped", "Batches left to whoever owns the partitions now.", ("subscription",), registry=REGISTRY
)
BATCH_SECONDS = Histogram(
    "ieum_bus_batch_seconds",
    "From the first look at a batch to its committed offsets.",
    ("subscription",),
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
LAG = Gauge(
    "ieum_bus_lag_records",
    "End of the partition minus the next record to be dealt with.",
    (*_BY_TOPIC, "partition"),
    registry=REGISTRY,
)
SINCE_PROGRESS = Gauge(
    "ieum_bus_seconds_since_progress",
    "Since a batch was done or nothing was left to do.",
    ("subscription",),
    registry=REGISTRY,
)
COORDINATOR_SILENCE = Gauge(
    "ieum_bus_seconds_since_coordinator",
    "Since the group's coordinator last answered; while a commit waits, since it answered about offsets.",
    ("subscription",),
    registry=REGISTRY,
)
BLOCKED = Gauge(
    "ieum_bus_blocked_partitions", "Partitions that wait for a newer build.", ("subscription",), registry=REGISTRY
)
PUBLISHED = Counter("ieum_bus_published", "Records acknowledged by Kafka.", ("topic",), registry=REGISTRY)
PUBLISH_SECONDS = Histogram(
    "ieum_bus_publish_seconds",
    "From handing a batch over to its acknowledgement.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
FOLLOWED = Counter(
    "ieum_follow_records",
    "Records a follower has read, by what became of them.",
    ("topic", "outcome"),
    registry=REGISTRY,
)
OUTBOX_PENDING_SECONDS = Gauge(
    "ieum_outbox_oldest_pending_seconds",
    "Age of the oldest event not yet marked as published.",
    ("relay",),
    registry=REGISTRY,
)
OUTBOX_PUBLISHED = Counter(
    "ieum_outbox_published", "Events published, by the way they came.", ("relay", "way"), registry=REGISTRY
)
OUTBOX_DROPPED = Counter(
    "ieum_outbox_offers_dropped",
    "Offers left to the sweep: the queue was full, or publishing failed.",
    ("relay",),
    registry=REGISTRY,
)
CHECK = Gauge(
    "ieum_check",
    "1 while the check passes, 0 while it fails; of checks that do not make the process unready.",
    ("check",),
    registry=REGISTRY,
)


def show(checks: Mapping[str, Check]) -> None:
    """Show checks at ``/metrics`` that are kept out of readiness; evaluated at each scrape."""
    for name, check in checks.items():
        CHECK.labels(name).set_function(partial(_fine, check))


def _fine(check: Check) -> float:
    return float(check() is None)
