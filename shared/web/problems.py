"""Problem documents (RFC 9457): every refusal in one form, in Korean or English, never with what was sent.

``code`` and ``reason`` are stable and for machines; ``title`` and ``detail`` are for people.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared import trace
from shared.web.translations import STAFF, Translator, gettext_noop
from shared.web.validation_errors import allowed_values, field_name, reason_and_detail

MEDIA_TYPE: Final = "application/problem+json"
TYPES: Final = "/problems"
"""The page that explains every code, on the server that answered."""

TITLES: Final[dict[int, str]] = {
    400: gettext_noop("The request could not be read."),
    401: gettext_noop("Please sign in."),
    403: gettext_noop("You may not do this."),
    404: gettext_noop("Not found."),
    405: gettext_noop("This address does not answer that method."),
    406: gettext_noop("This form of answer is not offered."),
    408: gettext_noop("What you sent did not arrive in time."),
    409: gettext_noop("This does not fit the present state."),
    410: gettext_noop("This is no longer here."),
    413: gettext_noop("What you sent is too long."),
    415: gettext_noop("This content type is not accepted."),
    422: gettext_noop("Some fields need attention."),
    429: gettext_noop("Too many requests."),
    500: gettext_noop("Something went wrong on our side."),
    503: gettext_noop("Not available just now."),
}

_CODES: Final[dict[int, str]] = {
    400: "bad_request",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "wrong_content_type",
    429: "too_many_requests",
    503: "unavailable",
}

_DETAILS: Final[dict[int, str]] = {
    404: gettext_noop("There is nothing at this address."),
    405: gettext_noop("See the documentation of this address for the methods it answers."),
    503: gettext_noop("Nothing you did caused this. Please try again in a moment."),
    500: gettext_noop("Nothing you did caused this. Please try again; if it happens again, name the trace id."),
}


RETRY_SECONDS: Final = 10
"""When to try again while the store is away; local restarts take about this long."""


class FieldError(BaseModel):
    """What is wrong with one field: its dotted name, a stable reason, a sentence, and the values that would do.

    ``detail`` may have a hole ``%(allowed)s`` for them. None of it may hold what a person wrote.
    """

    field: str
    reason: str
    detail: str
    allowed: list[str] = []


class ProblemDocument(BaseModel):
    """The body of every refusal (RFC 9457, with `code`, `errors` and `trace_id` added)."""

    type: str = Field(description="Where the code is explained.", json_schema_extra={"format": "uri-reference"})
    title: str
    status: int
    detail: str = Field(description="A sentence for a person, in the language of `Accept-Language`.")
    code: str = Field(description="Stable, for machines.")
    errors: list[FieldError] = []
    trace_id: str


MOST_ERRORS: Final = 50
"""Fields named in one refusal: more helps nobody, and an answer must not be larger than what it answers."""


class Problem(HTTPException):  # the field's word (RFC 9457)
    """A refusal. ``detail`` is an English message id; it and the errors' details are translated when shown.

    ``values`` fill the ``%(name)s`` holes of ``detail``. None of them may hold what a person wrote.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        values: Mapping[str, object] | None = None,
    ) -> None:
        """``code`` is stable; ``retry_after`` is in seconds."""
        extra = dict(headers or {})
        if retry_after is not None:
            extra["Retry-After"] = str(retry_after)
        super().__init__(status, detail, extra or None)
        self.code = code
        self.errors = tuple(errors)
        self.values = dict(values or {})


def from_http(error: HTTPException) -> Problem:
    """Any HTTP error of the framework as a problem. Its own wording is dropped: it may quote the request."""
    if isinstance(error, Problem):
        return error
    status = error.status_code
    code = _CODES.get(status, "error")
    detail = _DETAILS.get(status, TITLES.get(status, ""))
    return Problem(status, code, detail, headers=error.headers)


def unexpected() -> Problem:
    """Return the problem shown when a defect was met."""
    return Problem(500, "internal_error", _DETAILS[500])


def unavailable() -> Problem:
    """Return the problem shown when a passing failure kept a request from being answered."""
    return Problem(503, _CODES[503], _DETAILS[503], retry_after=RETRY_SECONDS)


