"""The pure fold: events into facts, facts into cells. No I/O, no clock.

Rules
- Of each topic the first record of a version counts: a version at or below the highest read is ignored.
- Routing versions have no holes; a hole means that records were lost, and nothing read after it can be trusted.
- An acknowledgement or alert counts for the ownership it names. Once a later ownership is known it is void, whichever
  of the two was read first.
- A withdrawn report stays counted, as withdrawn: nothing that is counted names anybody, and what does is destroyed in
  intake. A reinstated or reopened one is no longer counted as ended.
- Cells change by the difference between what a report added before and what it adds now. So any order of reading that
  keeps each topic's own order, with any number of repeats, ends in the same cells.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.analytics.model import (
    ALL,
    NOT_ROUTED,
    CenterFact,
    Fact,
    ack_bucket,
    ack_cell,
    end_cell,
    report_cell,
    stage_cell,
)
from shared.clock import seoul_day
from shared.errors import FatalError
from shared.events.alerts import AlertEscalated, AlertEvent, AlertSent
from shared.events.base import ReportEvent
from shared.events.cases import CaseAcknowledged, CaseEvent
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
BROUGHT_BACK = frozenset({UpdateKind.REOPENED, UpdateKind.REINSTATED})
"""Updates after which an ended report has not ended."""

CellKey = tuple[int, str, str]
"""Source partition, day in Seoul (`YYYY-MM-DD`), name of the cell."""


def apply(fact: Fact, event: ReportEvent) -> Fact:
    """The fact after one more event about the report; the same object where the event changes nothing.

    Raises ``FatalError`` on a hole in the routing versions.
    """
    match event:
        case ReportReceived() | ReportAmended() | ReportMessageLeft() | ReportWithdrawn() | ReportReinstated():
            return _from_intake(fact, event)
        case ReportRouted() | ReportRerouted() | ReportUpdated() | ReportEnded():
            return _from_routing(fact, event)
        case CaseEvent():
            return _from_case(fact, event)
        case AlertEvent():
            return _from_alert(fact, event)
    raise FatalError(f"analytics cannot fold {type(event).__name__}")


def _from_intake(fact: Fact, event: IntakeEvent) -> Fact:
    if event.intake_version <= fact.intake_version:
        return fact
    fact = replace(fact, intake_version=event.intake_version)
    if isinstance(event, ReportReceived):
        return replace(_with_facts(fact, event.facts), accepted=True, received_at=event.received_at)
    return _with_facts(fact, event.facts) if isinstance(event, ReportAmended) else fact


def _with_facts(fact: Fact, facts: ReportFacts) -> Fact:
    return replace(fact, harm_types=tuple(sorted(set(facts.harm_types))), synthetic=facts.synthetic)


def _from_routing(fact: Fact, event: ReportRouted | ReportRerouted | ReportUpdated | ReportEnded) -> Fact:
    if event.version <= fact.routing_version:
        return fact
    if event.version != fact.routing_version + 1:
        raise FatalError(
            f"routings has a hole: report {event.report_id} version {event.version} after {fact.routing_version}"
        )
    fact = replace(
        fact,
        routing_version=event.version,
        ownership=event.ownership,
        acknowledged=_still_valid(fact.acknowledged, event.ownership),
        alerted=_still_valid(fact.alerted, event.ownership),
    )
    if isinstance(event, ReportEnded):
        return replace(fact, ended=event.reason.value)
    if isinstance(event, ReportUpdated):
        return replace(fact, ended=None) if event.kind in BROUGHT_BACK else fact
    fact = replace(fact, owner=event.decision.center_id, ended=None)
    if not fact.accepted:
        fact = replace(fact, received_at=event.received_at, synthetic=event.facts.synthetic)
    return fact


def _still_valid(by_ownership: Mapping[int, datetime], ownership: int) -> dict[int, datetime]:
    return {number: moment for number, moment in by_ownership.items() if number >= ownership}


def _from_case(fact: Fact, event: CaseEvent) -> Fact:
    if event.case_version <= fact.case_version:
        return fact
    fact = replace(fact, case_version=event.case_version)
    if isinstance(event, CaseAcknowledged) and event.ownership >= fact.ownership:
        return replace(fact, acknowledged=_first(fact.acknowledged, event.ownership, event.at))
    return fact


def _from_alert(fact: Fact, event: AlertEvent) -> Fact:
    if event.alert_version <= fact.alert_version:
        return fact
    fact = replace(fact, alert_version=event.alert_version)
    if isinstance(event, AlertEscalated):
        return replace(fact, escalations=fact.escalations + 1)
    if isinstance(event, AlertSent) and event.ownership >= fact.ownership:
        return replace(fact, alerted=_first(fact.alerted, event.ownership, event.at))
    return fact


def _first(by_ownership: Mapping[int, datetime], ownership: int, moment: datetime) -> dict[int, datetime]:
    return {ownership: moment, **by_ownership}


def contributions(fact: Fact) -> frozenset[tuple[str, str]]:
    """The (day, cell) pairs the report is counted in, once each; a function of the fact and of nothing else."""
    if fact.received_at is None or fact.synthetic:
        return frozenset()
    cells: list[str] = []
    if fact.accepted:
        owner = fact.owner or NOT_ROUTED
        cells.append(stage_cell("accepted"))
        cells.extend(report_cell(owner, harm) for harm in (ALL, *fact.harm_types))
        if fact.owner is not None:
            cells.append(stage_cell("counted"))
            if fact.ended is not None:
                cells.append(end_cell(fact.ended))
    if fact.owner is not None:
        cells.append(stage_cell("routed"))
        if fact.ownership in fact.alerted:
            cells.append(stage_cell("alerted"))
        if (moment := fact.acknowledged.get(fact.ownership)) is not None:
            cells.append(stage_cell("acknowledged"))
            cells.append(ack_cell(ack_bucket((moment - fact.received_at).total_seconds())))
    day = seoul_day(fact.received_at)
    return frozenset((day, cell) for cell in cells)


@dataclass(slots=True)
class Changes:
    """What one batch changes: the facts as they are now, and by how much each cell moves."""

    facts: dict[str, Fact] = field(default_factory=dict)
    cells: Counter[CellKey] = field(default_factory=Counter)
    folded: int = 0
    """Events that changed a fact."""


def fold(known: Mapping[str, Fact], events: Iterable[tuple[int, ReportEvent]]) -> Changes:
    """Fold a batch of (partition, event), in log order, onto the known facts.

    Cells move once per report, from what it added before the batch to what it adds after it.
    """
    now: dict[str, Fact] = {}
    changes = Changes()
    for partition, event in events:
        before = now.get(event.report_id) or known.get(event.report_id) or Fact(event.report_id, partition)
        after = apply(before, event)
        if after is not before:
            now[event.report_id] = after
            changes.folded += 1
    for report_id, fact in now.items():
        old = known.get(report_id)
        was = contributions(old) if old is not None else frozenset()
        becomes = contributions(fact)
        for sign, keys in ((1, becomes - was), (-1, was - becomes)):
            for day, cell in keys:
                changes.cells[fact.partition, day, cell] += sign
    changes.facts = now
    return changes


def newer_center(known: CenterFact | None, event: CenterChanged) -> CenterFact | None:
    """The centre after the event, or None where the event is not newer than what is known."""
    if known is not None and event.center_version <= known.version:
        return None
    return CenterFact(event.center_id, event.center_version, event.state.value, event.staff_on_duty)
