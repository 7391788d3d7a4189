"""Reads the body of a page's own form."""

from typing import Final

from starlette.requests import Request

from services.intake.webform.models import Typed, read
from shared.web.app import Problem
from shared.web.translations import gettext_noop as n

_FORM_TYPE: Final = "application/x-www-form-urlencoded"


async def typed_of(request: Request) -> Typed:
    """What was typed and chosen. Raises ``Problem``: 415 ``wrong_content_type``, 400 ``not_a_form``."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise Problem(415, "wrong_content_type", n("This page reads only its own form."))
    try:
        return read(await request.body())
    except ValueError:
        raise Problem(400, "not_a_form", n("The form could not be read.")) from None
