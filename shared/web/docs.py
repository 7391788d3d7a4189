"""The page that shows an OpenAPI document: made on the server, nothing from outside, readable without script."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from shared.web.openapi import openapi_of, operations, resolved
from shared.web.pages import Pages
from shared.web.problems import MEDIA_TYPE

_MAX_DEPTH: Final = 5
"""How deep nested objects are unfolded into rows; deeper ones are named only."""


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """One field of a schema as the page lists it; ``name`` is dotted."""

    name: str
    kind: str
    required: bool
    description: str


def docs_page(request: Request, app: FastAPI, pages: Pages) -> Response:
    """``GET /docs``."""
    spec = openapi_of(app)
    shown = [_shown(spec, path, method, operation) for path, method, operation in operations(spec)]
    return pages.render(request, "docs.html", spec=spec, operations=shown)


def rows(spec: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[SchemaRow]:
    """The fields of a schema, nested ones after their parent."""
    schema = resolved(spec, schema)
    if schema.get("type") == "array":
        yield from rows(spec, schema.get("items", {}), f"{prefix}[]", depth)
        return
    required = set(schema.get("required", ()))
    for name, raw in schema.get("properties", {}).items():
        inner = resolved(spec, raw)
        dotted = f"{prefix}.{name}" if prefix else name
        description = raw.get("description") or inner.get("description") or ""
        yield SchemaRow(dotted, kind_of(spec, raw), name in required, _with_limits(inner, description))
        if depth < _MAX_DEPTH:
            for option in _objects(spec, inner):
                yield from rows(spec, option, dotted + ("[]" if inner.get("type") == "array" else ""), depth + 1)


def kind_of(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A schema in a few words, such as ``string``, ``one of: a, b`` or ``list of object``."""
    schema = resolved(spec, schema)
    if "const" in schema:
        return f"“{schema['const']}”"
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " / ".join(dict.fromkeys(kind_of(spec, option) for option in schema[key]))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {kind_of(spec, schema.get('items', {}))}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _shown(spec: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody")
    return {
        "id": operation.get("operationId", f"{method}-{path}"),
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [
            {
                "description": "",
                "required": False,
                **p,
                "kind": kind_of(spec, p.get("schema", {})),
                "example": _example_of(spec, p),
            }
            for p in operation.get("parameters", ())
        ],
        "body": _contents(spec, body) if body else [],
        "responses": [
            {"status": status, "description": answer.get("description", ""), "contents": _contents(spec, answer)}
            for status, answer in operation.get("responses", {}).items()
        ],
    }


def _contents(spec: Mapping[str, Any], holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "media_type": media_type,
            "rows": list(rows(spec, content.get("schema", {}))),
            "kind": kind_of(spec, content.get("schema", {})),
            "example": _example_of(spec, content),
        }
        for media_type, content in holder.get("content", {}).items()
        if media_type != MEDIA_TYPE  # all alike: the page of problems has them
    ]


def _example_of(spec: Mapping[str, Any], holder: Mapping[str, Any]) -> str:
    schema = resolved(spec, holder.get("schema", {}))
    found = holder.get("example")
    for examples in (holder.get("examples"), schema.get("examples")):
        if found is None and examples:
            first = next(iter(examples.values())) if isinstance(examples, dict) else examples[0]
            found = first.get("value", first) if isinstance(first, dict) and isinstance(examples, dict) else first
    if found is None:
        return ""
    return found if isinstance(found, str) else orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def _objects(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if schema.get("type") == "array":
        yield from _objects(spec, resolved(spec, schema.get("items", {})))
    elif "properties" in schema:
        yield schema
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _objects(spec, resolved(spec, option))


def _with_limits(schema: Mapping[str, Any], description: str) -> str:
    names = {"minLength": "≥ {} characters", "maxLength": "≤ {} characters", "minItems": "≥ {} entries"}
    names |= {"maxItems": "≤ {} entries", "minimum": "≥ {}", "maximum": "≤ {}", "pattern": "form {}"}
    limits = [words.format(schema[key]) for key, words in names.items() if key in schema]
    return " ".join(filter(None, (description, f"({', '.join(limits)})" if limits else "")))
