"""The reference of metrics: what the services' processes have on their registry once they are imported."""

import importlib
import sys

from prometheus_client import Counter, Gauge, Histogram, Summary
from prometheus_client.registry import Collector

from shared.metrics import REGISTRY
from tools.docs_generation.openapi import apart
from tools.local.settings import SERVICES

_MODULES = (
    *(f"services.{service}.main" for service in SERVICES),
    "services.notify.auditor.main",
    "services.routing.recount",
)
_HEAD = """# Metrics

Written by `make docs` from the code; `make check` compares. Every process shows its own at `/metrics`, to callers on
its machine or to who sends `IEUM_METRICS_TOKEN`. No label names a centre, a person or a report. What to look at when:
[operator's guide](../how-to/operator.md). Names are `ieum_<part>_<what>_<unit>` in base units; a
gauge that counts ends with what it counts. The `process_*` metrics (CPU, memory, open files, start time) are those of
every Prometheus client.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def files() -> dict[str, str]:
    """The page, by its path below ``docs``."""
    return {"reference/metrics.md": _HEAD + apart("tools.docs_generation.metrics", SERVICES[0])}


def rows() -> str:
    """One row per metric of this process, by name."""
    for module in _MODULES:
        importlib.import_module(module)
    found = {row for collector in REGISTRY._collector_to_names if (row := _row(collector))}
    return "".join(sorted(found))


def _row(collector: Collector) -> str:
    if not isinstance(collector, Counter | Gauge | Histogram | Summary):
        return ""
    [family] = collector.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in collector._labelnames)
    meaning = family.documentation.replace("|", "\\|")
    return f"| `{name}` | {family.type} | {labels} | {meaning} |\n"


if __name__ == "__main__":
    sys.stdout.write(rows())
