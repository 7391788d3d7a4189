"""Select for a period the fitting release of every table, and the one before it. Pure, from releases alone."""

from dataclasses import dataclass

from services.analytics.releases.calendar import Kind, Period
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.published import Table
from services.analytics.releases.tables import TABLE_SPECS


@dataclass(frozen=True, slots=True)
class PeriodReleases:
    """All releases there are, as the pages of one period show them."""

    catalogue: ReleaseCatalogue
    period: Period

    def table(self, name: str) -> Table | None:
        """The table of the period itself; else of the longer one it lies in, or the last before its end; or none."""
        definition = TABLE_SPECS[name]
        found = self.catalogue.periods(definition)
        last = self.period.last
        for wanted in (
            [period for period in found if period.name == self.period.name],
            [period for period in found if period.first <= last <= period.last],
            [period for period in found if period.last < last],
        ):
            if wanted:
                return self.catalogue.table(definition, max(wanted, key=lambda period: period.last).name)
        return None

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
