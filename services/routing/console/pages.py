"""Pages for staff: the centres on a map in bands, and one report's decisions explained."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.routing.assignment.models import CenterLoads
from services.routing.console import words
from services.routing.console.api import entries_for
from services.routing.console.live_pages import CLASSES, legend
from services.routing.console.story import story_of
from services.routing.console.views import center_row
from services.routing.read_model import DecisionStore, event_of
from shared.centers import CENTER_IDS, CENTRAL, PACKAGED, Fault, Tables, center
from shared.events.base import ReportId
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.authorization import Authorizer
from shared.web.korea import MapCell
from shared.web.pages import Pages


def page_router(
    store: DecisionStore,
    center_loads: Callable[[], CenterLoads],
    pages: Pages,
    authorize: Authorizer,
    refused: Callable[[], Sequence[Fault]],
    known: Mapping[str, Tables] = PACKAGED.known,
) -> APIRouter:
    """``/`` (centres), ``/decisions?report_id=`` (the search form) and ``/decisions/{report_id}``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def centers(
        request: Request, principal: Annotated[Principal, Depends(authorize(Action.CENTERS_READ))]
    ) -> Response:
        translate, language = pages.gettext(request), pages.language(request)
        rows = [center_row(center_load) for center_load in center_loads().values()]
        return pages.render(
            request,
            "centers.html",
            rows=rows,
            cells={row.center_id: MapCell(CLASSES[row.band], translate(words.BANDS[row.band])) for row in rows},
            names={center_id: center(center_id).short_name(language) for center_id in CENTER_IDS},
            bands=legend(translate),
            words=words,
            live=principal.may(Action.CENTERS_LIVE, CENTRAL),
            finds=principal.may(Action.DECISIONS_READ),
            refused=[fault.translated(translate) for fault in refused()],
        )

    @router.get("/decisions", dependencies=[Depends(authorize(Action.DECISIONS_READ))])
    async def look_up(report_id: ReportId) -> Response:
        return RedirectResponse(f"/decisions/{report_id}", 303)

    @router.get("/decisions/{report_id}")
    async def decision(
        request: Request,
        report_id: Annotated[ReportId, Path()],
        principal: Annotated[Principal, Depends(authorize(Action.DECISIONS_READ))],
    ) -> Response:
        entries = await entries_for(authorize, request, principal, store, report_id)
        language, translate = pages.language(request), pages.gettext(request)
        story = story_of([event_of(entry) for entry in entries], language, translate, known)
        return pages.render(
            request,
            "decision.html",
            report_id=report_id,
            story=story,
            owner=center(story.center_id).name(language),
            short=lambda center_id: center(center_id).short_name(language),
            words=words,
            live=principal.may(Action.CENTERS_LIVE, CENTRAL),
        )

    return router
