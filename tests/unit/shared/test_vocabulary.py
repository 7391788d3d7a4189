"""Open vocabularies are read tolerantly and passed on unchanged; closed ones say why they are closed."""

import inspect
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest
from pydantic import TypeAdapter

from shared.errors import PermanentError
from shared.events import vocabulary
from shared.events.base import encode
from shared.events.catalog import EVENT_TYPES, parse_event
from shared.events.reports import ReportFacts
from shared.events.vocabulary import (
    UNKNOWN,
    AgeBand,
    ContactChannel,
    HarmType,
    Open,
    OpenVocabulary,
    Urgency,
    agreed_channels,
)
from shared.severity import urgency_of
from tests.unit.shared.test_events import golden, parts

VOCABULARIES = [one for _, one in inspect.getmembers(vocabulary, inspect.isclass) if issubclass(one, StrEnum)]
OPEN = [one for one in VOCABULARIES if issubclass(one, OpenVocabulary) and one is not OpenVocabulary]
CLOSED = [one for one in VOCABULARIES if not issubclass(one, OpenVocabulary) and one not in (StrEnum, OpenVocabulary)]
NEWER = "of_a_later_build"
KEYS = "**"
"""In a path: the keys of an object, where a schema knows some of them."""


def places(schema: dict[str, Any], whole: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a schema has a field of an open vocabulary; ``*`` stands for every item of a list, ``**`` for the keys."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    for one in schema.get("anyOf", ()):
        yield from places(one, whole, path)
    if "x-known-values" in schema:
        yield (*path, KEYS) if schema.get("type") == "object" else path
    for name, field in schema.get("properties", {}).items():
        yield from places(field, whole, (*path, name))
    if "items" in schema:
        yield from places(schema["items"], whole, (*path, "*"))


def put(node: Any, path: tuple[str, ...], value: str) -> None:
    head, *rest = path
    if head == KEYS:
        node[value] = node.pop(next(iter(node)))
    elif head != "*" and not rest:
        node[head] = value
    elif head != "*":
        put(node.setdefault(head, []), tuple(rest), value)
    elif rest:
        for item in node:
            put(item, tuple(rest), value)
    else:
        node[:] = [value]


SCHEMAS = {name: model.model_json_schema(mode="serialization") for name, model in EVENT_TYPES.items()}
OPEN_FIELDS = [(name, ".".join(path)) for name, schema in SCHEMAS.items() for path in places(schema, schema)]


@pytest.mark.parametrize(("name", "path"), OPEN_FIELDS)
def test_a_value_of_a_later_build_is_read_and_passed_on_unchanged(name: str, path: str) -> None:
    topic, key, headers, _ = parts(name)
    body = golden(name)["body"]
    put(body, tuple(path.split(".")), NEWER)
    assert NEWER in json.dumps(body)
    event, envelope = parse_event(topic, key, headers, json.dumps(body).encode())
    again = encode(event, source=envelope.source[6:], time=envelope.time, traceparent=envelope.traceparent)
    assert json.loads(again.value) == body
    assert event.model_dump(mode="json", exclude_none=True) == body


def test_every_open_vocabulary_of_an_event_is_read_tolerantly() -> None:
    strict = {
        found for whole in SCHEMAS.values() for found, schema in whole.get("$defs", {}).items() if "enum" in schema
    }
    assert strict == {"CauseKind", "CenterState", "EndReason", "UpdateKind"}
    assert len(OPEN_FIELDS) > 60


@pytest.mark.parametrize("words", [one for one in CLOSED if one is not vocabulary.AlertTrouble])
def test_a_closed_vocabulary_says_why(words: type[StrEnum]) -> None:
    assert "Closed: " in (words.__doc__ or "")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("center.changed.v1", "state", NEWER),
        ("report.ended.v1", "reason", NEWER),
        ("report.updated.v1", "kind", NEWER),
        ("report.routed.v1", "cause", {"kind": NEWER}),
        ("case.supported.v1", "support", "Kim Min-ji 010-1234-5678"),
        ("case.supported.v1", "support", "김민지"),
        ("case.supported.v1", "support", ""),
        ("case.supported.v1", "support", 7),
    ],
)
def test_a_closed_word_and_what_is_no_word_are_dead(name: str, field: str, value: object) -> None:
    topic, key, headers, _ = parts(name)
    body = {**golden(name)["body"], field: value}
    with pytest.raises(PermanentError) as caught:
        parse_event(topic, key, headers, json.dumps(body).encode())
    assert caught.value.reason == "invalid"
    assert "Kim" not in str(caught.value)


@pytest.mark.parametrize("words", OPEN)
def test_what_is_not_known_equals_unknown_and_no_value_of_its_vocabulary(words: type[OpenVocabulary]) -> None:
    newer = words.read(NEWER)
    assert newer == UNKNOWN == newer.word == str(newer) == f"{newer}"
    assert newer.value == NEWER
    assert {UNKNOWN: 1}[newer] == 1
    assert not any(newer is one for one in words)
    assert all(words.read(one.value) is one and one.word == one.value for one in words)
    with pytest.raises(ValueError, match=NEWER):
        words(NEWER)


def test_a_stored_value_comes_back_as_it_was_written() -> None:
    kept: TypeAdapter[tuple[HarmType, ...]] = TypeAdapter(tuple[Open[HarmType], ...])
    read = kept.validate_python([NEWER, "synthesis"])
    assert kept.dump_python(read) == (NEWER, "synthesis")
    assert kept.validate_python(kept.dump_python(read)) == read


def facts(**changed: object) -> ReportFacts:
    return ReportFacts.model_validate({**golden("report.received.v1")["body"]["facts"], **changed})


def test_an_urgency_of_a_later_build_is_never_less_urgent_than_it_may_be() -> None:
    assert urgency_of(facts(urgency=NEWER)) is Urgency.CRITICAL
    assert urgency_of(facts(urgency="normal")) is Urgency.NORMAL


def test_an_age_of_a_later_build_is_as_good_as_not_told() -> None:
    assert facts(age_band=NEWER).age_band == AgeBand.UNKNOWN


def test_nobody_is_contacted_by_a_guess() -> None:
    newer = ContactChannel.read("letter")
    assert agreed_channels([ContactChannel.PHONE, newer]) == (newer,)
    assert agreed_channels([ContactChannel.MESSAGE_HERE, newer]) == (newer,)
    assert agreed_channels([ContactChannel.PHONE, ContactChannel.TEXT]) == (ContactChannel.PHONE, ContactChannel.TEXT)
