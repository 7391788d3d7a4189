"""Whatever reporters, staff and centres do in whatever order, read however late: who has it, and who waits."""

from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.models import Incoming
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent
from services.routing.transitions.models import Moment, TransitionResult
from services.routing.transitions.rules import decide, facts_of, moves
from shared.centers import CENTRAL
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseEvent, CaseReopened, CaseTransferAccepted
from shared.events.reports import ReportAmended, ReportMessageLeft, ReportReinstated, ReportWithdrawn
from shared.events.routings import ReportRerouted
from shared.events.vocabulary import EndReason
from tests.unit.routing.builders import NOW, TRACE, center_loads, facts, incoming, received, report_id
from tests.unit.routing.steps import case, settle

CENTERS = ("busan", "gyeongnam", "jeju")
ACTS = (
    *("read", "read", "read", "amend", "withdraw", "undo", "message"),
    *("acknowledge", "acknowledge", "transfer", "transfer", "close", "close", "reopen"),
    *("center_closes", "center_opens", "sweep"),
)


class Step(NamedTuple):
    """What is done next, and with what, where it needs that."""

    act: str
    center: str
    declined: list[str]
    stale: bool
    """By somebody who saw the ownership before the present one."""


STEPS = st.builds(
    Step,
    act=st.sampled_from(ACTS),
    center=st.sampled_from(CENTERS),
    declined=st.lists(st.sampled_from(CENTERS), max_size=2, unique=True),
    stale=st.sampled_from([False, False, False, True]),
)


class Story:
    """One report: what was said about it, what routing has read of that, and its log."""

    def __init__(self) -> None:
        self.now = NOW
        self.closed: set[str] = set()
        self.intake_version = self.case_version = 1
        self.said: list[Incoming] = []
        self.read = 0
        self.log: list[RoutingEvent] = []
        self.acknowledged: list[CaseAcknowledged] = []
        self.state = PartitionState()
        self.withdrawn = False
        self.say(received(1, "busan"))
        self.read_all()

    def say(self, event: Event) -> None:
        self.said.append(incoming(event, "notify" if event.TOPIC == "cases" else "intake"))

    def decide(self, batch: list[Incoming]) -> TransitionResult:
        return decide(batch, self.state, center_loads(closed=tuple(self.closed)), Moment(now=self.now), {})

    def read_all(self) -> None:
        """As a worker does: the reports first, and again what waited for the log."""
        batch = sorted(self.said[self.read :], key=lambda one: one.event.TOPIC == "cases")
        self.read, waiting = len(self.said), batch
        while waiting:
            outcome = self.decide(waiting)
            self.log += settle(self.state, outcome)
            assert outcome.refused == []
            waiting = [waiting[place] for place in outcome.deferred]
        for one in batch:
            if isinstance(one.event, CaseAcknowledged):
                self.state.acknowledge(one.event)
                self.acknowledged.append(one.event)

    def take(self, step: Step) -> None:
        self.now += timedelta(seconds=1)
        match step.act:
            case "read":
                self.read_all()
            case "center_closes":
                self.closed.add(step.center)
            case "center_opens":
                self.closed.discard(step.center)
            case "sweep":
                loads = center_loads(closed=tuple(self.closed))
                drafts = moves(self.state, loads, Moment(now=self.now), TRACE, limit=9, owners={})
                self.log += settle(self.state, TransitionResult(drafts=drafts))
            case "amend" | "message" | "withdraw" | "undo":
                self._reporter(step)
            case _:
                self._staff(step)

    def _reporter(self, step: Step) -> None:
        common: dict[str, Any] = {"report_id": report_id(1), "intake_version": self.intake_version + 1}
        event: Event | None = None
        if step.act == "amend":
            told = facts("busan", declined_centers=step.declined)
            event = ReportAmended(**common, amended_at=self.now, facts=told)
        elif step.act == "undo" and self.withdrawn:
            event = ReportReinstated(**common, reinstated_at=self.now)
        elif step.act == "withdraw" and not self.withdrawn:
            event = ReportWithdrawn(**common, withdrawn_at=self.now)
        elif step.act == "message" and not self.withdrawn:
            event = ReportMessageLeft(**common, left_at=self.now)
        if event is not None:
            self.withdrawn = isinstance(event, ReportWithdrawn) or (
                self.withdrawn and not isinstance(event, ReportReinstated)
            )
            self.intake_version += 1
            self.say(event)

    def _staff(self, step: Step) -> None:
        """As notify lets them: by what the log says, which may be behind what the reporter has said."""
        known = self.state.report_states[report_id(1)]
        ownership = max(1, known.ownership - step.stale)
        self.case_version += 1
        told: dict[str, tuple[type[Any], EndReason | None, dict[str, Any]]] = {
            "acknowledge": (CaseAcknowledged, None, {}),
            "transfer": (CaseTransferAccepted, None, {"offer_id": "o", "to_center_id": step.center}),
            "close": (CaseClosed, None, {"outcome": "supported"}),
            "reopen": (CaseReopened, EndReason.CLOSED, {}),
        }
        kind, fits, more = told[step.act]
        if known.ended is fits:
            self.say(case(kind, self.case_version, ownership, **more).model_copy(update={"at": self.now}))

    def refolded(self) -> PartitionState:
        state = PartitionState()
        for event in self.log:
            state.fold(event)
        for said in self.acknowledged:
            state.acknowledge(said)
        return state

    def assert_true(self) -> None:
        known = self.state.report_states[report_id(1)]
        waits_at = [center for center, waiting in self.state.waiting.items() if report_id(1) in list(waiting)]
        assert waits_at in ([], [known.center_id]), "it waits where it is owned, and nowhere else"
        assert known.ended is None or waits_at == []
        since = known.waits_since or NOW
        if known.ended is None and not any(
            said.ownership == known.ownership and said.at >= since for said in self.acknowledged
        ):
            assert waits_at, "nobody has answered, so it is listed"
        if known.ended is not EndReason.WITHDRAWN and known.center_id != CENTRAL:
            assert known.center_id not in facts_of(known).declined_centers
        causes = {one.event_id: one.event for one in self.said}
        for event in self.log:
            cause = causes.get(event.cause.event_id or "")
            if isinstance(cause, CaseEvent):
                moved = isinstance(event, ReportRerouted)
                assert cause.ownership == event.ownership - moved, "only whoever has it moves it"
        told = self.refolded()
        assert told.report_states == self.state.report_states
        assert {c: list(w) for c, w in told.waiting.items() if len(w)} == {
            c: list(w) for c, w in self.state.waiting.items() if len(w)
        }


@settings(max_examples=400)
@given(st.lists(STEPS, min_size=8, max_size=40))
def test_it_has_one_owner_who_may_have_it_waits_nowhere_else_and_reading_all_again_changes_nothing(
    steps: list[Step],
) -> None:
    story = Story()
    for step in steps:
        story.take(step)
        story.assert_true()
    story.read_all()
    story.assert_true()
    known = story.state.report_states[report_id(1)]
    assert (known.ended is EndReason.WITHDRAWN) is story.withdrawn
    again = story.decide(story.said)
    assert again.drafts == []
    assert again.refused == []
    story.take(Step("sweep", "", [], stale=False))
    known = story.state.report_states[report_id(1)]
    assert known.center_id not in story.closed or list(story.state.waiting[known.center_id]) == []
