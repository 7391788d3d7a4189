"""OpenAPI 3.1 of a service, for generators and linters as much as for readers.

FastAPI says the paths, parameters and models; this adds what it does not know: who may call (from the dependencies of
each route), every refusal with its status and an example (from the tables of problems), and the headers of answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from shared.web.documented import Documented
from shared.web.problem_catalog import DocumentedProblem
from shared.web.problems import MEDIA_TYPE, TITLES, ProblemDocument

METHODS: Final = ("get", "post", "put", "patch", "delete")
REF: Final = "#/components/schemas/"
_HEADER: Final = "#/components/headers/"
_LICENSE: Final = {"name": "Apache 2.0", "identifier": "Apache-2.0"}
_EVERYWHERE: Final = ("internal_error", "unavailable")
_WITH_BODY: Final = ("foreign_origin", "too_slow", "too_large", "wrong_content_type", "wrong_content_encoding")
"""Refusals of the edge for any request that may carry a body."""
_JSON_BODY: Final = ("not_json", "invalid")
_PROBLEM: Final[dict[str, Any]] = {MEDIA_TYPE: {"schema": {"$ref": REF + "ProblemDocument"}}}
_RETRY_AFTER: Final = frozenset({429, 503})

SECURITY_SCHEMES: Final[dict[str, dict[str, Any]]] = {
    "frontEnd": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "<client id>.<secret>",
        "description": "The credential of a front end, sent from its server only. Each operation names the scope that "
        "the credential must have.",
    },
    "staffToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of identity (`POST /api/v1/sign-in`), for programs. Each operation names the "
        "action that the roles of the account must allow.",
    },
    "staffSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "ieum_SERVICE",
        "description": "The same token in the cookie of this service (`ieum_intake`, `ieum_notify`, …; by https with "
        "`__Host-` before it).",
    },
}
HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 10,
    },
    "RateLimit-Policy": {
        "description": "How many requests (`q`) this credential may send in how many seconds (`w`); IETF draft "
        "“RateLimit header fields for HTTP”.",
        "schema": {"type": "string"},
        "example": '"front-end";q=600;w=60',
    },
    "RateLimit": {
        "description": "How many requests are left (`r`), and in how many seconds (`t`) all of them are there again.",
        "schema": {"type": "string"},
        "example": '"front-end";r=599;t=1',
    },
}


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI 3.1 document. Raises ``ValueError`` where a route names a problem that no table has."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    spec = app.openapi()
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    add_schema(components, "ProblemDocument", ProblemDocument.model_json_schema(ref_template=REF + "{model}"))
    components["headers"] = {}
    routes = dict(_routes(app))
    for path, method, operation in operations(spec):
        documented = list(_documented(routes[path, method].dependant))
        described = [one for one in documented if type(one).describe is not Documented.describe]
        for one in described:
            one.describe(operation, components)
        codes = {code for one in documented for code in one.problems}
        _add_refusals(app, operation, method, codes, components)
    for item in spec.get("webhooks", {}).values():
        for operation in item.values():
            operation["responses"].pop("422", None)  # what a receiver answers is its own
    _keep_used(spec)
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            _restore_nulls(spec, schema, example)
    components["securitySchemes"] = {name: SECURITY_SCHEMES[name] for name in sorted(_schemes(spec))}
    base = app.state.pages.settings.public_urls.get(app.state.service, "/").rstrip("/") or "/"
    head = {
        "openapi": spec.pop("openapi"),
        "info": {**spec.pop("info"), "contact": {"name": "The operator of this service"}, "license": _LICENSE},
        "servers": [{"url": base, "description": "The server that this document came from."}],
        "tags": [{"name": name, "description": app.state.tags.get(name, name)} for name in _tags(spec)],
    }
    app.openapi_schema = {**head, **spec}
    return app.openapi_schema


def operation_id(route: APIRoute) -> str:
    """The name of a route's function, as clients write it: ``submit_report`` is ``submitReport``."""
    first, *more = route.name.split("_")
    return first + "".join(part.title() for part in more)


