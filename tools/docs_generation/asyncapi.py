"""AsyncAPI 3.0 of the whole, as FastStream says it of every service's consumers.

Completed by what FastStream is not told: who writes a topic (an outbox, no FastStream publisher), how long it is kept,
who reads it without a group, and the headers and an example of each event.
"""

import asyncio
import json
import tomllib
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import yaml
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from services.analytics.counting import consumers as analytics
from services.intake.reports import consumers as intake
from services.notify.cases import consumers as notify
from services.routing import consumers as routing
from shared.events.catalog import EVENT_TYPES, types_of
from shared.events.schemas import dataschema
from shared.kafka.broker import kafka_broker
from shared.kafka.router import KafkaRouter
from shared.settings import KafkaSettings
from shared.topics import BY_NAME, TOPICS, Topic

_ROOT = Path(__file__).parents[2]
_GOLDEN = _ROOT / "tests" / "golden" / "events"
RELEASE = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


class _Nothing:
    """Stands for what handlers are given: none of them runs."""

    def __getattr__(self, name: str) -> "_Nothing":
        return self


def files() -> dict[str, str]:
    """The document, by its path below ``docs``."""
    return {"asyncapi/ieum.yaml": str(yaml.safe_dump(document(), allow_unicode=True, sort_keys=False, width=110))}


def routers() -> dict[str, KafkaRouter]:
    """The consumers of each service, which call nobody."""
    nothing: Any = _Nothing()
    return {
        "intake": intake.consumers(nothing),
        "routing": routing.consumers(nothing, nothing, asyncio.Event(), max_records=1),
        "notify": notify.consumers(nothing),
        "analytics": analytics.consumers(nothing, max_records=1, pace_s=0),
    }


def document() -> dict[str, Any]:
    """The AsyncAPI document of all services."""
    about = "Every topic, who writes it and who reads it. Readers ignore fields they do not know."
    specification = AsyncAPI(_broker(), title="Ieum", version=RELEASE, description=about).to_specification()
    found: dict[str, Any] = _valid_names(specification.to_jsonable())
    del found["servers"]
    for name, channel in found["channels"].items():
        topic = BY_NAME[channel["address"]]
        del channel["servers"]
        channel |= {"description": _about(topic), "bindings": _bindings(topic)}
        for reference in channel["messages"].values():
            message = found["components"]["messages"][reference["$ref"].rpartition("/")[2]]
            del message["correlationId"]
            message |= {"contentType": "application/json", "headers": {"$ref": "#/components/schemas/Headers"}}
            if name.endswith(f"-writes-{topic.name}"):
                message["examples"] = _examples(topic)
    found["components"]["schemas"]["Headers"] = _HEADERS
    # FastStream keeps publishers in a set: their order is another one in each process.
    for part in (found["channels"], found["operations"], *found["components"].values()):
        ordered = sorted(part.items())
        part.clear()
        part.update(ordered)
    return found


def _broker() -> KafkaBroker:
    broker = kafka_broker(KafkaSettings(), "docs")
    for router in routers().values():
        broker.include_router(router)
    for topic in TOPICS:
        events = reduce(or_, (EVENT_TYPES[name] for name in types_of(topic.name)))
        broker.publisher(topic.name, schema=events, title=f"{topic.writer}-writes-{topic.name}")
    return broker


def _about(topic: Topic) -> str:
    kept = "compacted" if topic.compacted else "kept for ever"
    return (
        f"Keyed by {topic.key}; written by {topic.writer}; read by {', '.join(topic.readers)}; {kept}; "
        f"bad records go to {topic.dead}."
    )


def _bindings(topic: Topic) -> dict[str, Any]:
    configuration = {
        "cleanup.policy": ["compact"] if topic.compacted else ["delete"],
        "retention.ms": topic.retention_ms,
    }
    return {"kafka": {"topic": topic.name, "topicConfiguration": configuration, "bindingVersion": "0.5.0"}}


def _examples(topic: Topic) -> list[dict[str, Any]]:
    found = []
    for name in types_of(topic.name):
        golden = json.loads((_GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
        headers = {**golden["headers"], "ce_dataschema": dataschema(EVENT_TYPES[name])}
        found.append({"name": name, "headers": headers, "payload": golden["body"]})
    return found


_HEADERS = {
    "type": "object",
    "required": [
        *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_partitionkey"),
        "content-type",
    ],
    "properties": {
        "ce_type": {"type": "string", "enum": sorted(EVENT_TYPES)},
        "ce_source": {"type": "string", "enum": sorted({topic.source for topic in TOPICS})},
        "ce_dataschema": {"type": "string", "format": "uri", "description": "The schema it was written by."},
        "ce_traceparent": {"type": "string"},
    },
}


def _valid_names(node: Any) -> Any:  # noqa: ANN401  # a JSON tree has no better type
    """Names and references without the colons FastStream puts in them, which AsyncAPI does not allow."""
    if isinstance(node, dict):
        return {
            key.replace(":", "."): value.replace(":", ".") if key == "$ref" else _valid_names(value)
            for key, value in node.items()
        }
    return [_valid_names(item) for item in node] if isinstance(node, list) else node
