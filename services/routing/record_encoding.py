"""How a draft becomes the bytes of a record. The bytes parse to exactly the event the models would make.

The first routing of a report is on the hot path: its body is put together from pieces instead of 17 validated models,
which would take five times as long. A property test compares the two.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import is_not, itemgetter
from typing import Final

import orjson

from services.routing.assignment.models import CenterLoad
from services.routing.assignment.rules import RULE_VERSION
from services.routing.models import Draft, FirstRouting
from shared.events.base import encode
from shared.events.envelope import CONTENT_TYPE, event_id, iso
from shared.events.reports import ReportFacts
from shared.events.routings import LOAD_COLUMNS, ReportRouted
from shared.events.schemas import dataschema
from shared.events.vocabulary import CenterState, PassedOver

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
_FACTS = ReportFacts.__pydantic_serializer__
"""The serializer itself: ``model_dump_json`` looks at its options first, and makes a text of the bytes."""
_ROW = f'"%s":[{",".join(["%d"] * len(LOAD_COLUMNS))}]'


def facts_json(facts: ReportFacts) -> bytes:
    """The facts as they stand in an event, without what is not known."""
    return _FACTS.to_json(facts, exclude_none=True)


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
    compared = _compared(assignment.loads, assignment.passed_over)
    linked = "" if assignment.linked_center_id is None else f'"linked_center_id":"{assignment.linked_center_id}",'
    value = (
        f'{{"report_id":"{report_id}","version":1,"ownership":1,"intake_version":{report.intake_version},'
        f'"cause":{{"kind":"report","event_id":{orjson.dumps(routing.cause_id).decode()}}},'
        f'"decided_at":"{decided_at}","received_at":"{iso(report.received_at)}",'
        f'"decision":{{"center_id":"{assignment.center_id}",{home}"reason":"{assignment.reason}",'
        f'"over_capacity":{_BOOLEANS[assignment.over_capacity]},"copy_central":{_BOOLEANS[assignment.copy_central]},'
        f'"right_of_return":{_BOOLEANS[assignment.right_of_return]},{linked}'
        f'"compared":{{{compared}}},"rule_version":{RULE_VERSION},'
        # A sound set's version needs no escaping: shared.centers.checks.
        f'"table_version":"{routing.table_version}"}},"facts":{routing.facts.decode()}}}'
    ).encode()
    key = report_id.encode()
    return key, value, _headers(report_id, key, decided_at.encode(), traceparent)


_written: list[CenterLoad] = []
"""The loads that were written last."""
_rows: list[str] = []
"""How."""
_STATE: Final = itemgetter(CenterLoad._fields.index("state"))


def _compared(loads: Sequence[CenterLoad], passed_over: tuple[PassedOver, ...]) -> str:
    """All centres' JSON. From one decision to the next only the chosen centre's load changes: most rows are known.

    Asked whether it is the very same load, not an equal one: comparing eight values sixteen times would take as long as
    writing them.
    """
    if len(loads) != len(_written):
        _written[:], _rows[:] = loads, map(_row, loads)
    for at, is_new in enumerate(map(is_not, loads, _written)):
        if is_new:
            _written[at], _rows[at] = loads[at], _row(loads[at])
    form, ordered = _form(tuple(map(_STATE, loads)), passed_over)
    return form % ordered(_rows)


def _row(load: CenterLoad) -> str:
    return _ROW % (load.center_id, *load[2:])


@lru_cache(maxsize=8192)  # a day has few: most reports stay at home
def _form(
    states: tuple[CenterState, ...], passed_over: tuple[PassedOver, ...]
) -> tuple[str, Callable[[Sequence[str]], object]]:
    """What stands round the rows, and the order in which they are put in: by reason, then by state."""
    groups: dict[str, dict[str, list[int]]] = {}
    for place, (state, because) in enumerate(zip(states, passed_over, strict=True)):
        groups.setdefault(because, {}).setdefault(state, []).append(place)
    by_reason = [
        f'"{because}":{{{",".join(_braced(state, places) for state, places in by_state.items())}}}'
        for because, by_state in groups.items()
    ]
    order = [place for by_state in groups.values() for places in by_state.values() for place in places]
    return ",".join(by_reason), itemgetter(*order)


def _braced(state: str, places: Sequence[int]) -> str:
    return f'"{state}":{{{",".join(["%s"] * len(places))}}}'


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