def operations(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with its path and method, which is in lower case."""
    for path, item in spec.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def resolved(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, or the one of the document that it refers to."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(REF):
        target: Mapping[str, Any] = spec["components"]["schemas"].get(reference.removeprefix(REF), {})
        return target
    return schema


def add_schema(components: dict[str, Any], name: str, schema: dict[str, Any]) -> dict[str, str]:
    """Put a schema and what it refers to among the components; gives the reference to it."""
    schemas = components.setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas[name] = schema
    return {"$ref": REF + name}


def add_headers(answer: dict[str, Any], components: dict[str, Any], names: Sequence[str]) -> None:
    """Name headers in an answer."""
    for name in names:
        components["headers"][name] = HEADERS[name]
        answer.setdefault("headers", {})[name] = {"$ref": _HEADER + name}


def _add_refusals(
    app: FastAPI, operation: dict[str, Any], method: str, codes: set[str], components: dict[str, Any]
) -> None:
    answers = operation["responses"]
    codes |= {*_EVERYWHERE, *operation.pop("x-problems", ())}
    if method != "get":
        codes |= {*_WITH_BODY}
    if "requestBody" in operation:
        codes |= {*_JSON_BODY}
    if answers.pop("422", None) is not None:
        codes.add("invalid")
    for status, problems in _by_status(app.state.problems, codes).items():
        answer = answers[str(status)] = _refusal(status, problems)
        add_headers(answer, components, ["Retry-After"] if status in _RETRY_AFTER else [])
    if not any(status.startswith("4") for status in answers):
        # Nothing of ours; the framework and what stands before it may still refuse a request.
        answers["4XX"] = {"description": "The request could not be used.", "content": _PROBLEM}
    if any("frontEnd" in one for one in operation.get("security", ())):
        for status, answer in answers.items():
            # Counted once the front end is known.
            add_headers(answer, components, [] if status in {"401", "403"} else ["RateLimit-Policy", "RateLimit"])
    operation["responses"] = dict(sorted(answers.items()))


def _by_status(table: Sequence[DocumentedProblem], codes: set[str]) -> dict[int, list[DocumentedProblem]]:
    unknown = codes - {one.code for one in table}
    if unknown:
        raise ValueError(f"problems that no table has: {', '.join(sorted(unknown))}")
    found: dict[int, list[DocumentedProblem]] = {}
    for one in table:
        if one.code in codes:
            found.setdefault(one.status, []).append(one)
    return found


def _refusal(status: int, problems: Sequence[DocumentedProblem]) -> dict[str, Any]:
    return {
        "description": "\n".join(f"`{one.code}`: {one.when}" for one in problems),
        "content": {MEDIA_TYPE: {**_PROBLEM[MEDIA_TYPE], "example": _example(problems[0])}},
    }


def _example(problem: DocumentedProblem) -> dict[str, Any]:
    return {
        "type": f"/problems#{problem.code}",
        "title": TITLES[problem.status],
        "status": problem.status,
        "detail": problem.when,
        "code": problem.code,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


def _routes(app: FastAPI) -> Iterator[tuple[tuple[str, str], Any]]:
    for route in iter_route_contexts(app.routes):
        if getattr(route, "include_in_schema", False) and hasattr(route, "dependant"):
            for method in route.methods or ():
                yield (str(getattr(route, "path_format", route.path)), method.lower()), route


def _documented(dependant: Dependant | None) -> Iterator[Documented]:
    for one in dependant.dependencies if dependant is not None else ():
        called: object = one.call
        if isinstance(called, Documented):
            yield called
        yield from _documented(one)


def _keep_used(spec: dict[str, Any]) -> None:
    """Drop schemas that nothing refers to any more: FastAPI leaves those that only an open enumeration named."""
    schemas = spec["components"]["schemas"]
    while unused := schemas.keys() - set(_references(spec)):
        for name in unused:
            del schemas[name]


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(REF)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _restore_nulls(spec: Mapping[str, Any], schema: Mapping[str, Any], example: object) -> None:
    """Put back what FastAPI takes out of examples: fields that must be there and are null."""
    schema = resolved(spec, schema)
    if isinstance(example, list):
        for item in example:
            _restore_nulls(spec, schema.get("items", {}), item)
    elif isinstance(example, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in example:
                _restore_nulls(spec, inner, example[name])
            elif name in schema.get("required", ()) and {"type": "null"} in inner.get("anyOf", ()):
                example[name] = None


def _schemes(spec: Mapping[str, Any]) -> set[str]:
    return {name for _, _, operation in operations(spec) for each in operation.get("security", ()) for name in each}


def _tags(spec: Mapping[str, Any]) -> list[str]:
    every = [operation for _, _, operation in operations(spec)]
    every += [operation for item in spec.get("webhooks", {}).values() for operation in item.values()]
    return sorted({tag for operation in every for tag in operation.get("tags", ())})
