"""JSON Schema without references, for bodies that are read by hand and described in OpenAPI all the same."""

from collections.abc import Mapping
from typing import Any


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every ``$ref`` replaced by what it names. Not for schemas that contain themselves."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def plain(part: object) -> Any:  # noqa: ANN401  # any JSON
        if isinstance(part, list):
            return [plain(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            named = definitions[str(part["$ref"]).rpartition("/")[2]]
            return {**plain(named), **{key: plain(value) for key, value in part.items() if key != "$ref"}}
        return {key: plain(value) for key, value in part.items() if key != "$defs"}

    result: dict[str, Any] = plain(dict(schema))
    return result
