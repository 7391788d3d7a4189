"""The JSON Schema of an event's body, and the name under which a record says which one it follows.

A name is made of the schema's content, so it is immutable and can be cached for ever.
"""

import json
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from shared.events.base import Event

_BASE: Final = "https://ieum.example/events/"
_DIGITS: Final = 16


def schema(model: "type[Event]") -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the body of one event type; its ``$id`` is the type's `dataschema`."""
    body = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "x-topic": model.TOPIC,
        **model.model_json_schema(mode="serialization"),
    }
    return {"$id": name_of(model.TYPE, body), **body}


def name_of(event_type: str, body: dict[str, Any]) -> str:
    """The immutable name of a schema, which stands in it as ``$id``."""
    content = {key: value for key, value in body.items() if key != "$id"}
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{_BASE}{event_type}/{sha256(text.encode()).hexdigest()[:_DIGITS]}"


@cache
def dataschema(model: "type[Event]") -> str:
    """The header ``ce_dataschema`` of records of a type: the name of the schema this build writes by."""
    return str(schema(model)["$id"])
