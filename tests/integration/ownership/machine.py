"""The state machine: hypothesis chooses what happens to whom in which order; every example is judged at its end."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from services.analytics.counting.models import Fact
from services.intake.reports.models import Progress
from services.intake.reports.rules import fold as intake_fold
from services.notify.cases.models import CaseState
from shared.centers import CENTER_IDS
from shared.events.catalog import parse_event
from shared.events.vocabulary import CenterState
from tests.integration.ownership import verdict
from tests.integration.ownership.harness import OwnershipHarness
from tests.integration.ownership.play import BETWEEN, PLACES, URGENCIES, Play, Report

NUMBERS: Final = st.integers(0, 2)
CENTERS: Final = st.sampled_from(PLACES)
TARGETS: Final = st.sampled_from((*PLACES, "central"))
LATE: Final = st.booleans()
MOST_REPORTS: Final = 3
ACTS: Final = (
    "message",
    "withdraw",
    "reinstate",
    "acknowledge",
    "contact",
    "close",
    "reopen",
    "accept",
    "decline",
    "recall",
    "close_center",
    "open_center",
)


class Ownership(RuleBasedStateMachine):
    """One example: up to three reports."""

    harness: OwnershipHarness
    """Set on a subclass by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(self.harness)

    def do(self, work: Any) -> None:
        self.harness.run(work)

    @initialize(division=CENTERS, urgency=st.sampled_from(URGENCIES))
    def first(self, division: str, urgency: str) -> None:
        self.do(self.play.lodge(division, urgency))

    @precondition(lambda self: len(self.play.reports) < MOST_REPORTS)
    @rule(division=CENTERS, urgency=st.sampled_from(URGENCIES), declined=st.lists(CENTERS, max_size=1))
    def lodge(self, division: str, urgency: str, declined: list[str]) -> None:
        self.do(self.play.lodge(division, urgency, tuple(declined)))

    @rule(number=NUMBERS, other=CENTERS)
    def amend(self, number: int, other: str) -> None:
        self.do(self.play.amend(number, other))

    @rule(number=NUMBERS, act=st.sampled_from(("message", "withdraw", "reinstate", "recall")))
    def simple(self, number: int, act: str) -> None:
        self.do(self._act(act, number, "busan"))

    @rule(number=NUMBERS, late=LATE, act=st.sampled_from(("acknowledge", "contact", "close", "reopen")))
    def work(self, number: int, late: bool, act: str) -> None:
        self.do(getattr(self.play, act)(number, late=late))

    @rule(number=NUMBERS, to=TARGETS, late=LATE)
    def offer(self, number: int, to: str, late: bool) -> None:
        self.do(self.play.offer(number, to, late=late))

    @rule(
        number=NUMBERS,
        to=CENTERS,
        between=st.sampled_from(BETWEEN),
        how=st.sampled_from(("accept", "accept", "decline", "recall")),
        slow=st.booleans(),
    )
    def hand_over(self, number: int, to: str, between: str, how: str, slow: bool) -> None:
        self.do(self.play.hand_over(number, to, between, how, slow=slow))

    @rule(number=NUMBERS, to=CENTERS, between=st.sampled_from(BETWEEN), slow=st.booleans())
    def accept_over(self, number: int, to: str, between: str, slow: bool) -> None:
        self.do(self.play.hand_over(number, to, between, "accept", slow=slow))

    @rule(number=NUMBERS, then=st.sampled_from(("reopen", "withdraw", "second_thoughts")))
    def finish(self, number: int, then: str) -> None:
        self.do(self.play.finish(number, then))

    @rule(number=NUMBERS, accepts=st.sampled_from((True, True, False)))
    def answer(self, number: int, accepts: bool) -> None:
        self.do(self.play.answer(number, accepts=accepts))

    @rule(center=CENTERS, state=st.sampled_from((CenterState.CLOSED, CenterState.OPEN)))
    def duty(self, center: str, state: CenterState) -> None:
        self.do(self.play.set_center(center, state))

    @rule(state=st.sampled_from((CenterState.CLOSED, CenterState.OPEN)))
    def everybody(self, state: CenterState) -> None:
        self.do(self.play.set_all(state))

    @rule(number=NUMBERS, topic=st.sampled_from(("reports", "cases", "routings")))
    def repeat(self, number: int, topic: str) -> None:
        self.do(self.play.repeat(number, topic))

    @rule(hours=st.sampled_from((0.6, 5.0, 25.0)))
    def let_pass(self, hours: float) -> None:
        self.do(self.play.let_pass(hours))

    @rule(holds=st.booleans())
    def bus(self, holds: bool) -> None:
        self.do(self.play.hold() if holds else self.play.release())

    @rule(acts=st.lists(st.tuples(st.sampled_from(ACTS), NUMBERS, CENTERS), min_size=2, max_size=4))
    def at_once(self, acts: list[tuple[str, int, str]]) -> None:
        self.do(self.play.at_once(*(self._act(*one) for one in acts)))

    @rule()
    def settle(self) -> None:
        self.do(self.harness.settle())

    def _act(self, act: str, number: int, center: str) -> Any:
        match act:
            case "accept" | "decline":
                return self.play.answer(number, accepts=act == "accept")
            case "close_center":
                return self.play.set_center(center, CenterState.CLOSED)
            case "open_center":
                return self.play.set_center(center, CenterState.OPEN)
            case _:
                return getattr(self.play, act)(number)

    def teardown(self) -> None:
        """Let everything arrive, judge every report, and leave nothing behind that the next example would feel."""
        try:
            self.do(self.harness.settle())
            for report in self.play.reports:
                found = self.harness.run(judged(self.harness, self.play, report))
                assert not found, (found, self.play.done)
        finally:
            self.do(self.play.clean_up())


