"""The table of every event type, and the way back from a record's bytes to an event."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import TypeAdapter, ValidationError

from shared.errors import PermanentError, UnknownTypeError
from shared.events import alerts, cases, centers, loads, reports, routings
from shared.events.base import Event, Moment
from shared.events.envelope import CONTENT_TYPE, Envelope, attributes_of
from shared.topics import REPORTS, check_source

EVENT_TYPES: Final[Mapping[str, type[Event]]] = {
    cls.TYPE: cls
    for cls in (
        reports.ReportReceived,
        reports.ReportAmended,
        reports.ReportMessageLeft,
        reports.ReportWithdrawn,
        reports.ReportReinstated,
        routings.ReportRouted,
        routings.ReportRerouted,
        routings.ReportUpdated,
        routings.ReportEnded,
        cases.CaseAcknowledged,
        cases.CaseAssigned,
        cases.CaseContacted,
        cases.CaseSupported,
        cases.CaseTransferOffered,
        cases.CaseTransferAccepted,
        cases.CaseTransferDeclined,
        cases.CaseTransferRecalled,
        cases.CaseTransferExpired,
        cases.CaseReferred,
        cases.CaseClosed,
        cases.CaseReopened,
        centers.CenterChanged,
        loads.LoadSummarized,
        alerts.AlertSent,
        alerts.AlertFailed,
        alerts.AlertEscalated,
        alerts.AlertSettled,
    )
}

_JSON: Final = CONTENT_TYPE.encode()
_MOMENT: Final = TypeAdapter(Moment).validator
MAX_RECORD_BYTES: Final = 64 * 1024
"""No event comes near this; a larger record is not ours."""
PASSED_ON_BYTES: Final = MAX_RECORD_BYTES // 2
"""Of a record of `reports`: routing passes its facts on together with what was compared, and that is to be read too."""
_LONGEST_HEADER: Final = 200
"""Of those that are passed on. An id has 36 bytes, a trace 55."""


def types_of(topic: str) -> tuple[str, ...]:
    """The event types a topic carries; each has a golden example."""
    return tuple(name for name, cls in EVENT_TYPES.items() if cls.TOPIC == topic)


def event_type(topic: str, raw: bytes | None, specversion: bytes | None) -> type[Event]:
    """The model a record claims to follow, by its headers ce_type and ce_specversion.

    Raises ``PermanentError`` where the record is no CloudEvent of ours, ``UnknownTypeError`` where it is one of a
    type or version this build does not know.
    """
    if raw is None:
        raise PermanentError("no_type", "header ce_type is missing")
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise PermanentError("bad_type", "header ce_type is not ASCII") from error
    if specversion != b"1.0":
        raise PermanentError("bad_specversion", "header ce_specversion is not 1.0")
    cls = EVENT_TYPES.get(name)
    if cls is None:
        raise UnknownTypeError(f"{topic} holds {name[:80]!r}, which this build does not know")
    if topic != cls.TOPIC:
        raise PermanentError("wrong_topic", f"{name} belongs to {cls.TOPIC}")
    return cls


def parse_event(
    topic: str, key: bytes | None, headers: Sequence[tuple[str, bytes | None]], value: bytes | None
) -> tuple[Event, Envelope]:
    """Validate one record from its bytes. ``topic`` is the bare name, without any prefix.

    Raises ``PermanentError`` with a reason fit for a header (never with the content), or ``UnknownTypeError``.
    """
    specversion, type_name, source, event_id, time, traceparent, content_type = attributes_of(headers)
    # Before the type: what a stranger wrote must not make a partition wait for a newer build.
    check_source(topic, source)
    cls = event_type(topic, type_name, specversion)
    if value is None:
        raise PermanentError("no_value", "the record is a tombstone")
    most = PASSED_ON_BYTES if topic == REPORTS.name else MAX_RECORD_BYTES
    if len(value) > most:
        raise PermanentError("too_large", f"{len(value)} bytes, {most} allowed")
    if content_type is not None and content_type != _JSON and content_type.split(b";")[0].strip() != _JSON:
        raise PermanentError("bad_content_type", "content-type is not application/json")
    try:
        # The validator itself: ``model_validate_json`` looks at its options first, a tenth of the time for each record.
        event: Event = cls.__pydantic_validator__.validate_json(value)
    except ValidationError as error:
        raise PermanentError("invalid", _places(error, "body")) from error
    envelope = _envelope(cls.TYPE, source, event_id, time, traceparent)
    if key is None or key != event.key.encode():
        raise PermanentError("wrong_key", "the record's key is not the event's")
    return event, envelope


def _envelope(
    name: str, source: bytes | None, event_id: bytes | None, time: bytes | None, traceparent: bytes | None
) -> Envelope:
    if event_id is None or source is None or time is None:
        missing = "ce_id" if event_id is None else "ce_source" if source is None else "ce_time"
        raise PermanentError("no_attribute", f"header {missing} is missing")
    if len(event_id) > _LONGEST_HEADER or len(traceparent or b"") > _LONGEST_HEADER:
        raise PermanentError("bad_header", f"a ce_ header has more than {_LONGEST_HEADER} bytes")
    try:
        return Envelope(
            event_id.decode(),
            source.decode(),
            name,
            _MOMENT.validate_python(time.decode()),
            "" if traceparent is None else traceparent.decode(),
        )
    except UnicodeDecodeError as error:
        raise PermanentError("bad_header", "a ce_ header is not UTF-8") from error
    except ValidationError as error:
        raise PermanentError("invalid", _places(error, "ce_time")) from error


def _places(error: ValidationError, whole: str) -> str:
    """Return where and how validation failed, without the values: they may be personal."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[:5]
    return "; ".join(f"{'.'.join(str(part) for part in e['loc']) or whole}: {e['type']}" for e in first)
