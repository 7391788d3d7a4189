"""The state of one partition: a fold of ``routings[p]`` (who owns what) and of who acknowledged in ``cases[p]``.

Where it keeps what it knows of single reports is not its business: in dictionaries, or on disk
(``services.routing.state``). Folding the same record twice changes nothing.
"""

from collections import defaultdict
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime

from services.routing.models import NO_CASES, CaseTotals, ReportState
from services.routing.state.report_states import RoutingEvent, report_state_after
from services.routing.state.waiting import InMemoryWaitingList, WaitingList, Waits
from shared.errors import OutOfSequenceError
from shared.events.cases import CaseAcknowledged

_NOBODY_WAITS = Waits(0, None)


def _in_memory() -> dict[str, WaitingList]:
    return defaultdict(InMemoryWaitingList)


@dataclass(slots=True)
class PartitionState:
    """The fold of ``routings[p]`` up to ``position``, and of acknowledgements in ``cases[p]`` to ``cases_position``."""

    position: int = 0
    """Offset of the first routing record not folded."""
    last: str | None = None
    """Digest of the record before it."""
    cases_position: int = 0
    report_states: MutableMapping[str, ReportState] = field(default_factory=dict)
    """Every report there ever was."""
    case_totals: dict[str, CaseTotals] = field(default_factory=dict)
    """Sums over each centre's open cases."""
    waiting: dict[str, WaitingList] = field(default_factory=_in_memory)
    """Of each centre; ``[]`` makes one that is not there."""
    acknowledged: MutableMapping[str, tuple[int, datetime]] = field(default_factory=dict)
    """The newest acknowledgement of each report: its ownership and when; also of reports not known yet."""
    ignored: int = 0
    """Records that came second: late writers and repeats."""
    changes: int = 0
    """Grows whenever sums or waiting reports may have changed."""

    def accept(self, report_id: str, report_state: ReportState) -> bool:
        """Take the outcome of the record at ``position`` if its version is the next one.

        Lower or equal is ignored. Raises ``OutOfSequenceError`` where a version is missing before it.
        """
        before = self.report_states.get(report_id)
        known = 0 if before is None else before.version
        if report_state.version <= known:
            self.ignored += 1
            return False
        if report_state.version != known + 1:
            raise OutOfSequenceError(report_id, report_state.version, known)
        if before is not None:
            if before.ended is None:
                self._count(before, -1)
            self._wait_no_more(report_id, before)
        if report_state.ended is None:
            self._count(report_state, 1)
            if not self._looked_after(report_id, report_state):
                since, drill = _waits_as(report_state)
                self.waiting[report_state.center_id].add(report_id, since, drill=drill)
        self.report_states[report_id] = report_state
        self.changes += 1
        return True

    def fold(self, event: RoutingEvent) -> bool:
        """Take the record at ``position`` as read from the log; False if it was ignored."""
        return self.accept(event.report_id, report_state_after(event, self.report_states.get(event.report_id)))

    def acknowledge(self, event: CaseAcknowledged) -> None:
        """Remember that somebody at the owner of this ownership looks after the report."""
        said = (event.ownership, event.at)
        self.acknowledged[event.report_id] = max(self.acknowledged.get(event.report_id, said), said)
        report_state = self.report_states.get(event.report_id)
        if report_state is not None and self._looked_after(event.report_id, report_state):
            self._wait_no_more(event.report_id, report_state)

    def waits(self, center_id: str) -> Waits:
        """Return how many people wait at a centre, and since when the one who waits longest does."""
        waiting = self.waiting.get(center_id)
        return _NOBODY_WAITS if waiting is None else waiting.waits()

    def _looked_after(self, report_id: str, report_state: ReportState) -> bool:
        """Return whether the report was acknowledged since it last began to wait.

        An acknowledgement from before a reopening or a reinstatement does not count: notify shows the report as waiting
        again, and at a centre that has closed meanwhile nobody would come. It is told from a later one by its time, for
        the two topics have no order between them; whichever is read first, the answer is the same. Clocks that differ
        by seconds can at most move a report that has just been taken (notify then says so), or leave one where its
        staff took it seconds before.
        """
        said = self.acknowledged.get(report_id)
        if said is None:
            return False
        ownership, at = said
        # One of a later ownership counts once the log holds that ownership.
        return ownership == report_state.ownership and (
            report_state.waits_since is None or at >= report_state.waits_since
        )

    def _wait_no_more(self, report_id: str, report_state: ReportState) -> None:
        waiting = self.waiting.get(report_state.center_id)
        if waiting is None:
            return
        since, drill = _waits_as(report_state)
        if waiting.remove(report_id, since, drill=drill):
            self.changes += 1

    def _count(self, report_state: ReportState, sign: int) -> None:
        if report_state.weight:
            known = self.case_totals.get(report_state.center_id, NO_CASES)
            self.case_totals[report_state.center_id] = known.plus(report_state, sign)


def _waits_as(report_state: ReportState) -> tuple[datetime, bool]:
    """Return since when it waits, and whether it is a drill."""
    return report_state.waits_since or report_state.received_at, not report_state.weight
