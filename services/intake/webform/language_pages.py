"""The start page and all advice in thirteen languages, and a page that lists them. The form itself has two."""

from collections.abc import Mapping

from fastapi import APIRouter, Depends, Request, Response

from services.intake.webform import safety_texts
from services.intake.webform.safety_texts import SafetyTexts
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.language import LANGUAGES
from shared.web.pages import Pages
from shared.web.translations import gettext_noop as n

_NOTHING_HERE = n("There is nothing at this address.")


def _known(known: Mapping[str, SafetyTexts], language: str) -> SafetyTexts:
    said = known.get(language)
    if said is None:
        raise Problem(404, "not_found", _NOTHING_HERE)
    return said


def router(pages: Pages) -> APIRouter:
    """The routes of the pages. Reads all texts now, so that a broken one keeps intake from starting."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    known = safety_texts.load()

    @routes.get("/languages")
    async def listed(request: Request) -> Response:
        return pages.render(request, "languages-list.html", public=True, known=known.values())

    @routes.get("/in/{language}")
    async def start(request: Request, language: str) -> Response:
        said = _known(known, language)
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
        said = _known(known, language)
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
