"""The sums once more, counted in another way: nothing is carried along, at the end every open report is added up. Pure.

What the worker's running sums are compared with. Of a report only its newest record counts, and only in order. While
it counts it holds a line for every report there ever was in the partition.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.routing.assignment.rules import severity_of
from services.routing.models import CaseTotals
from services.routing.state.report_states import BROUGHT_BACK, RoutingEvent
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated


class _Line(NamedTuple):
    version: int
    owner: str
    home: str | None
    weight: int
    severe: bool
    open: bool


@dataclass(slots=True)
class Recount:
    """Feed it every routing record of a partition from the first on."""

    _lines: dict[str, _Line] = field(default_factory=dict)

    def take(self, event: RoutingEvent) -> None:
        """One record. The first of each version counts, and only if its predecessor lies before it."""
        before = self._lines.get(event.report_id)
        if event.version != (1 if before is None else before.version + 1):
            return
        match event:
            case ReportRouted() | ReportRerouted():
                decision, facts = event.decision, event.facts
                # Whoever gets a report gets it open, whatever had ended before.
                line = _Line(
                    event.version,
                    decision.center_id,
                    decision.home_center_id,
                    severity_of(facts).weight,
                    severity_of(facts).severe,
                    open=True,
                )
            case ReportUpdated() if before is not None:
                facts, still_open = event.facts, before.open or event.kind in BROUGHT_BACK
                line = before._replace(
                    version=event.version,
                    weight=severity_of(facts).weight,
                    severe=severity_of(facts).severe,
                    open=still_open,
                )
            case ReportEnded() if before is not None:
                line = before._replace(version=event.version, open=False)
            case _:
                return
        self._lines[event.report_id] = line

    def case_totals(self) -> dict[str, CaseTotals]:
        """Sum up every centre's open cases."""
        cases, weighted, guests, severe = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for line in self._lines.values():
            if line.open and line.weight:
                cases[line.owner] += 1
                weighted[line.owner] += line.weight
                guests[line.owner] += line.weight if line.owner != line.home else 0
                severe[line.owner] += line.severe
        return {c: CaseTotals(cases[c], weighted[c], guests[c], severe[c]) for c in cases}


def difference(
    known: Mapping[str, CaseTotals], counted: Mapping[str, CaseTotals]
) -> dict[str, tuple[CaseTotals, CaseTotals]]:
    """By centre: what was known and what was counted, where they are not the same."""
    none = CaseTotals()
    found = {c: (known.get(c, none), counted.get(c, none)) for c in {*known, *counted}}
    return {c: pair for c, pair in sorted(found.items()) if pair[0] != pair[1]}
