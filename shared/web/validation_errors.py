"""Stable reasons and plain sentences for what pydantic finds wrong, without a word of what was sent."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import core_schema

from shared.web.translations import gettext_noop

_KNOWN: Final = frozenset(core_schema.ErrorType.__args__)  # type: ignore[attr-defined]  # a Literal at run time

_REASONS: Final[tuple[tuple[str, str, str], ...]] = (
    ("missing", "required", gettext_noop("This field is required.")),
    ("missing_argument", "required", gettext_noop("This field is required.")),
    ("extra_forbidden", "unknown_field", gettext_noop("This field is not known here.")),
    ("string_too_long", "too_long", gettext_noop("This text is too long.")),
    ("string_too_short", "too_short", gettext_noop("This text is too short.")),
    ("too_long", "too_many", gettext_noop("There are too many entries.")),
    ("too_short", "too_few", gettext_noop("There are too few entries.")),
    ("bytes_too_long", "too_long", gettext_noop("This text is too long.")),
    ("url_too_long", "too_long", gettext_noop("This text is too long.")),
    ("literal_error", "not_allowed", gettext_noop("This is not one of the values allowed.")),
    ("enum", "not_allowed", gettext_noop("This is not one of the values allowed.")),
    ("union_tag_invalid", "not_allowed", gettext_noop("This is not one of the values allowed.")),
    ("string_pattern_mismatch", "wrong_form", gettext_noop("This does not have the expected form.")),
    ("greater_than", "too_small", gettext_noop("This number is too small.")),
    ("greater_than_equal", "too_small", gettext_noop("This number is too small.")),
    ("less_than", "too_large", gettext_noop("This number is too large.")),
    ("less_than_equal", "too_large", gettext_noop("This number is too large.")),
)
_BY_TYPE: Final = {kind: (reason, detail) for kind, reason, detail in _REASONS}
_WRONG_TYPE: Final = ("wrong_type", gettext_noop("This is not of the expected kind."))
_WRONG_VALUE: Final = ("invalid", gettext_noop("This value is not valid."))

_LONGEST_NAME: Final = 100
_PERSONAL: Final = re.compile(r"@|\d(?:[^\w]?\d){5}")
"""Fields that may hold a person's address or number: they are not repeated, not even as the name of a field."""
_ALLOWED: Final = re.compile(r"'((?:[^'\\]|\\.)*)'")
_SOURCES: Final = frozenset({"body", "query", "path", "header", "cookie"})


def reason_and_detail(error: Mapping[str, Any]) -> tuple[str, str]:
    """A stable reason and an English message id for one entry of ``ValidationError.errors()``.

    A custom error (``PydanticCustomError``) keeps its own type as reason and its unfilled template as sentence, so
    that values put into the template never come back.
    """
    kind = str(error["type"])
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if kind in _KNOWN:
        return _WRONG_TYPE if kind.endswith(("_type", "_parsing")) else _WRONG_VALUE
    message = str(error.get("msg", ""))
    return kind, message if not error.get("ctx") else _WRONG_VALUE[1]


def allowed_values(error: Mapping[str, Any]) -> tuple[str, ...]:
    """The values that would do, where there is a list of them. From our own schema, never from what was sent."""
    if error["type"] not in {"literal_error", "enum", "union_tag_invalid"}:
        return ()
    context = error.get("ctx") or {}
    return tuple(_ALLOWED.findall(str(context.get("expected") or context.get("expected_tags") or "")))


def field_name(location: Sequence[int | str]) -> str:
    """The dotted name of a place, as it was sent; ``?`` for one that is too long or may name or reach a person."""
    parts = list(location)
    if len(parts) > 1 and parts[0] in _SOURCES:
        parts = parts[1:]
    return ".".join(_shown(part) for part in parts if part != "[key]") or "body"


def _shown(part: int | str) -> str:
    if isinstance(part, int):
        return str(part)
    harmless = 0 < len(part) <= _LONGEST_NAME and part.isprintable() and not _PERSONAL.search(part)
    return part if harmless else "?"
