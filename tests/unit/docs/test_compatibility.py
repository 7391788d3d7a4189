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
from tools.docs_generation.compatibility import GOLDEN, altered, compared, faults, problems
from tools.docs_generation.schemas import RELEASED

RELEASES = sorted(folder.name for folder in RELEASED.iterdir() if folder.is_dir())
ROUTED, RECEIVED, SUPPORTED, LOADS = "report.routed.v1", "report.received.v1", "case.supported.v1", "load.summarized.v1"
CENTER = "center.changed.v1"
DOCS = RELEASED.parents[1]


def test_today_and_every_release_understand_each_other() -> None:
    assert RELEASES[:2] == ["0.1.0", "0.2.0"]
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


def test_a_released_schema_stays_published_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "RELEASED", tmp_path)
    older = copy.deepcopy(schema(EVENT_TYPES[SUPPORTED]))
    del older["properties"]["by"]
    older["$id"] = name_of(SUPPORTED, older)
    (tmp_path / "9.9.9").mkdir()
    (tmp_path / "9.9.9" / f"{SUPPORTED}.schema.json").write_text(schemas.render(older))
    assert schemas.files()[schemas.path_of(json.dumps(older))] == schemas.render(older)


GONE = object()
WORDS, REMOVED, STATE = "x-known-values", "words were removed from a vocabulary", "state"
HARMS = [harm.value for harm in HarmType if harm is not HarmType.OTHER]
FACTS, CANDIDATE = "$defs/ReportFacts/properties", "$defs/Candidate/properties"
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
        (ROUTED, CANDIDATE, {"severe": GONE}, "decision.candidates.*.severe", "the field was removed"),
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


def test_a_fault_says_event_field_rule_and_what_to_do() -> None:
    today = {name: schema(model) for name, model in EVENT_TYPES.items()}
    today[SUPPORTED] = copy.deepcopy(today[SUPPORTED])
    today[SUPPORTED]["required"].append("by")
    assert list(faults(RELEASED, today, GOLDEN)) == [
        f"case.supported.v1, by: the field became required since {release}; "
        "undo it, or make it a new type (case.supported.v2)"
        for release in RELEASES
    ]
    del today[SUPPORTED]
    [first, *_] = faults(RELEASED, today, GOLDEN)
    assert first.startswith("case.supported.v1: the type of release 0.1.0 is gone")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RELEASED, tmp_path / "released"))


@pytest.mark.parametrize("how", ["changed", "removed", "added"])
def test_what_was_released_never_changes(copied: Path, how: str) -> None:
    file = copied / "0.2.0" / "case.closed.v1.schema.json"
    if how == "removed":
        file.unlink()
    elif how == "changed":
        file.write_text(file.read_text().replace('"outcome"', '"result"'))
    else:
        file = Path(shutil.copy(file, file.with_name("case.closed.v2.schema.json")))
    [line] = altered(copied)
    assert line == f"docs/events/released/0.2.0/{file.name}: is not what was released; restore it (git checkout)"


def test_examples_are_read_both_ways(copied: Path, tmp_path: Path) -> None:
    golden = Path(shutil.copytree(GOLDEN, tmp_path / "golden"))
    example, mine = copied / "0.1.0" / "case.closed.v1.example.json", golden / "case.closed.v1.json"
    released, today = json.loads(example.read_text()), json.loads(mine.read_text())
    released["body"]["ownership"] = 0
    example.write_text(json.dumps(released))
    today["body"]["outcome"] = "moved_abroad"
    mine.write_text(json.dumps(today))
    found = list(faults(copied, {name: schema(model) for name, model in EVENT_TYPES.items()}, golden))
    assert any("case.closed.v1: today's model refuses the example (invalid: ownership" in line for line in found)
    assert any("case.closed.v1, outcome: a reader refuses today's example (enum) since 0.1.0" in line for line in found)


def test_a_release_keeps_schemas_and_examples_once(copied: Path) -> None:
    compatibility.release("9.9.9", copied)
    assert len(list((copied / "9.9.9").iterdir())) == 2 * len(EVENT_TYPES)
    assert list(altered(copied)) == []
    with pytest.raises(FileExistsError):
        compatibility.release("9.9.9", copied)
