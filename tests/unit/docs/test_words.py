"""The page of words has every value a front end may send as an answer, or is told."""

import json
import re
from typing import Any

import pytest

from tests.unit.docs.test_paths import PROJECT
from tools.docs_generation import words

SCHEMAS: dict[str, Any] = json.loads((PROJECT / "docs/openapi/intake.json").read_text(encoding="utf-8"))["components"][
    "schemas"
]
NO_ANSWER = {"unknown"}
"""Said once, at the head of the page."""


def values(schema: dict[str, Any], field: str) -> set[str]:
    """The values of a field, also of a list of them."""
    found: set[str] = set()
    parts = [schema["properties"][field]]
    while parts:
        part = parts.pop()
        parts += [*part.get("anyOf", ()), *([part["items"]] if "items" in part else [])]
        if "$ref" in part:
            parts.append(SCHEMAS[part["$ref"].rpartition("/")[2]])
        found |= set(part.get("enum", ()))
    return found


def told(title: str) -> set[str]:
    """The values that a part of the page explains, each in two languages."""
    [page] = words.files().values()
    [part] = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([^`]+)` \| [^|]*[가-힣][^|]* \| [^|]+ \|$", part, re.MULTILINE))


@pytest.mark.parametrize(
    ("schema", "field", "title"),
    [
        *(("Submission", field, field) for field, one in SCHEMAS["Submission"]["properties"].items() if "$ref" in one),
        ("Submission", "harm_types", "harm_types"),
        ("Submission", "already_told", "already_told"),
        *(("Contact", field, f"contact.{field}") for field in ("channels", "may_say")),
        ("OnBehalf", "relation", "on_behalf.relation"),
        *(("StatusAnswer", field, field) for field in ("state", "erasure", "limited_because")),
    ],
)
def test_every_value_has_its_words(schema: str, field: str, title: str) -> None:
    wanted = values(SCHEMAS[schema], field) - NO_ANSWER
    if field != "contact":  # its fields have parts of their own
        assert wanted
        assert told(f"`{title}`") == wanted


def test_each_consent_is_there_word_for_word_with_its_version() -> None:
    [page] = words.files().values()
    assert told("`consents`") == SCHEMAS["Consents"]["properties"].keys() - {"version"}
    named = set(re.findall(r"`(2026-[0-9-]+)`", page))
    assert len(named) == 1
    assert named < set(SCHEMAS["Consents"]["properties"]["version"]["enum"])
