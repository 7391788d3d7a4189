"""Read the body of a page's own form: what was typed and chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.web.json_body import media_type
from shared.web.problems import Problem, too_large
from shared.web.translations import gettext_noop

MAX_FIELDS: Final = 100
"""Boxes and fields of one form; a browser sends about sixty at most."""
MAX_BYTES: Final = 65536
"""Of all that was typed and chosen, in UTF-8: as much as a JSON body has."""
FORM_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Typed:
    """Submitted form values, kept as they came so that nothing has to be typed twice."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The value of a single field; empty where it was left out."""
        found = self.values.get(name)
        return found[-1] if found else ""

    def all(self, name: str) -> tuple[str, ...]:
        """The chosen values of a group of boxes."""
        return tuple(value for value in self.values.get(name, ()) if value)


async def form_body(request: Request) -> Typed:
    """Parse a submitted form. Raises ``Problem``: 415 ``wrong_content_type``, 400 ``not_a_form``, 413 ``too_large``."""
    if media_type(request.headers.get("content-type")) != FORM_TYPE:
        raise Problem(415, "wrong_content_type", gettext_noop("This page reads only its own form."))
    try:
        typed = read(await request.body())
    except ValueError:
        raise Problem(400, "not_a_form", gettext_noop("The form could not be read.")) from None
    if sum(len(value.encode()) for values in typed.values.values() for value in values) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    return typed


def read(body: bytes) -> Typed:
    """A URL-encoded body. Raises ``ValueError`` for one that no form of ours can have sent."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values[name] = (*values.get(name, ()), value.replace("\r\n", "\n"))
    return Typed(values)
