"""AsyncAPI 3.0 of the whole: who consumes what is FastStream's own word, taken from every service's consumers.

Completed by what FastStream is not told: servers and how to sign in, who writes a topic (an outbox, no FastStream
publisher), keys, how long a record is kept, dead letters, headers, delivery rules and an example of each event.
A channel is a topic, whoever reads it.
"""

import asyncio
import json
import tomllib
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Final

import yaml
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from services.analytics.counting import consumers as analytics
from services.intake.reports import consumers as intake
from services.notify.cases import consumers as notify
from services.routing import consumers as routing
from shared.events.catalog import EVENT_TYPES, types_of
from shared.events.envelope import CONTENT_TYPE
from shared.events.schemas import dataschema
from shared.kafka.access import PRINCIPALS
from shared.kafka.broker import kafka_broker
from shared.kafka.dead_letters import LEFT_OUT, PREFIX
from shared.kafka.router import KafkaRouter
from shared.settings import KafkaSettings
from shared.topics import FOR_EVER, TOPICS, Topic, source_of

_ROOT = Path(__file__).parents[2]
_GOLDEN = _ROOT / "tests" / "golden" / "events"
RELEASE = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
ABOUT: Final = """\
Every topic of Ieum, who writes it and who reads it. Nothing on it names or reaches a person.

**Delivery.** At least once: the same event may come twice, with the same `ce_id`, which is made of what the event says,
so it is the same after a restart too. Order holds within one key (a report, a centre). Commit an offset after its
effects are durable, never before.

**Versions.** A topic's records about one key are numbered (`intake_version`, `version`, `case_version`,
`alert_version`, `center_version`). A record whose number you have is a duplicate or comes from a process that did not
know yet that it was replaced: the first record of a number counts, later ones do not.

**Ownership.** Who owns a report is read from `routings` alone: the `decision.center_id` of the first record of the
highest `version` that carries a decision (`report.routed`, `report.rerouted`). `ownership` counts owners; an event of
`cases` or `alerts` under an earlier ownership than the present one changes nothing.

**Tolerant reading.** Ignore fields and headers you do not know. Words with `x-known-values` are open: a later build may
write others; treat one you do not know as unknown and pass it on as it is. A body that does not fit: put it aside and
go on. A `ce_type` you do not know is of a newer build: stop, or pass over and count it, since its report may be ahead
of what you know.

**Schemas.** `ce_dataschema` names the schema a record was written by; a name never changes its content.
"""


class _Nothing:
    """Stands for what handlers are given: none of them runs."""

    def __getattr__(self, name: str) -> "_Nothing":
        return self


def files() -> dict[str, str]:
    """The document, by its path below ``docs``."""
    return {
        "asyncapi/ieum.yaml": str(yaml.dump(document(), Dumper=_Plain, allow_unicode=True, sort_keys=False, width=110))
    }


