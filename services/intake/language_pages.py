"""What to do now, in thirteen languages: one page each, and a page that lists them. The form itself has two."""

from fastapi import APIRouter, Depends, Request, Response

from services.intake.rendering import safety_texts
from shared.web.app import Problem
from shared.web.gate import OPEN
from shared.web.language import LANGUAGES
from shared.web.pages import Pages
from shared.web.translations import gettext_noop as n


def router(pages: Pages) -> APIRouter:
    """The routes of the pages. Reads all texts now, so that a broken one keeps intake from starting."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    known = safety_texts.load()

    @routes.get("/languages")
    async def listed(request: Request) -> Response:
        return pages.render(request, "languages-list.html", public=True, known=known.values())

    @routes.get("/in/{language}")
    async def one(request: Request, language: str) -> Response:
        if language not in known:
            raise Problem(404, "not_found", n("There is nothing at this address."))
        form = language if language in LANGUAGES else "en"
        return pages.render(
            request, "safety.html", public=True, said=known[language], known=known.values(), form_language=form
        )

    return routes
