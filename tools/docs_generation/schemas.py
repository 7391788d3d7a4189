"""JSON Schema of every event type, as files for people and tools outside this repository."""

import json
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared.events.catalog import EVENT_TYPES
from shared.events.schemas import name_of, schema

RELEASED: Final = Path(__file__).parents[2] / "docs" / "events" / "released"


def files() -> dict[str, str]:
    """Every schema by its path below ``docs``: under its type, and where its immutable name resolves to."""
    today = {name: render(schema(model)) for name, model in EVENT_TYPES.items()}
    return {f"events/{name}.schema.json": text for name, text in today.items()} | {
        path_of(text): text for text in (*_released(), *today.values())
    }


def path_of(text: str) -> str:
    """The path of a schema's ``$id``, which is its records' ``ce_dataschema``: the same on the documentation's site."""
    return urlsplit(str(json.loads(text)["$id"])).path.lstrip("/")


def _released() -> list[str]:
    """Schemas of releases that have an immutable name; those up to 0.2.0 had none."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(RELEASED.glob("*/*.schema.json"))]
    found = [(text, json.loads(text)) for text in texts]
    return [text for text, read in found if read["$id"] == name_of(read["$id"].split("/")[-2], read)]


def render(document: object) -> str:
    """JSON as it stands in a file: sorted by nothing, indented, with a last newline."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
