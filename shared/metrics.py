"""Metrics of one process, on one registry, shown at ``/metrics``. No label names a centre, a person or a report.

Names are ``ieum_<part>_<what>_<unit>``: base units (seconds, bytes) or the plural of what is counted, ``_total`` for
counters (Prometheus, "Metric and label naming"); ``tests/unit/shared/test_metrics.py`` holds every metric to it.
"""

import platform
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shared import VERSION

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped

REGISTRY: Final = CollectorRegistry()
"""The process's registry; modules declare their metrics on it."""

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds; from one loopback hop to a missed alert."""

ProcessCollector(registry=REGISTRY)
BUILD_INFO: Final = Gauge(
    "ieum_build_info", "Always 1; the build is in the labels.", ["version", "python_version"], registry=REGISTRY
)
BUILD_INFO.labels(VERSION, platform.python_version()).set(1)


def exposition() -> tuple[bytes, str]:
    """Return all metrics of the registry in Prometheus text form, and the content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
