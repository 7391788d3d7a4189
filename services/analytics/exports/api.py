"""The interface to everything that was released: files by name, the dictionary, releases, cell by cell, all at once."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.analytics.exports import archive
from services.analytics.exports.archive import Cursor, ExportSelection, Languages
from services.analytics.exports.codebook import DIMENSIONS
from services.analytics.exports.observations import STATUSES
from services.analytics.exports.table_files import FILE_ANSWERS, FORMATS, file_answer, named_file
from services.analytics.http_caching import BINARY, NOT_CHANGED, as_json, headers_of, unchanged
from services.analytics.releases.catalogue import published, unknown_table
from services.analytics.releases.published import exists
from services.analytics.releases.release import Release
from services.analytics.releases.service import ReleaseService
from services.analytics.releases.tables import TABLE_SPECS, TableSpec
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.documented import refuses
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

EXPORTS: Final = ("zip", "ndjson")
_KINDS: Final = ("month", "quarter", "year", "week")
_MEDIA: Final = {"zip": "application/zip", "ndjson": "application/x-ndjson"}
_MOST: Final = 1000
_CHOSEN: Final = ("unknown_table", "unknown_period", "unknown_dimension", "unknown_status")
"""Refusals of a choice of cells."""

Short = Annotated[str, Query(max_length=60)]
OfKind = Annotated[
    str,
    Query(max_length=60, description="Of which periods; of all without it", json_schema_extra={"enum": ["", *_KINDS]}),
]
"""A closed set for who reads the description; another word gets the answer that names the kinds."""
Limit = Annotated[int, Query(ge=1, le=_MOST, description="How many at most; there is a `next` where there are more")]


def router(release_service: ReleaseService, pages: Pages, authorize: Authorizer) -> APIRouter:
    """Routes under ``/api/v1``; all for whoever may read tables."""
    routes = APIRouter(prefix="/api/v1", tags=["statistics"], dependencies=[Depends(authorize(Action.TABLES_READ))])
    texts = Languages(pages)

    @routes.get(
        "/tables/{name}/{file}",
        summary="The same by name: `2026-11.csv`, `.json`, `.parquet`, `2026-11.csv-metadata.json` (CSV on the Web)",
        openapi_extra=refuses("unknown_table", "unknown_period", "unknown_revision", "unknown_format"),
        responses=FILE_ANSWERS,
    )
    async def get_table_file(
        request: Request,
        name: str,
        file: str,
        revision: Annotated[int | None, Query(description="An earlier revision; otherwise the newest", ge=0)] = None,
    ) -> Response:
        """The newest revision, unless `revision` names one, which never changes.

        `csv-metadata.json` describes the columns of the CSV file.
        """
        period, form = named_file(file)
        return await file_answer(request, await published(release_service, name, period or "-", revision), form, texts)

    @routes.get(
        "/dictionary",
        summary="Every table, column, dimension and code with its label and meaning in both languages",
        responses=NOT_CHANGED,
    )
    async def get_dictionary(request: Request) -> Response:
        """What the codes in every table mean."""
        return as_json(request, texts.dictionary(), pages.language(request))

    @routes.get(
        "/releases",
        summary="What was released when, oldest first, and where its files are",
        openapi_extra=refuses("unknown_kind"),
        responses=NOT_CHANGED,
    )
    async def list_releases(
        request: Request,
        kind: OfKind = "",
        after: Annotated[int, Query(ge=-1, le=10**6, description="The `number` of a period; those after it")] = -1,
        limit: Limit = 100,
    ) -> Response:
        """Page by page: `next` is the address of the page after it.

        A correction takes the place and `number` of the period that it corrects. So who asks only for what is `after`
        the last number they know hears of no correction: for that, read the list from its beginning and compare each
        `revision`. With `If-None-Match` that costs nothing (304) while the page is the same.
        """
        if kind and kind not in _KINDS:
            raise _unknown(
                "unknown_kind", gettext_noop("There is no such kind of period. There are: %(names)s."), _KINDS
            )
        numbered = [
            (number, entry)
            for number, entry in enumerate(await release_service.released())
            if entry.says_anything and number > after and kind in {"", entry.kind}
        ]
        more = str(numbered[limit - 1][0]) if len(numbered) > limit else None
        body = {"releases": [_release(number, entry) for number, entry in numbered[:limit]]}
        return _paged(request, body, more, pages)

    @routes.get(
        "/releases/calendar",
        summary="What will be released in the coming year, and when at the earliest (Seoul, three days after the end)",
        responses=NOT_CHANGED,
    )
    async def get_release_calendar(request: Request) -> Response:
        """Months, quarters and years, with the tables that each will have."""
        await release_service.released()
        coming = [
            {
                "period": each.period.name,
                "kind": each.period.kind,
                "not_before": each.not_before.isoformat(),
                "tables": [d.name for d in TABLE_SPECS.values() if each.period.kind in d.kinds],
            }
            for each in release_service.calendar()
        ]
        return as_json(request, {"releases": coming}, pages.language(request))

    @routes.get(
        "/observations",
        summary="Every cell of every table of every period, page by page; `dimension` chooses tables that have it",
        openapi_extra=refuses(*_CHOSEN, "unknown_cursor", "corrected_since"),
        responses=NOT_CHANGED,
    )
    async def list_observations(
        request: Request,
        table: Short = "",
        period: Short = "",
        dimension: Short = "",
        status: Short = "",
        after: Short = "",
        limit: Limit = 100,
    ) -> Response:
        """Page by page: `next` is the address of the page after it.

        Where the period that a page ends in is corrected before the next is asked for, that is refused
        (`corrected_since`): begin again, without `after`.
        """
        entries = await release_service.released()
        wanted = _wanted(entries, table, period, dimension, status)
        begin = Cursor.read(after) if after else None
        if after and begin is None:
            raise Problem(422, "unknown_cursor", gettext_noop("`after` comes from the `next` of the page before."))
        if begin is not None and (corrected := begin.corrected(entries)) is not None:
            said = gettext_noop("%(period)s was corrected since the page before. Begin again, without `after`.")
            raise Problem(410, "corrected_since", said, values={"period": corrected})
        found, last = await asyncio.to_thread(archive.page, entries, wanted, begin, limit)
        body = {"observations": [each.as_json() for each in found]}
        return _paged(request, body, str(last) if last else None, pages)

    @routes.get(
        "/export",
        summary="Everything at once as a stream: a zip of all files, or a line of JSON for each cell",
        openapi_extra=refuses(*_CHOSEN, "unknown_format"),
        response_class=Response,
        responses={200: {"content": {media: {"schema": BINARY} for media in _MEDIA.values()}}, **NOT_CHANGED},
    )
    async def export_tables(
        request: Request,
        format: Short = EXPORTS[0],  # noqa: A002  # the parameter's name in the address
        table: Short = "",
        period: Short = "",
        dimension: Short = "",
        status: Short = "",
    ) -> Response:
        """All that was released, or what `table`, `period` and `dimension` leave of it; of `ndjson` also `status`.

        A file of the zip holds a whole table, so that cells of one status are offered as `ndjson` only.
        """
        offered = EXPORTS[1:] if status in STATUSES else EXPORTS
        if format not in offered:
            message = gettext_noop("This format is not offered. There are: %(formats)s.")
            raise Problem(406, "unknown_format", message, values={"formats": ", ".join(offered)})
        entries = await release_service.released()
        wanted = _wanted(entries, table, period, dimension, status)
        language = pages.language(request)
        tag = archive.tag(entries, format, language, table, period, dimension, status)
        headers = {"Content-Disposition": f'attachment; filename="ieum-tables.{format}"'}
        if (known := unchanged(request, tag, language, headers)) is not None:
            return known
        chunks: Iterator[bytes] = (
            archive.ndjson(entries, wanted) if format == "ndjson" else archive.zipped(entries, wanted, language, texts)
        )
        return StreamingResponse(chunks, headers=headers_of(tag, language, headers), media_type=_MEDIA[format])

    return routes


def _wanted(entries: list[Release], table: str, period: str, dimension: str, status: str) -> ExportSelection:
    """Parse the choice. Raises a problem that names what there is."""
    if table and table not in TABLE_SPECS:
        raise unknown_table()
    if dimension and dimension not in DIMENSIONS:
        said = gettext_noop("There is no such dimension. There are: %(names)s.")
        raise _unknown("unknown_dimension", said, DIMENSIONS)
    if status and status not in STATUSES:
        raise _unknown("unknown_status", gettext_noop("There is no such status. There are: %(names)s."), STATUSES)
    known = [entry.period for entry in entries if entry.says_anything]
    if period and period not in known:
        said = gettext_noop("Nothing was released for that period. There are: %(names)s.")
        raise _unknown("unknown_period", said, known[::-1][:_SHOWN] or ["–"])
    chosen = [d for d in TABLE_SPECS.values() if table in {"", d.name} and _has(d, dimension)]
    return ExportSelection(chosen, period, status)


_SHOWN: Final = 24
"""Periods a refusal names, newest first."""


def _has(definition: TableSpec, dimension: str) -> bool:
    return not dimension or dimension in definition.dimensions


def _unknown(code: str, detail: str, names: Any) -> Problem:  # noqa: ANN401  # any collection of names
    return Problem(404, code, detail, values={"names": ", ".join(names)})


def _release(number: int, entry: Release) -> dict[str, Any]:
    found = [definition.name for definition in TABLE_SPECS.values() if exists(definition, entry)]
    return {
        "number": number,
        "period": entry.period,
        "kind": entry.kind,
        "as_of": entry.as_of,
        "revision": entry.revision,
        "erratum": dict(entry.erratum) or None,
        "months": entry.months,
        "tables": {name: {form: f"/api/v1/tables/{name}/{entry.period}.{form}" for form in FORMATS} for name in found},
    }


def _paged(request: Request, body: dict[str, Any], after: str | None, pages: Pages) -> Response:
    url: URL | None = request.url.include_query_params(after=after) if after is not None else None
    following = f"{url.path}?{url.query}" if url else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else None
    return as_json(request, {**body, "next": following}, pages.language(request), headers)
