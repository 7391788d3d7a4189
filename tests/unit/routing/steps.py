"""One step of a partition's stream after the other: decide, publish, read back."""

from typing import Any

from services.routing.models import Incoming
from services.routing.record_encoding import message_of
from services.routing.state.partition import PartitionState
from services.routing.transitions.models import TransitionResult
from services.routing.transitions.rules import decide
from shared.events.base import Event
from shared.events.cases import CaseTransferAccepted
from shared.events.catalog import parse_event
from tests.unit.routing.builders import MOMENT, NOW, center_loads, incoming, received, report_id


def published(outcome: TransitionResult) -> list[Any]:
    messages = [message_of(draft) for draft in outcome.drafts]
    return [parse_event("routings", key, headers, value)[0] for key, value, headers in messages]


def settle(state: PartitionState, outcome: TransitionResult) -> list[Any]:
    """Publish and read back: the state learns from the log, never from the drafts."""
    events = published(outcome)
    for event in events:
        state.fold(event)
        state.position += 1
    return events


def run(state: PartitionState, *events: Event | Incoming, **board_args: Any) -> TransitionResult:
    batch = [e if isinstance(e, Incoming) else incoming(e, _source(e)) for e in events]
    return decide(batch, state, center_loads(**board_args), MOMENT, {})


def _source(event: Event) -> str:
    return "notify" if event.TOPIC == "cases" else "intake"


def routed(number: int = 1, division: str = "busan", **more: Any) -> PartitionState:
    state = PartitionState()
    settle(state, run(state, received(number, division, **more)))
    return state


def case(cls: type[Any], version: int = 1, ownership: int = 1, number: int = 1, **more: Any) -> Any:
    return cls(
        report_id=report_id(number), case_version=version, ownership=ownership, center_id="busan", at=NOW, **more
    )


def accepted(to: str, version: int = 1, ownership: int = 1) -> Any:
    return case(CaseTransferAccepted, version, ownership, offer_id="o1", to_center_id=to)
