"""How an event becomes a Kafka record and back: CloudEvents 1.0, Kafka protocol binding, binary mode.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md. Attributes
travel as ``ce_*`` headers, the body is JSON. A body carries what readers need; the id, source, time and trace are the
envelope's. Readers ignore fields they do not know; a type or version they do not know stops the partition.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

from shared.events.envelope import CONTENT_TYPE, HEADERS, event_id, iso
from shared.events.schemas import dataschema
from shared.topics import source_of

ReportId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
CenterId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{1,30}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
StaffRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
LARGEST: Final = 2**53 - 1
"""Of a number: what JavaScript, the store and the state stores still hold exactly."""
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Of a moment: so far from the ends of the calendar that it is one in every time zone."""


def _as_it_was(schema: dict[str, Any]) -> None:
    """Leave a schema without the largest number: its name is made of its content, and no event comes near."""
    del schema["maximum"]


Version = Annotated[int, Field(ge=1, le=LARGEST, json_schema_extra=_as_it_was)]
Count = Annotated[int, Field(ge=0, le=LARGEST, json_schema_extra=_as_it_was)]
Moment = Annotated[
    AwareDatetime, Field(ge=EARLIEST, lt=LATEST), PlainSerializer(iso, return_type=str, when_used="json")
]


class Model(BaseModel):
    """A frozen part of an event."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


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

    @property
    def occurrence(self) -> str:
        """What tells this event from every other of its type and key; its ``ce_id`` is made of it."""
        return str(self.sequence)


class ReportEvent(Event):
    """An event about one report, keyed by it."""

    report_id: ReportId
    """The report, as every topic names it; the key of the record. It is not the receipt and opens nothing."""

    @property
    def key(self) -> str:
        """The report's id."""
        return self.report_id


class Record(Model):
    """What goes to Kafka, ready made: store it in an outbox as it is, publish it as it is."""

    topic: str
    key: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


def encode(event: Event, *, source: str, time: datetime, traceparent: str) -> Record:
    """Make the record of an event. ``source`` is the writing service's name, ``time`` when the fact became true."""
    values = (
        "1.0",
        event_id(source, event.TYPE, event.key, event.occurrence),
        source_of(source),
        event.TYPE,
        dataschema(type(event)),
        iso(time),
        event.key,
        event.key,
        traceparent,
        traceparent,
        CONTENT_TYPE,
    )
    return Record(
        topic=event.TOPIC,
        key=event.key,
        headers=tuple((name, value.encode()) for name, value in zip(HEADERS, values, strict=True)),
        value=event.model_dump_json(exclude_none=True).encode(),
    )