def from_validation(errors: Iterable[Mapping[str, Any]], *, json_body: bool = True) -> Problem:
    """The errors of a pydantic validation as a problem: 400 for broken JSON, 415 for a wrong content type, else 422.

    ``json_body`` is false when the request's content type was not JSON.
    """
    found = list(errors)
    if any(error["type"] == "json_invalid" for error in found):
        return Problem(400, "not_json", gettext_noop("The body is not valid JSON."))
    if not json_body and any(tuple(e["loc"]) == ("body",) and e["type"] != "missing" for e in found):
        return wrong_content_type()
    return invalid([field_error(error) for error in found[:MOST_ERRORS]])


def field_error(error: Mapping[str, Any], place: str = "") -> FieldError:
    """One entry of ``ValidationError.errors()``; ``place`` where it is to be put elsewhere than where it was found."""
    reason, detail = reason_and_detail(error)
    allowed = list(allowed_values(error))
    return FieldError(
        field=place or field_name(error["loc"]),
        reason=reason,
        detail=_ALLOWED_ARE if allowed else detail,
        allowed=allowed,
    )


_ALLOWED_ARE: Final = gettext_noop("This is not one of the values allowed: %(allowed)s.")


def invalid(fields: Sequence[FieldError]) -> Problem:
    """422 with the fields to correct."""
    return Problem(
        422, "invalid", gettext_noop("Correct the fields named under “errors” and send again."), errors=fields
    )


def wrong_content_type() -> Problem:
    """415 for a body that is not JSON by its own account."""
    return Problem(415, "wrong_content_type", gettext_noop("Send the body as application/json."))


def too_large(limit: int) -> Problem:
    """413 for a body, or what was typed in a form, of more than ``limit`` bytes."""
    return Problem(413, "too_large", gettext_noop("A body may have at most %(limit)s bytes."), values={"limit": limit})


def encoded() -> Problem:
    """415 for a body that is compressed or coded otherwise: it would be larger than what was counted."""
    return Problem(
        415,
        "wrong_content_encoding",
        gettext_noop("Send the body as it is, without gzip or another Content-Encoding."),
        errors=[FieldError(field="Content-Encoding", reason="not_allowed", detail=_ALLOWED_ARE, allowed=["identity"])],
        headers={"Accept-Encoding": "identity"},
    )


def wants_page(request: Request) -> bool:
    """Return whether a refusal is a page, as a browser asks for one.

    Below ``/api/`` only where somebody opens an address in a browser, which asks for ``text/html`` before all else.
    """
    accept = request.headers.get("accept", "")
    if request.url.path.startswith("/api/"):
        return request.method in {"GET", "HEAD"} and accept.startswith("text/html")
    return "text/html" in accept


def document(problem: Problem, translator: Translator, types: str = TYPES, *, to_staff: bool = False) -> dict[str, Any]:
    """The document's members, in a language. ``types``: the address of the page that explains every code."""
    bound = trace.bound()
    status = problem.status_code
    said = partial(translator.pgettext, STAFF) if to_staff else translator.gettext
    body: dict[str, Any] = {
        "type": f"{types}#{problem.code}",
        "title": said(TITLES.get(status, TITLES[500] if status >= 500 else TITLES[400])),  # noqa: PLR2004  # HTTP's border between the caller's fault and ours
        "status": status,
        "detail": _filled(said(problem.detail), problem.values),
        "code": problem.code,
        "trace_id": trace.trace_id(bound) if bound else "",
    }
    if problem.errors:
        body["errors"] = [_told(error, said) for error in problem.errors]
    return body


def _told(error: FieldError, said: Callable[[str], str]) -> dict[str, Any]:
    values = {"allowed": ", ".join(error.allowed)} if error.allowed else {}
    detail = _filled(said(error.detail), values)
    return {"field": error.field, "reason": error.reason, "detail": detail} | (
        {"allowed": error.allowed} if error.allowed else {}
    )


def response(problem: Problem, translator: Translator, types: str = TYPES, *, to_staff: bool = False) -> Response:
    """The answer that carries a problem."""
    headers = {**(problem.headers or {}), "Content-Language": translator.language}
    body = orjson.dumps(document(problem, translator, types, to_staff=to_staff))
    return Response(body, problem.status_code, headers, MEDIA_TYPE)


def _filled(text: str, values: Mapping[str, object]) -> str:
    return text % values if values else text
