"""The operators' page. Server-made, without script."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.analytics.store.publications import Publications
from services.analytics.store.reading import Reader
from services.analytics.watch import Watch
from shared.clock import Clock
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.web.gate import Gate
from shared.web.pages import Pages


def router(
    publications: Publications, reader: Reader, watch: Watch, pages: Pages, gate: Gate, clock: Clock
) -> APIRouter:
    """``/operations``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/operations")
    async def operations(
        request: Request, principal: Annotated[Principal, Depends(gate(Action.OPERATIONS_READ))]
    ) -> HTMLResponse:
        gate.demand(request, principal, Action.OPERATIONS_READ, MINISTRY)
        centers = await reader.centers()
        return pages.render(
            request,
            "operations.html",
            numbers=await watch.reconcile(),
            caught_up=watch.caught_up(),
            closed=sum(center.state == "closed" for center in centers),
            known=len(centers),
            looked_at=clock.now(),
            next_release=publications.next_release(),
            release_trouble=publications.check(),
        )

    return routes