class _Plain(yaml.SafeDumper):
    """Writes no anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  # as the class it extends has it
        del data
        return True


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
    told: dict[str, Any] = AsyncAPI(_broker(), title="Ieum", version=RELEASE).to_specification().to_jsonable()
    schemas = {name: one for name, one in told["components"]["schemas"].items() if ":" not in name}
    types = {name: cls.__name__ for name, cls in EVENT_TYPES.items()}
    channels = {topic.name: _channel(topic) for topic in TOPICS} | {
        topic.dead: _dead_channel(topic) for topic in TOPICS
    }
    messages = {name: _message(name, types[name], schemas) for topic in TOPICS for name in types_of(topic.name)}
    return {
        "asyncapi": told["asyncapi"],
        "info": {
            "title": "Ieum",
            "version": RELEASE,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "contact": {"name": "Ieum", "url": "https://ieum.example/", "email": "integration@ieum.example"},
            "tags": [{"name": "kafka", "description": "Apache Kafka 3.9 and later"}],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": _SERVERS,
        "channels": channels,
        "operations": dict(sorted(_operations(told["channels"]).items())),
        "components": {
            "securitySchemes": {"principal": _PRINCIPAL},
            "messages": dict(sorted((messages | {"dead.letter": _DEAD_LETTER}).items())),
            "schemas": dict(sorted((schemas | {"Headers": _HEADERS, "DeadLetterHeaders": _DEAD_HEADERS}).items())),
        },
    }


def _broker() -> KafkaBroker:
    broker = kafka_broker(KafkaSettings(), "docs")
    for router in routers().values():
        broker.include_router(router)
    for topic in TOPICS:
        events = reduce(or_, (EVENT_TYPES[name] for name in types_of(topic.name)))
        broker.publisher(topic.name, schema=events, title=f"{topic.writer}-writes-{topic.name}")
    return broker


def _channel(topic: Topic) -> dict[str, Any]:
    kept = "compacted: the newest record of a key stays" if topic.compacted else "kept for ever"
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Keyed by {topic.key}; only {topic.writer} writes it; {kept}; bad records go to {topic.dead}.",
        "servers": [{"$ref": f"#/servers/{name}"} for name in _SERVERS],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types_of(topic.name)},
        "bindings": _bindings(topic.name, topic),
    }


def _dead_channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.dead,
        "title": topic.dead,
        "description": f"Records of {topic.name} that a consumer could not handle, with reason and origin.",
        "servers": [{"$ref": f"#/servers/{name}"} for name in _SERVERS],
        "messages": {"dead.letter": {"$ref": "#/components/messages/dead.letter"}},
        "bindings": _bindings(topic.dead, topic, dead=True),
    }


def _bindings(name: str, topic: Topic, *, dead: bool = False) -> dict[str, Any]:
    settings = KafkaSettings()
    configuration = {
        "cleanup.policy": ["compact"] if topic.compacted and not dead else ["delete"],
        "retention.ms": topic.retention_ms,
        "retention.bytes": FOR_EVER,
    }
    found = {
        "topic": name,
        "partitions": topic.partitions or settings.topic_partitions,
        "replicas": settings.replication_factor,
        "topicConfiguration": configuration,
        "bindingVersion": "0.5.0",
    }
    return {"kafka": found}


def _message(name: str, title: str, schemas: dict[str, Any]) -> dict[str, Any]:
    golden = json.loads((_GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    key = {"type": "string", "description": f"The same as `ce_partitionkey`, for example `{golden['key']}`."}
    trace = golden["headers"]["ce_traceparent"]
    said = {**golden["headers"], "ce_dataschema": dataschema(EVENT_TYPES[name]), "traceparent": trace}
    return {
        "name": name,
        "title": title,
        "summary": schemas[title]["description"].partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "correlationId": {"location": "$message.header#/ce_subject", "description": "Joins all records about one key."},
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{title}"},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
        "examples": [{"name": name, "headers": said, "payload": golden["body"]}],
    }


def _operations(channels: dict[str, Any]) -> dict[str, Any]:
    """Describe who sends and who receives; consumers and their groups are those FastStream was given."""
    found: dict[str, Any] = {}
    written = {f"{topic.writer}-writes-{topic.name}" for topic in TOPICS}
    for name, channel in channels.items():
        if name not in written:
            topic = channel["address"]
            group = name.removesuffix(f":{topic}")
            found[f"{group}.receives.{topic}"] = _operation("receive", topic, f"Consumer group `{group}`.", group)
    for topic in TOPICS:
        found[f"{topic.writer}.sends.{topic.name}"] = _operation(
            "send", topic.name, f"{topic.writer} is the only writer."
        )
    for principal in PRINCIPALS:
        for topic in principal.writes_dead:
            about = f"{principal.name} puts aside what it cannot handle."
            found[f"{principal.name}.sends.{topic.dead}"] = _operation("send", topic.dead, about)
    return found


def _operation(action: str, address: str, about: str, group: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{address}"}, "description": about}
    if group is not None:
        binding = {"groupId": {"type": "string", "enum": [group]}, "bindingVersion": "0.5.0"}
        found["bindings"] = {"kafka": binding}
    return found


_SERVERS: Final[dict[str, Any]] = {
    "production": {
        "host": "{host}:{port}",
        "protocol": "kafka-secure",
        "description": "The brokers of an installation.",
        "variables": {
            "host": {"default": "kafka.ieum.example", "description": "Any broker; it names the others."},
            "port": {"default": "9093", "description": "The listener with TLS and SCRAM."},
        },
        "security": [{"$ref": "#/components/securitySchemes/principal"}],
    },
    "local": {
        "host": "127.0.0.1:19092",
        "protocol": "kafka-secure",
        "description": "The broker of `ieum up`.",
        "security": [{"$ref": "#/components/securitySchemes/principal"}],
    },
}
_PRINCIPAL: Final = {
    "type": "scramSha512",
    "description": (
        "SASL/SCRAM-SHA-512 over TLS. Each service and each other reader has a principal of its own with exactly the "
        "rights it needs (docs/reference/kafka-rights.md); everything else is refused."
    ),
}
_TRACE: Final = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_ABOUT_TRACE: Final = "W3C trace context: the request or timer that led to the event. Readers carry it on."
_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka protocol binding, binary mode. Values are UTF-8.",
    "required": [
        *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_partitionkey"),
        "content-type",
    ],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0", "description": "Version of CloudEvents."},
        "ce_id": {"type": "string", "format": "uuid", "description": "The same fact told twice has the same id."},
        "ce_source": {
            "type": "string",
            "enum": sorted({source_of(topic.writer) for topic in TOPICS}),
            "description": "The service that wrote it; a record of another source than the topic's writer is refused.",
        },
        "ce_type": {
            "type": "string",
            "enum": sorted(EVENT_TYPES),
            "description": "What happened, with the major version of its schema.",
        },
        "ce_dataschema": {
            "type": "string",
            "format": "uri",
            "description": "The schema it was written by.",
        },
        "ce_time": {"type": "string", "format": "date-time", "description": "When the fact became true."},
        "ce_subject": {"type": "string", "description": "What it is about: the key of the record."},
        "ce_partitionkey": {"type": "string", "description": "The key of the record."},
        "ce_traceparent": {"type": "string", "pattern": _TRACE, "description": _ABOUT_TRACE},
        "traceparent": {
            "type": "string",
            "pattern": _TRACE,
            "description": "The same under the name tools know; where they differ, `ce_traceparent` counts.",
        },
        "content-type": {"type": "string", "const": CONTENT_TYPE, "description": "What the value is."},
    },
}
_DEAD_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The headers of the record as it was, and these.",
    "required": [f"{PREFIX}{name}" for name in ("reason", "detail", "topic", "partition", "offset", "group", "time")],
    "properties": {
        f"{PREFIX}reason": {"type": "string", "description": "Why, in one of a few words."},
        f"{PREFIX}detail": {"type": "string", "maxLength": 500, "description": "More for the operator; no values."},
        f"{PREFIX}topic": {"type": "string", "description": "Where the record is."},
        f"{PREFIX}partition": {"type": "string", "pattern": "^[0-9]+$", "description": "Its partition."},
        f"{PREFIX}offset": {"type": "string", "pattern": "^[0-9]+$", "description": "Its offset."},
        f"{PREFIX}group": {"type": "string", "description": "The consumer group that put it aside."},
        f"{PREFIX}service": {"type": "string", "description": "The service of that group."},
        f"{PREFIX}time": {"type": "string", "format": "date-time", "description": "When."},
        **{
            f"{PREFIX}{part}{LEFT_OUT}": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": f"The {part} was too large to be kept here: its bytes. It is at its origin.",
            }
            for part in ("key", "value", "headers")
        },
    },
}
_DEAD_LETTER: Final[dict[str, Any]] = {
    "name": "dead.letter",
    "title": "DeadLetter",
    "summary": "A record that could not be handled, byte for byte.",
    "contentType": "application/octet-stream",
    "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
    "payload": {"description": "Whatever the record was; it may be no JSON at all."},
    "examples": [
        {
            "name": "a_body_that_does_not_fit",
            "headers": {
                f"{PREFIX}reason": "invalid",
                f"{PREFIX}detail": "report.received.v1: facts.division: field required",
                f"{PREFIX}topic": "reports",
                f"{PREFIX}partition": "2",
                f"{PREFIX}offset": "1814",
                f"{PREFIX}group": "routing",
                f"{PREFIX}service": "routing",
                f"{PREFIX}time": "2026-11-24T03:12:07.502+00:00",
            },
            "payload": {"report_id": "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"},
        }
    ],
}
