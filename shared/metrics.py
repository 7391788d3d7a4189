"""Metrics of one process, on one registry, shown at ``/metrics``. No label names a centre, a person or a report."""

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped

REGISTRY = CollectorRegistry()
"""The process's registry; modules declare their metrics on it."""

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds; from one loopback hop to a missed alert."""


def exposition() -> tuple[bytes, str]:
    """Everything on the registry in Prometheus text form, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
