"""Models and operations of the published clients, written from intake's OpenAPI document.

Python gets ``TypedDict`` for what is sent and pydantic models for what is answered; TypeScript gets interfaces.
Enumerations of answers are open: a server may know more words than the client ("only add").
"""

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tools.docs_generation import openapi

Schema = Mapping[str, Any]

PYTHON: Final = "../clients/python/ieum_client/models.py"
TYPESCRIPT: Final = "../clients/typescript/src/models.ts"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_AMENDMENT: Final = "Amendment"
_AMENDED: Final = ("AmendmentAsked", frozenset({"receipt", "word"}))
"""A schema of the Python client's own: another one without the fields that its method takes as arguments."""
_WIDTH: Final = 110

_PYTHON_HEAD: Final = '''"""What is sent to intake and what it answers.

Written by ``make docs`` from the OpenAPI document; do not edit.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict

_SECRET: Final = frozenset({"receipt", "code", "proof", "text"})


class Answer(BaseModel):
    """An answer. Fields that a newer server adds are kept, and are in ``model_extra``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What ``repr`` shows, and so what ends in logs and traces: never a receipt, a code or a text."""
        return [(name, "…" if name in _SECRET else value) for name, value in super().__repr_args__()]


class Operation(NamedTuple):
    """One operation of the API."""

    method: str
    path: str
    status: int
    answer: type[Answer]
    keyed: bool
    """Whether it takes an ``Idempotency-Key``."""
'''
_TYPESCRIPT_HEAD: Final = """// What is sent to intake and what it answers.
// Written by `make docs` from the OpenAPI document; do not edit.

/** One of these words, or one that a newer server knows. */
type Open<Known extends string> = Known | (string & {});

/** One operation of the API. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Fields that every answer has. */
  readonly required: readonly string[];
  /** Whether it takes an `Idempotency-Key`. */
  readonly keyed: boolean;
}
"""


class Field(NamedTuple):
    """One field of an object."""

    name: str
    schema: Schema
    required: bool


class Api(NamedTuple):
    """The API as the clients need it."""

    operations: tuple[Mapping[str, Any], ...]
    schemas: Mapping[str, Schema]
    sent: frozenset[str]
    """Schemas that requests hold."""
    answered: frozenset[str]
    """Schemas of answers and callbacks."""


def files() -> dict[str, str]:
    """Both files, by their path below ``docs``."""
    api = api_of(json.loads(openapi.files()["openapi/intake.json"]))
    return {PYTHON: python(api), TYPESCRIPT: typescript(api)}


