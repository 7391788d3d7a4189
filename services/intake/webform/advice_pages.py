"""Pages of advice. Whoever reads them loses nothing of a form begun before, and is led back to where they were."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from services.intake.webform import steps
from services.intake.webform.advice import NOTES
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.pages import Pages
from shared.web.translations import gettext_noop as n

BACK: Final = "back"
"""In the address: the step of the form from which it is read."""
_NOTHING_HERE = n("There is nothing at this address.")


def router(pages: Pages) -> APIRouter:
    """The routes of advice."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    @routes.get("/notes/{slug}")
    async def note(request: Request, slug: str) -> Response:
        found = NOTES.get(slug)
        if found is None:
            raise Problem(404, "not_found", _NOTHING_HERE)
        came_from = steps.step(request.query_params.get(BACK, ""))
        back = came_from.slug if came_from else ""
        return pages.render(request, "note.html", public=True, slug=slug, note=found, back=back)

    return routes
