"""The HTTP interface for analysts: published tables, and the national reconciliation."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from services.analytics.counting.watch import Watch
from services.analytics.exports.archive import Languages
from services.analytics.exports.table_files import FILE_ANSWERS, FORMATS, file_answer, wanted_format
from services.analytics.http_caching import NOT_CHANGED, as_json
from services.analytics.releases.catalogue import periods_of, published
from services.analytics.releases.derived import in_json
from services.analytics.releases.service import ReleaseService
from services.analytics.releases.tables import GENERAL, TABLE_SPECS, TableSpec
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.web.authorization import Authorizer
from shared.web.documented import refuses
from shared.web.pages import Pages


class ReconciliationAnswer(BaseModel):
    """National totals counted from both ends. Drills are in none of them."""

    accepted: int = Field(description="Reports read from the topic `reports`.")
    routed: int = Field(description="Reports with an owner, read from the topic `routings`.")
    alerted: int = Field(description="Reports of which a channel took an alert for the present owner.")
    acknowledged: int = Field(description="Reports acknowledged by the centre that owns them now.")
    counted: int = Field(description="Reports that stand in the tables at a centre.")
    in_flight: int = Field(description="Accepted, without owner, not dead: counted over the facts, not by difference.")
    dead: int = Field(description="Accepted, without owner, their record in the dead topic.")
    ahead: int = Field(description="Routed, acceptance not read yet; passes.")
    difference: int = Field(description="accepted - (routed - ahead) - in_flight - dead; must be 0.")
    oldest_in_flight_seconds: float | None
    oldest_ahead_seconds: float | None = Field(
        description="Age of the report that is ahead for longest and not given up."
    )


def router(release_service: ReleaseService, watch: Watch, pages: Pages, authorize: Authorizer) -> APIRouter:
    """Routes under ``/api/v1``; all for staff."""
    routes = APIRouter(prefix="/api/v1", tags=["statistics"])
    readers = [Depends(authorize(Action.TABLES_READ))]
    texts = Languages(pages)

    @routes.get(
        "/tables",
        summary="All tables, what they mean, and the periods they exist for",
        dependencies=readers,
        responses=NOT_CHANGED,
    )
    async def list_tables(request: Request) -> Response:
        """Each with its question, its definition and the periods it was released for, in the reader's language."""
        text = pages.gettext(request)
        periods = {name: await periods_of(release_service, d) for name, d in TABLE_SPECS.items()}
        body = {
            "rules": [text(rule) for rule in GENERAL],
            "formats": FORMATS,
            "next_release_from": release_service.next_release().isoformat(),
            "tables": [_described(d, text, periods[name]) for name, d in TABLE_SPECS.items()],
            "dictionary": "/api/v1/dictionary",
            "releases": "/api/v1/releases",
            "observations": "/api/v1/observations",
            "export": "/api/v1/export",
        }
        return as_json(request, body, pages.language(request))

    @routes.get(
        "/protection",
        summary="What protection cost each table: cells hidden, information lost",
        dependencies=readers,
        responses=NOT_CHANGED,
    )
    async def get_protection(request: Request) -> Response:
        """Worked out from what is published. ``share_lost``: of a table's total, what stands in hidden cells.

        Shares have four decimal places, half of the last one up.
        """
        costs = [await _cost(release_service, definition) for definition in TABLE_SPECS.values()]
        return as_json(request, {"tables": costs}, pages.language(request))

    @routes.get(
        "/tables/{name}",
        summary="One table of one period, as JSON, CSV or Parquet",
        openapi_extra=refuses("unknown_table", "unknown_period", "unknown_revision", "unknown_format"),
        dependencies=readers,
        responses=FILE_ANSWERS,
    )
    async def get_table(
        request: Request,
        name: str,
        period: Annotated[
            str, Query(description="`2026-11`, `2026-Q4` or `2026`; otherwise the newest", max_length=20)
        ] = "",
        format: Annotated[  # noqa: A002  # the parameter's name in the address
            str, Query(description="`json`, `csv` or `parquet`; otherwise by `Accept`", max_length=20)
        ] = "",
        revision: Annotated[int | None, Query(description="An earlier revision; otherwise the newest", ge=0)] = None,
    ) -> Response:
        """Cells with counts from 0 to 4 are hidden, and others so that those cannot be worked out."""
        form = wanted_format(format, request.headers.get("accept"))
        return await file_answer(request, await published(release_service, name, period, revision), form, texts)

    @routes.get("/reconciliation", summary="Accepted, routed, in flight and dead, from both ends")
    async def get_reconciliation(
        request: Request, principal: Annotated[Principal, Depends(authorize(Action.OPERATIONS_READ))]
    ) -> ReconciliationAnswer:
        """Exact and national, so not for a centre and not for analysts."""
        authorize.require(request, principal, Action.OPERATIONS_READ, MINISTRY)
        return ReconciliationAnswer(**asdict(await watch.reconcile()))

    return routes


async def _cost(release_service: ReleaseService, definition: TableSpec) -> dict[str, Any]:
    periods = await periods_of(release_service, definition)
    costs = {name: release_service.catalogue.cost(definition, name) for name in periods}
    cells, hidden = sum(c.cells for c in costs.values()), sum(c.hidden for c in costs.values())
    return {
        "name": definition.name,
        "cells": cells,
        "hidden": hidden,
        "share_hidden": in_json(hidden / cells if cells else None),
        "periods": [
            {"period": name, "share_hidden": in_json(cost.share), "share_lost": in_json(cost.lost)}
            for name, cost in costs.items()
        ],
    }


def _described(definition: TableSpec, text: Callable[[str], str], periods: list[str]) -> dict[str, Any]:
    return {
        "name": definition.name,
        "title": text(definition.title),
        "question": text(definition.question),
        "definition": text(definition.definition),
        "periods": periods,
        "dimensions": definition.dimensions,
        "url": f"/api/v1/tables/{definition.name}",
    }
