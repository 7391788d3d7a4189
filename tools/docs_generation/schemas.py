"""JSON Schema of every event type, as files for people and tools outside this repository."""

import json
from typing import Any

from shared.events.catalog import EVENT_TYPES

_BASE = "https://ieum.example/events/"


def schema(event_type: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the body of one event type."""
    model = EVENT_TYPES[event_type]
    body = model.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{_BASE}{event_type}.schema.json",
        "x-topic": model.TOPIC,
        **body,
    }


def files() -> dict[str, str]:
    """Every schema by its path below ``docs``."""
    return {f"events/{name}.schema.json": render(schema(name)) for name in EVENT_TYPES}


def render(document: object) -> str:
    """JSON as it stands in a file: sorted by nothing, indented, with a last newline."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
