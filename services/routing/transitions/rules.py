"""From events to routing records: what one batch of `reports` and `cases` makes of what the log says. Pure.

``decide`` reads a partition's state and changes nothing in it: the caller publishes the drafts and lets the log,
not the intention, change the state. One batch holds at most one draft per report: a second one would rest on the
intention that the first is accepted, and where it came second in the log the wrong one would follow it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from services.routing.assignment.geography import UNKNOWN_DIVISION, place_fault
from services.routing.assignment.models import Assignment, CenterLoad, CenterLoads
from services.routing.assignment.rules import assign, linked_center, transferred
from services.routing.models import Draft, FirstRouting, Incoming, Refusal, ReportState
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent, first_report_state, report_state_after
from services.routing.transitions import records
from services.routing.transitions.models import Moment, TransitionResult
from services.routing.transitions.transfers import known_target, why_void
from shared.clock import seoul_date
from shared.events.base import Event, ReportEvent
from shared.events.cases import CaseClosed, CaseEvent, CaseReopened, CaseTransferAccepted
from shared.events.reports import (
    ReportAmended,
    ReportFacts,
    ReportMessageLeft,
    ReportReceived,
    ReportReinstated,
    ReportWithdrawn,
)
from shared.events.routings import Cause
from shared.events.vocabulary import CauseKind, CenterState, EndReason, UpdateKind

Later = ReportAmended | ReportMessageLeft | ReportWithdrawn | ReportReinstated
"""Intake's later events about a report."""
_KINDS = {
    ReportAmended.TYPE: UpdateKind.AMENDED,
    ReportMessageLeft.TYPE: UpdateKind.MESSAGE_LEFT,
    ReportReinstated.TYPE: UpdateKind.REINSTATED,
}


def decide(
    incoming: Sequence[Incoming],
    state: PartitionState,
    center_loads: CenterLoads,
    moment: Moment,
    owners: Mapping[str, str],
) -> TransitionResult:
    """The routing records a batch leads to. ``owners`` gives the centres of linked reports of other partitions."""
    batch = _BatchDecision(state, dict(center_loads), moment, owners)
    for index, one in enumerate(incoming):
        batch.take(index, one)
    return batch.outcome


def moves(
    state: PartitionState,
    center_loads: CenterLoads,
    moment: Moment,
    traceparent: str,
    limit: int,
    owners: Mapping[str, str],
) -> list[Draft]:
    """New owners for what closed centres still own unacknowledged, at most ``limit`` at a time.

    Closing is a level, not an edge: as long as a centre is closed this is asked again, so a crash repeats it.
    ``owners`` gives the centres of linked reports of other partitions: a report follows those it is linked with.
    """
    batch = _BatchDecision(state, dict(center_loads), moment, owners)
    closed = [one.center_id for one in center_loads.values() if one.state is CenterState.CLOSED]
    cause = Cause(kind=CauseKind.CENTER_CLOSED)
    for report_id in next_to_move(state, closed, limit):
        report_state = state.report_states[report_id]
        batch.elsewhere(report_id, report_state, facts_of(report_state), cause, traceparent)
    return batch.outcome.drafts


