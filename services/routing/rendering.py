"""How a draft becomes the bytes of a record. The bytes parse to exactly the event the models would make.

The first routing of a report is on the hot path: its body is put together from pieces instead of 17 validated models,
which would take five times as long. A property test compares the two.
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

import orjson

from services.routing.model import Draft, FirstRouting, Seat
from services.routing.policy.rules import RULE, RULE_VERSION
from shared.events.base import CONTENT_TYPE, encode, event_id
from shared.events.reports import ReportFacts
from shared.events.routings import ReportRouted
from shared.events.vocabulary import CenterState, PassedOver

SOURCE = "routing"
Message = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]
"""Key, value and headers of a record, as the publisher takes them."""

_TYPE = ReportRouted.TYPE
_SPECVERSION = ("ce_specversion", b"1.0")
_SOURCE_HEADER = ("ce_source", f"/ieum/{SOURCE}".encode())
_TYPE_HEADER = ("ce_type", _TYPE.encode())
_CONTENT_TYPE_HEADER = ("content-type", CONTENT_TYPE.encode())
_BOOLEANS = (b"false", b"true")
_BODY = (
    b'{"report_id":"%(report_id)b","version":1,"ownership":1,"intake_version":%(intake_version)d,'
    b'"cause":{"kind":"report","event_id":%(cause)b},'
    b'"decided_at":"%(decided_at)b","received_at":"%(received_at)b",'
    b'"decision":{"center_id":"%(center)b",%(home)b"reason":"%(reason)b",'
    b'"over_capacity":%(over_capacity)b,"copy_central":%(copy_central)b,'
    b'"right_of_return":%(right_of_return)b,%(linked)b"candidates":[%(candidates)b],'
    + f'"rule_version":{RULE_VERSION},'.encode()
    + b'"table_version":"%(tables)b"},"facts":%(facts)b}'
)


def facts_json(facts: ReportFacts) -> bytes:
    """The facts as they stand in an event, without what is not known."""
    return facts.__pydantic_serializer__.to_json(facts, exclude_none=True)


def message_of(draft: Draft) -> Message:
    """The record to publish: key, value, headers."""
    if isinstance(draft.body, FirstRouting):
        return _first(draft.body, draft.traceparent)
    record = encode(draft.body, source=SOURCE, time=draft.decided_at, traceparent=draft.traceparent)
    return record.key.encode(), record.value, record.headers


def _first(routing: FirstRouting, traceparent: str) -> Message:
    report, choice = routing.report, routing.choice
    key = report.report_id.encode()
    decided_at = _iso(routing.decided_at)
    linked = choice.linked_center_id
    home = b"" if choice.home_center_id is None else b'"home_center_id":"%b",' % choice.home_center_id.encode()
    value = _BODY % {
        b"report_id": key,
        b"intake_version": report.intake_version,
        b"cause": orjson.dumps(routing.cause_id),
        b"decided_at": decided_at,
        b"received_at": _iso(report.received_at),
        b"center": choice.center_id.encode(),
        b"home": home,
        b"reason": choice.reason.encode(),
        b"over_capacity": _BOOLEANS[choice.over_capacity],
        b"copy_central": _BOOLEANS[choice.copy_central],
        b"right_of_return": _BOOLEANS[choice.right_of_return],
        b"linked": b"" if linked is None else b'"linked_center_id":"%b",' % linked.encode(),
        b"candidates": b",".join([_candidate(seat, why) for seat, why in choice.candidates]),
        # A sound set's version needs no escaping: shared.centers.checks.
        b"tables": routing.table_version.encode(),
        b"facts": routing.facts,
    }
    return key, value, _headers(report.report_id, key, decided_at, traceparent)


@lru_cache(maxsize=65536)
def _candidate(seat: Seat, why: PassedOver) -> bytes:
    """One candidate's JSON. From one decision to the next only the chosen centre's load changes: most are found.

    Every value is a slug, a word of the vocabulary or a whole number; none needs escaping.
    """
    return (
        f'{{"center_id":"{seat.center_id}","state":"{seat.state}","staff_on_duty":{seat.staff_on_duty},'
        f'"load":{seat.load},"capacity":{seat.capacity},"guests":{seat.guests},"severe":{seat.severe},'
        f'"severe_cap":{seat.severe_cap},"passed_over":"{why}"}}'
    ).encode()


def _headers(report_id: str, key: bytes, decided_at: bytes, traceparent: str) -> tuple[tuple[str, bytes], ...]:
    return (
        _SPECVERSION,
        ("ce_id", event_id(SOURCE, _TYPE, report_id, 1).encode()),
        _SOURCE_HEADER,
        _TYPE_HEADER,
        ("ce_time", decided_at),
        ("ce_subject", key),
        ("ce_partitionkey", key),
        ("ce_traceparent", traceparent.encode()),
        _CONTENT_TYPE_HEADER,
    )


@lru_cache(maxsize=1024)
def _iso(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


class Band(StrEnum):
    """How busy a centre is, in words rather than counts."""

    FREE = "free"
    BUSY = "busy"
    NEARLY_FULL = "nearly_full"
    FULL = "full"
    CLOSED = "closed"


def band_of(seat: Seat) -> Band:
    """The band of a centre: half of what its staff can carry, the rule's threshold, and all of it are the borders."""
    if seat.state is CenterState.CLOSED:
        return Band.CLOSED
    if seat.load >= seat.capacity:
        return Band.FULL
    if seat.load * 100 > seat.capacity * RULE.threshold_percent:
        return Band.NEARLY_FULL
    return Band.BUSY if seat.load * 2 >= seat.capacity else Band.FREE
