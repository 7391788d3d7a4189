"""Headers that routes of this service read alike."""

import re
from typing import Any, Final

from starlette.requests import Request

from shared.web.app import FieldError, Problem
from shared.web.translations import gettext_noop

IDEMPOTENCY_KEY: Final = "idempotency-key"
_KEY: Final = re.compile(r"[A-Za-z0-9._:~+/=-]{16,128}")
_NAME: Final = "Idempotency-Key"


def key_parameter(description: str) -> list[dict[str, Any]]:
    """The header as OpenAPI takes it.

    By hand: read as a parameter of a function it would cost a twentieth of all the work, and two of them would be one.
    """
    schema = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": description, "title": _NAME}
    return [{"name": IDEMPOTENCY_KEY, "in": "header", "required": False, "schema": schema, "description": description}]


def idempotency_key(request: Request) -> str | None:
    """The key of a request, if it has one; quoted, as the IETF draft writes it, or not. Raises ``Problem`` 400."""
    given = request.headers.getlist(IDEMPOTENCY_KEY)
    if not given:
        return None
    if len(given) > 1:
        raise bad_header(_NAME, "duplicate_header", gettext_noop("This header is there more than once."))
    key = given[0].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        detail = gettext_noop("An Idempotency-Key has 16 to 128 letters, digits or . _ : ~ + / = - and no spaces.")
        raise bad_header(_NAME, "wrong_form", detail)
    return key


def bad_header(name: str, reason: str, detail: str) -> Problem:
    """400 for a header that could not be used; ``detail`` is a message id."""
    return Problem(
        400,
        "invalid_header",
        gettext_noop("A header could not be used."),
        errors=[FieldError(field=name, reason=reason, detail=detail)],
    )
