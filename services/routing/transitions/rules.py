"""From events to routing records: what one batch of `reports` and `cases` makes of what the log says. Pure.

``decide`` reads a partition's state and changes nothing in it: the caller publishes the drafts and lets the log,
not the intention, change the state. One batch holds at most one draft per report: a second one would rest on the
intention that the first is accepted, and where it came second in the log the wrong one would follow it.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from services.routing.assignment.geography import UNKNOWN_DIVISION, place_fault
from services.routing.assignment.models import Assignment, CenterLoad, CenterLoads
from services.routing.assignment.rules import assign, linked_center, seoul_day, transferred
from services.routing.model import Draft, FirstRouting, Incoming, Refusal, Standing
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent, first_standing, standing_after
from services.routing.transitions import records
from services.routing.transitions.known import unknown
from services.routing.transitions.models import Moment, Outcome
from services.routing.transitions.owners import before_return, facts_elsewhere, facts_of
from services.routing.transitions.transfers import known_target, why_void
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
"""What intake tells after the report itself."""
_KINDS = {
    ReportAmended.TYPE: UpdateKind.AMENDED,
    ReportMessageLeft.TYPE: UpdateKind.MESSAGE_LEFT,
    ReportReinstated.TYPE: UpdateKind.REINSTATED,
}


def decide(
    incoming: Sequence[Incoming], state: PartitionState, board: CenterLoads, moment: Moment, owners: Mapping[str, str]
) -> Outcome:
    """The routing records a batch leads to. ``owners`` gives the centres of linked reports of other partitions."""
    desk = _Desk(state, dict(board), moment, owners)
    for index, one in enumerate(incoming):
        desk.take(index, one)
    return desk.outcome


def moves(
    state: PartitionState,
    board: CenterLoads,
    moment: Moment,
    traceparent: str,
    limit: int,
    owners: Mapping[str, str],
) -> list[Draft]:
    """New owners for what closed centres still own unacknowledged, at most ``limit`` at a time.

    Closing is a level, not an edge: as long as a centre is closed this is asked again, so a crash repeats it.
    ``owners`` gives the centres of linked reports of other partitions: a report follows those it is linked with.
    """
    desk = _Desk(state, dict(board), moment, owners)
    waiting = (
        pair
        for seat in board.values()
        if seat.state is CenterState.CLOSED
        for pair in state.unacknowledged(seat.center_id)
    )
    cause = Cause(kind=CauseKind.CENTER_CLOSED)
    for report_id, standing in islice(waiting, limit):
        desk.elsewhere(report_id, standing, facts_of(standing), cause, traceparent)
    return desk.outcome.drafts


class _Desk:
    """One batch being decided: the state it started from, and what its own drafts add."""

    def __init__(self, state: PartitionState, board: CenterLoads, moment: Moment, owners: Mapping[str, str]) -> None:
        self.state = state
        self.board = board
        self.outcome = Outcome()
        self._moment = moment
        self._owners = owners
        self._ahead: dict[str, Standing] = {}

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
        """Whether the log knows the report; a case about one that is only being decided here is judged by the log."""
        return not isinstance(event, CaseEvent) or unknown(event, self.state) is None

    def _standing(self, report_id: str) -> Standing | None:
        return self._ahead.get(report_id) or self.state.standings.get(report_id)

    def _received(self, index: int, event: ReportReceived, one: Incoming) -> None:
        if self._standing(event.report_id) is not None:
            self.outcome.repeated += 1
            return
        if self._refuse_place(index, event.facts):
            return
        tables, facts = self._moment.tables, event.facts
        choice = assign(facts, self.board, seoul_day(event.received_at), linked=self._linked(facts), tables=tables)
        standing = first_standing(
            choice.center_id,
            choice.home_center_id,
            event.intake_version,
            facts,
            event.received_at,
            right_of_return=choice.right_of_return,
        )
        body = FirstRouting(event, one.event_id, choice, self._moment.now, standing.facts, tables.version)
        self._write(event.report_id, None, standing, body, one.traceparent)

    def _refuse_place(self, index: int, facts: ReportFacts) -> bool:
        fault = place_fault(facts, self._moment.tables)
        if fault is not None:
            self.outcome.refused.append(Refusal(index, UNKNOWN_DIVISION, fault))
        return fault is not None

    def _linked(self, facts: ReportFacts) -> str | None:
        if not facts.linked_reports:
            return None
        standings = {other: self._standing(other) for other in facts.linked_reports}
        known = {other: standing.center_id for other, standing in standings.items() if standing is not None}
        elsewhere = {other: self._owners[other] for other in standings if other in self._owners}
        return linked_center(list((elsewhere | known).values()))

    def _reported(self, index: int, event: Later, one: Incoming) -> None:
        """Something after the report itself: passed on once, however often it is read."""
        standing = self._standing(event.report_id)
        if standing is None:
            # Its partition is read in order, so the report itself must have been refused.
            self.outcome.refused.append(Refusal(index, "unknown_report", f"{event.TYPE} about a report not received"))
        elif event.intake_version <= standing.intake_version:
            self.outcome.repeated += 1
        elif isinstance(event, ReportReinstated) and standing.ended is not EndReason.WITHDRAWN:
            # The withdrawal never got here (it lies in the dead topic): there is nothing to undo, least of all the
            # closing of a case by its centre.
            self.outcome.void["not_withdrawn"] += 1
        elif not (isinstance(event, ReportAmended) and self._refuse_place(index, event.facts)):
            cause = Cause(kind=CauseKind.REPORT, event_id=one.event_id)
            if (facts := facts_elsewhere(event, standing, self.board)) is not None:
                version = event.intake_version
                self.elsewhere(event.report_id, standing, facts, cause, one.traceparent, intake_version=version)
            else:
                self._publish(standing, self._passed_on(event, standing, cause), one.traceparent)

    def elsewhere(
        self,
        report_id: str,
        standing: Standing,
        facts: ReportFacts,
        cause: Cause,
        traceparent: str,
        *,
        intake_version: int | None = None,
    ) -> None:
        """Decide anew which centre has it. ``intake_version`` is what is passed on with that, if anything is."""
        day, tables = seoul_day(standing.received_at), self._moment.tables
        choice = assign(facts, self.board, day, linked=self._linked(facts), tables=tables)
        self._reroute(report_id, standing, choice, facts, cause, traceparent, intake_version=intake_version)

    def _passed_on(self, event: Later, standing: Standing, cause: Cause) -> RoutingEvent:
        """The record that passes it on. Only a reinstatement brings back what was withdrawn, never an amendment.

        A report that was closed before it was withdrawn comes back open: better that a person looks once too often
        than that somebody who came back is seen by nobody.
        """
        report_id, now, version = event.report_id, self._moment.now, event.intake_version
        if isinstance(event, ReportWithdrawn):
            return records.ended(report_id, standing, EndReason.WITHDRAWN, cause, now, intake_version=version)
        facts = event.facts if isinstance(event, ReportAmended) else None
        return records.updated(report_id, standing, _KINDS[event.TYPE], cause, now, intake_version=version, facts=facts)

    def _case(self, index: int, event: CaseEvent, one: Incoming) -> None:
        """What a centre did. The log must know the ownership it names; one that is over makes it void."""
        refused = unknown(event, self.state)
        if refused is not None:
            self.outcome.refused.append(Refusal(index, refused, f"{event.TYPE} of ownership {event.ownership}"))
            return
        standing = self._standing(event.report_id)
        if standing is None or event.ownership < standing.ownership:
            self.outcome.void["superseded"] += 1
        elif one.event_id in standing.case_causes:
            self.outcome.repeated += 1
        else:
            self._act(index, event, standing, one)

    def _act(self, index: int, event: CaseEvent, standing: Standing, one: Incoming) -> None:
        cause = Cause(kind=CauseKind.CASE_EVENT, event_id=one.event_id)
        match event:
            case CaseTransferAccepted() | CaseClosed() if before_return(event, standing):
                # It was void while the report was withdrawn and is only read now: nobody has looked at what came back.
                self.outcome.void["before_return"] += 1
            case CaseTransferAccepted():
                self._transfer(index, event, standing, cause, one)
            case CaseClosed() if standing.ended is None:
                ended = records.ended(event.report_id, standing, EndReason.CLOSED, cause, self._moment.now)
                self._publish(standing, ended, one.traceparent)
            case CaseReopened() if standing.ended is EndReason.CLOSED:
                self._reopen(event, standing, cause, one.traceparent)
            case CaseClosed():
                self.outcome.void["ended"] += 1
            case CaseReopened():
                self.outcome.void["not_closed"] += 1
            case _:
                pass  # acknowledgements are folded by the caller; all else changes no ownership

    def _transfer(
        self, index: int, event: CaseTransferAccepted, standing: Standing, cause: Cause, one: Incoming
    ) -> None:
        if not known_target(event.to_center_id):
            self.outcome.refused.append(Refusal(index, "unknown_center", "transfer to a centre that does not exist"))
            return
        if standing.ended is not None:
            # The end is on the stream already, and whoever waited for the case has read it there.
            self.outcome.void["ended"] += 1
            return
        facts = facts_of(standing)
        why = why_void(event.to_center_id, standing.center_id, facts, self.board)
        if why is None:
            day, may_return = seoul_day(standing.received_at), standing.right_of_return
            tables = self._moment.tables
            choice = transferred(event.to_center_id, facts, self.board, day, may_return=may_return, tables=tables)
            self._reroute(event.report_id, standing, choice, facts, cause, one.traceparent)
        else:
            self.outcome.void[why] += 1
            void, now = UpdateKind.TRANSFER_VOID, self._moment.now
            told = records.updated(event.report_id, standing, void, cause, now, why=why)
            self._publish(standing, told, one.traceparent)

    def _reopen(self, event: CaseReopened, standing: Standing, cause: Cause, traceparent: str) -> None:
        if (facts := facts_elsewhere(event, standing, self.board)) is not None:
            self.elsewhere(event.report_id, standing, facts, cause, traceparent)
        else:
            reopened = records.updated(event.report_id, standing, UpdateKind.REOPENED, cause, self._moment.now)
            self._publish(standing, reopened, traceparent)

    def _reroute(
        self,
        report_id: str,
        standing: Standing,
        choice: Assignment,
        facts: ReportFacts,
        cause: Cause,
        traceparent: str,
        *,
        intake_version: int | None = None,
    ) -> None:
        now, tables = self._moment.now, self._moment.tables
        event = records.rerouted(
            report_id, standing, choice, facts, cause, now, intake_version=intake_version, tables=tables
        )
        self._publish(standing, event, traceparent)

    def _publish(self, before: Standing, event: RoutingEvent, traceparent: str) -> None:
        self._write(event.report_id, before, standing_after(event, before), event, traceparent)

    def _write(
        self,
        report_id: str,
        before: Standing | None,
        after: Standing,
        body: FirstRouting | RoutingEvent,
        traceparent: str,
    ) -> None:
        self._ahead[report_id] = after
        if before is not None and before.ended is None:
            self._load(before, -1)
        if after.ended is None:
            self._load(after, 1)
        self.outcome.drafts.append(Draft(report_id, after, body, self._moment.now, traceparent))

    def _load(self, standing: Standing, sign: int) -> None:
        """Add a case to its owner's seat, or take it away."""
        if (seat := self.board.get(standing.center_id)) is not None and standing.weight:
            self.board[seat.center_id] = _counted(seat, standing, sign)


def _counted(load: CenterLoad, standing: Standing, sign: int) -> CenterLoad:
    """The load with a case more (or, with sign -1, less); other partitions' sums may lag, so nothing goes below 0."""
    center_id, state, staff, carried, capacity, guests, severe, severe_cap = load
    weight = sign * standing.weight
    if center_id != standing.home:
        guests = max(0, guests + weight)
    if standing.severe:
        severe = max(0, severe + sign)
    return CenterLoad(center_id, state, staff, max(0, carried + weight), capacity, guests, severe, severe_cap)
