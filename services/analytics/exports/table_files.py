"""One table of one period as a file: which form is wanted, its bytes, and the links that go with it."""

import asyncio
from typing import Any, Final, Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.analytics.exports.archive import Languages
from services.analytics.exports.csvw import MEDIA_TYPE as CSVW
from services.analytics.exports.csvw import SUFFIX, as_csvw
from services.analytics.exports.files import CSV_LEGEND, as_csv, as_json
from services.analytics.exports.parquet import as_parquet
from services.analytics.http_caching import BINARY, JSON, NOT_CHANGED, answered, attachment
from services.analytics.releases.published import Table
from shared.web.app import Problem
from shared.web.language import Language, chosen
from shared.web.translations import gettext_noop

Form = Literal["json", "csv", "parquet"]
FORMATS: Final[tuple[Form, ...]] = ("json", "csv", "parquet")
METADATA: Final = f"csv{SUFFIX}"
"""The ending of a CSV file's metadata."""
_MEDIA: Final[dict[Form, str]] = {
    "json": JSON,
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
FILE_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"text/csv": {"schema": {"type": "string"}}, _MEDIA["parquet"]: {"schema": BINARY}},
        "description": "The table",
    },
    **NOT_CHANGED,
}


def wanted_format(asked: str, accept: str | None) -> Form:
    """``?format=`` first, then the ``Accept`` header; JSON where anything will do. Raises Problem 406."""
    for form in FORMATS:
        if asked == form:
            return form
    if asked:
        raise _no_such_format()
    types = [part.split(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    if {"*/*", "application/*", JSON} & set(types):
        return "json"
    for form in FORMATS:
        if _MEDIA[form].partition(";")[0] in types:
            return form
    raise _no_such_format()


def named_file(name: str) -> tuple[str, Form | Literal["metadata"]]:
    """Period and form of a file's name, such as ``2026-11.csv``. Raises Problem 404."""
    period, _, ending = name.partition(".")
    if ending == METADATA:
        return period, "metadata"
    for form in FORMATS:
        if ending == form:
            return period, form
    raise Problem(
        404,
        "unknown_format",
        gettext_noop("There is no such file. A file is named period.format, and the formats are: %(formats)s."),
        values={"formats": ", ".join((*FORMATS, METADATA))},
    )


def address(table: Table, ending: str, language: Language, revision: int | None = None) -> str:
    """Return the address of a file, of a revision that was asked for; relative to its own folder without ``/``."""
    asked = "" if revision is None else f"&revision={revision}"
    return f"{table.period.name}.{ending}?lang={language}{asked}"


async def file_answer(request: Request, table: Table, form: Form | Literal["metadata"], texts: Languages) -> Response:
    """The file in the request's language. CSV links to its metadata, everything else to the data dictionary."""
    language = chosen(request)
    name, text = texts.names[language], texts.text[language]
    folder = f"{texts.folder}/{table.definition.name}"
    held = texts.shown(table)
    revision = table.revision if "revision" in request.query_params else None
    if form == "metadata":
        body = orjson.dumps(as_csvw(held, address(table, "csv", language, revision), language, name, text))
        return answered(request, body, CSVW, language)
    described = f'<{folder}/{address(table, METADATA, language, revision)}>; rel="describedby"; type="{CSVW}"'
    headers = {
        "Content-Location": f"{folder}/{address(table, form, language, revision)}",
        "Link": described if form == "csv" else f'</api/v1/dictionary>; rel="describedby"; type="{JSON}"',
    }
    if form == "json":
        return answered(request, orjson.dumps(as_json(held, name, text)), _MEDIA[form], language, headers)
    kept = held.period.name if revision is None else f"{held.period.name}-revision-{revision}"
    headers["Content-Disposition"] = attachment(f"{table.definition.name}-{kept}.{form}")
    if form == "parquet":
        body = await asyncio.to_thread(as_parquet, held, texts.names)
        return answered(request, body, _MEDIA[form], language, headers)
    headers["X-Legend"] = CSV_LEGEND
    return answered(request, as_csv(held, name).encode(), _MEDIA[form], language, headers)


def _no_such_format() -> Problem:
    return Problem(
        406,
        "unknown_format",
        gettext_noop("This format is not offered. There are: %(formats)s."),
        values={"formats": ", ".join(FORMATS)},
    )
