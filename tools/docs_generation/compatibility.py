"""Whether today's events and those of every release understand each other: schemas compared, examples read both ways.

`docs/events/released/<version>.json` names the schema of each type by its digest, beside `<digest>.example.json`; the
schema itself is at its immutable name. The first release is 1.0.0: until then there is nothing to compare with. A type
may get optional fields, words in open vocabularies, and an open vocabulary in place of a closed one. Everything else is
a new version of the type, beside the old one: the topics are kept for ever.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema

from shared.errors import PermanentError, UnknownTypeError
from shared.events.catalog import EVENT_TYPES, parse_event
from shared.events.schemas import name_of, schema
from tools.docs_generation.schemas import DOCS, path_of, released_paths, render

Schema = Mapping[str, Any]

_ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = _ROOT / "tests" / "golden" / "events"
_RELEASED: Final = "events/released"
_WORDS: Final = "x-known-values"
_SAY_NOTHING: Final = {"title", "description", "examples", "$schema", "$id", "$defs", "$ref", "default"}
"""Keywords that bind nobody, and those that are looked at by themselves."""
_OF_PARTS: Final = {"properties", "required", "items", "anyOf", "additionalProperties", "patternProperties"}
_OF_WORDS: Final = {"enum", _WORDS, "pattern", "type"}


def problems() -> list[str]:
    """Return the faults of the events as they are, one line each."""
    return list(faults(DOCS, {name: schema(model) for name, model in EVENT_TYPES.items()}, GOLDEN))


def faults(docs: Path, today: Mapping[str, Schema], golden: Path) -> Iterator[str]:
    """Compare today's schemas and examples with those of every release; return the faults, one line each."""
    for path, release in released_paths(docs).items():
        _, name, digest = path.split("/")
        file = docs / path
        old = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if old.get("$id") != name_of(name, old) or not str(old.get("$id")).endswith(digest):
            yield f"docs/{path}: is not what {release} released; restore it (git checkout)"
            continue
        if name not in today:
            yield f"{name}: the type of release {release} is gone; topics are kept for ever, so its model must stay"
            continue
        remedy = f"since {release}; undo it, or make it a new type ({next_version(name)})"
        for place, change in compared(old, today[name]):
            yield f"{name}, {place or 'body'}: {change} {remedy}"
        if error := _refused_today(docs / _RELEASED / f"{digest}.example.json"):
            yield f"{name}: today's model refuses the example {error} {remedy}"
        body = json.loads((golden / f"{name}.json").read_text(encoding="utf-8"))["body"]
        for wrong in jsonschema.Draft202012Validator(old).iter_errors(body):
            yield f"{name}, {_path(wrong.absolute_path)}: a reader refuses today's example ({wrong.validator}) {remedy}"


def compared(old: Schema, new: Schema) -> Iterator[tuple[str, str]]:
    """(Field, what changed) for each change that an earlier or a later build would not survive."""
    yield from _compared(old, new, old, new, "")


def next_version(event_type: str) -> str:
    """The type's name with its next version."""
    name, _, version = event_type.rpartition(".v")
    return f"{name}.v{int(version) + 1}"


def _compared(old: Schema, new: Schema, olds: Schema, news: Schema, place: str) -> Iterator[tuple[str, str]]:
    old, new = _resolved(old, olds), _resolved(new, news)
    opened = "enum" in old and _WORDS in new
    yield from ((place, change) for change in _words(old, new))
    elsewhere = _SAY_NOTHING | _OF_PARTS | (_OF_WORDS if opened else {_WORDS, "enum"})
    for keyword in sorted((old.keys() | new.keys()) - elsewhere):
        if old.get(keyword) != new.get(keyword):
            yield place, f"{keyword} changed from {_shown(old.get(keyword))} to {_shown(new.get(keyword))}"
    if old.get("default") != new.get("default"):
        yield place, f"the default changed from {_shown(old.get('default'))} to {_shown(new.get('default'))}"
    yield from _fields(old, new, olds, news, place)
    for keyword in ("items", "additionalProperties"):
        inner, after = old.get(keyword), new.get(keyword)
        if isinstance(inner, dict) and isinstance(after, dict):
            yield from _compared(inner, after, olds, news, f"{place}.*".lstrip("."))
        elif inner != after:
            yield place, f"{keyword} changed"
    for pattern, inner in old.get("patternProperties", {}).items():
        if after := new.get("patternProperties", {}).get(pattern):
            yield from _compared(inner, after, olds, news, f"{place}.*".lstrip("."))
        else:
            yield place, "the pattern of its keys changed"
    choices, now = old.get("anyOf", ()), new.get("anyOf", ())
    if len(choices) != len(now):
        yield place, f"the type changed from {len(choices) or 1} to {len(now) or 1} choices"
        return
    for one, after in zip(choices, now, strict=True):
        yield from _compared(one, after, olds, news, place)


def _fields(old: Schema, new: Schema, olds: Schema, news: Schema, place: str) -> Iterator[tuple[str, str]]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() | after.keys()):
        path = f"{place}.{name}".lstrip(".")
        if name not in after:
            yield path, "the field was removed"
        elif name not in before:
            if name in needs:
                yield path, "a required field was added"
        elif (name in needed) != (name in needs):
            yield path, "the field became required" if name in needs else "the field became optional"
        if name in before and name in after:
            yield from _compared(before[name], after[name], olds, news, path)


def _words(old: Schema, new: Schema) -> Iterator[str]:
    closed, known = set(old.get("enum", ())), set(old.get(_WORDS, ()))
    if known and "enum" in new:
        yield "an open vocabulary was closed"
    elif closed and "enum" in new:
        if closed ^ set(new["enum"]):
            yield f"a closed vocabulary changed ({_listed(new['enum'], closed)})"
    elif gone := (closed | known) - set(new.get(_WORDS, ())):
        yield f"words were removed from a vocabulary ({', '.join(sorted(gone))})"


def _listed(new: list[str], old: set[str]) -> str:
    return ", ".join([*(f"+{one}" for one in new if one not in old), *(f"-{one}" for one in sorted(old - set(new)))])


def _resolved(node: Schema, whole: Schema) -> Schema:
    if "$ref" not in node:
        return node
    found: Schema = whole["$defs"][node["$ref"].rpartition("/")[2]]
    return {**found, **node}


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _path(path: Any) -> str:  # noqa: ANN401  # jsonschema's deque of names and numbers
    return ".".join(map(str, path)) or "body"


def _refused_today(file: Path) -> str | None:
    kept = json.loads(file.read_text(encoding="utf-8"))
    headers = [(name, value.encode()) for name, value in kept["headers"].items()]
    try:
        parse_event(kept["topic"], kept["key"].encode(), headers, json.dumps(kept["body"]).encode())
    except (PermanentError, UnknownTypeError) as error:
        return f"({error})"
    return None


def release(version: str, docs: Path = DOCS, golden: Path = GOLDEN) -> None:
    """Keep the names of today's schemas, and their examples, as those of a release. Raises ``FileExistsError``."""
    texts = {name: render(schema(model)) for name, model in EVENT_TYPES.items()}
    digests = {name: path_of(text).rpartition("/")[2] for name, text in texts.items()}
    folder = docs / _RELEASED
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{version}.json").open("x", encoding="utf-8") as file:
        file.write(render(digests))
    for name, digest in digests.items():
        example = folder / f"{digest}.example.json"
        if not example.exists():  # an unchanged schema keeps the example of the release that brought it
            example.write_bytes((golden / f"{name}.json").read_bytes())
