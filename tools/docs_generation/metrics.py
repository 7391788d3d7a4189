"""The references of metrics and alerts: what processes have on their registry, and which rules rest on it."""

import importlib
import re
import sys
from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram, Summary
from prometheus_client.registry import Collector

from shared.metrics import REGISTRY
from tools.docs_generation.openapi import apart
from tools.local.settings import SERVICES
from tools.monitoring.objectives import OBJECTIVES
from tools.monitoring.rules import RUNBOOKS, alerts, alerts_by_metric, metrics_of

MODULES = (
    *(f"services.{service}.main" for service in SERVICES),
    "services.notify.auditor.main",
    "services.routing.recount",
)
_PLACE = re.compile(r"\{\{.*?\}\}")
_HEAD = """# Metrics

Written by `make docs` from the code; `make check` compares. Every process shows its own at `/metrics`, to callers on
its machine or to who sends `IEUM_METRICS_TOKEN`. No label names a centre, a person or a report. What to look at when:
[operator's guide](../how-to/operator.md). Names are `ieum_<part>_<what>_<unit>` in base units; a
gauge that counts ends with what it counts. The `process_*` metrics (CPU, memory, open files, start time) are those of
every Prometheus client.

These names, labels and units are a contract: one is renamed or taken away only with an entry in the changelog.
An idle process shows less than 250 series; 600 is the most (`tests/unit/shared/test_metrics.py`).

| metric | type | unit | labels | alerts | meaning |
|---|---|---|---|---|---|
"""
_ALERTS = """# Alerts and objectives

Written by `make docs` from `deploy/monitoring`; `make check` compares. `page` wakes somebody, `ticket` waits for the
morning. Each has a [runbook](../how-to/runbooks.md). How to set them up:
[operator's guide](../how-to/operator.md#seen).

## Objectives

| objective | promise | metrics |
|---|---|---|
"""
_ALERT_TABLE = """
Their alerts fire while the error budget burns 14.4 times as fast as it may, over an hour and five minutes, or 6 times
over six hours and half an hour (`…BurnsFast`), and 3 times over a day and two hours or as fast as it may over three
days and six hours (`…BurnsSlow`). A report that is not decided about, acknowledged or alerted of is in no histogram:
it counts as not kept once that should have happened, for as long as it waits.

## Alerts

| alert | severity | after | says |
|---|---|---|---|
"""


def files() -> dict[str, str]:
    """The two pages, by their paths below ``docs``."""
    return {
        "reference/metrics.md": _HEAD + apart("tools.docs_generation.metrics", SERVICES[0]),
        "reference/alerts.md": _ALERTS + _objectives() + _ALERT_TABLE + _alerts(),
    }


def _objectives() -> str:
    rows = ((o.name, o.promise, ", ".join(f"`{m}`" for m in sorted(metrics_of(o.ratio + o.state)))) for o in OBJECTIVES)
    return "".join(f"| `{name}` | {promise} | {names} |\n" for name, promise, names in rows)


def _alerts() -> str:
    return "".join(
        f"| [{a.name}](../{RUNBOOKS}.md#{a.runbook}) | {a.severity} | {a.lasts} | {_PLACE.sub('…', a.summary)} |\n"
        for a in alerts()
    )


def rows() -> str:
    """One row per metric of this process, by name."""
    for module in MODULES:
        importlib.import_module(module)
    resting = alerts_by_metric()
    found = {row for collector in REGISTRY._collector_to_names if (row := _row(collector, resting))}
    return "".join(sorted(found))


def _row(collector: Collector, resting: Mapping[str, list[str]]) -> str:
    if not isinstance(collector, Counter | Gauge | Histogram | Summary):
        return ""
    [family] = collector.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in collector._labelnames)
    meaning = family.documentation.replace("|", "\\|")
    told = ", ".join(dict.fromkeys(resting.get(name, ())))
    return f"| `{name}` | {family.type} | {_unit(name, family.type)} | {labels} | {told} | {meaning} |\n"


def _unit(name: str, kind: str) -> str:
    """The base unit a name ends with, or what it counts."""
    words = name.removesuffix("_total").split("_")
    if words[-1] in {"seconds", "bytes"}:
        return words[-1] if "timestamp" not in words else "Unix seconds"
    return "count" if kind == "counter" else words[-1]


if __name__ == "__main__":
    sys.stdout.write(rows())
