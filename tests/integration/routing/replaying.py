"""Deciding again: every decision in the log, from what it says it saw, must come out the same.

Apart from the audit, because this one asks the rule itself.
"""

from collections.abc import Sequence
from typing import Any

from services.routing.policy.assign import replay
from shared.clock import SEOUL
from shared.events.routings import ReportRerouted, ReportRouted
from tests.integration.routing.records import Line

_TYPES: dict[str, type[ReportRouted | ReportRerouted]] = {x.TYPE: x for x in (ReportRouted, ReportRerouted)}


def not_replayed(lines: Sequence[Line]) -> list[str]:
    """Decisions that come out otherwise; at most ten."""
    wrong = [f"{x.type} {x.body['report_id']}" for x in lines if x.topic == "routings" and not _same(x.type, x.body)]
    return wrong[:10]


def _same(kind: str, body: dict[str, Any]) -> bool:
    if kind not in _TYPES:
        return True
    event = _TYPES[kind].model_validate(body)
    return replay(event.decision, event.facts, event.decided_at.astimezone(SEOUL).date()) == event.decision
