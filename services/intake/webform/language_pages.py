"""The start page and all advice in thirteen languages, and a page that lists them. The form itself has two."""

from fastapi import APIRouter, Depends, Request, Response

from services.intake.webform import safety_texts
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.language import LANGUAGES
from shared.web.pages import Pages
from shared.web.translations import gettext_noop as n

_NOTHING_HERE = n("There is nothing at this address.")


def router(pages: Pages) -> APIRouter:
    """The routes of the pages. Reads all texts now, so that a broken one keeps intake from starting."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    known = safety_texts.load()

    def all_of_them(request: Request, *, missing: bool = False) -> Response:
        """The list; ``missing``: for who asked for a language that is not there."""
        status, listed = 404 if missing else 200, known.values()
        return pages.render(request, "languages-list.html", status=status, public=True, missing=missing, known=listed)

    @routes.get("/languages")
    async def languages(request: Request) -> Response:
        return all_of_them(request)

    @routes.get("/in/{language}")
    async def start(request: Request, language: str) -> Response:
        said = known.get(language)
        if said is None:
            return all_of_them(request, missing=True)
        form = language if language in LANGUAGES else "en"
        return pages.render(
            request,
            "safety.html",
            public=True,
            said=said,
            page_language=said.language,
            exit_label=said.texts["exit"],
            known=known.values(),
            form_language=form,
        )

    @routes.get("/in/{language}/{note}")
    async def advice(request: Request, language: str, note: str) -> Response:
        said = known.get(language)
        if said is None:
            return all_of_them(request, missing=True)
        if note not in safety_texts.NOTES:
            raise Problem(404, "not_found", _NOTHING_HERE)
        return pages.render(
            request,
            "safety-note.html",
            public=True,
            said=said,
            page_language=said.language,
            exit_label=said.texts["exit"],
            note=note,
        )

    return routes
