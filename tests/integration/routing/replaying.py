"""Deciding again: every decision in the log, from what it says it saw, must come out the same.

Apart from the audit, because this one asks the rule itself.
"""

from collections.abc import Sequence

from services.routing.console.views import replays
from shared.events.routings import ReportRerouted, ReportRouted
from tests.integration.routing.records import Line

_DECISIONS: dict[str, type[ReportRouted | ReportRerouted]] = {x.TYPE: x for x in (ReportRouted, ReportRerouted)}


def not_replayed(lines: Sequence[Line]) -> list[str]:
    """Decisions that come out otherwise, or that this build cannot decide again; at most ten."""
    decisions = (line for line in lines if line.topic == "routings" and line.type in _DECISIONS)
    wrong = [x.body["report_id"] for x in decisions if not replays(_DECISIONS[x.type].model_validate(x.body))]
    return wrong[:10]
