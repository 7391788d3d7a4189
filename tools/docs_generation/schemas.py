"""JSON Schema of every event type, as files for people and tools outside this repository."""

import json
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared.events.catalog import EVENT_TYPES
from shared.events.schemas import schema

DOCS: Final = Path(__file__).parents[2] / "docs"


def files(docs: Path = DOCS) -> dict[str, str]:
    """Every schema by its path below ``docs``: under its type, and at its immutable name, where released ones stay."""
    today = {name: render(schema(model)) for name, model in EVENT_TYPES.items()}
    kept = {path: (docs / path).read_text(encoding="utf-8") for path in released_paths(docs) if (docs / path).is_file()}
    named = {f"events/{name}.schema.json": text for name, text in today.items()}
    return named | kept | {path_of(text): text for text in today.values()}


def path_of(text: str) -> str:
    """The path of a schema's ``$id``, which is its records' ``ce_dataschema``: the same on the documentation's site."""
    return urlsplit(str(json.loads(text)["$id"])).path.lstrip("/")


def released_paths(docs: Path = DOCS) -> dict[str, str]:
    """The path of every schema of a release, and a release that had it; none before 1.0.0."""
    found: dict[str, str] = {}
    for file in sorted((docs / "events" / "released").glob("*[0-9].json")):
        for name, digest in json.loads(file.read_text(encoding="utf-8")).items():
            found.setdefault(f"events/{name}/{digest}", file.stem)
    return found


def render(document: object) -> str:
    """JSON as it stands in a file: sorted by nothing, indented, with a last newline."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
