"""Pages for staff: the centres on a map, and one report's decisions explained."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.routing import words
from services.routing.api import entries_for
from services.routing.model import Board
from services.routing.projection import RoutingEvent
from services.routing.rendering import Band
from services.routing.store import DecisionStore
from services.routing.views import CenterRow, center_row, event_of, percent_used, replays
from shared.centers import center
from shared.events.base import ReportId
from shared.events.routings import Decision, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.gate import Gate
from shared.web.korea import MapCell
from shared.web.pages import Pages

_CLASSES: Final = {
    Band.FREE: "level-1",
    Band.BUSY: "level-2",
    Band.NEARLY_FULL: "level-3",
    Band.FULL: "level-4",
    Band.CLOSED: "hidden",
}


def page_router(store: DecisionStore, board: Callable[[], Board], pages: Pages, gate: Gate) -> APIRouter:
    """``/`` (centres), ``/decisions?report_id=`` (the search form) and ``/decisions/{report_id}``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", dependencies=[Depends(gate(Action.CENTERS_READ))])
    async def centers(request: Request) -> Response:
        rows = [center_row(seat) for seat in board().values()]
        cells = _cells(rows, pages, request)
        return pages.render(request, "centers.html", rows=rows, cells=cells, words=words, center=center)

    @router.get("/decisions", dependencies=[Depends(gate(Action.DECISIONS_READ))])
    async def look_up(report_id: ReportId) -> Response:
        return RedirectResponse(f"/decisions/{report_id}", 303)

    @router.get("/decisions/{report_id}")
    async def decision(
        request: Request,
        report_id: Annotated[ReportId, Path()],
        principal: Annotated[Principal, Depends(gate(Action.DECISIONS_READ))],
    ) -> Response:
        entries = await entries_for(gate, request, principal, store, report_id)
        steps = [_step(event_of(entry), request, pages) for entry in entries]
        owner = center(steps[-1]["center_id"])
        return pages.render(
            request, "decision.html", report_id=report_id, steps=steps, owner=owner, words=words, center=center
        )

    return router


def _cells(rows: list[CenterRow], pages: Pages, request: Request) -> dict[str, MapCell]:
    translate = pages.gettext(request)
    return {row.center_id: MapCell(_CLASSES[row.band], translate(words.BANDS[row.band])) for row in rows}


def _step(event: RoutingEvent, request: Request, pages: Pages) -> Mapping[str, Any]:
    """One entry of the history, fit for the template."""
    translate = pages.gettext(request)
    step: dict[str, Any] = {
        "version": event.version,
        "decided_at": event.decided_at,
        "replays": replays(event),
        "decision": None,
        "moved": None,
    }
    match event:
        case ReportRouted():
            return step | _decided(event.decision, translate)
        case ReportRerouted():
            moved = translate(words.MOVES[event.cause.kind])
            return step | {"moved": moved, "left": event.previous_center_id} | _decided(event.decision, translate)
        case ReportUpdated():
            sentence = translate(words.UPDATES[event.kind])
            if event.void_reason is not None:
                sentence = f"{sentence} {translate(words.VOIDS[event.void_reason])}"
            return step | {"center_id": event.center_id, "sentence": sentence}
        case ReportEnded():
            return step | {"center_id": event.center_id, "sentence": translate(words.ENDS[event.reason])}


def _decided(decision: Decision, translate: Callable[[str], str]) -> dict[str, Any]:
    return {
        "center_id": decision.center_id,
        "sentence": translate(words.REASONS[decision.reason]),
        "decision": decision,
        "candidates": [(candidate, percent_used(candidate)) for candidate in decision.candidates],
    }
