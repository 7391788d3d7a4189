"""Decisions as builds up to 0.2.0 wrote them, and as today's do: read alike, decided again alike, shown alike."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.assignment.models import CenterLoads
from services.routing.assignment.replay import Replay, differing, replay
from services.routing.assignment.rules import RULE_VERSION
from services.routing.console.views import history_of
from services.routing.models import Incoming
from services.routing.read_model.service import entry_of
from services.routing.record_encoding import message_of
from services.routing.state.partition import PartitionState
from services.routing.transitions.rules import decide
from shared.centers import PACKAGED
from shared.events.catalog import parse_event
from shared.events.reports import ReportFacts, ReportReceived
from shared.events.routings import Candidate, Decision, ReportRouted
from tests.unit.routing.builders import (
    DAY,
    MOMENT,
    NOW,
    any_board,
    any_facts,
    busy_board,
    center_loads,
    incoming,
    received,
    report_id,
)

EARLIER = sorted((Path(__file__).parents[2] / "golden" / "routings_until_0.2.0").glob("*.json"))
MOST_BYTES = 1024
"""What the explanation of one decision may take."""


def earlier(file: Path) -> Any:
    kept = json.loads(file.read_text(encoding="utf-8"))
    headers = [(name, value.encode()) for name, value in kept["headers"].items()]
    return parse_event(kept["topic"], kept["key"].encode(), headers, json.dumps(kept["body"]).encode())[0]


def in_the_earlier_form(decision: Decision) -> Decision:
    return decision.model_copy(update={"candidates": decision.every_candidate(), "compared": {}})


def written(report: Incoming, loads: CenterLoads) -> tuple[dict[str, Any], ReportRouted]:
    (draft,) = decide([report], PartitionState(), dict(sorted(loads.items())), MOMENT, {}).drafts
    key, value, headers = message_of(draft)
    event, _ = parse_event("routings", key, headers, value)
    assert isinstance(event, ReportRouted)
    return orjson.loads(value), event


@pytest.mark.parametrize("file", EARLIER, ids=[file.stem for file in EARLIER])
def test_an_earlier_record_is_read_and_decided_again_alike(file: Path) -> None:
    event = earlier(file)
    found = Replay(known=PACKAGED.known)
    found.take(event, file.stem)
    rule = event.decision.rule_version
    other = {} if rule == RULE_VERSION else {f"rule {rule}": 1}  # only the build that has its rule decides it again
    assert (found.differences, found.not_comparable, found.decisions.total()) == (0, other, 1), found.first_differences
    assert event.decision.compared == {}
    assert event.decision.every_candidate() == event.decision.candidates
    (shown,) = history_of(event.report_id, [entry_of(event, 0, 0)]).records
    assert shown.replays is (None if other else True)
    assert len(shown.event["decision"]["candidates"]) == len(event.decision.candidates) > 0


@given(any_facts(), any_board() | busy_board())
def test_both_forms_say_the_same_and_decide_the_same(facts: ReportFacts, loads: CenterLoads) -> None:
    report = ReportReceived(report_id=report_id(1), intake_version=1, received_at=NOW, facts=facts)
    body, event = written(incoming(report), loads)
    decision, before = event.decision, in_the_earlier_form(event.decision)
    assert body["decision"]["candidates"] == []
    assert before.every_candidate() == decision.every_candidate()
    assert [candidate.center_id for candidate in before.candidates] == sorted(loads)
    again = replay(before, facts, DAY)
    assert again == replay(decision, facts, DAY) == decision
    assert differing(before, again) is None
    by_center = {one.center_id: one for one in decision.every_candidate()}
    for center_id, load in loads.items():
        assert by_center[center_id] == Candidate(**load._asdict(), passed_over=by_center[center_id].passed_over)


@given(any_facts(), any_board() | busy_board(), st.sampled_from([1, 99]))
def test_an_explanation_stays_small(facts: ReportFacts, loads: CenterLoads, times: int) -> None:
    heavy = {
        c: load._replace(load=load.load * times, guests=load.guests * times, severe=load.severe * times)
        for c, load in loads.items()
    }
    report = ReportReceived(report_id=report_id(1), intake_version=1, received_at=NOW, facts=facts)
    body, _ = written(incoming(report), heavy)
    assert len(orjson.dumps(body["decision"]["compared"])) <= MOST_BYTES


@given(any_facts(), any_board())
def test_a_number_that_a_later_build_adds_to_a_load_is_passed_over(facts: ReportFacts, loads: CenterLoads) -> None:
    report = ReportReceived(report_id=report_id(1), intake_version=1, received_at=NOW, facts=facts)
    body, event = written(incoming(report), loads)
    for by_state in body["decision"]["compared"].values():
        for rows in by_state.values():
            for row in rows.values():
                row.append(7)
    later = ReportRouted.model_validate_json(orjson.dumps(body))
    assert later.decision.every_candidate() == event.decision.every_candidate()
    assert differing(later.decision, replay(later.decision, facts, DAY)) is None


def test_a_copy_made_by_a_build_that_passed_over_the_explanation_is_not_said_to_differ() -> None:
    _, event = written(incoming(received()), center_loads())
    bare = event.model_copy(update={"decision": event.decision.model_copy(update={"compared": {}})})
    (shown,) = history_of(event.report_id, [entry_of(bare, 0, 0)]).records
    assert shown.replays is None
