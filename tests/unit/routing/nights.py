"""Boards and decisions of busy nights, for tests that look at pages."""

from datetime import timedelta

from services.routing.state.loads import LoadView
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent
from shared.clock import SystemClock
from shared.events.routings import ReportRouted
from shared.events.vocabulary import CenterState, PassedOver, RoutingReason
from tests.unit.routing.builders import compared_of, received
from tests.unit.routing.harness import say, tell
from tests.unit.routing.steps import run, settle

_LOADS = {
    "busan": (31, 425, 30, 5, 4, 95),
    "gyeongnam": (19, 265, 90, 3, 1, 12),
    "gyeonggi": (40, 520, 0, 12, 9, 260),
    "incheon": (22, 290, 40, 2, 0, 0),
    "gangwon": (8, 95, 20, 0, 0, 0),
    "daejeon": (15, 190, 0, 1, 2, 3),
    "chungnam": (18, 230, 10, 2, 0, 0),
    "jeonbuk": (12, 160, 0, 1, 0, 0),
    "gwangju": (33, 415, 0, 4, 3, 41),
    "jeonnam": (6, 70, 0, 0, 0, 0),
    "jeju": (9, 120, 0, 1, 1, 130),
    "ulsan": (14, 180, 60, 2, 2, 720),
    "daegu": (28, 370, 0, 6, 0, 0),
}
"""Open cases, weighted, guests, severe, waiting, minutes the oldest waits."""


def crowded() -> LoadView:
    """Every kind of centre there is, as of now."""
    now = SystemClock().now()
    view = LoadView(15)
    loads = {
        center: {
            "open_cases": open_cases,
            "weighted": weighted,
            "guests": guests,
            "severe": severe,
            "waiting": waiting,
            "waiting_since": now - timedelta(minutes=minutes) if waiting else None,
        }
        for center, (open_cases, weighted, guests, severe, waiting, minutes) in _LOADS.items()
    }
    tell(view, 0, 10, now, **loads)
    tell(view, 1, 10, now)
    say(view, "daejeon", CenterState.SHORT_STAFFED, 1)
    say(view, "ulsan", CenterState.OPEN, 0)
    say(view, "sejong", CenterState.CLOSED, 0)
    return view


def overflow() -> list[RoutingEvent]:
    """Busan was full, Gyeongnam took it, the right of return with Busan."""
    loads = {c: weighted for c, (_, weighted, *_) in _LOADS.items()} | {"busan": 425}
    state = PartitionState()
    [event] = settle(state, run(state, received(1, "busan", urgency="high"), loads=loads, closed=("sejong",)))
    assert isinstance(event, ReportRouted)
    guests = {c: (g, s) for c, (_, _, g, s, *_) in _LOADS.items()}
    seen = tuple(
        c.model_copy(
            update={"guests": guests.get(c.center_id, (0, 0))[0], "severe": guests.get(c.center_id, (0, 0))[1]}
            | {"severe_cap": 12}
        )
        for c in event.decision.candidates()
    )
    return [_with(event, decision={"compared": compared_of(*seen), "right_of_return": True})]


def passed_over() -> list[RoutingEvent]:
    """A child's report that cannot wait: nobody at home, the centre that knows it declined, past all capacity."""
    [event] = overflow()
    assert isinstance(event, ReportRouted)
    verdicts: dict[str, dict[str, object]] = {
        "busan": {"passed_over": PassedOver.UNSTAFFED, "state": CenterState.UNSTAFFED, "staff_on_duty": 0},
        "ulsan": {"passed_over": PassedOver.SEVERE_FULL, "severe": 12},
        "jeju": {"passed_over": PassedOver.RESERVED},
        "gyeongnam": {"passed_over": PassedOver.CHOSEN, "load": 440},
        "sejong": {"passed_over": PassedOver.CLOSED, "state": CenterState.CLOSED},
    }
    seen = [
        c.model_copy(update={"passed_over": PassedOver.OUT_OF_REACH} | verdicts.get(c.center_id, {}))
        for c in event.decision.candidates()
    ]
    return [
        _with(
            event,
            facts={"urgency": "critical", "age_band": "under_14"},
            decision={
                "center_id": "gyeongnam",
                "reason": RoutingReason.HOME_UNSTAFFED,
                "over_capacity": True,
                "copy_central": True,
                "right_of_return": True,
                "linked_center_id": "sejong",
                "compared": compared_of(*seen),
            },
        )
    ]


def _with(event: ReportRouted, **parts: dict[str, object]) -> ReportRouted:
    """The event with some fields of its parts otherwise."""
    whole = event.model_dump()
    for name, fields in parts.items():
        whole[name] |= fields
    return ReportRouted.model_validate(whole)
