"""The page of all refusals of this API, for those who build front ends."""

from fastapi import APIRouter, Depends, Request, Response

from services.intake.clients import problem_words as words
from shared.web.authorization import OPEN
from shared.web.pages import Pages


def router(pages: Pages) -> APIRouter:
    """The route of the page."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    @routes.get("/problems")
    async def problems(request: Request) -> Response:
        return pages.render(request, "client-problems.html", problems=words.PROBLEMS, reasons=words.REASONS)

    return routes
