import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import PermanentError, UnknownTypeError
from shared.events.base import encode
from shared.events.cases import CaseAcknowledged
from shared.events.catalog import EVENT_TYPES, MAX_RECORD_BYTES, PASSED_ON_BYTES, parse_event
from shared.events.envelope import iso
from shared.events.loads import LoadSummarized
from shared.events.schemas import dataschema, name_of, schema

GOLDEN = Path(__file__).parents[2] / "golden" / "events"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return found


def parts(name: str, **changed: str) -> tuple[str, bytes, list[tuple[str, bytes | None]], bytes]:
    example = golden(name)
    headers: list[tuple[str, bytes | None]] = [(k, v.encode()) for k, v in {**example["headers"], **changed}.items()]
    return example["topic"], example["key"].encode(), headers, json.dumps(example["body"]).encode()


def acknowledged() -> CaseAcknowledged:
    return CaseAcknowledged.model_validate(golden("case.acknowledged.v1")["body"])


def test_every_type_has_one_golden_example_and_no_example_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(EVENT_TYPES)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_golden_example_is_read_by_todays_model_and_written_again_alike(name: str) -> None:
    event, envelope = parse_event(*parts(name))
    assert type(event) is EVENT_TYPES[name]
    example = golden(name)
    record = encode(
        event, source=envelope.source.removeprefix("/ieum/"), time=envelope.time, traceparent=envelope.traceparent
    )
    assert json.loads(record.value) == example["body"]
    headers = {k: v.decode() for k, v in record.headers}
    assert headers.pop("ce_dataschema") == dataschema(type(event))
    assert headers.pop("traceparent") == envelope.traceparent, "for tracing tools of others"
    assert headers == example["headers"]
    assert (record.topic, record.key) == (example["topic"], example["key"])


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_golden_example_fits_the_published_schema(name: str) -> None:
    jsonschema.Draft202012Validator(
        schema(EVENT_TYPES[name]), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(golden(name)["body"])


def test_a_schemas_name_is_made_of_its_content_alone() -> None:
    names = {schema(model)["$id"] for model in EVENT_TYPES.values()}
    assert len(names) == len(EVENT_TYPES)
    whole = schema(CaseAcknowledged)
    assert whole["$id"] == dataschema(CaseAcknowledged) == name_of(CaseAcknowledged.TYPE, dict(reversed(whole.items())))
    assert whole["$id"] != name_of(CaseAcknowledged.TYPE, {**whole, "required": whole["required"][1:]})


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_type_names_are_past_facts_with_a_version(name: str) -> None:
    subject, verb, version = name.split(".")
    assert subject in {"report", "case", "center", "load", "alert"}
    assert verb.split("_")[-1].endswith(("ed", "left", "sent", "withdrawn"))
    assert version == "v1"


def test_readers_ignore_fields_they_do_not_know() -> None:
    topic, key, headers, value = parts("case.acknowledged.v1")
    event, _ = parse_event(topic, key, headers, json.dumps({**json.loads(value), "new_field": 1}).encode())
    assert event == acknowledged()


def test_events_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        acknowledged().center_id = "busan"  # type: ignore[misc]  # that it cannot be set is the point


def test_same_fact_has_same_id_and_another_fact_another() -> None:
    def ce_id(event: CaseAcknowledged, source: str = "notify") -> bytes:
        now = datetime.now(UTC)
        return dict(encode(event, source=source, time=now, traceparent=TRACE).headers)["ce_id"]

    event = acknowledged()
    assert ce_id(event) == ce_id(event)
    assert ce_id(event) != ce_id(event.model_copy(update={"case_version": 2}))
    assert ce_id(event) != ce_id(event, source="elsewhere")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ce_specversion": "0.3"}, "bad_specversion"),
        ({"ce_type": "case.acknowledged.v1\u00e9"}, "bad_type"),
        ({"ce_type": "report.received.v1"}, "wrong_topic"),
        ({"ce_source": "/ieum/routing"}, "wrong_source"),
        ({"ce_source": "notify"}, "wrong_source"),
        ({"ce_source": ""}, "wrong_source"),
        ({"content-type": "text/plain"}, "bad_content_type"),
        ({"ce_time": "yesterday"}, "invalid"),
        ({"ce_time": "9999-12-31T23:00:00Z"}, "invalid"),
        ({"ce_id": "x" * 201}, "bad_header"),
        ({"ce_traceparent": "x" * 201}, "bad_header"),
    ],
)
def test_bad_headers_are_refused_with_their_reason(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_event(*parts("case.acknowledged.v1", **changed))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"other", None, "no_value"),
        (b"other", b"{", "invalid"),
        (b"other", b"{}", "invalid"),
        (b"other", b"x" * (MAX_RECORD_BYTES + 1), "too_large"),
    ],
)
def test_bad_bodies_are_refused_with_their_reason(key: bytes, value: bytes | None, reason: str) -> None:
    topic, _, headers, _ = parts("case.acknowledged.v1")
    with pytest.raises(PermanentError) as caught:
        parse_event(topic, key, headers, value)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", EVENT_TYPES)
