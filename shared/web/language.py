"""Choose one of the two languages: the person's own choice, else their browser's wish, else Korean."""

from typing import Final, Literal

from starlette.requests import HTTPConnection

Language = Literal["ko", "en"]

LANGUAGES: Final[dict[Language, str]] = {"ko": "한국어", "en": "English"}
"""Code and own name of each language."""

COOKIE: Final = "lang"
"""Holds the choice until the browser is closed; nothing that outlives the visit is left on a shared computer."""

_MAX_HEADER = 200


def from_header(header: str | None) -> Language:
    """The best supported language of an ``Accept-Language`` header (RFC 9110, 12.5.4); Korean where none fits."""
    best: Language = "ko"
    best_quality = 0.0
    for part in (header or "")[:_MAX_HEADER].split(","):
        tag, _, parameter = part.partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code not in LANGUAGES:
            continue
        quality = _quality(parameter)
        if quality > best_quality:
            best, best_quality = code, quality
    return best


def chosen(request: HTTPConnection) -> Language:
    """``?lang=``, else the cookie, else the browser's wish, else Korean."""
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wish in LANGUAGES:
            return wish
    return from_header(request.headers.get("accept-language"))


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
