"""From a table's name and a period's name to the published table, or to a refusal that names what there is."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol

from services.analytics.releases.calendar import Coming, Kind, Period, period_of
from services.analytics.releases.errata import current
from services.analytics.releases.hierarchies import TOTAL, days_of
from services.analytics.releases.published import Cost, Table, build, exists
from services.analytics.releases.release import Release
from services.analytics.releases.sample import releases as sample_releases
from services.analytics.releases.tables import BY_WEEK, TABLE_SPECS, TableSpec
from shared.centers import TABLES
from shared.web.app import Problem
from shared.web.language import Language
from shared.web.translations import gettext_noop

TABLES_KEPT: Final = 512
"""Tables held ready: of 3 to 20 KB each, 6 MB at most; a page asks for up to 40."""
COSTS_KEPT: Final = 8192
"""Costs held ready, 0.2 KB each: those of forty years."""


class ReleaseCatalogue:
    """The releases, oldest first, and the tables made of them. Another release makes another catalogue.

    A release never changes, so neither does its table: it is put together once and held within stated bounds.
    """

    def __init__(self, releases: Sequence[Release] = ()) -> None:
        self.releases = current(releases)
        self._all = tuple(releases)
        self.begun_within = _begun_within(self.releases)
        """The first month, if counting may have begun within it: nothing is compared with that."""
        self.begun_within_week = _begun_within_week(self.releases)
        """The first week with a number, if counting may have begun within it: not in one day, nor after a month."""
        self._by_period = {release.period: release for release in self.releases}
        self._periods = {name: self._of(definition) for name, definition in TABLE_SPECS.items()}
        self._table = lru_cache(TABLES_KEPT)(self._built)
        self._cost = lru_cache(COSTS_KEPT)(self._cost_of)

    def periods(self, definition: TableSpec, kind: Kind | None = None) -> Sequence[Period]:
        """The released periods that have a table, in the order of their release."""
        found = self._periods[definition.name]
        return found if kind is None else [period for period in found if period.kind == kind]

    def table(self, definition: TableSpec, period: str) -> Table:
        """The table of one of its `periods`."""
        return self._table(definition.name, period)

    def former(self, definition: TableSpec, period: str, revision: int) -> Table | None:
        """The table of an earlier revision, as it was when the next one came; None where there is none."""
        for number, entry in enumerate(self._all):
            if (entry.period, entry.revision) == (period, revision) and exists(definition, entry):
                return ReleaseCatalogue(self._all[: number + 1]).table(definition, period)
        return None

    def errata(self) -> list[Release]:
        """The revisions there are, newest first."""
        return [entry for entry in reversed(self._all) if entry.revision]

    def cost(self, definition: TableSpec, period: str) -> Cost:
        """Return the cost of protection in that table."""
        return self._cost(definition.name, period)

    def _of(self, definition: TableSpec) -> tuple[Period, ...]:
        return tuple(period_of(release.period) for release in self.releases if exists(definition, release))

    def _built(self, name: str, period: str) -> Table:
        own = self._by_period[period]
        months = [self._by_period[month] for month in own.months if month != period]
        return build(TABLE_SPECS[name], period_of(period), [own, *months])

    def _cost_of(self, name: str, period: str) -> Cost:
        # Not from the tables held ready: who asks for all costs would push out those that pages ask for.
        return self._built(name, period).cost


def _begun_within(releases: Sequence[Release]) -> str:
    first = next((release for release in releases if release.kind == "month"), None)
    # Shown, its first week has reports, so that counting had begun.
    return first.period if first is not None and first.weeks()[0] not in first.tables.get(BY_WEEK, {}) else ""


def _begun_within_week(releases: Sequence[Release]) -> str:
    first = next((release for release in releases if release.tables.get(BY_WEEK)), None)
    shown = {*first.tables[BY_WEEK]} - {TOTAL} if first is not None else set[str]()
    told = {release.period for release in releases if release.kind == "week" and release.tables}
    week = min(shown | told, default="")
    if not week:
        return ""
    period = period_of(first.period if first is not None and week in shown else week)
    begun, last = days_of(week, period.first, period.last)
    month = next((release for release in releases if release.kind == "month"), None)
    if month is not None and period_of(month.period).last < begun:
        return ""  # the first month was withheld
    return week if begun < last else ""


_SHOWN_PERIODS: Final = 12


class ReleaseSource(Protocol):
    """Where released tables come from: what was released, or the sample."""

    @property
    def catalogue(self) -> ReleaseCatalogue:
        """The releases, and the tables made of them."""

    async def released(self) -> list[Release]:
        """All of them, oldest first."""

    async def periods(self, kind: Kind) -> list[str]:
        """Periods of a kind that have anything to show, newest first."""

    def next_release(self) -> datetime:
        """Return when the next month is due at the earliest."""

    def calendar(self) -> Sequence[Coming]:
        """Return the planned releases."""


class SampleReleases:
    """The made-up year in place of releases. ``source`` tells whether it may still be shown, and what comes."""

    def __init__(self, source: ReleaseSource) -> None:
        self._source = source
        self._catalogue = ReleaseCatalogue(sample_releases())

    @property
    def catalogue(self) -> ReleaseCatalogue:
        """The sample's tables."""
        return self._catalogue

    async def released(self) -> list[Release]:
        """The sample's releases."""
        return list(self._catalogue.releases)

    async def periods(self, kind: Kind) -> list[str]:
        """The sample's periods, newest first."""
        return [each.period for each in reversed(self._catalogue.releases) if each.kind == kind]

    def next_release(self) -> datetime:
        """Return when the first real month is due."""
        return self._source.next_release()

    def calendar(self) -> Sequence[Coming]:
        """Return the planned real releases."""
        return self._source.calendar()

    async def demand(self) -> None:
        """Raise a problem once anything was released: from then on there is no sample."""
        if await something_released(self._source):
            raise Problem(410, "sample_gone", gettext_noop("There is no sample any more: real figures are released."))


