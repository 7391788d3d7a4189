"""Routing in small, for interleavings: the log decides, stale case events are void, closed centres lose what waits.

What was decided before a report came back is void too: it was about a report that ended otherwise.
"""

from datetime import datetime
from typing import Any

from services.notify.cases.projection import RoutingEvent
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseEvent, CaseReopened, CaseTransferAccepted
from shared.events.envelope import event_id
from tests.unit.notify.samples import event

CENTRES = ("gwangju", "busan", "jeju")


class SmallRouter:
    """One report's stream of routing records. ``records`` is the log; ``take`` reads what notify told."""

    def __init__(self) -> None:
        self.center = "gwangju"
        self.ownership = 1
        self.ended: str | None = None
        self.acknowledged = 0
        self.closed: set[str] = set()
        self.back_at: datetime | None = None
        self.records: list[RoutingEvent] = [event("report.routed", 1, version=1, ownership=1, center=self.center)]
        self._acted_on: set[str] = set()

    def take(self, told: CaseEvent) -> None:
        """A case event arrives: acted on once, and only under the ownership that holds."""
        cause = event_id("notify", told.TYPE, told.report_id, told.case_version)
        if told.ownership != self.ownership or cause in self._acted_on:
            return
        match told:
            case CaseAcknowledged():
                self.acknowledged = self.ownership
            case CaseTransferAccepted(to_center_id=to) if self.ended is None and self._since_it_came_back(told):
                self._acted_on.add(cause)
                if to in self.closed:
                    self._updated("transfer_void", case_event=cause, void_reason="center_closed")
                else:
                    self._move(to, {"kind": "case_event", "event_id": cause})
            case CaseClosed() if self.ended is None and self._since_it_came_back(told):
                self._acted_on.add(cause)
                self._end("closed")
            case CaseReopened() if self.ended == "closed":
                self._acted_on.add(cause)
                self.ended, self.acknowledged = None, 0
                if (elsewhere := self._elsewhere()) is not None:
                    self._move(elsewhere, {"kind": "case_event", "event_id": cause})
                else:
                    self._updated("reopened", case_event=cause)
            case _:
                pass

    def _since_it_came_back(self, told: CaseEvent) -> bool:
        return self.back_at is None or told.at >= self.back_at

    def close(self, center: str) -> None:
        """A centre closes; what waits there goes to the first open one."""
        self.closed.add(center)
        self.sweep()

    def open(self, center: str) -> None:
        self.closed.discard(center)

    def sweep(self) -> None:
        """Closing is a level: what a closed centre still owns unacknowledged is moved."""
        if self.center in self.closed and self.ended is None and self.acknowledged != self.ownership:
            onward = [one for one in CENTRES if one not in self.closed]
            if onward:
                self._move(onward[0], {"kind": "center_closed"})

    def withdraw(self) -> None:
        if self.ended != "withdrawn":
            self._end("withdrawn")

    def reinstate(self, now: datetime) -> None:
        if self.ended == "withdrawn":
            self.ended, self.acknowledged, self.back_at = None, 0, now
            if (to := self._elsewhere()) is not None:
                self._move(to, {"kind": "report", "event_id": event_id("intake", "report.reinstated.v1", "r", 3)})
            else:
                self._updated("reinstated")

    def _elsewhere(self) -> str | None:
        """Where what comes back goes if its centre is closed by now and another is not."""
        return next((one for one in CENTRES if self.center in self.closed and one not in self.closed), None)

    def add(self, kind: str) -> None:
        """The reporter adds something."""
        self._updated(kind)

    def _updated(self, kind: str, case_event: str | None = None, **more: Any) -> None:
        if case_event is not None:
            more["whole_cause"] = {"kind": "case_event", "event_id": case_event}
        self._write("report.updated", kind=kind, center=self.center, **more)

    def _end(self, reason: str) -> None:
        self.ended = reason
        self._write("report.ended", reason=reason, center=self.center)

    def _move(self, to: str, cause: dict[str, str]) -> None:
        before, self.center = self.center, to
        self.ownership += 1
        self._write("report.rerouted", center=to, previous_center_id=before, whole_cause=cause)

    def _write(self, type_: str, **changes: Any) -> None:
        version = len(self.records) + 1
        self.records.append(event(type_, 1, version=version, ownership=self.ownership, **changes))