class _BatchDecision:
    """One batch being decided: the state it started from, and what its own drafts add."""

    def __init__(
        self, state: PartitionState, center_loads: CenterLoads, moment: Moment, owners: Mapping[str, str]
    ) -> None:
        self.state = state
        self.center_loads = center_loads
        self.outcome = TransitionResult()
        self._moment = moment
        self._owners = owners
        self._ahead: dict[str, ReportState] = {}

    def take(self, index: int, one: Incoming) -> None:
        match one.event:
            case ReportReceived() as event:
                self._received(index, event, one)
            case ReportEvent(report_id=report_id) if report_id in self._ahead and self._follows(one.event):
                self.outcome.deferred.append(index)
            case ReportAmended() | ReportMessageLeft() | ReportWithdrawn() | ReportReinstated() as event:
                self._reported(index, event, one)
            case CaseEvent() as event:
                self._case(index, event, one)

    def _follows(self, event: Event) -> bool:
        """Return whether the log knows the report; a case about one only being decided here is judged by the log."""
        return not isinstance(event, CaseEvent) or unknown(event, self.state) is None

    def _report_state(self, report_id: str) -> ReportState | None:
        return self._ahead.get(report_id) or self.state.report_states.get(report_id)

    def _received(self, index: int, event: ReportReceived, one: Incoming) -> None:
        if self._report_state(event.report_id) is not None:
            self.outcome.repeated += 1
            return
        if self._refuse_place(index, event.facts):
            return
        tables, facts = self._moment.tables, event.facts
        assignment = assign(
            facts, self.center_loads, seoul_date(event.received_at), linked=self._linked(facts), tables=tables
        )
        report_state = first_report_state(
            assignment.center_id,
            assignment.home_center_id,
            event.intake_version,
            facts,
            event.received_at,
            right_of_return=assignment.right_of_return,
        )
        body = FirstRouting(event, one.event_id, assignment, self._moment.now, report_state.facts, tables.version)
        self._write(event.report_id, None, report_state, body, one.traceparent)

    def _refuse_place(self, index: int, facts: ReportFacts) -> bool:
        fault = place_fault(facts, self._moment.tables)
        if fault is not None:
            self.outcome.refused.append(Refusal(index, UNKNOWN_DIVISION, fault))
        return fault is not None

    def _linked(self, facts: ReportFacts) -> str | None:
        if not facts.linked_reports:
            return None
        report_states = {other: self._report_state(other) for other in facts.linked_reports}
        known = {
            other: report_state.center_id for other, report_state in report_states.items() if report_state is not None
        }
        elsewhere = {other: self._owners[other] for other in report_states if other in self._owners}
        return linked_center(list((elsewhere | known).values()))

    def _reported(self, index: int, event: Later, one: Incoming) -> None:
        """Something after the report itself: passed on once, however often it is read."""
        report_state = self._report_state(event.report_id)
        if report_state is None:
            # Its partition is read in order, so the report itself must have been refused.
            self.outcome.refused.append(Refusal(index, "unknown_report", f"{event.TYPE} about a report not received"))
        elif event.intake_version <= report_state.intake_version:
            self.outcome.repeated += 1
        elif isinstance(event, ReportReinstated) and report_state.ended is not EndReason.WITHDRAWN:
            # The withdrawal lies in the dead topic: there is nothing to undo, least of all the closing of a case by its
            # centre. It goes there too, or the withdrawal that is sent back would be the last word about the report.
            self.outcome.refused.append(Refusal(index, "not_withdrawn", f"{event.TYPE} before its withdrawal"))
        elif not (isinstance(event, ReportAmended) and self._refuse_place(index, event.facts)):
            cause = Cause(kind=CauseKind.REPORT, event_id=one.event_id)
            if (facts := facts_elsewhere(event, report_state, self.center_loads)) is not None:
                version = event.intake_version
                self.elsewhere(event.report_id, report_state, facts, cause, one.traceparent, intake_version=version)
            else:
                self._publish(report_state, self._passed_on(event, report_state, cause), one.traceparent)

    def elsewhere(
        self,
        report_id: str,
        report_state: ReportState,
        facts: ReportFacts,
        cause: Cause,
        traceparent: str,
        *,
        intake_version: int | None = None,
    ) -> None:
        """Decide anew which centre has it. ``intake_version`` is what is passed on with that, if anything is."""
        day, tables = seoul_date(report_state.received_at), self._moment.tables
        assignment = assign(facts, self.center_loads, day, linked=self._linked(facts), tables=tables)
        self._reroute(report_id, report_state, assignment, facts, cause, traceparent, intake_version=intake_version)

    def _passed_on(self, event: Later, report_state: ReportState, cause: Cause) -> RoutingEvent:
        """The record that passes it on. Only a reinstatement brings back what was withdrawn, never an amendment.

        A report that was closed before it was withdrawn comes back open: better that a person looks once too often
        than that somebody who came back is seen by nobody.
        """
        report_id, now, version = event.report_id, self._moment.now, event.intake_version
        if isinstance(event, ReportWithdrawn):
            return records.ended(report_id, report_state, EndReason.WITHDRAWN, cause, now, intake_version=version)
        facts = event.facts if isinstance(event, ReportAmended) else None
        return records.updated(
            report_id, report_state, _KINDS[event.TYPE], cause, now, intake_version=version, facts=facts
        )

    def _case(self, index: int, event: CaseEvent, one: Incoming) -> None:
        """Apply a case event. The log must know the ownership it names; one that is over makes it void."""
        refused = unknown(event, self.state)
        if refused is not None:
            self.outcome.refused.append(Refusal(index, refused, f"{event.TYPE} of ownership {event.ownership}"))
            return
        report_state = self._report_state(event.report_id)
        if report_state is None or event.ownership < report_state.ownership:
            self.outcome.void["superseded"] += 1
        elif one.event_id in report_state.case_causes:
            self.outcome.repeated += 1
        else:
            self._act(index, event, report_state, one)

    def _act(self, index: int, event: CaseEvent, report_state: ReportState, one: Incoming) -> None:
        cause = Cause(kind=CauseKind.CASE_EVENT, event_id=one.event_id)
        match event:
            case CaseTransferAccepted() | CaseClosed() | CaseReopened() if before_return(event, report_state):
                # It was void while the report was withdrawn and is read now, late or again: nobody had looked at what
                # came back. A reopening, too: read again, it would undo the closing of what has come back since.
                self.outcome.void["before_return"] += 1
            case CaseTransferAccepted():
                self._transfer(index, event, report_state, cause, one)
            case CaseClosed() if report_state.ended is None:
                ended = records.ended(event.report_id, report_state, EndReason.CLOSED, cause, self._moment.now)
                self._publish(report_state, ended, one.traceparent)
            case CaseReopened() if report_state.ended is EndReason.CLOSED:
                self._reopen(event, report_state, cause, one.traceparent)
            case CaseClosed():
                self.outcome.void["ended"] += 1
            case CaseReopened():
                self.outcome.void["not_closed"] += 1
            case _:
                pass  # acknowledgements are folded by the caller; all else changes no ownership

    def _transfer(
        self, index: int, event: CaseTransferAccepted, report_state: ReportState, cause: Cause, one: Incoming
    ) -> None:
        if not known_target(event.to_center_id):
            self.outcome.refused.append(Refusal(index, "unknown_center", "transfer to a centre that does not exist"))
            return
        if report_state.ended is not None:
            # The end is on the stream already, and whoever waited for the case has read it there.
            self.outcome.void["ended"] += 1
            return
        facts = facts_of(report_state)
        why = why_void(event.to_center_id, report_state.center_id, facts, self.center_loads)
        if why is None:
            day, may_return = seoul_date(report_state.received_at), report_state.right_of_return
            tables = self._moment.tables
            assignment = transferred(
                event.to_center_id, facts, self.center_loads, day, may_return=may_return, tables=tables
            )
            self._reroute(event.report_id, report_state, assignment, facts, cause, one.traceparent)
        else:
            self.outcome.void[why] += 1
            void, now = UpdateKind.TRANSFER_VOID, self._moment.now
            told = records.updated(event.report_id, report_state, void, cause, now, why=why)
            self._publish(report_state, told, one.traceparent)

    def _reopen(self, event: CaseReopened, report_state: ReportState, cause: Cause, traceparent: str) -> None:
        if (facts := facts_elsewhere(event, report_state, self.center_loads)) is not None:
            self.elsewhere(event.report_id, report_state, facts, cause, traceparent)
        else:
            reopened = records.updated(event.report_id, report_state, UpdateKind.REOPENED, cause, self._moment.now)
            self._publish(report_state, reopened, traceparent)

    def _reroute(
        self,
        report_id: str,
        report_state: ReportState,
        assignment: Assignment,
        facts: ReportFacts,
        cause: Cause,
        traceparent: str,
        *,
        intake_version: int | None = None,
    ) -> None:
        now, tables = self._moment.now, self._moment.tables
        event = records.rerouted(
            report_id, report_state, assignment, facts, cause, now, intake_version=intake_version, tables=tables
        )
        self._publish(report_state, event, traceparent)

    def _publish(self, before: ReportState, event: RoutingEvent, traceparent: str) -> None:
        self._write(event.report_id, before, report_state_after(event, before), event, traceparent)

    def _write(
        self,
        report_id: str,
        before: ReportState | None,
        after: ReportState,
        body: FirstRouting | RoutingEvent,
        traceparent: str,
    ) -> None:
        self._ahead[report_id] = after
        if before is not None and before.ended is None:
            self._load(before, -1)
        if after.ended is None:
            self._load(after, 1)
        self.outcome.drafts.append(Draft(report_id, after, body, self._moment.now, traceparent))

    def _load(self, report_state: ReportState, sign: int) -> None:
        """Add a case to its owner's load, or take it away."""
        if (center_load := self.center_loads.get(report_state.center_id)) is not None and report_state.weight:
            self.center_loads[center_load.center_id] = _counted(center_load, report_state, sign)


