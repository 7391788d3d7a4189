"""All releases there are, by period, and the tables made of them: a release never changes, so neither does its table.

What is put together once is held ready within stated bounds; how much was released is then of no account to a page.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from services.analytics.releases.calendar import Kind, Period
from services.analytics.releases.published import Cost, Table, build, exists
from services.analytics.releases.release import Release, period_of
from services.analytics.releases.tables import DEFINITIONS, Definition

TABLES_KEPT: Final = 512
"""Tables held ready: of 3 to 20 KB each, 6 MB at most; a page asks for up to 40."""
COSTS_KEPT: Final = 8192
"""Costs held ready, 0.2 KB each: those of forty years."""


class Shelf:
    """The releases, oldest first. Another release makes another shelf."""

    def __init__(self, releases: Sequence[Release] = ()) -> None:
        self.releases = tuple(releases)
        self._by_period = {release.period: release for release in self.releases}
        self._periods = {name: self._of(definition) for name, definition in DEFINITIONS.items()}
        self._table = lru_cache(TABLES_KEPT)(self._built)
        self._cost = lru_cache(COSTS_KEPT)(self._cost_of)

    def periods(self, definition: Definition, kind: Kind | None = None) -> Sequence[Period]:
        """The released periods that have a table, in the order of their release."""
        found = self._periods[definition.name]
        return found if kind is None else [period for period in found if period.kind == kind]

    def table(self, definition: Definition, period: str) -> Table:
        """The table of one of its `periods`."""
        return self._table(definition.name, period)

    def cost(self, definition: Definition, period: str) -> Cost:
        """What protection cost that table."""
        return self._cost(definition.name, period)

    def _of(self, definition: Definition) -> tuple[Period, ...]:
        return tuple(period_of(release.period) for release in self.releases if exists(definition, release))

    def _built(self, name: str, period: str) -> Table:
        own = self._by_period[period]
        months = [self._by_period[month] for month in own.months if month != period]
        return build(DEFINITIONS[name], period_of(period), [own, *months])

    def _cost_of(self, name: str, period: str) -> Cost:
        # Not from the tables held ready: who asks for all costs would push out those that pages ask for.
        return self._built(name, period).cost
