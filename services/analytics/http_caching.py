"""Answers that are sent again only where they changed, in the language of the request."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON: Final = "application/json"
NOT_CHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Not changed since the given ETag"}}
"""For the interface's document."""

BINARY: Final = {"type": "string", "format": "binary"}
"""For the interface's document: a file."""


def answered(
    request: Request, body: bytes, media_type: str, language: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The body with its ``ETag``; 304 without it where the request's ``If-None-Match`` names that."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    found = unchanged(request, tag, language, headers)
    return found or Response(body, headers=headers_of(tag, language, headers), media_type=media_type)


def as_json(
    request: Request,
    value: Any,  # noqa: ANN401  # whatever JSON holds
    language: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON document, the same way."""
    return answered(request, orjson.dumps(value), JSON, language, headers)


def unchanged(request: Request, tag: str, language: str, headers: Mapping[str, str] | None) -> Response | None:
    """The 304 for whoever has this version already. For GET weak tags count as the same (RFC 9110, 13.1.2)."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    known = tag.removeprefix("W/") in given or "*" in given
    return Response(status_code=304, headers=headers_of(tag, language, headers)) if known else None


def attachment(name: str, how: str = "attachment") -> str:
    """``Content-Disposition`` of a file; a name beyond ASCII stands in it twice (RFC 6266, appendix D)."""
    plain = name.encode("ascii", "ignore").decode().replace("--", "-").lstrip("-")
    return f'{how}; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name)}")


def headers_of(tag: str, language: str, others: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of every such answer; also of one that streams, whose tag is known before its body."""
    return {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Language": language,
        "Vary": "Accept, Accept-Language, Cookie, Authorization",
        **(others or {}),
    }