def _counted(load: CenterLoad, report_state: ReportState, sign: int) -> CenterLoad:
    """The load with a case more (or, with sign -1, less); other partitions' sums may lag, so nothing goes below 0."""
    center_id, state, staff, carried, capacity, guests, severe, severe_cap = load
    weight = sign * report_state.weight
    if center_id != report_state.home:
        guests = max(0, guests + weight)
    if report_state.severe:
        severe = max(0, severe + sign)
    return CenterLoad(center_id, state, staff, max(0, carried + weight), capacity, guests, severe, severe_cap)


# --- what the log must hold before anything is decided


def cases_ahead_of(incoming: Sequence[Incoming], state: PartitionState) -> bool:
    """Return whether a case event names what the log may hold and this state does not: read on before deciding.

    The log is meant, not this batch: somebody else may have routed a report first that this batch holds, and the case
    is then about that routing.
    """
    # Told by the topic first: asking a model's class whether it is another's takes half a microsecond each time.
    of_cases = [one.event for one in incoming if one.event.TOPIC == CaseEvent.TOPIC]
    return any(isinstance(event, CaseEvent) and unknown(event, state) is not None for event in of_cases)


def unknown(event: CaseEvent, state: PartitionState) -> str | None:
    """Return why the log, as far as read, does not know what a case event names; None if it does."""
    report_state = state.report_states.get(event.report_id)
    if report_state is None:
        return "unknown_report"
    return "unknown_ownership" if event.ownership > report_state.ownership else None


