"""What one report adds to the cells: a pure function of its fact and of nothing else."""

from datetime import datetime
from functools import lru_cache

from services.analytics.counting.aggregate import (
    ALL,
    IN_CARE,
    NO_SUPPORT,
    NOT_ROUTED,
    UNKNOWN,
    Measure,
    ack_bucket,
    ack_cell,
    cube_cell,
    end_cell,
    figure_cell,
    reason_cell,
    report_cell,
    stage_cell,
    time_bucket,
    time_cell,
)
from services.analytics.counting.models import Fact, Traits
from shared.clock import seoul_day
from shared.events.vocabulary import EndReason, Outcome, RoutingReason

Cells = dict[tuple[str, str], int]
"""How often a report is counted, by (day or month, cell)."""


def daily(fact: Fact) -> Cells:
    """The cells of its day a report is counted in, once each."""
    if fact.received_at is None or fact.synthetic:
        return {}
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
    return {(day, cell): 1 for cell in cells}


def monthly(fact: Fact) -> Cells:
    """The cells of its month a report is counted in, and how often. Only accepted reports that a centre owns count."""
    if not fact.accepted or fact.owner is None or fact.received_at is None or fact.traits is None or fact.synthetic:
        return {}
    month = seoul_day(fact.received_at)[:7]
    cells = dict.fromkeys(_described(fact.owner, fact.home or NOT_ROUTED, fact.traits), 1)
    cells[cube_cell(("outcome",), outcome(fact))] = 1
    cells |= {cube_cell(("support",), kind): 1 for kind in fact.support or (NO_SUPPORT,)}
    for measure, seconds in times(fact).items():
        cells[time_cell(measure, fact.owner, fact.traits.urgency, time_bucket(seconds))] = 1
    for number, reason in enumerate(fact.reasons):
        cell = reason_cell(number, reason)
        cells[cell] = cells.get(cell, 0) + 1
    for figure, n in (
        ("cases", int(is_case(fact))),
        ("transfers", fact.reasons.count(RoutingReason.TRANSFER_ACCEPTED.value)),
        ("alerts_sent", fact.sent),
        ("alerts_failed", fact.failed),
        ("escalations", fact.escalations),
    ):
        if n:
            cells[figure_cell(figure)] = n
    return {(month, cell): n for cell, n in cells.items()}


@lru_cache(maxsize=4096)
def _described(owner: str, home: str, traits: Traits) -> tuple[str, ...]:
    """The cells that say what a report is and where; most reports share theirs with others."""
    return (
        *(cube_cell(("center", "harm"), owner, harm) for harm in (ALL, *traits.harms)),
        cube_cell(("home", "center"), home, owner),
        cube_cell(("age_band", "gender"), traits.age_band, traits.gender),
        cube_cell(("role", "channel"), traits.role, traits.channel),
        cube_cell(("relationship",), traits.relationship),
        cube_cell(("platform",), traits.platform),
        cube_cell(("division",), traits.division),
        cube_cell(("urgency",), traits.urgency),
    )


def outcome(fact: Fact) -> str:
    """What became of a report: in care, withdrawn, or how it was closed under the present ownership."""
    if fact.ended is None:
        return IN_CARE
    if fact.ended == EndReason.CLOSED.value:
        return fact.closure.outcome if fact.closure is not None and _stands(fact) else UNKNOWN
    return fact.ended


def is_case(fact: Fact) -> bool:
    """A case is a report its owner has acknowledged, and that was not closed as a duplicate of another."""
    return fact.ownership in fact.acknowledged and outcome(fact) != Outcome.DUPLICATE.value


def times(fact: Fact) -> dict[Measure, float]:
    """The times in seconds that are known of a report; ``MEASURES`` says from when to when."""
    found: dict[Measure, float] = {}

    def add(measure: Measure, start: datetime | None, end: datetime | None) -> None:
        if start is not None and end is not None:
            found[measure] = (end - start).total_seconds()

    add("waiting", fact.received_at, fact.seen)
    add("acknowledgement", fact.since, fact.acknowledged.get(fact.ownership))
    add("first_contact", fact.received_at, fact.contacted)
    if fact.closure is not None and fact.ended == EndReason.CLOSED.value and _stands(fact):
        add("closing", fact.received_at, fact.closure.at)
    return found


def _stands(fact: Fact) -> bool:
    """Whether the closing was made under the present ownership."""
    return fact.closure is not None and fact.closure.ownership == fact.ownership
