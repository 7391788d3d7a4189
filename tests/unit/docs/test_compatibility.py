"""Each change of an event that another build would not survive is found, named, and refused by `make check`."""

import copy
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from shared.events.base import encode
from shared.events.catalog import EVENT_TYPES, parse_event
from shared.events.schemas import name_of, schema
from shared.events.vocabulary import HarmType
from tools.docs_generation import compatibility, schemas
from tools.docs_generation.compatibility import GOLDEN, compared, faults, problems
from tools.docs_generation.schemas import DOCS

ROUTED, RECEIVED, SUPPORTED, LOADS = "report.routed.v1", "report.received.v1", "case.supported.v1", "load.summarized.v1"
CENTER = "center.changed.v1"
TODAY = {name: schema(model) for name, model in EVENT_TYPES.items()}


def test_today_and_every_release_understand_each_other() -> None:
    assert problems() == []


def published() -> dict[str, dict[str, Any]]:
    """Every schema that has an immutable name, by the path at which it is published."""
    return {
        str(file.relative_to(DOCS)): json.loads(file.read_text(encoding="utf-8"))
        for folder in (DOCS / "events").glob("*.v*")
        if folder.is_dir()
        for file in folder.iterdir()
    }


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_what_a_record_names_as_its_schema_is_published_and_describes_it(name: str) -> None:
    example = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    headers = [(key, value.encode()) for key, value in example["headers"].items()]
    event, envelope = parse_event(
        example["topic"], example["key"].encode(), headers, json.dumps(example["body"]).encode()
    )
    source = envelope.source.removeprefix("/ieum/")
    record = encode(event, source=source, time=envelope.time, traceparent=envelope.traceparent)
    named = dict(record.headers)["ce_dataschema"].decode()
    path = urlsplit(named).path.lstrip("/")
    assert path in published(), f"docs/{path} is missing: make docs"
    found = published()[path]
    assert found["$id"] == named
    jsonschema.Draft202012Validator(found).validate(json.loads(record.value))


def test_a_schema_published_under_a_name_never_changes() -> None:
    # The name is made of the content: whatever is changed is not at its place any more.
    assert {urlsplit(name_of(path.split("/")[1], found)).path.lstrip("/") for path, found in published().items()} == (
        published().keys()
    )
    assert published().keys() == {path for path in schemas.files() if not path.endswith(".schema.json")}


GONE = object()
WORDS, REMOVED, STATE = "x-known-values", "words were removed from a vocabulary", "state"
HARMS = [harm.value for harm in HarmType if harm is not HarmType.OTHER]
FACTS, DECISION = "$defs/ReportFacts/properties", "$defs/Decision/properties"
Edit = Mapping[str, object]


def edited(name: str, place: str, edit: Edit) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a type before and after an edit of the keywords at a place; ``GONE`` removes one."""
    before = schema(EVENT_TYPES[name])
    after = copy.deepcopy(before)
    node = after
    for part in filter(None, place.split("/")):
        node = node[part]
    for keyword, value in edit.items():
        if value is GONE:
            del node[keyword]
        else:
            node[keyword] = value
    assert before != after
    return before, after


NEEDED = schema(EVENT_TYPES[SUPPORTED])["required"]
FIELDS = schema(EVENT_TYPES[SUPPORTED])["properties"]
LEGAL: Edit = {"enum": ["legal"], "x-known-values": GONE}
STATES = ["open", "short_staffed", "closed", "unstaffed"]
URGENT: Edit = {"properties": {**FIELDS, "urgent": {"type": "boolean"}}, "required": [*NEEDED, "urgent"]}


@pytest.mark.parametrize(
    ("name", "place", "edit", "field", "rule"),
    [
        (RECEIVED, FACTS, {"district": GONE}, "facts.district", "the field was removed"),
        (RECEIVED, FACTS, {"language": GONE}, "facts.language", "the field was removed"),
        (ROUTED, DECISION, {"reason": GONE}, "decision.reason", "the field was removed"),
        (SUPPORTED, "", URGENT, "urgent", "a required field was added"),
        (SUPPORTED, "", {"required": [*NEEDED, "by"]}, "by", "the field became required"),
        (SUPPORTED, "", {"required": [one for one in NEEDED if one != "at"]}, "at", "the field became optional"),
        (LOADS, "", {"x-topic": "sums"}, "", 'x-topic changed from "loads" to "sums"'),
        (SUPPORTED, "properties/ownership", {"minimum": 2}, "ownership", "minimum changed from 1 to 2"),
        (SUPPORTED, "properties/ownership", {"minimum": GONE}, "ownership", "minimum changed from 1 to nothing"),
        (SUPPORTED, "properties/at", {"maxLength": 9}, "at", "maxLength changed from nothing to 9"),
        (SUPPORTED, "properties/at", {"type": "integer"}, "at", 'type changed from "string" to "integer"'),
        (SUPPORTED, "properties/by", {"anyOf": [{"type": "null"}]}, "by", "the type changed from 2 to 1 choices"),
        (SUPPORTED, "properties/by", {"default": "x"}, "by", 'the default changed from nothing to "x"'),
        (
            RECEIVED,
            f"{FACTS}/synthetic",
            {"default": True},
            "facts.synthetic",
            "the default changed from false to true",
        ),
        (RECEIVED, f"{FACTS}/harm_types", {"minItems": 2}, "facts.harm_types", "minItems changed from 1 to 2"),
        (
            RECEIVED,
            f"{FACTS}/language",
            {"pattern": "x"},
            "facts.language",
            'pattern changed from "^[a-z]{2,3}$" to "x"',
        ),
        (CENTER, "$defs/CenterState", {"enum": [*STATES, "x"]}, STATE, "a closed vocabulary changed (+x)"),
        (CENTER, "$defs/CenterState", {"enum": STATES[:3]}, STATE, "a closed vocabulary changed (-unstaffed)"),
        (SUPPORTED, "properties/support", LEGAL, "support", "an open vocabulary was closed"),
        (RECEIVED, f"{FACTS}/role", {WORDS: ["victim"]}, "facts.role", f"{REMOVED} (representative, third_party)"),
        (RECEIVED, f"{FACTS}/harm_types/items", {WORDS: HARMS}, "facts.harm_types.*", f"{REMOVED} (other)"),
        (LOADS, "$defs/LoadTotal/properties", {"guests": GONE}, "loads.*.guests", "the field was removed"),
    ],
)
def test_a_change_that_another_build_would_not_survive_is_named(
    name: str, place: str, edit: Edit, field: str, rule: str
) -> None:
    assert list(compared(*edited(name, place, edit))) == [(field, rule)]


@pytest.mark.parametrize(
    ("name", "place", "edit"),
    [
        (SUPPORTED, "properties", {"note": {"type": "string"}}),
        (SUPPORTED, "properties/support", {WORDS: [*FIELDS["support"][WORDS], "housing"]}),
        (SUPPORTED, "", {"description": "Other words.", "title": "Other"}),
        (
            ROUTED,
            "$defs/CenterState",
            {"enum": GONE, WORDS: [*STATES, "moving"]},
        ),
    ],
)
def test_what_every_build_survives_is_let_through(name: str, place: str, edit: Edit) -> None:
    assert list(compared(*edited(name, place, edit))) == []


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Documents with today's schemas as those of a release."""
    for path, text in schemas.files(tmp_path).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    compatibility.release("9.9.9", tmp_path)
    return tmp_path


