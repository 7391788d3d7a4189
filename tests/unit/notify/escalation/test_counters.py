"""What is counted of alerts: alarms rest on these numbers, and one that nobody counts is always well."""

from dataclasses import replace
from typing import Any, cast

import pytest

from services.notify.cases.repository import Change
from services.notify.escalation import rules as policy
from services.notify.escalation.delivery import ClaimedCase
from services.notify.escalation.rules import AttemptResult
from services.notify.escalation.service import EscalationWorker
from shared.metrics import REGISTRY
from tests.unit.notify.escalation.test_rules import STAFFED, case_of
from tests.unit.notify.samples import NOW


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"ieum_notify_{name}_total", labels) or 0.0


@pytest.mark.parametrize("wrong", ["nobody", "overdue"])
def test_a_step_that_found_nobody_on_duty_or_began_late_is_counted(wrong: str) -> None:
    case, names = case_of(), ("alerts_without_duty", "overdue_steps")
    plan = policy.plan(case, STAFFED, NOW)
    assert plan is not None
    before = [counted(name) for name in names]
    EscalationWorker._measure(Change(case, case), replace(plan, **cast("Any", {wrong: True})))
    more = [counted(name) - was for name, was in zip(names, before, strict=True)]
    assert more == [wrong == "nobody", wrong == "overdue"]


def test_an_alert_that_no_channel_took_is_counted_as_failed() -> None:
    case = case_of()
    item = ClaimedCase(case, policy.plan(case, STAFFED, NOW))
    labels = {"channel": "email", "step": str(item.planned.step)}
    before = counted("alerts", outcome="failed", **labels), counted("alerts", outcome="sent", **labels)
    refused = AttemptResult(item.planned.targets[0], "alert", ok=False, reason="refused")
    EscalationWorker._count(cast("Any", None), item, refused)
    after = counted("alerts", outcome="failed", **labels), counted("alerts", outcome="sent", **labels)
    assert after == (before[0] + 1, before[1])
