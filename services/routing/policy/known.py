"""What a batch speaks of and memory may not know: looked up, or read on for, before anything is decided. Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from services.routing.model import Incoming
from services.routing.projection import PartitionState
from shared.events.base import Event
from shared.events.cases import CaseEvent
from shared.events.reports import ReportReceived


class HasEvent(Protocol):
    """A record that was read, as far as it matters here."""

    @property
    def event(self) -> Event:
        """What it says."""


_Speaks = TypeVar("_Speaks", bound=HasEvent)


def may_be_forgotten(incoming: Sequence[Incoming], state: PartitionState) -> list[str]:
    """Reports this batch speaks of that are not remembered and may be known all the same.

    A report received after everything that was forgotten is certainly new: in normal running nothing is looked up.
    """
    if state.forgotten_until is None:
        return []
    return [
        one.event.key
        for one in incoming
        if one.event.key not in state.standings
        and (not isinstance(one.event, ReportReceived) or state.may_have_forgotten(one.event.received_at))
    ]


def certainly_new(event: Event, state: PartitionState) -> bool:
    """Whether it is a report nobody can have routed before: it was received after everything that was forgotten."""
    # By its name first: asking a model's class whether it is another's takes half a microsecond each time.
    if event.TYPE != ReportReceived.TYPE:
        return False
    return isinstance(event, ReportReceived) and not state.may_have_forgotten(event.received_at)


def fresh_first(batch: Sequence[_Speaks], state: PartitionState) -> list[Sequence[_Speaks]]:
    """The batch in one or two parts: where something must be looked up, reports that are certainly new go before.

    A look-up takes as long as the store, or the log in its place, and whoever has just reported need not wait for it.
    """
    if state.forgotten_until is None:
        return [batch]
    fresh: list[_Speaks] = []
    rest: list[_Speaks] = []
    for received in batch:
        (fresh if certainly_new(received.event, state) else rest).append(received)
    looked_up = any(received.event.key not in state.standings for received in rest)
    return [fresh, rest] if looked_up and fresh else [batch]


def cases_ahead_of(incoming: Sequence[Incoming], state: PartitionState) -> bool:
    """Whether a case event speaks of something the log may hold and this state does not: read on before deciding.

    The log is meant, not this batch: somebody else may have routed a report first that this batch holds, and the case
    is then about that routing.
    """
    # Told by the topic first: asking a model's class whether it is another's takes half a microsecond each time.
    of_cases = [one.event for one in incoming if one.event.TOPIC == CaseEvent.TOPIC]
    return any(isinstance(event, CaseEvent) and unknown(event, state) is not None for event in of_cases)


def unknown(event: CaseEvent, state: PartitionState) -> str | None:
    """Why the log does not know what a case event speaks of, as far as it has been read; none where it does."""
    standing = state.standings.get(event.report_id)
    if standing is None:
        return "unknown_report"
    return "unknown_ownership" if event.ownership > standing.ownership else None
