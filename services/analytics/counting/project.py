"""The pure fold: events into facts, facts into cells. No I/O, no clock.

Rules
- Of each topic the first record of a version counts: a version at or below the highest read is ignored. Not so an
  acceptance that is read for the first time: sent back from the dead letters, it comes after what followed it.
- Routing versions have no gaps; a gap means that records were lost, and nothing read after it can be trusted.
- An acknowledgement, alert or closing counts for the ownership it names. Once a later ownership is known it is void,
  whichever of the two was read first. That somebody looked, reached the reporter or gave support stays true.
- A withdrawn report stays counted, as withdrawn: nothing that is counted names anybody, and what does is destroyed in
  intake. A reinstated or reopened one is no longer counted as ended.
- Cells change by the difference between what a report added before and what it adds now. So any order of reading that
  keeps each topic's own order, with any number of repeats, ends in the same cells.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from sys import intern
from typing import Final

from services.analytics.counting.aggregate import daily, monthly, staff_cell
from services.analytics.counting.models import CenterFact, Closure, Fact, Traits
from shared.clock import SEOUL, whole_milliseconds
from shared.errors import FatalError, OutOfSequenceError
from shared.events.alerts import AlertEscalated, AlertEvent, AlertFailed, AlertSent
from shared.events.base import ReportEvent
from shared.events.cases import (
    CaseAcknowledged,
    CaseClosed,
    CaseContacted,
    CaseEvent,
    CaseReopened,
    CaseSupported,
)
from shared.events.centers import CenterChanged
from shared.events.reports import (
    ReportAmended,
    ReportFacts,
    ReportMessageLeft,
    ReportReceived,
    ReportReinstated,
    ReportWithdrawn,
)
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import UpdateKind

IntakeEvent = ReportReceived | ReportAmended | ReportMessageLeft | ReportWithdrawn | ReportReinstated
RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded
BROUGHT_BACK: Final = frozenset({UpdateKind.REOPENED, UpdateKind.REINSTATED})
"""Updates after which an ended report has not ended."""
OF_CENTERS: Final = -1
"""In place of a source partition: cells made of `centers`, whose one partition goes with none of the reports."""

CellKey = tuple[int, str, str]
"""Source partition, day or month in Seoul (`YYYY-MM-DD` or `YYYY-MM`), name of the cell."""
Cells = Counter[CellKey]


def advance(fact: Fact, event: ReportEvent) -> bool:
    """Change the fact by one more event about the report; whether the event was new.

    Raises ``OutOfSequenceError`` on a gap in the routing versions.
    """
    if isinstance(event, IntakeEvent):
        return _from_intake(fact, event)
    if isinstance(event, RoutingEvent):
        return _from_routing(fact, event)
    if isinstance(event, CaseEvent):
        return _from_case(fact, event)
    if isinstance(event, AlertEvent):
        return _from_alert(fact, event)
    raise FatalError(f"analytics cannot fold {type(event).__name__}")


def _from_intake(fact: Fact, event: IntakeEvent) -> bool:
    accepted = isinstance(event, ReportReceived) and not fact.accepted
    newer = event.intake_version > fact.intake_version
    if not (accepted or newer):
        return False
    fact.intake_version = max(fact.intake_version, event.intake_version)
    if isinstance(event, ReportReceived | ReportAmended) and (newer or fact.traits is None):
        fact.traits = _traits(event.facts)
        fact.synthetic = event.facts.synthetic
    if isinstance(event, ReportReceived):
        fact.accepted = True
        fact.received_at = whole_milliseconds(event.received_at)
    return True


def _traits(facts: ReportFacts) -> Traits:
    return Traits(
        facts.role.word,
        facts.channel.word,
        intern(facts.division),
        facts.age_band.word,
        facts.gender.word,
        facts.relationship.word,
        facts.platform_kind.word,
        facts.urgency.word,
        tuple(sorted({harm.word for harm in facts.harm_types})),
    )


def _from_routing(fact: Fact, event: RoutingEvent) -> bool:
    if event.version <= fact.routing_version:
        return False
    if event.version != fact.routing_version + 1:
        raise OutOfSequenceError(event.report_id, event.version, fact.routing_version)
    fact.routing_version = event.version
    if event.ownership > fact.ownership:
        fact.ownership, fact.back = event.ownership, None
        fact.acknowledged = _still_valid(fact.acknowledged, event.ownership)
        fact.acknowledged_anew = _still_valid(fact.acknowledged_anew, event.ownership)
        fact.alerted = _still_valid(fact.alerted, event.ownership)
    if isinstance(event, ReportEnded):
        fact.ended = event.reason.value
    elif isinstance(event, ReportUpdated):
        if event.kind in BROUGHT_BACK:
            fact.ended, fact.back = None, whole_milliseconds(event.decided_at)
    else:
        _owned(fact, event)
    return True


def _owned(fact: Fact, event: ReportRouted | ReportRerouted) -> None:
    decision = event.decision
    fact.owner, fact.ended = intern(decision.center_id), None
    fact.home = intern(decision.home_center_id) if decision.home_center_id is not None else None
    fact.since = whole_milliseconds(event.decided_at)
    fact.reasons = (*fact.reasons, decision.reason.word)
    if not fact.accepted:
        fact.received_at, fact.synthetic = whole_milliseconds(event.received_at), event.facts.synthetic


def _still_valid(by_ownership: Mapping[int, datetime], ownership: int) -> dict[int, datetime]:
    return {number: moment for number, moment in by_ownership.items() if number >= ownership}


def _from_case(fact: Fact, event: CaseEvent) -> bool:
    if event.case_version <= fact.case_version:
        return False
    fact.case_version = event.case_version
    match event:
        case CaseAcknowledged():
            moment = whole_milliseconds(event.at)
            fact.seen = fact.seen or moment
            if event.ownership >= fact.ownership:
                known = fact.acknowledged if event.ownership not in fact.acknowledged else fact.acknowledged_anew
                known[event.ownership] = moment
        case CaseContacted():
            fact.contacted = fact.contacted or whole_milliseconds(event.at)
        case CaseSupported():
            fact.support = tuple(sorted({*fact.support, event.support.word}))
        case CaseClosed() if fact.closure is None or event.ownership >= fact.closure.ownership:
            fact.closure = Closure(event.ownership, whole_milliseconds(event.at), event.outcome.word)
        case CaseReopened() if fact.closure is not None and event.ownership >= fact.closure.ownership:
            fact.closure = None
    return True


def _from_alert(fact: Fact, event: AlertEvent) -> bool:
    if event.alert_version <= fact.alert_version:
        return False
    fact.alert_version = event.alert_version
    match event:
        case AlertEscalated():
            fact.escalations += 1
        case AlertFailed():
            fact.failed += 1
        case AlertSent():
            fact.sent += 1
            if event.ownership >= fact.ownership:
                fact.alerted.setdefault(event.ownership, whole_milliseconds(event.at))
    return True


@dataclass(slots=True)
class Changes:
    """Changes by one batch: the facts as they are now, and by how much each cell moves."""

    facts: dict[str, Fact] = field(default_factory=dict)
    cells: Cells = field(default_factory=Counter)
    """Cells of days."""
    months: Cells = field(default_factory=Counter)
    """Cells of months."""
    folded: int = 0
    """Events that changed a fact."""


def fold(
    known: Mapping[str, Fact], events: Iterable[tuple[int, ReportEvent]], given_up: Collection[str] = frozenset()
) -> Changes:
    """Fold a batch of (partition, event), in log order, onto the known facts, which stay as they are.

    Cells move once per report, from what it added before the batch to what it adds after it. Of reports that were
    ``given_up`` what follows a gap is left out: they stay counted as they were. Raises ``OutOfSequenceError``.
    """
    now: dict[str, Fact] = {}
    changes = Changes()
    for partition, event in events:
        report_id = event.report_id
        if report_id in given_up and isinstance(event, RoutingEvent) and _after_a_gap(now, known, event):
            continue
        fact = now.get(report_id)
        if fact is None:
            old = known.get(report_id)
            fact = old.copy() if old is not None else Fact(report_id, partition)
            if not advance(fact, event):
                continue
            now[report_id] = fact
            changes.folded += 1
        elif advance(fact, event):
            changes.folded += 1
    for report_id, fact in now.items():
        _move(changes, known.get(report_id), fact)
    changes.facts = now
    return changes


def _after_a_gap(now: Mapping[str, Fact], known: Mapping[str, Fact], event: RoutingEvent) -> bool:
    fact = now.get(event.report_id) or known.get(event.report_id)
    return event.version > (fact.routing_version if fact is not None else 0) + 1


def _move(changes: Changes, old: Fact | None, fact: Fact) -> None:
    for cells, counted in ((changes.cells, daily), (changes.months, monthly)):
        was = counted(old) if old is not None else {}
        becomes = counted(fact)
        for (span, cell), n in becomes.items():
            if by := n - was.get((span, cell), 0):
                cells[fact.partition, span, cell] += by
        for (span, cell), n in was.items():
            if (span, cell) not in becomes:
                cells[fact.partition, span, cell] -= n


def newer_center(known: CenterFact | None, event: CenterChanged) -> CenterFact | None:
    """The centre after the event, or None where the event is not newer than what is known."""
    if known is not None and event.center_version <= known.version:
        return None
    since = whole_milliseconds(event.changed_at)
    if known is not None and known.since is not None:
        since = max(since, known.since)
    return CenterFact(event.center_id, event.center_version, event.state.value, event.staff_on_duty, since)


def time_on_duty(before: CenterFact | None, after: datetime | None) -> dict[tuple[str, str], int]:
    """(Month in Seoul, cell) → person-milliseconds between a centre's last event and the next one's time.

    What lasts still is not counted yet: ``after`` may also be the end of what is asked for.
    """
    if before is None or before.since is None or after is None:
        return {}
    found: dict[tuple[str, str], int] = {}
    start = before.since.astimezone(SEOUL)
    while start < after:
        month = start.strftime("%Y-%m")
        turn = (start.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
        end = min(turn, after.astimezone(SEOUL))
        found[month, staff_cell(before.center_id)] = before.staff_on_duty * ((end - start) // timedelta(milliseconds=1))
        start = end
    return found


def fold_centers(known: Mapping[str, CenterFact], events: Iterable[CenterChanged]) -> tuple[list[CenterFact], Cells]:
    """The centres that changed, as they are now, and the time on duty that came to its end."""
    now: dict[str, CenterFact] = {}
    cells: Cells = Counter()
    for event in events:
        before = now.get(event.center_id) or known.get(event.center_id)
        after = newer_center(before, event)
        if after is not None:
            for (month, cell), n in time_on_duty(before, after.since).items():
                cells[OF_CENTERS, month, cell] += n
            now[event.center_id] = after
    return list(now.values()), cells
