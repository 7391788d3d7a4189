"""What one worker knows of one partition: a pure fold of a prefix of the log, never of intentions.

Two logs are folded: ``routings[p]`` (who owns what), and of ``cases[p]`` only who has acknowledged. Folding the same
record twice changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from services.routing.model import NO_CASES, Standing, Tally
from services.routing.policy.rules import is_severe, weight_of
from services.routing.rendering import facts_json
from shared.errors import FatalError
from shared.events.cases import CaseAcknowledged
from shared.events.reports import ReportFacts
from shared.events.routings import Cause, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import CauseKind, UpdateKind

BROUGHT_BACK = frozenset({UpdateKind.REOPENED, UpdateKind.REINSTATED})
"""Updates after which a report that had ended is open again."""
RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded


@dataclass(slots=True)
class PartitionState:
    """The fold of ``routings[p]`` up to ``position``, and of ``cases[p]`` up to ``cases_position``."""

    position: int = 0
    """Offset of the first routing record not folded."""
    cases_position: int = 0
    standings: dict[str, Standing] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    """What each centre's open cases add up to."""
    waiting: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """Of each centre, drills too: open reports that nobody there has acknowledged, and since when they wait."""
    waiting_drills: set[str] = field(default_factory=set)
    acknowledged: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """The newest acknowledgement of each report: its ownership and when."""
    ignored: int = 0
    """Records that came second: late writers and repeats."""
    changes: int = 0
    """Grows whenever sums or waiting reports may have changed."""

    def accept(self, report_id: str, standing: Standing) -> bool:
        """Take a record's outcome if its version is the next one. Lower or equal is ignored, a hole is fatal."""
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
        if standing.ended is None:
            self._count(standing, 1)
            if not self._looked_after(report_id, standing):
                self._wait(report_id, standing)
        self.standings[report_id] = standing
        self.changes += 1
        return True

    def fold(self, event: RoutingEvent) -> bool:
        """Take a record read from the log; False if it was ignored."""
        return self.accept(event.report_id, standing_after(event, self.standings.get(event.report_id)))

    def acknowledge(self, event: CaseAcknowledged) -> None:
        """Remember that somebody at the owner of this ownership looks after the report."""
        said = (event.ownership, event.at)
        self.acknowledged[event.report_id] = max(self.acknowledged.get(event.report_id, said), said)
        standing = self.standings.get(event.report_id)
        if standing is not None and self._looked_after(event.report_id, standing):
            self._wait_no_more(event.report_id, standing.center_id)
            self.changes += 1

    def unacknowledged(self, center_id: str) -> Iterator[tuple[str, Standing]]:
        """Open reports of a centre that nobody there has acknowledged, in the order they came to it."""
        for report_id in self.waiting.get(center_id, ()):
            yield report_id, self.standings[report_id]

    def waits(self, center_id: str) -> tuple[int, datetime | None]:
        """How many reports wait at a centre, drills not counted, and since when the one waiting longest does."""
        index = self.waiting.get(center_id, {})
        drills = self.waiting_drills & index.keys() if self.waiting_drills else frozenset()
        since = min((at for report_id, at in index.items() if report_id not in drills), default=None)
        return len(index) - len(drills), since

    def _looked_after(self, report_id: str, standing: Standing) -> bool:
        """Whether somebody acknowledged the report since it last began to wait.

        An acknowledgement from before a reopening or a reinstatement does not count: notify shows the report as waiting
        again, and at a centre that has closed meanwhile nobody would come. It is told from a later one by its time, for
        the two topics have no order between them; whichever is read first, the answer is the same. Clocks that differ
        by seconds can at most move a report that has just been taken (notify then says so), or leave one where its
        staff took it seconds before.
        """
        ownership, at = self.acknowledged.get(report_id, (0, standing.received_at))
        if ownership != standing.ownership:
            return ownership > standing.ownership
        return standing.waits_since is None or at >= standing.waits_since

    def _wait(self, report_id: str, standing: Standing) -> None:
        since = standing.waits_since or standing.received_at
        self.waiting.setdefault(standing.center_id, {})[report_id] = since
        if not standing.weight:
            self.waiting_drills.add(report_id)

    def _wait_no_more(self, report_id: str, center_id: str) -> None:
        self.waiting.get(center_id, {}).pop(report_id, None)
        self.waiting_drills.discard(report_id)

    def _count(self, standing: Standing, sign: int) -> None:
        if standing.weight:
            known = self.tallies.get(standing.center_id, NO_CASES)
            guest = standing.center_id != standing.home
            self.tallies[standing.center_id] = Tally(
                known.open_cases + sign,
                known.weighted + sign * standing.weight,
                known.guests + sign * standing.weight * guest,
                known.severe + sign * standing.severe,
            )


def standing_after(event: RoutingEvent, before: Standing | None) -> Standing:
    """Where a routing record leaves its report. Only a first record can do without knowing what was before."""
    if isinstance(event, ReportRouted):
        decision = event.decision
        return first_standing(
            decision.center_id,
            decision.home_center_id,
            event.intake_version,
            event.facts,
            event.received_at,
            right_of_return=decision.right_of_return,
        )
    if before is None:
        raise FatalError(f"report {event.report_id}: version {event.version} is the first one in the log")
    causes = _causes(before, event.cause)
    common = before._replace(version=event.version, intake_version=event.intake_version, case_causes=causes)
    match event:
        case ReportRerouted():
            return _with_facts(common, event.facts)._replace(
                ownership=event.ownership,
                center_id=event.decision.center_id,
                home=event.decision.home_center_id,
                waits_since=None,
                right_of_return=event.decision.right_of_return,
            )
        case ReportUpdated():
            updated = _with_facts(common, event.facts)
            return updated._replace(ended=None, waits_since=event.decided_at) if event.kind in BROUGHT_BACK else updated
        case ReportEnded():
            return common._replace(ended=event.reason)


def first_standing(
    center_id: str,
    home: str | None,
    intake_version: int,
    facts: ReportFacts,
    received_at: datetime,
    *,
    right_of_return: bool,
) -> Standing:
    """The standing of a report that has just got its first owner."""
    return Standing(
        1,
        1,
        center_id,
        intake_version,
        weight_of(facts),
        None,
        received_at,
        facts_json(facts),
        home,
        is_severe(facts),
        right_of_return=right_of_return,
    )


def _with_facts(standing: Standing, facts: ReportFacts) -> Standing:
    return standing._replace(weight=weight_of(facts), severe=is_severe(facts), facts=facts_json(facts))


def _causes(before: Standing, cause: Cause) -> tuple[str, ...]:
    if cause.kind is not CauseKind.CASE_EVENT or cause.event_id is None:
        return before.case_causes
    return (*before.case_causes, cause.event_id)
