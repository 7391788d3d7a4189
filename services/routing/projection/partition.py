"""The state of one partition: a fold of ``routings[p]`` (who owns what) and of who acknowledged in ``cases[p]``.

Sums and waiting reports are of the whole prefix. Of single reports only the newest are remembered: what the store has
a copy of may be let go (``forget``) and is put back when an event speaks of it (``recall``). Folding the same record
twice changes nothing.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from services.routing.model import NO_CASES, Standing, Tally
from services.routing.projection.standings import RoutingEvent, standing_after
from services.routing.projection.waiting import WaitingList, Waits
from shared.errors import FatalError
from shared.events.cases import CaseAcknowledged

_NOBODY_WAITS = Waits(0, None)
_STALE_MARKS = 1_000
"""So many marks more than twice the reports remembered, and the stale ones are cleared away."""


@dataclass(slots=True)
class PartitionState:
    """The fold of ``routings[p]`` up to ``position``, and of acknowledgements in ``cases[p]`` to ``cases_position``."""

    position: int = 0
    """Offset of the first routing record not folded."""
    last_id: str | None = None
    """CloudEvents id of the record before it."""
    cases_position: int = 0
    standings: dict[str, Standing] = field(default_factory=dict)
    """The reports remembered; all of them until something is forgotten."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    """What each centre's open cases add up to."""
    waiting: dict[str, WaitingList] = field(default_factory=dict)
    """Of each centre; also of reports that are not remembered."""
    acknowledged: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """The newest acknowledgement of each remembered report: its ownership and when; and of reports not known yet."""
    newest_received: datetime | None = None
    """The newest time of receipt in the prefix."""
    forgotten_until: datetime | None = None
    """No forgotten report was received after this; none: nothing is forgotten."""
    forgotten_below: int = 0
    """Every record of a forgotten report lies below this offset, and the store had all of them."""
    ignored: int = 0
    """Records that came second: late writers and repeats."""
    changes: int = 0
    """Grows whenever sums or waiting reports may have changed."""
    marks: deque[tuple[int, str, int]] = field(default_factory=deque)
    """Offset, report and version of what was taken, oldest first: in this order reports are forgotten."""

    def accept(self, report_id: str, standing: Standing) -> bool:
        """Take the outcome of the record at ``position`` if its version is the next one.

        Lower or equal is ignored, a hole is fatal.
        """
        before = self.standings.get(report_id)
        known = 0 if before is None else before.version
        if standing.version <= known:
            self.ignored += 1
            return False
        if standing.version != known + 1:
            raise FatalError(f"report {report_id}: version {standing.version} follows {known} in the log")
        if before is not None:
            if before.ended is None:
                self._count(before, -1)
            self._wait_no_more(report_id, before.center_id)
        elif self.newest_received is None or standing.received_at > self.newest_received:
            self.newest_received = standing.received_at
        if standing.ended is None:
            self._count(standing, 1)
            if not self._looked_after(report_id, standing):
                self._wait(report_id, standing)
        self.standings[report_id] = standing
        self.marks.append((self.position, report_id, standing.version))
        self.changes += 1
        return True

    def fold(self, event: RoutingEvent) -> bool:
        """Take the record at ``position`` as read from the log; False if it was ignored."""
        return self.accept(event.report_id, standing_after(event, self.standings.get(event.report_id)))

    def acknowledge(self, event: CaseAcknowledged) -> None:
        """Remember that somebody at the owner of this ownership looks after the report."""
        said = (event.ownership, event.at)
        self.acknowledged[event.report_id] = max(self.acknowledged.get(event.report_id, said), said)
        standing = self.standings.get(event.report_id)
        if standing is not None and self._looked_after(event.report_id, standing):
            self._wait_no_more(event.report_id, standing.center_id)

    def unacknowledged(self, center_id: str) -> Iterator[tuple[str, Standing]]:
        """Remembered open reports of a centre that nobody there has acknowledged, in the order they came to it."""
        for report_id in self.waiting.get(center_id, ()):
            if (standing := self.standings.get(report_id)) is not None:
                yield report_id, standing

    def waits(self, center_id: str) -> Waits:
        """How many people wait at a centre, and since when the one who waits longest does."""
        waiting = self.waiting.get(center_id)
        return _NOBODY_WAITS if waiting is None else waiting.waits()

    def is_waiting(self, report_id: str) -> bool:
        """Whether it waits at any centre, remembered or not."""
        return any(report_id in waiting for waiting in self.waiting.values())

    # --- forgetting and recalling

    def may_have_forgotten(self, received_at: datetime) -> bool:
        """Whether a report received then may be known though it is not remembered. A newer one certainly is not."""
        return self.forgotten_until is not None and received_at <= self.forgotten_until

    def forget(self, upto: int, keep: int) -> int:
        """Let go of all but the ``keep`` newest reports, as far as the store has every record below ``upto``.

        Returns how many. Sums and waiting lists stay as they are.
        """
        gone = 0
        while self.marks and (len(self.standings) > keep or self._stale(self.marks[0])):
            offset, report_id, version = self.marks[0]
            if offset >= upto:
                break
            self.marks.popleft()
            standing = self.standings.get(report_id)
            if standing is None or standing.version != version:
                continue
            del self.standings[report_id]
            self.acknowledged.pop(report_id, None)
            self.forgotten_until = max(self.forgotten_until or standing.received_at, standing.received_at)
            self.forgotten_below = max(self.forgotten_below, upto)
            gone += 1
        if len(self.marks) > 2 * len(self.standings) + _STALE_MARKS:
            self.marks = deque(mark for mark in self.marks if not self._stale(mark))
        return gone

    def recall(self, report_id: str, standing: Standing) -> None:
        """Put a forgotten report back as the log up to ``position`` left it; it is in sums and lists already."""
        self.standings[report_id] = standing
        self.marks.append((0, report_id, standing.version))
        if standing.ended is None and report_id not in self.waiting.get(standing.center_id, ()):
            # It was let go as answered, and no less is known of it now.
            answered = (standing.ownership, standing.waits_since or standing.received_at)
            self.acknowledged[report_id] = max(self.acknowledged.get(report_id, answered), answered)

    def _stale(self, mark: tuple[int, str, int]) -> bool:
        standing = self.standings.get(mark[1])
        return standing is None or standing.version != mark[2]

    # --- waiting and counting

    def _looked_after(self, report_id: str, standing: Standing) -> bool:
        """Whether somebody acknowledged the report since it last began to wait.

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
        return ownership == standing.ownership and (standing.waits_since is None or at >= standing.waits_since)

    def _wait(self, report_id: str, standing: Standing) -> None:
        waiting = self.waiting.get(standing.center_id)
        if waiting is None:
            waiting = self.waiting[standing.center_id] = WaitingList()
        waiting.add(report_id, standing.waits_since or standing.received_at, drill=not standing.weight)

    def _wait_no_more(self, report_id: str, center_id: str) -> None:
        waiting = self.waiting.get(center_id)
        if waiting is not None and waiting.remove(report_id):
            self.changes += 1

    def _count(self, standing: Standing, sign: int) -> None:
        if standing.weight:
            known = self.tallies.get(standing.center_id, NO_CASES)
            self.tallies[standing.center_id] = known.plus(standing, sign)
