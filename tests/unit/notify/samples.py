"""Records of routing for tests: built from the golden examples, changed where a test says so."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from services.notify.cases.models import EscalationCause, Target
from services.notify.cases.projection import RoutingEvent
from services.notify.escalation import rules as policy
from shared.events.catalog import EVENT_TYPES

GOLDEN = Path(__file__).parents[2] / "golden" / "events"
NOW = datetime(2026, 11, 24, 3, 20, tzinfo=UTC)
"""20 past noon in Seoul."""
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def report_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def alert_id(number: int, step: int = 1, target: Target = Target.DUTY) -> str:
    """The id of the alert of a new report's step, told for the first time."""
    made = policy.Plan(
        run=1,
        cause=EscalationCause.ANSWER,
        step=step,
        round=1,
        attempt=1,
        targets=(target,),
        again=(),
        channels=(),
        escalated=False,
        nobody=False,
        overdue=False,
        center_id="gwangju",
        ownership=1,
    )
    return policy.alert_id(report_id(number), made, target)


def event(kind: str, number: int = 1, /, **changes: Any) -> RoutingEvent:
    """A routing event of a report; ``urgency`` and ``center`` are reached into where they lie."""
    body = json.loads((GOLDEN / f"{kind}.v1.json").read_text())["body"]
    body["report_id"] = report_id(number)
    for name, value in changes.items():
        if name in ("urgency", "suspicion", "synthetic", "sandbox"):
            body["facts"][name] = value
        elif name == "center":
            if "decision" in body:
                body["decision"]["center_id"] = value
            else:
                body["center_id"] = value
        elif name in ("over_capacity", "copy_central"):
            body["decision"][name] = value
        elif name == "cause":
            body["cause"] = {"kind": value}
        elif name == "whole_cause":
            body["cause"] = value
        else:
            body[name] = value
    return cast("RoutingEvent", EVENT_TYPES[f"{kind}.v1"].model_validate(body))


def stream(number: int = 1) -> list[RoutingEvent]:
    """One report's life as routing tells it: routed, amended, moved, a message, withdrawn."""
    return [
        event("report.routed", number, version=1, ownership=1, center="gwangju"),
        event("report.updated", number, version=2, ownership=1, center="gwangju", kind="amended"),
        event("report.rerouted", number, version=3, ownership=2, center="busan", previous_center_id="gwangju"),
        event("report.updated", number, version=4, ownership=2, center="busan", kind="message_left"),
        event("report.ended", number, version=5, ownership=2, center="busan", reason="withdrawn"),
    ]
