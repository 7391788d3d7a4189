"""Values the routing tests start from, and strategies that make any of them."""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from services.routing.assignment.models import CenterLoad, CenterLoads
from services.routing.assignment.rules import assign, decision_of
from services.routing.models import Incoming
from services.routing.state.partition import PartitionState
from services.routing.transitions.models import Moment
from shared.centers import CENTER_IDS, TABLES, districts_of
from shared.events.base import Event
from shared.events.envelope import event_id
from shared.events.reports import ReportFacts, ReportReceived
from shared.events.routings import LOAD_COLUMNS, Candidate, Decision
from shared.events.vocabulary import CenterState

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DAY = date(2026, 11, 24)
MOMENT = Moment(now=NOW)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def report_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def facts(division: str = "busan", **more: Any) -> ReportFacts:
    given: dict[str, Any] = {
        "role": "victim",
        "harm_types": ["other"],
        "urgency": "normal",
        "urgency_reasons": ["none_of_these"],
        "division": division,
        "channel": "web",
        "language": "ko",
        "triage_version": 1,
    }
    return ReportFacts.model_validate(given | more)


def center_loads(loads: dict[str, int] | None = None, closed: tuple[str, ...] = (), capacity: int = 450) -> CenterLoads:
    return {
        c: CenterLoad(
            center_id=c,
            state=CenterState.CLOSED if c in closed else CenterState.OPEN,
            staff_on_duty=3,
            load=(loads or {}).get(c, 0),
            capacity=capacity,
            severe_cap=12,
        )
        for c in CENTER_IDS
    }


def decision_for(facts: ReportFacts, loads: CenterLoads, day: date = DAY, **more: Any) -> Decision:
    """The decision as it stands in an event, candidates by id."""
    return decision_of(assign(facts, dict(sorted(loads.items())), day, **more), more.get("tables", TABLES))


def compared_of(*candidates: Candidate) -> dict[str, Any]:
    """The candidates as a decision groups them."""
    found: dict[str, Any] = {}
    for one in candidates:
        by_state = found.setdefault(str(one.passed_over), {})
        by_state.setdefault(str(one.state), {})[one.center_id] = [getattr(one, name) for name in LOAD_COLUMNS]
    return found


def full(*but: str) -> dict[str, int]:
    return {c: 0 if c in but else 450 for c in CENTER_IDS}


def received(number: int = 1, division: str = "busan", **more: Any) -> ReportReceived:
    return ReportReceived(report_id=report_id(number), intake_version=1, received_at=NOW, facts=facts(division, **more))


def incoming(event: Event, source: str = "intake") -> Incoming:
    return Incoming(event, event_id(source, event.TYPE, event.key, event.sequence), TRACE)


PLACES: list[tuple[str, str | None]] = [(division, None) for division in (*TABLES.divisions, *TABLES.elsewhere)]
PLACES += [("jeonnam-gwangju", district.code) for district in districts_of("jeonnam-gwangju")]


def facts_at(place: tuple[str, str | None], **more: Any) -> ReportFacts:
    return facts(place[0], district=place[1], **more)


def any_facts() -> st.SearchStrategy[ReportFacts]:
    return st.builds(
        facts_at,
        place=st.sampled_from(PLACES),
        urgency=st.sampled_from(["normal", "high", "critical"]),
        urgency_reasons=st.sampled_from([["none_of_these"], ["under_14"], ["child_material", "threatened"]]),
        age_band=st.sampled_from(["unknown", "under_14", "30s"]),
        harm_types=st.sampled_from([["other"], ["child_material"], ["distribution", "synthesis"], ["online_grooming"]]),
        synthetic=st.sampled_from([False, False, False, True]),
        declined_centers=st.lists(st.sampled_from(CENTER_IDS), max_size=16, unique=True),
    )


_STATES = list(CenterState)
_CAPACITIES = (0, 150, 300, 450, 10_000)
_LOADS, _GUESTS, _STAFF, _SEVERE, _SEVERE_CAPS = 901, 601, 6, 16, 13


def any_board() -> st.SearchStrategy[CenterLoads]:
    """Sixteen centres of any numbers, two draws for each: one for each number took longer than all that is tried."""
    kinds = st.integers(0, len(_STATES) * len(_CAPACITIES) * _STAFF * _SEVERE * _SEVERE_CAPS - 1)
    carried = st.integers(0, _LOADS * _GUESTS - 1)
    seats = st.tuples(*(strategy for _ in CENTER_IDS for strategy in (kinds, carried)))
    return seats.map(lambda drawn: dict(zip(CENTER_IDS, map(_seat, CENTER_IDS, drawn[::2], drawn[1::2]), strict=True)))


def _seat(center_id: str, kind: int, carried: int) -> CenterLoad:
    kind, state = divmod(kind, len(_STATES))
    kind, capacity = divmod(kind, len(_CAPACITIES))
    kind, staff = divmod(kind, _STAFF)
    severe_cap, severe = divmod(kind, _SEVERE)
    guests, load = divmod(carried, _LOADS)
    return CenterLoad(center_id, _STATES[state], staff, load, _CAPACITIES[capacity], guests, severe, severe_cap)


def busy_board() -> st.SearchStrategy[CenterLoads]:
    """All alike and near one of the rule's limits, but for a few: random boards nearly always have an idle centre."""
    limits = st.sampled_from([300, 340, 350, 360, 390, 395, 405, 410, 430, 440, 450, 460, 530, 540, 545, 600])
    center_loads = st.builds(
        CenterLoad,
        center_id=st.just(""),
        state=st.sampled_from([CenterState.OPEN] * 4 + [CenterState.UNSTAFFED, CenterState.CLOSED]),
        staff_on_duty=st.just(3),
        load=limits,
        capacity=st.just(450),
        guests=st.sampled_from([0, 200, 215, 225, 300, 325, 340]),
        severe=st.sampled_from([0, 11, 12]),
        severe_cap=st.just(12),
    )
    few = st.dictionaries(st.sampled_from(CENTER_IDS), center_loads, max_size=4)
    return st.builds(
        lambda common, few: {c: few.get(c, common)._replace(center_id=c) for c in CENTER_IDS},
        common=center_loads,
        few=few,
    )


def weighed(state: PartitionState) -> dict[str, int]:
    """What each centre's open cases weigh; 0 where there were some."""
    return {center_id: totals.weighted for center_id, totals in state.case_totals.items()}


def counted(state: PartitionState) -> dict[str, int]:
    return {center_id: totals.open_cases for center_id, totals in state.case_totals.items()}
