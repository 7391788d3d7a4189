"""The bytes put together by hand are the bytes of the event the models would make."""

import uuid

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.routing.assignment.models import CenterLoads
from services.routing.assignment.replay import replay
from services.routing.assignment.rules import assign, decision_of, severity_of
from services.routing.models import FirstRouting
from services.routing.record_encoding import facts_json, message_of
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import report_state_after
from services.routing.transitions.rules import decide
from shared.clock import seoul_date
from shared.events.base import encode
from shared.events.catalog import parse_event
from shared.events.envelope import event_id
from shared.events.reports import ReportFacts, ReportReceived
from shared.events.routings import Cause, ReportRouted
from shared.events.vocabulary import CauseKind
from tests.unit.routing.builders import (
    DAY,
    MOMENT,
    NOW,
    TRACE,
    any_board,
    any_facts,
    busy_board,
    center_loads,
    facts,
    incoming,
    report_id,
)


@given(st.text(max_size=20), st.integers(1, 10**6))
def test_event_ids_are_version_5_uuids(key: str, sequence: int) -> None:
    family = uuid.uuid5(uuid.NAMESPACE_DNS, "events.ieum")
    expected = uuid.uuid5(family, f"routing|report.routed.v1|{key}|{sequence}")
    assert event_id("routing", "report.routed.v1", key, sequence) == str(expected)


CAUSE_IDS = st.text(min_size=1, max_size=40)


@given(any_facts(), any_board() | busy_board(), CAUSE_IDS)
def test_a_first_routing_parses_to_the_event_the_models_make(
    facts: ReportFacts, center_loads: CenterLoads, cause: str
) -> None:
    report = ReportReceived(report_id=report_id(1), intake_version=1, received_at=NOW, facts=facts)
    one = incoming(report)._replace(event_id=cause)
    center_loads = {center_id: center_loads[center_id] for center_id in sorted(center_loads)}
    (draft,) = decide([one], PartitionState(), center_loads, MOMENT, {}).drafts
    key, value, headers = message_of(draft)
    event = ReportRouted(
        report_id=report.report_id,
        version=1,
        ownership=1,
        intake_version=1,
        cause=Cause(kind=CauseKind.REPORT, event_id=cause),
        decided_at=NOW,
        received_at=NOW,
        decision=decision_of(assign(facts, center_loads, DAY)),
        facts=facts,
    )
    by_models = encode(event, source="routing", time=NOW, traceparent=TRACE)
    parsed, envelope = parse_event("routings", key, headers, value)
    assert parsed == event
    assert dict(headers) == dict(by_models.headers)
    assert envelope.traceparent == TRACE
    assert parse_event("routings", key, by_models.headers, by_models.value)[0] == parsed
    assert report_state_after(event, None) == draft.report_state
    assert isinstance(parsed, ReportRouted)
    assert replay(parsed.decision, parsed.facts, seoul_date(parsed.received_at)) == parsed.decision


@given(any_facts())
def test_facts_are_written_as_their_model_writes_them(facts: ReportFacts) -> None:
    assert facts_json(facts) == facts.model_dump_json(exclude_none=True).encode()


LATER = {
    "urgency": "extreme",
    "harm_types": ["voice_cloning", "other"],
    "age_band": "80_up",
    "contact_channels": ["letter"],
    "suspicion": ["sent_by_a_machine"],
}


def test_words_of_a_later_build_are_passed_on_as_they_were_written() -> None:
    later = facts("busan", **LATER)
    assert facts_json(later) == later.model_dump_json(exclude_none=True).encode()
    report = ReportReceived(report_id=report_id(1), intake_version=1, received_at=NOW, facts=later)
    (draft,) = decide([incoming(report)], PartitionState(), center_loads(), MOMENT, {}).drafts
    written = orjson.loads(message_of(draft)[1])["facts"]
    assert {name: written[name] for name in LATER} == LATER


def test_an_urgency_of_a_later_build_is_decided_as_critical() -> None:
    later, critical = (severity_of(facts("busan", urgency=urgency)) for urgency in ("extreme", "critical"))
    assert later == critical
    assert later.critical
    assert later.severe


def test_a_harm_of_a_later_build_is_decided_as_the_least_specific() -> None:
    assert severity_of(facts("busan", harm_types=["voice_cloning"])) == severity_of(
        facts("busan", harm_types=["other"])
    )


@given(st.lists(any_facts(), min_size=2, max_size=6), any_board(), any_board())
def test_each_of_a_batch_shows_the_seats_it_was_decided_by(
    facts: list[ReportFacts], center_loads: CenterLoads, another: CenterLoads
) -> None:
    batch = [
        incoming(ReportReceived(report_id=report_id(n), intake_version=1, received_at=NOW, facts=one))
        for n, one in enumerate(facts)
    ]
    for shown in (center_loads, another, center_loads):
        drafts = decide(batch, PartitionState(), shown, MOMENT, {}).drafts
        assert len(drafts) == len(batch)
        for draft in drafts:
            key, value, headers = message_of(draft)
            event, _ = parse_event("routings", key, headers, value)
            assert isinstance(event, ReportRouted)
            assert isinstance(draft.body, FirstRouting)
            assert event.decision == decision_of(draft.body.assignment)
