"""The data dictionary as a page, and the monthly report."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from services.analytics.dashboard.wording import Terms
from services.analytics.exports.archive import Languages
from services.analytics.exports.report import Monthly, month_of, report_bytes
from services.analytics.exports.table_files import FORMATS
from services.analytics.http_caching import BINARY, NOT_CHANGED, answered
from services.analytics.releases.catalogue import periods_of
from services.analytics.releases.service import ReleaseService
from services.analytics.releases.tables import TABLE_SPECS
from shared.identity.roles import Action
from shared.web.authorization import Authorizer
from shared.web.documented import refuses
from shared.web.pages import Pages


def router(source: ReleaseService, pages: Pages, authorize: Authorizer) -> APIRouter:
    """``/dictionary`` and ``/api/v1/monthly/{file}``; for whoever may read tables."""
    routes = APIRouter(dependencies=[Depends(authorize(Action.TABLES_READ))])
    texts = Languages(pages)
    monthly = Monthly(source, texts)

    @routes.get("/dictionary", include_in_schema=False)
    async def dictionary(request: Request) -> Response:
        newest = {}
        for definition in TABLE_SPECS.values():
            periods = await periods_of(source, definition)
            newest[definition.name] = periods[0] if periods else None
        return pages.render(
            request,
            "dictionary.html",
            dictionary=texts.dictionary(),
            newest=newest,
            formats=FORMATS,
            months=await monthly.months(),
            calendar=source.calendar(),
            errata=source.catalogue.errata(),
            terms=Terms(pages, request),
        )

    @routes.get(
        "/api/v1/monthly/{file}",
        tags=["statistics"],
        summary="The monthly report, in Korean, as `2026-11.pdf`",
        openapi_extra=refuses("unknown_report", "no_font"),
        response_class=Response,
        responses={200: {"content": {"application/pdf": {"schema": BINARY}}}, **NOT_CHANGED},
    )
    async def get_monthly_report(
        request: Request, file: Annotated[str, Path(max_length=40, description="A released month and `.pdf`")]
    ) -> Response:
        """The same releases always give the same file."""
        month = await month_of(monthly, file)
        body = await report_bytes(monthly, month)
        headers = {"Content-Disposition": f'inline; filename="ieum-{month}.pdf"'}
        return answered(request, body, "application/pdf", "ko", headers)

    return routes
