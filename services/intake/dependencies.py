"""Dependencies shared by this service's routes: the body, a key, the sender."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final, TypeVar

from fastapi import Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from services.intake import problems
from services.intake.caller import Caller, Require
from shared.audit.entries import where_of
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import FieldError, Problem
from shared.web.authorization import Authorizer
from shared.web.documented import Documented
from shared.web.json_body import JsonBody
from shared.web.translations import gettext_noop

M = TypeVar("M", bound=BaseModel)
CLIENT: Final = "client_id"
"""In ``request.state``: the id of the front end that was authenticated."""
SANDBOX: Final = "sandbox"
"""In ``request.state``: whether that front end is confined to its own drills."""
OPERATOR: Final = "operator"
"""In ``request.state``: the operator who takes the call."""
DEVICE_COOKIE: Final = "place"
"""The cookie of ``receipts.devices``. Its name is neutral, and it is of one visit: a closed browser forgets it."""
SECURE_DEVICE_COOKIE: Final = "__Host-place"
"""Its name where pages come by https: a browser then takes it from this very host only."""

VISITOR: Final = "Ieum-Visitor"
"""The header by which a front end tells its users apart, so that one who guesses does not hold back the others."""
_VISITOR_FORM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
CALLBACK: Final = "Ieum-Callback"
"""The header by which a front end asks to be told how a report stands."""


def json_body_of(
    model: type[M],
    examples: Mapping[str, Any],
    *,
    refused: Callable[[Problem], Problem] = lambda problem: problem,
) -> JsonBody[M]:
    """The dependency that reads a body. Raises ``Problem``: 415, 413, 400 ``not_json``, 422 ``invalid``."""
    return JsonBody(model, problem=problems.from_errors, examples=examples, refused=refused)


def caller_of(request: Request) -> Caller:
    """Return the sender, once the route's dependency has authenticated the front end or the operator.

    Raises ``Problem`` 400 for a front end's name of its user that has a wrong form.
    """
    client: str | None = getattr(request.state, CLIENT, None)
    return Caller(
        network=where_of(request),
        client=client,
        sandbox=getattr(request.state, SANDBOX, False),
        visitor=_visitor_of(request) if client is not None else "",
        operator=getattr(request.state, OPERATOR, None),
        device=request.cookies.get(SECURE_DEVICE_COOKIE) or request.cookies.get(DEVICE_COOKIE, ""),
    )


def _visitor_of(request: Request) -> str:
    visitor = request.headers.get(VISITOR, "")
    if visitor and not _VISITOR_FORM.fullmatch(visitor):
        detail = gettext_noop("An Ieum-Visitor has 1 to 64 letters, digits or _ - and no spaces.")
        raise bad_header(VISITOR, "wrong_form", detail)
    return visitor


class _ApiCaller(Documented):
    """A dependency that gives the caller of an operation, whose front end was authenticated before."""

    problems = ("invalid_header",)

    async def __call__(self, request: Request) -> Caller:
        """The caller. Raises ``Problem`` 400."""
        return caller_of(request)

    def describe(self, operation: dict[str, Any], components: dict[str, Any]) -> None:
        """An optional header."""
        del components
        add_header_parameter(
            operation,
            VISITOR,
            "Tells a front end's users apart, so that wrong receipts hold back one of them alone: a "
            "keyed digest of the user's network, with a key of the front end's that changes every day.",
            {"type": "string", "pattern": f"^(?:{_VISITOR_FORM.pattern})?$"},
            "b1f0c3d2",
        )


ApiCaller = Annotated[Caller, Depends(_ApiCaller())]


def set_device_cookie(response: Response, proof: str, *, secure: bool) -> None:
    """Give the browser what it has proved, for this visit: without an age it goes when the browser is closed."""
    name = SECURE_DEVICE_COOKIE if secure else DEVICE_COOKIE
    response.set_cookie(name, proof, path="/", samesite="strict", httponly=True, secure=secure)


def clear_device_cookie(response: Response, *, secure: bool) -> None:
    """Take it back: nothing of a visit stays on the device."""
    name = SECURE_DEVICE_COOKIE if secure else DEVICE_COOKIE
    response.delete_cookie(name, path="/", samesite="strict", httponly=True, secure=secure)


def require_of(authorize: Authorizer, request: Request, principal: Principal) -> Require:
    """Return the check that a service makes before it touches data of an organisation."""

    def require(action: Action, organisation: str) -> None:
        authorize.require(request, principal, action, organisation)

    return require


class OptionalHeader(Documented):
    """A dependency that gives the value of an optional header; None without one.

    FastAPI's own ``Header`` takes the first of two, or describes a list (decision 5).
    """

    problems: ClassVar[tuple[str, ...]] = ("invalid_header",)
    name: ClassVar[str]
    form: ClassVar[re.Pattern[str]]
    wrong_form: ClassVar[str]
    """What is wrong with a value of another form, a message id."""
    schema: ClassVar[Mapping[str, Any]]
    example: ClassVar[str]

    def __init__(self, description: str, *, refused: Callable[[Problem], Problem] = lambda problem: problem) -> None:
        """``refused`` is called with each problem before it is raised."""
        self._description = description
        self._refused = refused

    async def __call__(self, request: Request) -> str | None:
        """The value. Raises ``Problem`` 400."""
        given = request.headers.getlist(self.name)
        if not given:
            return None
        if len(given) > 1:
            detail = gettext_noop("This header is there more than once.")
            raise self._refused(bad_header(self.name, "duplicate_header", detail))
        value = self.unquoted(given[0])
        if not self.form.fullmatch(value):
            raise self._refused(bad_header(self.name, "wrong_form", self.wrong_form))
        return value

    def unquoted(self, value: str) -> str:
        """The value that is meant."""
        return value

    def describe(self, operation: dict[str, Any], components: dict[str, Any]) -> None:
        """An optional header."""
        del components
        add_header_parameter(operation, self.name, self._description, self.schema, self.example)


class IdempotencyKey(OptionalHeader):
    """The key of a request; quoted, as the IETF draft writes it, or not."""

    problems = ("invalid_header", "idempotency_conflict")
    name = "Idempotency-Key"
    form = re.compile(r"[A-Za-z0-9._:~+/=-]{16,128}")
    wrong_form = gettext_noop("An Idempotency-Key has 16 to 128 letters, digits or . _ : ~ + / = - and no spaces.")
    schema = {"type": "string", "maxLength": 130}
    example = "6f1c3a52-9a0f-4c8e-9d0b-2f5a1e7c8b90"

    def unquoted(self, value: str) -> str:
        """The key without its quotation marks."""
        key = value.strip()
        return key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key


class CallbackReference(OptionalHeader):
    """The front end's reference for callbacks about a report."""

    name = CALLBACK
    form = re.compile(r"[A-Za-z0-9_-]{1,64}")
    wrong_form = gettext_noop("An Ieum-Callback has 1 to 64 letters, digits or _ - and no spaces.")
    schema = {"type": "string", "pattern": f"^{form.pattern}$"}
    example = "k3J9-fQ27"


def add_header_parameter(
    operation: dict[str, Any], name: str, description: str, schema: Mapping[str, Any], example: str
) -> None:
    """Describe an optional header in an operation of the OpenAPI document."""
    parameter = {"name": name, "in": "header", "required": False, "description": description}
    operation.setdefault("parameters", []).append({**parameter, "schema": dict(schema), "example": example})


def bad_header(name: str, reason: str, detail: str) -> Problem:
    """400 for a header that could not be used; ``detail`` is a message id."""
    return Problem(
        400,
        "invalid_header",
        gettext_noop("A header could not be used."),
        errors=[FieldError(field=name, reason=reason, detail=detail)],
    )
