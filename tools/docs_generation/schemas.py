"""JSON Schema of every event type, as files for people and tools outside this repository."""

import json

from shared.events.catalog import EVENT_TYPES
from shared.events.schemas import schema


def files() -> dict[str, str]:
    """Every schema by its path below ``docs``."""
    return {f"events/{name}.schema.json": render(schema(model)) for name, model in EVENT_TYPES.items()}


def render(document: object) -> str:
    """JSON as it stands in a file: sorted by nothing, indented, with a last newline."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
