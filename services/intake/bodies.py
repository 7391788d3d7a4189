"""Reads the body of a request: JSON of the API, or a page's own form."""

from typing import Final, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from services.intake import problems
from services.intake.webform.models import Typed, read
from shared.web.app import Problem
from shared.web.json_body import is_json, media_type
from shared.web.problems import wrong_content_type
from shared.web.translations import gettext_noop as n

M = TypeVar("M", bound=BaseModel)
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


async def json_of(request: Request, model: type[M]) -> M:
    """What a JSON body means. Raises ``Problem``: 415 ``wrong_content_type``, 400 ``not_json``, 422 ``invalid``."""
    if not is_json(request.headers.get("content-type")):
        raise wrong_content_type()
    return problems.read_body(await request.body(), model)


async def typed_of(request: Request) -> Typed:
    """What was typed and chosen. Raises ``Problem``: 415 ``wrong_content_type``, 400 ``not_a_form``."""
    if media_type(request.headers.get("content-type")) != _FORM_TYPE:
        raise Problem(415, "wrong_content_type", n("This page reads only its own form."))
    try:
        return read(await request.body())
    except ValueError:
        raise Problem(400, "not_a_form", n("The form could not be read.")) from None
