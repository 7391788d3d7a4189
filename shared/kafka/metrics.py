"""Metrics of consuming and publishing. Labels are topic, partition and consumer group, never a key."""

from collections.abc import Mapping
from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from shared.health import Check
from shared.metrics import LATENCY_BUCKETS, REGISTRY

_BY_TOPIC = ("group", "topic")

CONSUMED = Counter("ieum_kafka_consumed_records", "Records whose effects are durable.", _BY_TOPIC, registry=REGISTRY)
DEAD = Counter("ieum_kafka_dead_letters", "Records sent to the dead topic.", (*_BY_TOPIC, "reason"), registry=REGISTRY)
RETRIES = Counter("ieum_kafka_batch_retries", "Batches tried again.", ("group",), registry=REGISTRY)
COMMIT_FAILURES = Counter(
    "ieum_kafka_commit_failures",
    "Commits refused because the group had moved on.",
    ("group",),
    registry=REGISTRY,
)
DROPPED = Counter(
    "ieum_kafka_batches_dropped",
    "Batches left to whoever owns the partitions now.",
    ("group",),
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "ieum_kafka_batch_duration_seconds",
    "From the first look at a batch until its effects are durable.",
    ("group",),
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
LAG = Gauge(
    "ieum_kafka_lag_records",
    "End of the partition minus the next record to be dealt with.",
    (*_BY_TOPIC, "partition"),
    registry=REGISTRY,
)
SINCE_PROGRESS = Gauge(
    "ieum_kafka_stalled_seconds",
    "Since a batch was done or nothing was left to do.",
    ("group",),
    registry=REGISTRY,
)
COORDINATOR_SILENCE = Gauge(
    "ieum_kafka_coordinator_silence_seconds",
    "Since the group's coordinator last answered; while a commit waits, since it answered about offsets.",
    ("group",),
    registry=REGISTRY,
)
BLOCKED = Gauge(
    "ieum_kafka_blocked_partitions",
    "1 for each partition that stopped, and before which record; it waits for a newer build, a person, or a leader.",
    (*_BY_TOPIC, "partition", "offset"),
    registry=REGISTRY,
)
PUBLISH_SECONDS = Histogram(
    "ieum_kafka_publish_duration_seconds",
    "From handing a batch over to its acknowledgement.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
OUTBOX_PENDING_SECONDS = Gauge(
    "ieum_outbox_oldest_pending_event_age_seconds",
    "Age of the oldest event that is not published.",
    ("relay",),
    registry=REGISTRY,
)
OUTBOX_PUBLISHED = Counter(
    "ieum_outbox_published_events",
    "Events published, by path: queue, read or sweep.",
    ("relay", "path"),
    registry=REGISTRY,
)
CHECK = Gauge(
    "ieum_health_check_status",
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