@pytest.mark.parametrize("value", [2**53, 10**30, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"])
def test_what_no_store_or_calendar_holds_is_refused_before_anything_acts_on_it(name: str, value: object) -> None:
    topic, key, headers, body = parts(name)
    fields = [field for field, known in json.loads(body).items() if _alike(known, value)]
    assert fields
    for field in fields:
        with pytest.raises(PermanentError, match=field):
            parse_event(topic, key, headers, json.dumps(json.loads(body) | {field: value}).encode())


def _alike(known: object, value: object) -> bool:
    if isinstance(value, int):
        return type(known) is int
    return isinstance(known, str) and known[:4] == "2026" and known[10:11] == "T"


def test_a_report_leaves_room_for_what_is_passed_on_with_it() -> None:
    topic, key, headers, body = parts("report.received.v1")
    filled = json.loads(body)
    filled["facts"]["linked_reports"] = [key.decode()] * 900
    assert PASSED_ON_BYTES < len(json.dumps(filled)) < MAX_RECORD_BYTES
    with pytest.raises(PermanentError, match="too_large"):
        parse_event(topic, key, headers, json.dumps(filled).encode())


@pytest.mark.parametrize("key", [None, b"", b"another-report"])
def test_a_record_under_another_key_is_refused(key: bytes | None) -> None:
    topic, _, headers, value = parts("case.acknowledged.v1")
    with pytest.raises(PermanentError) as caught:
        parse_event(topic, key, headers, value)
    assert caught.value.reason == "wrong_key"


def test_missing_type_and_missing_attributes_are_refused() -> None:
    topic, key, headers, value = parts("case.acknowledged.v1")
    for gone, reason in (("ce_type", "no_type"), ("ce_id", "no_attribute"), ("ce_source", "no_attribute")):
        with pytest.raises(PermanentError) as caught:
            parse_event(topic, key, [h for h in headers if h[0] != gone], value)
        assert caught.value.reason == reason


def written(name: str) -> tuple[str, bytes, list[tuple[str, bytes | None]], bytes]:
    event, envelope = parse_event(*parts(name))
    source = envelope.source.removeprefix("/ieum/")
    record = encode(event, source=source, time=envelope.time, traceparent=TRACE)
    return record.topic, record.key.encode(), [*record.headers], record.value


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_trace_is_found_under_its_plain_name_and_under_that_of_cloudevents_first(event_type: str) -> None:
    topic, key, headers, value = written(event_type)
    other = TRACE[:-2] + "00"
    plain = [(name, said) for name, said in headers if name != "ce_traceparent"]
    assert parse_event(topic, key, plain, value)[1].traceparent == TRACE
    both = [(name, other.encode() if name == "traceparent" else said) for name, said in headers]
    assert parse_event(topic, key, both, value)[1].traceparent == TRACE


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_order_and_case_of_headers_and_further_ones_change_nothing(event_type: str) -> None:
    topic, key, headers, value = written(event_type)
    read = parse_event(topic, key, headers, value)
    first_counts = [*headers, ("ce_id", b"another"), ("CE_TIME", b"never")]
    for others in (headers[::-1], [(name.upper(), said) for name, said in headers], first_counts):
        assert parse_event(topic, key, others, value) == read


@pytest.mark.parametrize("name", ["ce_type", "ce_specversion", "ce_source", "ce_id", "ce_time"])
def test_a_header_without_a_value_is_as_good_as_missing(name: str) -> None:
    topic, key, headers, value = written("case.acknowledged.v1")
    reasons = []
    empty = [(header, None if header == name else said) for header, said in headers]
    for changed in (empty, [h for h in headers if h[0] != name]):
        with pytest.raises(PermanentError) as caught:
            parse_event(topic, key, changed, value)
        reasons.append((caught.value.reason, caught.value.detail))
    assert reasons[0] == reasons[1]


def test_header_that_is_not_utf8_is_refused() -> None:
    topic, key, headers, value = parts("case.acknowledged.v1")
    spoiled = [(k, b"\xff\xfe" if k == "ce_id" else v) for k, v in headers]
    with pytest.raises(PermanentError) as caught:
        parse_event(topic, key, spoiled, value)
    assert caught.value.reason == "bad_header"


def test_newer_version_and_unknown_type_wait_for_a_newer_build() -> None:
    for name in ("case.acknowledged.v2", "case.teleported.v1"):
        with pytest.raises(UnknownTypeError, match=name):
            parse_event(*parts("case.acknowledged.v1", ce_type=name))


def test_refusals_never_repeat_what_was_found() -> None:
    topic, key, headers, _ = parts("report.received.v1")
    body = golden("report.received.v1")["body"]
    body["facts"]["language"] = "CANARY 010-1234-5678"
    with pytest.raises(PermanentError) as caught:
        parse_event(topic, key, headers, json.dumps(body).encode())
    assert "CANARY" not in str(caught.value)
    assert "facts.language" in caught.value.detail


def test_sums_that_differ_have_different_ids_though_they_stand_for_one_offset() -> None:
    example = golden("load.summarized.v1")["body"]
    later = {**example, "summarized_at": "2026-11-24T03:19:42.000Z"}
    busier = {**example, "loads": {**example["loads"], "jeonnam": {**example["loads"]["jeonnam"], "waiting": 1}}}
    told = [LoadSummarized.model_validate(body) for body in (example, later, busier, {**example, "worker": "other"})]
    assert len({one.sequence for one in told}) == 1
    assert len({load_id(one) for one in told}) == len(told)
    assert load_id(told[0]) == load_id(LoadSummarized.model_validate(example))


def load_id(event: LoadSummarized) -> bytes:
    return dict(encode(event, source="routing", time=event.summarized_at, traceparent=TRACE).headers)["ce_id"]


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC) | OFFSETS))  # noqa: DTZ001  # hypothesis adds the zone
def test_moments_stand_in_events_in_utc_cut_to_milliseconds(moment: datetime) -> None:
    text = iso(moment)
    assert len(text) == len("2026-11-24T03:12:07.502Z")
    assert text.endswith("Z")
    lost = moment - datetime.fromisoformat(text)
    assert timedelta(0) <= lost < timedelta(milliseconds=1)


def test_whole_seconds_are_written_with_their_milliseconds() -> None:
    assert iso(datetime(2026, 11, 24, 3, 12, 7, tzinfo=UTC)) == "2026-11-24T03:12:07.000Z"
