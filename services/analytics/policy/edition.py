"""What is shown for a period: of every table the fitting release, and the one before it. Pure, from releases alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.analytics.policy.definitions import DEFINITIONS, Definition
from services.analytics.policy.periods import Kind, Period
from services.analytics.policy.releasing import Release, period_of
from services.analytics.policy.tables import Table, build, exists


@dataclass(frozen=True, slots=True)
class Edition:
    """A period a reader asked for, and all releases there are."""

    releases: Sequence[Release]
    period: Period

    def table(self, name: str) -> Table | None:
        """The table of the period itself; else of the longer one it lies in, or the last before its end; or none."""
        definition = DEFINITIONS[name]
        found = _released(self.releases, definition)
        last = self.period.months[-1]
        for wanted in (
            [period for period in found if period.name == self.period.name],
            [period for period in found if last in period.months],
            [period for period in found if period.months[-1] < last],
        ):
            if wanted:
                return self._build(definition, max(wanted, key=lambda period: period.months[-1]))
        return None

    def before(self, table: Table) -> Table | None:
        """The same table one period earlier; none where that was not released."""
        earlier = [
            period
            for period in _released(self.releases, table.definition, table.period.kind)
            if period.last < table.period.first
        ]
        newest = max(earlier, key=lambda period: period.last, default=None)
        if newest is None or (table.period.first - newest.last).days > 1:
            return None
        return self._build(table.definition, newest)

    def series(self, name: str, kind: Kind, most: int) -> list[Table]:
        """The last tables of a kind that began by the period's end, oldest first."""
        definition = DEFINITIONS[name]
        found = [p for p in _released(self.releases, definition, kind) if p.months[0] <= self.period.months[-1]]
        return [self._build(definition, period) for period in sorted(found, key=lambda period: period.last)[-most:]]

    def _build(self, definition: Definition, period: Period) -> Table:
        return build(definition, period, self.releases)


def _released(releases: Sequence[Release], definition: Definition, kind: Kind | None = None) -> list[Period]:
    return [
        period_of(release.period)
        for release in releases
        if exists(definition, release) and kind in (None, release.kind)
    ]
