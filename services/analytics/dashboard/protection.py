"""The page “How these numbers are protected”, for analysts and for everybody: it needs no sign-in.

What it says of each table follows from the registry of tables; what protection cost, from what was released.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.analytics.dashboard.wording import Terms
from services.analytics.releases.calendar import Kind
from services.analytics.releases.catalogue import ReleaseCatalogue, ReleaseSource
from services.analytics.releases.tables import GENERAL, TABLE_SPECS, Marks, Rounded, Split, TableSpec, Totals
from shared.web.authorization import OPEN
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

PATH: Final = "/protection"
KINDS: Final[dict[Kind, str]] = {
    "month": gettext_noop("Month"),
    "quarter": gettext_noop("Quarter"),
    "year": gettext_noop("Year"),
    "week": gettext_noop("Week"),
}


@dataclass(frozen=True, slots=True)
class SpecCost:
    """Cost of protection in all releases of a table for one kind of period. Shares are of 1."""

    title: str
    kind: str
    periods: int
    cells: int
    hidden: float
    between: float
    lost: float | None
    """The mean share that stands in no number; None where totals are hidden or there are none."""


@dataclass(frozen=True, slots=True)
class Protection:
    """How one table is protected, in words."""

    title: str
    how: str
    intervals: bool


def router(source: ReleaseSource, pages: Pages) -> APIRouter:
    """``/protection``."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    @routes.get(PATH)
    async def protection(request: Request) -> Response:
        await source.released()
        return pages.render(
            request,
            "protection.html",
            terms=Terms(pages, request),
            rules=GENERAL,
            costs=costs(source.catalogue),
            protections=[protection_of(spec) for spec in TABLE_SPECS.values()],
            calendar=source.calendar(),
        )

    return routes


def costs(catalogue: ReleaseCatalogue) -> list[SpecCost]:
    """Of every table and kind of period it exists for; of one that is not released yet nothing but its name."""
    return [_cost(catalogue, spec, kind) for spec in TABLE_SPECS.values() for kind in spec.kinds]


def _cost(catalogue: ReleaseCatalogue, spec: TableSpec, kind: Kind) -> SpecCost:
    found = [catalogue.cost(spec, period.name) for period in catalogue.periods(spec, kind)]
    cells = sum(each.cells for each in found)
    lost = [each.lost for each in found if each.lost is not None]
    return SpecCost(
        spec.title,
        KINDS[kind],
        len(found),
        cells,
        _share(sum(each.hidden for each in found), cells),
        _share(sum(each.intervals for each in found), cells),
        sum(lost) / len(lost) if lost else None,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def protection_of(spec: TableSpec) -> Protection:
    """In the words of its kind of protection."""
    how = spec.protection
    words: Sequence[tuple[type[object], str]] = (
        (
            Split,
            gettext_noop("Splits along a fixed hierarchy; parts are shown all or none, only where each is 5 or more."),
        ),
        (
            Marks,
            gettext_noop("Shown where at least 5 reports have it and at least 5 do not, for neighbours all or none.")
            if isinstance(how, Marks) and how.by_place
            else gettext_noop("Nationwide only, shown where at least 5 reports have it and at least 5 do not."),
        ),
        (Totals, gettext_noop("Figures of their own that add up to nothing, each shown from 10 on.")),
        (Rounded, gettext_noop("Counts no reports: hours, rounded to tens.")),
    )
    return Protection(spec.title, next(said for kind, said in words if isinstance(how, kind)), spec.says_intervals)
