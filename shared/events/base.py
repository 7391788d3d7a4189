"""How an event becomes a Kafka record and back: CloudEvents 1.0, Kafka protocol binding, binary mode.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md. Attributes
travel as ``ce_*`` headers, the body is JSON. A body carries what readers need; the id, source, time and trace are the
envelope's. Readers ignore fields they do not know; a type or version they do not know stops the partition.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha1
from typing import Annotated, ClassVar, NamedTuple

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

CONTENT_TYPE = "application/json"
_WITH_MICROSECONDS = len(b'"2026-11-24T03:12:07.502000Z"')
_IDS = uuid.uuid5(uuid.NAMESPACE_DNS, "events.ieum")

ReportId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
CenterId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{1,30}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
StaffRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Version = Annotated[int, Field(ge=1)]


def iso(moment: datetime) -> str:
    """How a moment stands in events: UTC, cut to milliseconds."""
    # What is UTC already, orjson writes in a third of the time; with whole seconds it leaves the fraction out.
    text = orjson.dumps(moment, option=orjson.OPT_UTC_Z)
    if len(text) == _WITH_MICROSECONDS and text.endswith(b'Z"'):
        return f"{text[1:24].decode()}Z"
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(iso, return_type=str, when_used="json")]


class Model(BaseModel):
    """A frozen part of an event."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Model):
    """One fact, past tense. Subclasses name their ``TYPE``; ``key`` is what Kafka orders by."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]

    @property
    def key(self) -> str:
        """The partition key: the id of what the event is about."""
        raise TypeError(f"{type(self).__name__} names no key")

    @property
    def sequence(self) -> int:
        """The event's number in its writer's stream about this key; grows by one."""
        raise TypeError(f"{type(self).__name__} names no sequence")


class ReportEvent(Event):
    """An event about one report, keyed by it."""

    report_id: ReportId

    @property
    def key(self) -> str:
        """The report's id."""
        return self.report_id


class Envelope(NamedTuple):
    """The CloudEvents attributes of one record. Light: one is made for every record read."""

    id: str
    source: str
    type: str
    time: datetime
    """Aware."""
    traceparent: str


class Record(Model):
    """What goes to Kafka, ready made: store it in an outbox as it is, publish it as it is."""

    topic: str
    key: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


def event_id(source: str, event_type: str, key: str, sequence: int) -> str:
    """The id of an event: the same fact told twice has the same id, so readers and people can see it is one."""
    # uuid.uuid5 by hand: building a UUID object to print it takes three times as long, for every event there is.
    digest = sha1(_IDS.bytes + f"{source}|{event_type}|{key}|{sequence}".encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def encode(event: Event, *, source: str, time: datetime, traceparent: str) -> Record:
    """Make the record of an event. ``source`` is the writing service's name, ``time`` when the fact became true."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id(source, event.TYPE, event.key, event.sequence),
        "ce_source": f"/ieum/{source}",
        "ce_type": event.TYPE,
        "ce_time": iso(time),
        "ce_subject": event.key,
        "ce_partitionkey": event.key,
        "ce_traceparent": traceparent,
        "content-type": CONTENT_TYPE,
    }
    return Record(
        topic=event.TOPIC,
        key=event.key,
        headers=tuple((name, value.encode()) for name, value in headers.items()),
        value=event.model_dump_json(exclude_none=True).encode(),
    )


def header_map(headers: Sequence[tuple[str, bytes | None]]) -> Mapping[str, bytes]:
    """Headers by lower-case name; the first of a name counts, empty ones are left out."""
    # Backwards, so that the first of a name is the last one written; a loop of setdefault takes twice as long.
    return {name.lower(): value for name, value in reversed(headers) if value is not None}