async def something_released(source: ReleaseSource) -> bool:
    """Return whether there is a release with anything in it."""
    return any(entry.months for entry in await source.released())


def center_names(language: Language) -> dict[str, str]:
    """Short names of all centres that ever were, by id."""
    return {c.id: c.short_name(language) for c in TABLES.centers.values()}


async def published(source: ReleaseSource, name: str, period: str, revision: int | None = None) -> Table:
    """The table, or a problem that names what there is. Without a period: the newest; without a revision, too."""
    definition = TABLE_SPECS.get(name)
    if definition is None:
        raise unknown_table()
    valid = await periods_of(source, definition)
    wanted = period or (valid[0] if valid else "")
    if wanted not in valid:
        raise Problem(
            404,
            "unknown_period",
            gettext_noop("This table does not exist for that period. It exists for: %(periods)s."),
            values={"periods": _some(valid) or "–"},
        )
    table = source.catalogue.table(definition, wanted)
    if revision is None or revision == table.revision:
        return table
    if (former := source.catalogue.former(definition, wanted, revision)) is not None:
        return former
    raise Problem(
        404,
        "unknown_revision",
        gettext_noop("There is no such revision. The newest is: %(revision)s."),
        values={"revision": str(table.revision)},
    )


def unknown_table() -> Problem:
    """The 404 that names the tables there are."""
    return Problem(
        404,
        "unknown_table",
        gettext_noop("There is no such table. There are: %(tables)s."),
        values={"tables": ", ".join(TABLE_SPECS)},
    )


async def periods_of(source: ReleaseSource, definition: TableSpec) -> list[str]:
    """The released periods a table exists for, months first, newest first."""
    await source.released()
    catalogue = source.catalogue
    return [period.name for kind in definition.kinds for period in reversed(catalogue.periods(definition, kind))]


def _some(periods: list[str]) -> str:
    more = len(periods) - _SHOWN_PERIODS
    return ", ".join(periods[:_SHOWN_PERIODS]) + (f" … (+{more})" if more > 0 else "")
