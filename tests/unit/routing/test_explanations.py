"""What a record says of how it was decided: small, complete, and enough to decide again."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.routing.assignment.models import CenterLoads
from services.routing.assignment.replay import differing, replay
from services.routing.models import Incoming
from services.routing.record_encoding import message_of
from services.routing.state.partition import PartitionState
from services.routing.transitions.rules import decide
from shared.events.catalog import parse_event
from shared.events.reports import ReportFacts, ReportReceived
from shared.events.routings import Candidate, ReportRouted
from tests.unit.routing.builders import (
    DAY,
    MOMENT,
    NOW,
    any_board,
    any_facts,
    busy_board,
    incoming,
    report_id,
)

MOST_BYTES = 1024
"""What the explanation of one decision may take."""


def written(report: Incoming, loads: CenterLoads) -> tuple[dict[str, Any], ReportRouted]:
    (draft,) = decide([report], PartitionState(), dict(sorted(loads.items())), MOMENT, {}).drafts
    key, value, headers = message_of(draft)
    event, _ = parse_event("routings", key, headers, value)
    assert isinstance(event, ReportRouted)
    return orjson.loads(value), event


@given(any_facts(), any_board() | busy_board())
def test_a_record_says_every_load_and_decides_the_same_again(facts: ReportFacts, loads: CenterLoads) -> None:
    report = ReportReceived(report_id=report_id(1), intake_version=1, received_at=NOW, facts=facts)
    _, event = written(incoming(report), loads)
    assert [candidate.center_id for candidate in event.decision.candidates()] == sorted(loads)
    assert replay(event.decision, facts, DAY) == event.decision
    by_center = {one.center_id: one for one in event.decision.candidates()}
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
    assert later.decision.candidates() == event.decision.candidates()
    assert differing(later.decision, replay(later.decision, facts, DAY)) is None
