"""Service level objectives, and the Prometheus rules that watch their error budgets.

Burn rates over several windows as in Google's SRE Workbook, chapter 5 ("Alerting on SLOs", table 5-8): 14.4 and 6 wake
somebody, 3 and 1 wait for the morning.
"""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from services.notify.auditor.rules import ACKNOWLEDGED_WITHIN, FIRST_ALERT

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_FAST: Final = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
_SLOW: Final = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))
_WITHOUT_OWNER: Final = (
    "max(ieum_analytics_in_flight_reports) * (max(ieum_analytics_oldest_in_flight_report_age_seconds) > bool 60) "
    "+ max(ieum_analytics_dead_lettered_reports)"
)
"""Reports without a centre: those in flight once the oldest of them has waited for a minute, and dead letters."""
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


def _within(metric: str, limits: dict[str, str], waiting: str) -> str:
    """The part of a histogram's observations above a bucket's limit; limits by label selector.

    ``waiting``: PromQL for how many should have been observed by now. They count as asked for and not good, so that
    what never comes about is in the part too. ``or vector(0)``: a process that is away shows nothing, others still do.
    """
    good = " or ".join(f'increase({metric}_bucket{{{who}le="{limit}"}}[$w])' for who, limit in limits.items())
    asked = " or ".join(f"increase({metric}_count{{{who.rstrip(',')}}}[$w])" for who in limits).replace("{}", "")
    return f"1 - (sum({good}) or vector(0)) / ((sum({asked}) or vector(0)) + ({waiting} or vector(0)))"


def _average(name: str) -> str:
    return f'avg_over_time(slo:broken:state{{slo="{name}"}}[$w])'


OBJECTIVES: Final = (
    Objective(
        "accepted_to_owned",
        "AcceptedToOwned",
        0.999,
        "99.9 % of accepted reports have a centre within 5 seconds.",
        _within("ieum_routing_decision_latency_seconds", {"": "5.0"}, _WITHOUT_OWNER),
    ),
    Objective(
        "owned_to_seen",
        "OwnedToSeen",
        0.95,
        "95 % of cases are acknowledged in time: critical ones within 10 minutes, high ones 30, others 4 hours outside "
        "quiet hours.",
        _within(
            "ieum_notify_owned_to_acknowledged_seconds",
            {f'urgency="{of}",': f"{limit.total_seconds()}" for of, limit in ACKNOWLEDGED_WITHIN.items()},
            "max(ieum_notify_auditor_unacknowledged_reports)",
        ),
    ),
    Objective(
        "critical_alert",
        "CriticalAlert",
        0.99,
        "99 % of critical reports: a mail server or webhook took the first alert within 60 seconds of accepting.",
        _within(
            "ieum_notify_accepted_to_alert_seconds",
            {'urgency="critical",': f"{FIRST_ALERT.total_seconds()}"},
            "max(ieum_notify_auditor_unalerted_critical_reports)",
        ),
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
