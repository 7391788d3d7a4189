"""Select for a period its release of every table, the one before it, and where else there is one. Pure."""

from dataclasses import dataclass

from services.analytics.releases.calendar import Kind, Period
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.published import Table
from services.analytics.releases.tables import TABLE_SPECS


@dataclass(frozen=True, slots=True)
class PeriodReleases:
    """All releases there are, as the pages of one period show them: only tables of that period stand there."""

    catalogue: ReleaseCatalogue
    period: Period

    def table(self, name: str) -> Table | None:
        """The table of the period itself, or none."""
        definition = TABLE_SPECS[name]
        own = any(period.name == self.period.name for period in self.catalogue.periods(definition))
        return self.catalogue.table(definition, self.period.name) if own else None

    def nearest(self, name: str) -> str | None:
        """Where there is the table: the period its end lies in, or the last before that; or none."""
        last = self.period.last
        found = [period for period in self.catalogue.periods(TABLE_SPECS[name]) if period.first <= last]
        return max(found, key=lambda period: period.last).name if found else None

    def before(self, table: Table) -> Table | None:
        """The same table one period earlier, if its figures may be compared.

        None where that was not released, covers other months, or holds a month that counting began within.
        """
        definition, first = table.definition, table.period.first
        earlier = [period for period in self.catalogue.periods(definition, table.period.kind) if period.last < first]
        newest = max(earlier, key=lambda period: period.last, default=None)
        if newest is None or (first - newest.last).days > 1:
            return None
        before = self.catalogue.table(definition, newest.name)
        comparable = before.covers_as(table) and self.catalogue.begun_within not in before.months
        return before if comparable else None

    def series(self, name: str, kind: Kind, most: int) -> list[Table]:
        """The last tables of a kind that began by the period's end, oldest first."""
        definition = TABLE_SPECS[name]
        found = [period for period in self.catalogue.periods(definition, kind) if period.first <= self.period.last]
        newest = sorted(found, key=lambda period: period.last)[-most:]
        return [self.catalogue.table(definition, period.name) for period in newest]
