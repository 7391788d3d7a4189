"""The sample's files, until the first release: the same tables, archive and report as of a release, each marked."""

from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.analytics.exports import archive
from services.analytics.exports.archive import ExportSelection, SampleLanguages
from services.analytics.exports.report import Monthly, month_of, report_bytes
from services.analytics.exports.table_files import file_answer, named_file
from services.analytics.http_caching import answered, attachment, headers_of, unchanged
from services.analytics.releases.catalogue import SampleReleases, published
from services.analytics.releases.sample import FILE_MARK
from shared.identity.roles import Action
from shared.web.authorization import Authorizer
from shared.web.pages import Pages

ZIP: Final = f"{FILE_MARK}ieum-tables.zip"


def router(sample: SampleReleases, pages: Pages, authorize: Authorizer) -> APIRouter:
    """Files under ``/sample``. None is part of the API's document: programs read releases."""
    readers = [Depends(authorize(Action.TABLES_READ)), Depends(sample.demand)]
    routes = APIRouter(prefix="/sample", include_in_schema=False, dependencies=readers)
    texts = SampleLanguages(pages)
    monthly = Monthly(sample, texts)

    @routes.get("/tables/{name}/{file}")
    async def table(request: Request, name: str, file: str) -> Response:
        period, form = named_file(file)
        return await file_answer(request, await published(sample, name, period or "-"), form, texts)

    @routes.get("/export.zip")
    async def everything(request: Request) -> Response:
        entries = await sample.released()
        language = pages.language(request)
        tag = archive.tag(entries, "sample", language)
        headers = {"Content-Disposition": attachment(ZIP)}
        if (known := unchanged(request, tag, language, headers)) is not None:
            return known
        chunks = archive.zipped(entries, ExportSelection(), language, texts)
        return StreamingResponse(chunks, headers=headers_of(tag, language, headers), media_type="application/zip")

    @routes.get("/monthly/{file}")
    async def report(request: Request, file: str) -> Response:
        month = await month_of(monthly, file)
        body = await report_bytes(monthly, month)
        headers = {"Content-Disposition": attachment(f"{FILE_MARK}ieum-{month}.pdf", "inline")}
        return answered(request, body, "application/pdf", "ko", headers)

    return routes
