"""Read a JSON body fast: bytes straight into the model, with the same problems as FastAPI's own parsing."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from shared.web.documented import Documented
from shared.web.openapi import REF, add_schema
from shared.web.problems import FieldError, Problem, from_validation, invalid, wrong_content_type
from shared.web.translations import gettext_noop
from shared.web.validation_errors import field_name

M = TypeVar("M", bound=BaseModel)

REPEATED: Final = ("duplicate_field", gettext_noop("This field is there more than once."))
"""Reason and sentence: which of the values counts would be a guess."""
_REPEATED: Final = object()


def from_errors(error: ValidationError) -> Problem:
    """The problem of a failed validation: 400 ``not_json`` or 422 ``invalid``."""
    return from_validation(error.errors(include_url=False, include_input=False))


class JsonBody(Documented, Generic[M]):
    """A FastAPI dependency that reads a JSON body as ``json_body`` does and stands in the OpenAPI document as one.

    FastAPI's own body parses it into dicts first, where strict models refuse lists for tuples (a report of intake's
    benchmark is answered 422), and lets a field that is there twice pass. Speed is not the reason (decision 5).
    """

    problems = ("not_json", "invalid", "wrong_content_type", "too_large")

    def __init__(
        self,
        model: type[M],
        *,
        problem: Callable[[ValidationError], Problem],
        examples: Mapping[str, Any],
        refused: Callable[[Problem], Problem],
    ) -> None:
        """``problem`` words a failed validation; ``refused`` is called with each problem before it is raised."""
        self.model: Final = model
        self._problem = problem
        self._examples = examples
        self._refused = refused

    async def __call__(self, request: Request) -> M:
        """The validated body."""
        try:
            return await json_body(request, self.model, self._problem)
        except Problem as problem:
            raise self._refused(problem) from None

    def describe(self, operation: dict[str, Any], components: dict[str, Any]) -> None:
        """A required body with its schema and examples."""
        schema = self.model.model_json_schema(ref_template=REF + "{model}")
        content = {"schema": add_schema(components, self.model.__name__, schema), "examples": self._examples}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}


async def json_body(request: Request, model: type[M], problem: Callable[[ValidationError], Problem] = from_errors) -> M:
    """The validated body. Raises Problem: 415 (not JSON by its type), 413 (too large), and those of ``problem``."""
    if not is_json(request.headers.get("content-type")):
        raise wrong_content_type()
    try:
        return validated(await request.body(), model)
    except ValidationError as error:
        raise problem(error) from None


def validated(body: bytes, model: type[M]) -> M:
    """Parse and validate a JSON text. Raises ``ValidationError``, or ``Problem`` 422 if a field occurs twice."""
    found = model.model_validate_json(body)  # first: what it lets through is neither deep nor large
    if twice := repeated(body):
        reason, detail = REPEATED
        raise invalid([FieldError(field=name, reason=reason, detail=detail) for name in twice])
    return found


def is_json(content_type: str | None) -> bool:
    """Return whether a content type is ``application/json``; other ``+json`` types are not accepted."""
    return media_type(content_type) == "application/json"


def media_type(content_type: str | None) -> str:
    """A content type without its parameters, in lower case; empty where there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def repeated(body: bytes) -> list[str]:
    """The dotted names of fields that a JSON text has more than once."""
    any_found = False

    def read(pairs: list[tuple[str, Any]]) -> dict[object, Any]:
        nonlocal any_found
        made: dict[object, Any] = dict(pairs)
        if len(made) < len(pairs):
            any_found = True
            made[_REPEATED] = sorted(more_than_once(name for name, _ in pairs))
        return made

    whole = json.loads(body, object_pairs_hook=read)
    return sorted(_places(whole, ())) if any_found else []


def more_than_once(names: Iterable[str]) -> set[str]:
    """The names that occur more than once; looks at each name once, however many there are."""
    seen: set[str] = set()
    twice: set[str] = set()
    for name in names:
        (twice if name in seen else seen).add(name)
    return twice


def _places(node: Any, at: tuple[int | str, ...]) -> Iterator[str]:  # noqa: ANN401  # any JSON
    if isinstance(node, dict):
        for name, value in node.items():
            if name is _REPEATED:
                yield from (field_name((*at, twice)) for twice in value)
            else:
                yield from _places(value, (*at, name))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _places(value, (*at, number))
