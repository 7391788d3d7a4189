"""The HTTP interface for analysts: published tables, and the national reconciliation."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from services.analytics.catalogue import center_names, periods_of, published
from services.analytics.policy.definitions import DEFINITIONS, GENERAL, Definition
from services.analytics.policy.releasing import period_of
from services.analytics.policy.tables import Table, build
from services.analytics.rendering.files import CSV_LEGEND, as_csv, as_json
from services.analytics.rendering.words import word
from services.analytics.store.publications import Publications
from services.analytics.watch import Watch
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.web.app import Problem
from shared.web.gate import Gate
from shared.web.language import Language
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

FORMATS: Final = ("json", "csv")
_MEDIA: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8"}


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


def router(publications: Publications, watch: Watch, pages: Pages, gate: Gate) -> APIRouter:
    """Routes under ``/api/v1``; all for staff."""
    routes = APIRouter(prefix="/api/v1", tags=["statistics"])
    readers = [Depends(gate(Action.TABLES_READ))]

    @routes.get("/tables", summary="All tables, what they mean, and the periods they exist for", dependencies=readers)
    async def tables(request: Request) -> dict[str, Any]:
        text = pages.gettext(request)
        periods = {name: await periods_of(publications, d) for name, d in DEFINITIONS.items()}
        return {
            "rules": [text(rule) for rule in GENERAL],
            "formats": FORMATS,
            "next_release_from": publications.next_release().isoformat(),
            "tables": [_described(d, text, periods[name]) for name, d in DEFINITIONS.items()],
        }

    @routes.get(
        "/protection", summary="What protection cost each table: cells hidden, information lost", dependencies=readers
    )
    async def protection() -> dict[str, Any]:
        """Worked out from what is published. ``share_lost``: of a table's total, what stands in hidden cells."""
        return {"tables": [await _cost(publications, definition) for definition in DEFINITIONS.values()]}

    @routes.get(
        "/tables/{name}",
        summary="One table of one period, as JSON or CSV",
        dependencies=readers,
        responses={200: {"content": {"text/csv": {}}}, 304: {"description": "Not changed since the given ETag"}},
    )
    async def table(
        request: Request,
        name: str,
        period: Annotated[
            str, Query(description="`2026-11`, `2026-Q4` or `2026`; otherwise the newest", max_length=20)
        ] = "",
        format: Annotated[str, Query(description="`json` or `csv`; otherwise by `Accept`", max_length=20)] = "",  # noqa: A002  # the parameter's name in the address
    ) -> Response:
        form = wanted_format(format, request.headers.get("accept"))
        found = await published(publications, name, period)
        language = pages.language(request)
        return _answer(request, found, form, language, pages.gettext(request))

    @routes.get("/reconciliation", summary="Accepted, routed, in flight and dead, from both ends")
    async def reconciliation(
        request: Request, principal: Annotated[Principal, Depends(gate(Action.OPERATIONS_READ))]
    ) -> ReconciliationAnswer:
        """Exact and national, so not for a centre and not for analysts."""
        gate.demand(request, principal, Action.OPERATIONS_READ, MINISTRY)
        return ReconciliationAnswer(**asdict(await watch.reconcile()))

    return routes


def wanted_format(asked: str, accept: str | None) -> Literal["json", "csv"]:
    """``?format=`` first, then the ``Accept`` header; JSON where anything will do."""
    if asked == "csv":
        return "csv"
    if asked == "json":
        return "json"
    if asked:
        raise Problem(
            406,
            "unknown_format",
            gettext_noop("This format is not offered. There are: %(formats)s."),
            values={"formats": ", ".join(FORMATS)},
        )
    types = [part.split(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    if "text/csv" in types and "application/json" not in types:
        return "csv"
    if {"*/*", "application/*", "application/json"} & set(types):
        return "json"
    raise Problem(
        406,
        "unknown_format",
        gettext_noop("This format is not offered. There are: %(formats)s."),
        values={"formats": ", ".join(FORMATS)},
    )


def _answer(
    request: Request, table: Table, form: Literal["json", "csv"], language: Language, text: Callable[[str], str]
) -> Response:
    names = center_names(language)

    def name(key: str) -> str:
        return word(key, names, text)

    body = orjson.dumps(as_json(table, name, text)) if form == "json" else as_csv(table, name).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Language": language,
        "Vary": "Accept, Accept-Language, Cookie, Authorization",
    }
    if form == "csv":
        headers["Content-Disposition"] = f'attachment; filename="{table.definition.name}-{table.period.name}.csv"'
        headers["X-Legend"] = CSV_LEGEND
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in given:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=_MEDIA[form])


async def _cost(publications: Publications, definition: Definition) -> dict[str, Any]:
    periods = await periods_of(publications, definition)
    costs = {name: build(definition, period_of(name), publications.entries).cost for name in periods}
    cells, hidden = sum(c.cells for c in costs.values()), sum(c.hidden for c in costs.values())
    return {
        "name": definition.name,
        "cells": cells,
        "hidden": hidden,
        "share_hidden": round(hidden / cells, 4) if cells else None,
        "periods": [
            {"period": name, "share_hidden": round(cost.share, 4), "share_lost": cost.lost}
            for name, cost in costs.items()
        ],
    }


def _described(definition: Definition, text: Callable[[str], str], periods: list[str]) -> dict[str, Any]:
    return {
        "name": definition.name,
        "title": text(definition.title),
        "question": text(definition.question),
        "definition": text(definition.definition),
        "periods": periods,
        "dimensions": definition.dimensions,
        "url": f"/api/v1/tables/{definition.name}",
    }
