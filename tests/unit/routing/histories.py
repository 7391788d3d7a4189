"""Routing records as a log may hold them, also such as no sound worker writes."""

from typing import Any

from hypothesis import strategies as st

from services.routing.state.report_states import RoutingEvent
from shared.centers import CENTER_IDS
from shared.events.routings import Cause, Decision, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import CauseKind, EndReason, UpdateKind
from tests.unit.routing.builders import DAY, NOW, any_facts, center_loads, decision_for, facts, report_id

CAUSE = Cause(kind=CauseKind.REPORT)
DECISION = decision_for(facts("busan"), center_loads(), DAY)
LATER = (ReportRerouted, ReportUpdated, ReportEnded)


def common(number: int, version: int) -> dict[str, Any]:
    return {
        "report_id": report_id(number),
        "version": version,
        "ownership": 1,
        "intake_version": 1,
        "cause": CAUSE,
        "decided_at": NOW,
    }


def routed_record(number: int, **more: Any) -> ReportRouted:
    told = {"received_at": NOW, "decision": DECISION, "facts": facts("busan"), **more}
    return ReportRouted.model_validate(common(number, 1) | told)


@st.composite
def any_record(draw: st.DrawFn, number: int, version: int) -> RoutingEvent:
    told, center = common(number, version), draw(st.sampled_from(CENTER_IDS))
    kind = ReportRouted if version == 1 else draw(st.sampled_from(LATER))
    given = draw(any_facts())
    home = draw(st.sampled_from([None, center, "jeju"]))
    decision: Decision = DECISION.model_copy(update={"center_id": center, "home_center_id": home})
    if kind is ReportRouted:
        return routed_record(number, decision=decision, facts=given)
    if kind is ReportRerouted:
        return ReportRerouted(**told, received_at=NOW, previous_center_id="jeju", decision=decision, facts=given)
    if kind is ReportUpdated:
        kinds = st.sampled_from([k for k in UpdateKind if k is not UpdateKind.TRANSFER_VOID])
        return ReportUpdated(**told, kind=draw(kinds), center_id=center, facts=given)
    return ReportEnded(**told, reason=draw(st.sampled_from(EndReason)), center_id=center)


@st.composite
def any_history(draw: st.DrawFn) -> list[RoutingEvent]:
    """Records of a few reports in any order: repeats, holes, ends and returns."""
    places = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), max_size=14))
    places = sorted(places) if draw(st.booleans()) else places
    return [draw(any_record(number, version)) for number, version in places]
