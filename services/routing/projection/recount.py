"""The sums once more, counted in another way: nothing is carried along, at the end every open report is added up. Pure.

What the worker's running sums are compared with. Of a report only its newest record counts, and only in order. While
it counts it holds a line for every report there ever was, each in one whole number.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.routing.assignment.rules import severity_of
from services.routing.model import Tally
from services.routing.projection.compact import CompactMap
from services.routing.projection.standings import BROUGHT_BACK, RoutingEvent
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated

_CENTER_BITS: Final = 8
_WEIGHT_BITS: Final = 16
_MARK_BITS: Final = 2
_SEVERE: Final = 1
_OPEN: Final = 2


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

    _lines: CompactMap = field(default_factory=CompactMap)
    _centers: list[str] = field(default_factory=list)
    """Every centre met so far; lines name them by their place here, counted from 1, and 0 is none."""

    def take(self, event: RoutingEvent) -> None:
        """One record. The first of each version counts, and only if its predecessor lies before it."""
        known = self._lines.get(event.report_id)
        before = self._unpacked(known) if known else None
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
        self._lines.set(event.report_id, self._packed(line))

    def tallies(self) -> dict[str, Tally]:
        """What every centre's open cases add up to."""
        cases, weighted, guests, severe = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for packed in self._lines.values():
            line = self._unpacked(packed)
            if line.open and line.weight:
                cases[line.owner] += 1
                weighted[line.owner] += line.weight
                guests[line.owner] += line.weight if line.owner != line.home else 0
                severe[line.owner] += line.severe
        return {c: Tally(cases[c], weighted[c], guests[c], severe[c]) for c in cases}

    def _packed(self, line: _Line) -> int:
        number = line.version
        for part, bits in (
            (self._number(line.owner), _CENTER_BITS),
            (self._number(line.home), _CENTER_BITS),
            (line.weight, _WEIGHT_BITS),
            (_SEVERE * line.severe | _OPEN * line.open, _MARK_BITS),
        ):
            if part >> bits:
                raise OverflowError(f"{part} does not fit into {bits} bits of a line")
            number = number << bits | part
        return number

    def _unpacked(self, packed: int) -> _Line:
        rest, marks = _split(packed, _MARK_BITS)
        rest, weight = _split(rest, _WEIGHT_BITS)
        rest, home = _split(rest, _CENTER_BITS)
        version, owner = _split(rest, _CENTER_BITS)
        return _Line(
            version,
            self._centers[owner - 1],
            self._centers[home - 1] if home else None,
            weight,
            bool(marks & _SEVERE),
            bool(marks & _OPEN),
        )

    def _number(self, center: str | None) -> int:
        if center is None:
            return 0
        if center not in self._centers:
            self._centers.append(center)
        return self._centers.index(center) + 1


def _split(packed: int, bits: int) -> tuple[int, int]:
    return packed >> bits, packed & ((1 << bits) - 1)


def difference(known: dict[str, Tally], counted: dict[str, Tally]) -> dict[str, tuple[Tally, Tally]]:
    """By centre: what was known and what was counted, where they are not the same."""
    none = Tally()
    found = {c: (known.get(c, none), counted.get(c, none)) for c in {*known, *counted}}
    return {c: pair for c, pair in sorted(found.items()) if pair[0] != pair[1]}
