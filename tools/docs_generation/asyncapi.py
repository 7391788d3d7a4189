"""AsyncAPI 3.0 of each service and of the whole, from the table of topics and the event models.

FastStream can describe its own subscribers, but batch handlers that validate from bytes carry no payload type, and a
writer through an outbox is no FastStream publisher: the table knows both sides.
"""

import tomllib
from pathlib import Path
from typing import Any

import yaml

from shared.events.catalog import EVENT_TYPES, types_of
from shared.events.schemas import schema
from shared.topics import TOPICS, Topic

SERVICES = ("intake", "routing", "notify", "analytics")
_GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "events"
RELEASE = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]
_ABOUT = {
    "intake": "Takes in reports, keeps everything personal, publishes what routing and counting need.",
    "routing": "Joins each report to one centre and explains why.",
    "notify": "Alerts the owning centre until someone answers.",
    "analytics": "Counts, and lets only safe numbers out.",
}


def files() -> dict[str, str]:
    """One document per service and one of the whole, by path below ``docs``."""
    documents = {f"asyncapi/{name}.yaml": document(name) for name in SERVICES}
    return {path: _yaml(body) for path, body in {**documents, "asyncapi/ieum.yaml": document(None)}.items()}


def document(service: str | None) -> dict[str, Any]:
    """The AsyncAPI document of one service, or of the whole where ``service`` is None."""
    touched = [t for t in TOPICS if service is None or service == t.writer or service in t.readers]
    types = [name for topic in touched for name in types_of(topic.name)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Ieum: {service or 'all services'}",
            "version": RELEASE,
            "description": _ABOUT[service] if service else "Every topic, who writes it and who reads it.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in touched},
        "operations": _operations(service, touched),
        "components": {"messages": {name: _message(name) for name in types}, "schemas": _schemas(types)},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    kept = "compacted" if topic.compacted else "kept for ever"
    return {
        "address": topic.name,
        "description": f"Keyed by {topic.key}; written by {topic.writer}; {kept}; bad records go to {topic.dead}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types_of(topic.name)},
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    "cleanup.policy": ["compact"] if topic.compacted else ["delete"],
                    "retention.ms": topic.retention_ms,
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(service: str | None, topics: list[Topic]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for topic in topics:
        channel = {"channel": {"$ref": f"#/channels/{topic.name}"}}
        if service in (None, topic.writer):
            found[f"{topic.writer}-writes-{topic.name}"] = {"action": "send", **channel}
        for reader in topic.readers:
            if service in (None, reader):
                found[f"{reader}-reads-{topic.name}"] = {"action": "receive", **channel}
    return found


def _message(name: str) -> dict[str, Any]:
    golden = yaml.safe_load((_GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return {
        "name": name,
        "title": name.removesuffix(".v1"),
        "summary": (EVENT_TYPES[name].__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": [header for header in golden["headers"] if header != "ce_traceparent"],
            "properties": {header: {"type": "string"} for header in golden["headers"]},
        },
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [{"headers": golden["headers"], "payload": golden["body"]}],
    }


def _schemas(types: list[str]) -> dict[str, Any]:
    """Schemas by type with their definitions lifted to the top, where AsyncAPI's references can find them."""
    found: dict[str, Any] = {}
    for name in types:
        body = _lifted(schema(EVENT_TYPES[name]))
        found.update(body.pop("$defs", {}))
        found[name] = {key: value for key, value in body.items() if not key.startswith(("$", "x-"))}
    return found


def _lifted(node: Any) -> Any:  # noqa: ANN401  # a JSON tree has no better type
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _lifted(value)
            for key, value in node.items()
        }
    return [_lifted(item) for item in node] if isinstance(node, list) else node


def _yaml(body: dict[str, Any]) -> str:
    return str(yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=110))
