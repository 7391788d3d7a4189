"""Headers that routes of this service read alike."""

import re
from typing import Final

from shared.web.app import FieldError, Problem
from shared.web.translations import gettext_noop

IDEMPOTENCY_KEY: Final = "idempotency-key"
_KEY: Final = re.compile(r"^[A-Za-z0-9._:~+/=-]{16,128}$")


def idempotency_key(given: str | None) -> str | None:
    """The key of a request, if it has one. Raises ``Problem`` 400 ``invalid_header``."""
    if given is not None and not _KEY.match(given):
        raise bad_header(
            "Idempotency-Key",
            gettext_noop("An Idempotency-Key has 16 to 128 letters, digits or . _ : ~ + / = - and no spaces."),
        )
    return given


def bad_header(name: str, detail: str) -> Problem:
    """400 for a header that could not be used; ``detail`` is a message id."""
    return Problem(
        400,
        "invalid_header",
        gettext_noop("A header could not be used."),
        errors=[FieldError(field=name, reason="wrong_form", detail=detail)],
    )