async def judged(harness: OwnershipHarness, play: Play, report: Report) -> list[str]:
    """Everything that is wrong with one report once nothing is on its way any more."""
    lines = {topic: harness.tape.lines(report.report_id, topic) for topic in ("reports", "routings", "cases")}
    found = verdict.faults(lines["reports"], lines["routings"], lines["cases"])
    told = verdict.story(lines["routings"])
    if not told:
        return [*found, "nobody owns it"]
    stand = told[-1][1]
    closed = stand.owner in CENTER_IDS and play.states[stand.owner] is CenterState.CLOSED
    if closed and stand.ended is None and not verdict.acknowledged(stand, lines["cases"]):
        found.append(f"{stand.owner} is closed and still has it, taken by nobody")
    found += await _notify(harness, report, stand)
    found += _intake(harness, report, stand)
    waits = stand.owner if stand.ended is None and not verdict.acknowledged(stand, lines["cases"]) else None
    return found + await _analytics(harness, report, stand, waits)


async def _notify(harness: OwnershipHarness, report: Report, stand: verdict.Stand) -> list[str]:
    case = await harness.desk.case(report.report_id)
    if case is None:
        return ["notify does not know it"]
    said = (case.version, case.ownership, case.center_id, case.ended)
    found = [] if said == (stand.version, stand.ownership, stand.owner, stand.ended) else [f"notify says {said}"]
    if case.awaiting is not None:
        found.append(f"notify waits for ever: {case.awaiting.kind}")
    if (case.state is CaseState.ENDED) != (stand.ended is not None):
        found.append(f"notify shows it as {case.state}")
    if stand.ended == "withdrawn" and (case.escalation is not None or case.offer is not None):
        found.append("notify would still tell somebody of a withdrawn report")
    if case.state is CaseState.WAITING and case.escalation is None:
        found.append("it waits and nobody will be told")
    return found


def _intake(harness: OwnershipHarness, report: Report, stand: verdict.Stand) -> list[str]:
    progress = Progress()
    for topic, record in harness.tape.raw[report.report_id]:
        if topic in {"routings", "cases"}:
            progress = intake_fold(progress, parse_event(topic, record.key, record.headers, record.value)[0])
    owned = progress.ownership
    said = (owned.version, owned.ownership, owned.center_id, owned.ended) if owned else None
    return [] if said == (stand.version, stand.ownership, stand.owner, stand.ended) else [f"intake says {said}"]


async def _analytics(harness: OwnershipHarness, report: Report, stand: verdict.Stand, waits: str | None) -> list[str]:
    document = await harness.facts.find_one({"_id": report.report_id})
    fact = Fact.from_document(document) if document else None
    said = (fact.routing_version, fact.ownership, fact.owner, fact.ended, fact.intake_version) if fact else None
    wanted = (stand.version, stand.ownership, stand.owner, stand.ended, report.intake_version)
    found = [] if said == wanted else [f"analytics says {said}"]
    # Whether it waits, by the log alone: as the list of who waits longest has it, and the console.
    if fact is not None and (fact.unseen_at, (document or {}).get("unseen")) != (waits, waits):
        found.append(f"analytics has it wait at {fact.unseen_at}, not {waits}")
    return found