def test_a_fault_says_event_field_rule_and_what_to_do(released: Path) -> None:
    assert list(faults(released, TODAY, GOLDEN)) == []
    changed = copy.deepcopy(TODAY)
    changed[SUPPORTED]["required"].append("by")
    remedy = "undo it, or make it a new type (case.supported.v2)"
    assert list(faults(released, changed, GOLDEN)) == [
        f"case.supported.v1, by: the field became required since 9.9.9; {remedy}"
    ]
    del changed[SUPPORTED]
    [line] = faults(released, changed, GOLDEN)
    assert line.startswith("case.supported.v1: the type of release 9.9.9 is gone")


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_what_was_released_never_changes(released: Path, how: str) -> None:
    (path,) = (path for path in schemas.released_paths(released) if "case.closed.v1" in path)
    if how == "removed":
        (released / path).unlink()
    else:
        (released / path).write_text((released / path).read_text().replace('"outcome"', '"result"'))
    assert list(faults(released, TODAY, GOLDEN)) == [
        f"docs/{path}: is not what 9.9.9 released; restore it (git checkout)"
    ]


def test_examples_are_read_both_ways(released: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    golden = Path(shutil.copytree(GOLDEN, tmp_path_factory.mktemp("golden"), dirs_exist_ok=True))
    (digest,) = (path.rpartition("/")[2] for path in schemas.released_paths(released) if "case.closed.v1" in path)
    example, mine = released / "events" / "released" / f"{digest}.example.json", golden / "case.closed.v1.json"
    kept, today = json.loads(example.read_text()), json.loads(mine.read_text())
    kept["body"]["ownership"] = 0
    example.write_text(json.dumps(kept))
    today["body"]["ownership"] = 0
    mine.write_text(json.dumps(today))
    found = list(faults(released, TODAY, golden))
    assert any("case.closed.v1: today's model refuses the example (invalid: ownership" in line for line in found)
    assert any(
        "case.closed.v1, ownership: a reader refuses today's example (minimum) since 9.9.9" in line for line in found
    )


def test_a_release_copies_no_schema_and_each_stays_published(released: Path) -> None:
    compatibility.release("9.9.10", released)
    assert len(list((released / "events" / "released").iterdir())) == 2 + len(EVENT_TYPES)
    older = copy.deepcopy(TODAY[SUPPORTED])
    del older["properties"]["by"]
    older["$id"] = name_of(SUPPORTED, older)
    path = schemas.path_of(json.dumps(older))
    (released / path).write_text(schemas.render(older))
    digest = path.rpartition("/")[2]
    (released / "events" / "released" / "9.9.8.json").write_text(json.dumps({SUPPORTED: digest}))
    assert schemas.files(released)[path] == schemas.render(older)
    with pytest.raises(FileExistsError):
        compatibility.release("9.9.9", released)
