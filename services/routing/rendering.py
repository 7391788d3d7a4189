"""How a draft becomes the bytes of a record. The bytes parse to exactly the event the models would make.

The first routing of a report is on the hot path: its body is put together from pieces instead of 17 validated models,
which would take five times as long. A property test compares the two.
"""

from collections.abc import Sequence

import orjson

from services.routing.assignment.models import CenterLoad
from services.routing.assignment.rules import RULE_VERSION
from services.routing.model import Draft, FirstRouting
from shared.events.base import encode
from shared.events.envelope import CONTENT_TYPE, event_id, iso
from shared.events.reports import ReportFacts
from shared.events.routings import LOAD_COLUMNS, ReportRouted
from shared.events.schemas import dataschema
from shared.events.vocabulary import UNKNOWN, OpenVocabulary, PassedOver

SOURCE = "routing"
Message = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]
"""Key, value and headers of a record, as the publisher takes them."""

_TYPE = ReportRouted.TYPE
_SPECVERSION = ("ce_specversion", b"1.0")
_SOURCE_HEADER = ("ce_source", f"/ieum/{SOURCE}".encode())
_TYPE_HEADER = ("ce_type", _TYPE.encode())
_SCHEMA_HEADER = ("ce_dataschema", dataschema(ReportRouted).encode())
_CONTENT_TYPE_HEADER = ("content-type", CONTENT_TYPE.encode())
_BOOLEANS = ("false", "true")
_ABSENT = tuple(f'"{name}":null,'.encode() for name, field in ReportFacts.model_fields.items() if field.default is None)
_UNKNOWN = f'"{UNKNOWN}"'.encode()
_ROW = f'"%s":[{",".join(["%d"] * len(LOAD_COLUMNS))}]'


def facts_json(facts: ReportFacts) -> bytes:
    """The facts as they stand in an event, without what is not known.

    What ``model_dump_json(exclude_none=True)`` writes, in a quarter of its time: it asks every enum for its value.
    """
    values = facts.__dict__
    if facts.threat_deadline is not None:
        values = {**values, "threat_deadline": iso(facts.threat_deadline)}
    text = orjson.dumps(values)
    if _UNKNOWN in text:
        # In most reports something is not known; words of a later build, which read as unknown, are rare.
        words = [v for v in values.values() if v == UNKNOWN or (type(v) is tuple and UNKNOWN in v)]
        if any(map(_is_later, words)):
            text = orjson.dumps({name: _written(value) for name, value in values.items()})
    for absent in _ABSENT:
        text = text.replace(absent, b"")
    return text


def _is_later(value: object) -> bool:
    """Return whether an unknown word is of a later build, which is passed on as it was written."""
    return isinstance(value, tuple) or (isinstance(value, OpenVocabulary) and value.value != UNKNOWN)


def _written(value: object) -> object:
    if isinstance(value, OpenVocabulary):
        return value.value
    return tuple(map(_written, value)) if isinstance(value, tuple) else value


def message_of(draft: Draft) -> Message:
    """The record to publish: key, value, headers."""
    if isinstance(draft.body, FirstRouting):
        return _first(draft.body, draft.traceparent)
    record = encode(draft.body, source=SOURCE, time=draft.decided_at, traceparent=draft.traceparent)
    return record.key.encode(), record.value, record.headers


def _first(routing: FirstRouting, traceparent: str) -> Message:
    # One text, encoded at once: half the time of putting bytes together. Words of the vocabulary, slugs, numbers and a
    # report's id need no escaping; the id of the cause is anybody's.
    report, assignment = routing.report, routing.assignment
    report_id = report.report_id
    decided_at = iso(routing.decided_at)
    home = "" if assignment.home_center_id is None else f'"home_center_id":"{assignment.home_center_id}",'
    linked = "" if assignment.linked_center_id is None else f'"linked_center_id":"{assignment.linked_center_id}",'
    value = (
        f'{{"report_id":"{report_id}","version":1,"ownership":1,"intake_version":{report.intake_version},'
        f'"cause":{{"kind":"report","event_id":{orjson.dumps(routing.cause_id).decode()}}},'
        f'"decided_at":"{decided_at}","received_at":"{iso(report.received_at)}",'
        f'"decision":{{"center_id":"{assignment.center_id}",{home}"reason":"{assignment.reason}",'
        f'"over_capacity":{_BOOLEANS[assignment.over_capacity]},"copy_central":{_BOOLEANS[assignment.copy_central]},'
        f'"right_of_return":{_BOOLEANS[assignment.right_of_return]},{linked}'
        f'"candidates":[],"compared":{{{_compared(assignment.candidates)}}},"rule_version":{RULE_VERSION},'
        # A sound set's version needs no escaping: shared.centers.checks.
        f'"table_version":"{routing.table_version}"}},"facts":{routing.facts.decode()}}}'
    ).encode()
    key = report_id.encode()
    return key, value, _headers(report_id, key, decided_at.encode(), traceparent)


_rows: dict[str, tuple[CenterLoad, str]] = {}
"""The load of each centre that was written last, and how."""


def _compared(candidates: Sequence[tuple[CenterLoad, PassedOver]]) -> str:
    """All centres' JSON. From one decision to the next only the chosen centre's load changes: most are known.

    Asked whether it is the very same load, not an equal one: comparing eight values sixteen times would take as long as
    writing them.
    """
    found: dict[str, dict[str, list[str]]] = {}
    rows: list[str] = []
    last: tuple[object, object] = (None, None)
    for load, because in candidates:
        known = _rows.get(load[0])
        if known is None or known[0] is not load:
            known = _rows[load[0]] = (load, _ROW % (load[0], *load[2:]))
        # Neighbours in the list mostly share both.
        if because is not last[0] or load[1] is not last[1]:
            last = because, load[1]
            rows = found.setdefault(because, {}).setdefault(load[1], [])
        rows.append(known[1])
    return ",".join([f'"{because}":{{{_by_state(by_state)}}}' for because, by_state in found.items()])


def _by_state(by_state: dict[str, list[str]]) -> str:
    return ",".join([f'"{state}":{{{",".join(rows)}}}' for state, rows in by_state.items()])


def _headers(report_id: str, key: bytes, decided_at: bytes, traceparent: str) -> tuple[tuple[str, bytes], ...]:
    return (
        _SPECVERSION,
        ("ce_id", event_id(SOURCE, _TYPE, report_id, 1).encode()),
        _SOURCE_HEADER,
        _TYPE_HEADER,
        _SCHEMA_HEADER,
        ("ce_time", decided_at),
        ("ce_subject", key),
        ("ce_partitionkey", key),
        ("ce_traceparent", traceparent.encode()),
        ("traceparent", traceparent.encode()),
        _CONTENT_TYPE_HEADER,
    )