# --- who may go on having a report, and whose links it follows if not


def facts_of(report_state: ReportState) -> ReportFacts:
    """Return the facts of a report the log holds."""
    return ReportFacts.model_validate_json(report_state.facts)


def facts_elsewhere(event: Event, report_state: ReportState, center_loads: CenterLoads) -> ReportFacts | None:
    """The facts to decide anew with, where the owner may not have the report after this event; else none.

    A declined centre never, however far it has come with the case: whoever harmed them may work there. Of a case it has
    closed, it would read what was added, and nobody else could take that up: such a report is open again elsewhere.
    What comes back after a withdrawal or a closing goes neither to a centre declined meanwhile nor to one that is
    closed, and gets its new owner in the same record: first back and then away would show it to a declined centre.
    """
    match event:
        case ReportAmended(facts=facts) if report_state.ended is not EndReason.WITHDRAWN:
            return facts if report_state.center_id in facts.declined_centers else None
        case ReportReinstated() | CaseReopened():
            facts, center_load = facts_of(report_state), center_loads.get(report_state.center_id)
            closed = center_load is not None and center_load.state is CenterState.CLOSED
            return facts if closed or report_state.center_id in facts.declined_centers else None
    return None


def before_return(event: CaseEvent, report_state: ReportState) -> bool:
    """Return whether this was done before the report was reopened or reinstated, under the same ownership."""
    return report_state.waits_since is not None and event.at < report_state.waits_since


_ASKS_FOR_LINKS: Final = frozenset({x.TYPE for x in (ReportReceived, ReportAmended, ReportReinstated, CaseReopened)})
"""Looked at first: asking a model's class whether it is another's takes half a microsecond each time."""


def links_of(incoming: Sequence[Incoming], state: PartitionState) -> set[str]:
    """Linked reports whose owners count in deciding this batch: of what is new, and of what may get another owner."""
    asking = (one.event for one in incoming if one.event.TYPE in _ASKS_FOR_LINKS)
    return {other for event in asking for other in _linked_with(event, state)}


def _linked_with(event: Event, state: PartitionState) -> Sequence[str]:
    """Linked reports by what it says itself, or by what is known of its report."""
    if isinstance(event, (ReportReceived, ReportAmended)):
        return event.facts.linked_reports
    report_state = state.report_states.get(event.key)
    return () if report_state is None else facts_of(report_state).linked_reports


def next_to_move(state: PartitionState, closed: Iterable[str], limit: int) -> list[str]:
    """The reports that wait longest at closed centres, as many as are moved at once."""
    return list(islice((report_id for center in closed for report_id in state.waiting.get(center, ())), limit))


def links_of_moves(state: PartitionState, report_ids: Iterable[str]) -> set[str]:
    """Linked reports of those that are to be moved."""
    return {other for report_id in report_ids for other in facts_of(state.report_states[report_id]).linked_reports}
