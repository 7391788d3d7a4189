"""Service level objectives, and the Prometheus rules that watch their error budgets.

Burn rates over several windows as in Google's SRE Workbook, chapter 5 ("Alerting on SLOs", table 5-8): 14.4 and 6 wake
somebody, 3 and 1 wait for the morning.
"""

from dataclasses import dataclass
from typing import Any, Final

import yaml

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_FAST: Final = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
_SLOW: Final = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))
_HEAD: Final = """# Written by `make docs` from tools/monitoring/objectives.py; `make check` compares.
# An error ratio is the part that was not good. Alerts fire while the budget burns, over a long window and a short one.
"""


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective: the promise, and how much of it may fail."""

    name: str
    alert: str
    """The alert's name begins so; also its heading among the runbooks."""
    target: float
    promise: str
    ratio: str
    """PromQL for the part that was not good over ``$w``."""
    wakes: bool = True
    """Whether a budget that burns fast wakes somebody."""
    state: str = ""
    """PromQL that is 1 while the promise is not kept; for promises about a state. Then ``ratio`` averages it."""

    @property
    def budget(self) -> float:
        """The part that may fail."""
        return round(1 - self.target, 6)


def _within(metric: str, limits: dict[str, str]) -> str:
    """The part of a histogram's observations above a bucket's limit; limits by label selector."""
    good = " + ".join(f'sum(rate({metric}_bucket{{{who}le="{limit}"}}[$w]))' for who, limit in limits.items())
    asked = " + ".join(f"sum(rate({metric}_count{{{who.rstrip(',')}}}[$w]))" for who in limits)
    return f"1 - ({good}) / ({asked})".replace("{}", "")


def _first_alerts() -> str:
    """The part of first alerts that were late; those that wait too long already, taken by nobody, count as asked for.

    ``or vector(0)``: where notify is away its counts end, and what waits is all there is.
    """
    first = 'ieum_notify_accepted_to_alert_seconds_{}{{urgency="critical"{}}}[$w]'
    good, taken = (f"increase({first.format(*of)})" for of in (("bucket", ',le="60.0"'), ("count", "")))
    waiting = "(max(ieum_notify_auditor_unalerted_critical_reports) or vector(0))"
    return f"1 - (sum({good}) or vector(0)) / ((sum({taken}) or vector(0)) + {waiting})"


def _average(name: str) -> str:
    return f'avg_over_time(slo:broken:state{{slo="{name}"}}[$w])'


OBJECTIVES: Final = (
    Objective(
        "accepted_to_owned",
        "AcceptedToOwned",
        0.999,
        "99.9 % of accepted reports have a centre within 5 seconds.",
        _within("ieum_routing_decision_latency_seconds", {"": "5.0"}),
    ),
    Objective(
        "owned_to_seen",
        "OwnedToSeen",
        0.95,
        "95 % of cases are acknowledged in time: critical ones within 10 minutes, high ones 30, others 4 hours.",
        _within(
            "ieum_notify_owned_to_acknowledged_seconds",
            {'urgency="critical",': "600.0", 'urgency="high",': "1800.0", 'urgency="normal",': "14400.0"},
        ),
    ),
    Objective(
        "critical_alert",
        "CriticalAlert",
        0.99,
        "99 % of critical reports: a mail server or webhook took the first alert within 60 seconds of accepting.",
        _first_alerts(),
    ),
    Objective(
        "numbers_fresh",
        "NumbersFresh",
        0.99,
        "99 % of the time everything older than 15 minutes has been counted.",
        _average("numbers_fresh"),
        wakes=False,
        state="max(ieum_analytics_lag_seconds > bool 900)",
    ),
    Objective(
        "reconciliation",
        "Reconciliation",
        0.999,
        "99.9 % of the time accepted = routed + in flight + dead.",
        _average("reconciliation"),
        state="max(abs(ieum_analytics_reconciliation_difference_reports) > bool 0)",
    ),
)


def _burns(objective: Objective, rates: tuple[tuple[float, str, str], ...]) -> str:
    def over(factor: float, window: str) -> str:
        return f'slo:error_ratio:rate{window}{{slo="{objective.name}"}} > {factor * objective.budget:.6g}'

    return "\nor\n".join(f"({over(f, long)} and {over(f, short)})" for f, long, short in rates)


def _alert(
    objective: Objective, speed: str, rates: tuple[tuple[float, str, str], ...], severity: str
) -> dict[str, Any]:
    name = f"{objective.alert}Burns{speed}"
    return {
        "alert": name,
        "expr": _burns(objective, rates),
        "for": "2m",
        "labels": {"severity": severity},
        "annotations": {
            "summary": f"Not kept: {objective.promise} Now {{{{ $value | humanizePercentage }}}} fail.",
            "runbook_url": f"{{{{ $externalLabels.docs_url }}}}/how-to/runbooks.html#{objective.alert.lower()}",
        },
    }


def rules() -> dict[str, Any]:
    """The rule file as values."""
    records: list[dict[str, Any]] = [
        {"record": "slo:broken:state", "expr": each.state, "labels": {"slo": each.name}}
        for each in OBJECTIVES
        if each.state
    ]
    records += [
        {
            "record": f"slo:error_ratio:rate{window}",
            "expr": each.ratio.replace("$w", window),
            "labels": {"slo": each.name},
        }
        for each in OBJECTIVES
        for window in WINDOWS
    ]
    alerts = [
        alert
        for each in OBJECTIVES
        for alert in (
            _alert(each, "Fast", _FAST, "page" if each.wakes else "ticket"),
            _alert(each, "Slow", _SLOW, "ticket"),
        )
    ]
    return {"groups": [{"name": "ieum-error-ratios", "rules": records}, {"name": "ieum-budgets", "rules": alerts}]}


def files() -> dict[str, str]:
    """The rule file, by its path below ``docs``."""
    text: str = yaml.safe_dump(rules(), sort_keys=False, width=116, allow_unicode=True)
    return {"../deploy/monitoring/slos.yaml": _HEAD + text}
