"""A small world on an injected clock: routing, a ladder that works or not, staff, and the auditor who reads along."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.notify.auditor.rules import Deviation, Quiet, Watched, conclude, note, resumed, settled, wrong
from services.notify.cases import rules as decisions
from services.notify.cases.models import Case, ContactWay, Target, rescheduled
from services.notify.cases.projection import RoutingEvent, fold
from services.notify.cases.rules import Accepted, Actor
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import AttemptResult, Endpoint, Plan, Rules, record
from services.notify.team.models import CenterDuty
from services.notify.team.repository import nominal
from shared.events.base import ReportEvent
from shared.events.vocabulary import AlertChannel
from tests.unit.notify.samples import TRACE

Spoil = Callable[[Plan, Case], bool]


def desks(center_id: str) -> list[Endpoint]:
    return [Endpoint(f"email:{center_id}/{t}", t, AlertChannel.EMAIL, f"{t}@x.example") for t in Target]


@dataclass(slots=True)
class World:
    """``spoil`` says of a telling that it silently does not happen: the planted failure."""

    now: datetime
    rules: Rules
    quiet: Quiet | None
    cases: dict[str, Case] = field(default_factory=dict)
    watched: dict[str, Watched] = field(default_factory=dict)
    centers: dict[str, CenterDuty] = field(default_factory=dict)
    alarms: list[tuple[datetime, Deviation]] = field(default_factory=list)
    told: list[tuple[datetime, str, int]] = field(default_factory=list)
    spoil: Spoil = lambda _plan, _case: False
    working: bool = True
    forgets: bool = False
    """Whether the auditor keeps as little as it may, after every look."""
    todo: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self.todo, (moment, self._number, act))

    def routed(self, event: RoutingEvent) -> None:
        moved = event.model_copy(update={"decided_at": self.now})
        case = fold(self.cases.get(event.report_id), moved, TRACE, self.rules, self.now)
        assert case is not None
        self._heard(moved)
        self.cases[event.report_id] = case

    def acknowledge(self, report_id: str) -> None:
        case = self.cases[report_id]
        self._act(decisions.acknowledge(case, Actor("kim", case.center_id), None, self.now, self.rules))

    def open(self, report_id: str) -> None:
        case = self.cases[report_id]
        who = Actor("kim", case.center_id)
        self._act(decisions.opened(case, who, case.ownership, "message", self.now, self.rules))

    def contact(self, report_id: str, *, reached: bool) -> None:
        case = self.cases[report_id]
        who = Actor("kim", case.center_id)
        self._act(
            decisions.contact(
                case, who, case.ownership, way=ContactWay.CAME_TO_US, reached=reached, now=self.now, rules=self.rules
            )
        )

    def _act(self, answer: object) -> None:
        assert isinstance(answer, Accepted)
        self.cases[answer.case.report_id] = answer.case
        if answer.event is not None:
            self._heard(answer.event)

    def _heard(self, event: ReportEvent) -> None:
        note(self.watched.setdefault(event.report_id, Watched(event.report_id)), event)

    def run(self, until: datetime) -> None:
        """Jump from one thing that happens to the next; the auditor looks after each, and 30 s after each."""
        while True:
            moment = self._next(until)
            if moment is None:
                break
            self.now = max(self.now, moment)
            while self.todo and self.todo[0][0] <= self.now:
                heapq.heappop(self.todo)[2]()
            if self.working:
                self._work()
            self.look()
        self.now = until
        self.look()

    def _next(self, until: datetime) -> datetime | None:
        moments = [self.todo[0][0]] if self.todo else []
        if self.working:
            moments += [case.wake_at for case in self.cases.values() if case.wake_at is not None]
        # The auditor looks whenever something it waits for has passed.
        moments += [
            seen.due.at + timedelta(seconds=5)
            for seen in self.watched.values()
            if seen.due is not None and seen.due.at + timedelta(seconds=5) > self.now
        ]
        first = min(moments, default=None)
        return first if first is not None and first < until else None

    def _work(self) -> None:
        for report_id, case in list(self.cases.items()):
            center = self.centers.get(case.center_id) or nominal(case.center_id)
            made = policy.plan(case, center, self.now)
            if made is None:
                continue
            if self.spoil(made, case):
                ladder = case.escalation
                assert ladder is not None
                lost = ladder.model_copy(update={"due_at": self.now + timedelta(hours=3)})
                self.cases[report_id] = rescheduled(case.model_copy(update={"escalation": lost}))
                continue
            chosen, _ = policy.endpoints_for(made, desks(case.center_id))
            results = [
                AttemptResult(
                    e.target, policy.alert_id(report_id, made, e.target), ok=True, channel=e.channel, endpoint=e.key
                )
                for e in chosen
            ]
            self.cases[report_id], events = record(case, made, results, self.rules, self.now)
            self.told.append((self.now, report_id, made.step))
            for event in events:
                assert isinstance(event, ReportEvent)
                self._heard(event)

    def look(self) -> None:
        for report_id, seen in self.watched.items():
            conclude(seen, self.quiet)
            kept = settled(seen)
            if self.forgets and kept is not None:
                self.watched[report_id] = resumed(report_id, kept)
            bad = wrong(seen, self.now)
            if bad is not None:
                self.alarms.append((self.now, bad))
