"""Read the rule files of ``deploy/monitoring``: alerts, and the metrics they rest on."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tools.monitoring import objectives

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "monitoring"
RUNBOOKS: Final = "how-to/runbooks"
_METRIC: Final = re.compile(r"\b(?:ieum|process)_[a-z_]+")
_OF_A_HISTOGRAM: Final = re.compile(r"_(?:bucket|sum|count)$")


class AlertingRule(NamedTuple):
    """One alerting rule."""

    name: str
    severity: str
    lasts: str
    """How long its condition must hold."""
    summary: str
    runbook: str
    """Anchor of its runbook."""
    metrics: frozenset[str]
    """Metrics of its condition, without what a histogram adds to their names."""


def metrics_of(expression: str) -> frozenset[str]:
    """The metrics an expression names; of a histogram its own name."""
    return frozenset(_OF_A_HISTOGRAM.sub("", name) for name in _METRIC.findall(expression))


@cache
def alerts() -> tuple[AlertingRule, ...]:
    """Every alert, in the order of its file."""
    written: dict[str, Any] = yaml.load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    rests_on = {f"slo:{each.name}": metrics_of(each.ratio + each.state) for each in objectives.OBJECTIVES}
    recorded = {
        rule["record"]: metrics_of(rule["expr"])
        for group in written["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    found = []
    for group in (*objectives.rules()["groups"], *written["groups"]):
        for rule in group["rules"]:
            if "alert" not in rule:
                continue
            slo = re.search(r'slo="(\w+)"', rule["expr"])
            metrics = rests_on[f"slo:{slo[1]}"] if slo else metrics_of(rule["expr"])
            metrics = metrics.union(*(recorded[name] for name in recorded if name in rule["expr"]))
            notes = rule["annotations"]
            runbook = notes["runbook_url"].partition("#")[2]
            found.append(
                AlertingRule(
                    rule["alert"],
                    rule["labels"]["severity"],
                    rule.get("for", "0s"),
                    notes["summary"],
                    runbook,
                    metrics,
                )
            )
    return tuple(found)


def alerts_by_metric() -> dict[str, list[str]]:
    """The alerts that rest on each metric."""
    found: dict[str, list[str]] = {}
    for alert in alerts():
        for metric in alert.metrics:
            found.setdefault(metric, []).append(alert.name)
    return found