def api_of(document: Schema) -> Api:
    """Operations and schemas of a document, in its order."""
    schemas: dict[str, Schema] = document["components"]["schemas"]
    operations = tuple(
        {"path": path, "method": method, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    )
    called_back = [_json_of(hook["post"]["requestBody"]) for hook in document.get("webhooks", {}).values()]
    sent = _reached([_json_of(one.get("requestBody", {})) for one in operations], schemas)
    answered = _reached([*(_json_of(_success(one)[1]) for one in operations), *called_back], schemas)
    return Api(operations, schemas, frozenset(sent), frozenset(answered))


def python(api: Api) -> str:
    """The module of models, as the formatter leaves it. Bodies that the methods take in arguments have no class."""
    source, without = _AMENDED
    whole = api.schemas[source]
    amendment = {
        "description": "What is added to a report, or corrected.",
        "properties": {key: value for key, value in whole["properties"].items() if key not in without},
    }
    schemas = {**api.schemas, _AMENDMENT: amendment}
    sent = {"Submission", _AMENDMENT}
    api = Api(
        api.operations, schemas, frozenset(sent | _reached([schemas[name] for name in sent], schemas)), api.answered
    )
    parts = [_PYTHON_HEAD, *(_python_class(api, name, schema) for name, schema in _in_order(api))]
    rows = "".join(
        f'"{_snake(one["operationId"])}": Operation("{one["method"].upper()}", "{one["path"]}", '
        f"{_success(one)[0]}, {_answer_of(one)}, {_is_keyed(one)}),\n"
        for one in api.operations
    )
    parts.append(f"OPERATIONS: Final[dict[str, Operation]] = {{\n{rows}}}\n")
    made = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", "models.py", "-"],
        input="\n\n".join(parts),
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout


def _python_class(api: Api, name: str, schema: Schema) -> str:
    if "enum" in schema:
        return _python_words(name, schema["enum"], schema.get("description", ""))
    is_sent = name in api.sent
    lines = [_python_words(word, words, "") + "\n" for word, words in _own_words(name, schema)]
    lines.append(f"class {name}({'TypedDict' if is_sent else 'Answer'}):")
    lines += [_docstring(schema.get("description", name), 4), ""]
    for field in _fields(schema):
        kind = _python_type(api, name, field)
        if not field.required:
            kind = f"NotRequired[{kind}]" if is_sent else f"{kind} = {field.schema.get('default')!r}"
        lines.append(f"    {field.name}: {kind}")
        if said := _described(field.schema):
            lines.append(_docstring(said, 4))
    return "\n".join(lines)


def typescript(api: Api) -> str:
    """The module of models."""
    parts = [_TYPESCRIPT_HEAD]
    for name, schema in _in_order(api):
        said = _comment(schema.get("description", name), "")
        if "enum" in schema:
            words = "".join(f"\n  | {json.dumps(word)}" for word in schema["enum"])
            parts.append(f"{said}\nexport type {name} ={words};\n")
            continue
        lines = [said, f"export interface {name} {{"]
        for field in _fields(schema):
            if described := _described(field.schema):
                lines.append(_comment(described, "  "))
            lines.append(f"  {field.name}{'' if field.required else '?'}: {_typescript_type(api, field)};")
        parts.append("\n".join([*lines, "}\n"]))
    rows = "".join(
        f"  {one['operationId']}: {{\n"
        f'    method: "{one["method"].upper()}",\n    path: "{one["path"]}",\n    status: {_success(one)[0]},\n'
        f"    required: {json.dumps(api.schemas[_answer_of(one)]['required'])},\n"
        f"    keyed: {json.dumps(_is_keyed(one))},\n  }},\n"
        for one in api.operations
    )
    parts.append(f"export const OPERATIONS = {{\n{rows}}} as const satisfies Record<string, Operation>;\n")
    return "\n".join(parts)


def _in_order(api: Api) -> Iterator[tuple[str, Schema]]:
    """Each schema after those that it names, so that a reader, and Python, meets none before it is there."""
    done: set[str] = set()

    def of(name: str) -> Iterator[tuple[str, Schema]]:
        if name in done:
            return
        done.add(name)
        for inner in _named(api.schemas[name]):
            yield from of(inner)
        yield name, api.schemas[name]

    for name in api.schemas:
        if name in api.sent or name in api.answered:
            yield from of(name)


def _fields(schema: Schema) -> list[Field]:
    """The fields, those that must be there first."""
    required = schema.get("required", ())
    found = [Field(name, value, name in required) for name, value in schema["properties"].items()]
    return sorted(found, key=lambda field: not field.required)


def _own_words(name: str, schema: Schema) -> Iterator[tuple[str, list[str]]]:
    """The words that a schema spells out in place, each list with a name made of schema and field."""
    for field in _fields(schema):
        for part in _parts(field.schema):
            inner = part.get("items", part)
            if "enum" in inner:
                yield _word_name(name, field.name), inner["enum"]


def _word_name(name: str, field: str) -> str:
    return name + "".join(part.title() for part in field.split("_"))


def _python_words(name: str, words: list[str], said: str) -> str:
    rows = "".join(f"    {json.dumps(word)},\n" for word in words)
    return f"{name} = Literal[\n{rows}]\n" + (f"{_docstring(said, 0)}\n" if said else "")


def _python_type(api: Api, owner: str, field: Field) -> str:
    is_sent = owner in api.sent

    def of(part: Schema) -> str:
        if "$ref" in part:
            name = _name_of(part["$ref"])
            return f"{name} | str" if _is_open(api, name) else name
        if "enum" in part:
            return _word_name(owner, field.name)
        if part["type"] == "array":
            return f"list[{of(part['items'])}]"
        if part.get("format") == "date-time":
            return "datetime | str" if is_sent else "datetime"
        return {"string": "str", "integer": "int", "boolean": "bool", "null": "None"}[part["type"]]

    return " | ".join(of(part) for part in _parts(field.schema))


def _typescript_type(api: Api, field: Field) -> str:
    def of(part: Schema) -> str:
        if "$ref" in part:
            name = _name_of(part["$ref"])
            return f"Open<{name}>" if _is_open(api, name) else name
        if "enum" in part:
            return " | ".join(json.dumps(word) for word in part["enum"])
        if part["type"] == "array":
            inner = of(part["items"])
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        return {"string": "string", "integer": "number", "boolean": "boolean", "null": "null"}[part["type"]]

    return " | ".join(of(part) for part in _parts(field.schema))


def _is_open(api: Api, name: str) -> bool:
    """Return whether a server may answer with a word that this document does not know."""
    return "enum" in api.schemas[name] and name in api.answered


def _parts(schema: Schema) -> list[Schema]:
    return list(schema.get("anyOf", [schema]))


def _described(schema: Schema) -> str:
    return str(schema.get("description", ""))


def _named(node: object) -> Iterator[str]:
    """Every schema that a part of the document refers to."""
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield _name_of(node["$ref"])
        for value in node.values():
            yield from _named(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value)


def _reached(roots: list[object], schemas: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = list(_named(roots))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _named(schemas[name])
    return found


def _name_of(ref: str) -> str:
    return ref.rpartition("/")[2]


def _json_of(part: Schema) -> Schema:
    found: Schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _success(operation: Mapping[str, Any]) -> tuple[int, Schema]:
    [found] = [(int(status), answer) for status, answer in operation["responses"].items() if status.startswith("2")]
    return found


def _answer_of(operation: Mapping[str, Any]) -> str:
    return _name_of(_json_of(_success(operation)[1])["$ref"])


def _is_keyed(operation: Mapping[str, Any]) -> bool:
    return any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", ()))


def _snake(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def _docstring(text: str, indent: int) -> str:
    space = " " * indent
    lines = _wrapped(text, _WIDTH - indent)
    if len(lines) == 1:
        return f'{space}"""{lines[0]}"""'
    return "\n".join([f'{space}"""{lines[0]}', *(f"{space}{line}".rstrip() for line in lines[1:]), f'{space}"""'])


def _comment(text: str, space: str) -> str:
    lines = _wrapped(text, _WIDTH)
    if len(lines) == 1:
        return f"{space}/** {lines[0]} */"
    return "\n".join([f"{space}/**", *(f"{space} * {line}".rstrip() for line in lines), f"{space} */"])


def _wrapped(text: str, width: int) -> list[str]:
    sentence, _, rest = " ".join(text.split()).partition(". ")
    if not rest or len(f"{sentence}. {rest}") <= width:
        return textwrap.wrap(" ".join(text.split()), width)
    return [*textwrap.wrap(f"{sentence}.", width), "", *textwrap.wrap(rest, width)]
