"""What may happen to a few reports: everything a reporter, two centres' staff, a clock and a slow bus can do.

No act waits for what it leads to, unless a rule settles: that is where the interleavings come from. An act may be
refused; what is asserted here is only that somebody who saw an older ownership is always refused.
"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.notify.cases.commands import (
    ACCEPT,
    ACKNOWLEDGE,
    CLOSE,
    CONTACT,
    DECLINE,
    OFFER,
    RECALL,
    REOPEN,
    AcknowledgeRequest,
    CloseRequest,
    ContactRequest,
    OfferRequest,
    OwnedRequest,
    TransferRequest,
)
from services.notify.cases.models import Case, ContactWay, TransferReason
from services.notify.cases.service import CommandResult
from shared.centers import CENTER_IDS
from shared.events.base import Event
from shared.events.reports import (
    ReportAmended,
    ReportFacts,
    ReportMessageLeft,
    ReportReceived,
    ReportReinstated,
    ReportWithdrawn,
)
from shared.events.vocabulary import CenterState, Outcome
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from tests.integration.ownership.harness import OwnershipHarness
from tests.support.waiting import DEADLINE_S, eventually

PLACES: Final = ("busan", "ulsan", "jeju")
URGENCIES: Final = ("normal", "critical")
BETWEEN: Final = (
    *("nothing", "nothing", "close_owner", "close_receiver", "close_receiver", "decline_receiver", "decline_receiver"),
    *("hours", "second_thoughts", "withdraw", "close"),
)
"""What may come between an offer and what becomes of it."""


class Report:
    """One report as its reporter and the staff of this test know it."""

    def __init__(self, division: str, urgency: str, declined: tuple[str, ...]) -> None:
        self.report_id = str(uuid.uuid4())
        self.division = division
        self.urgency = urgency
        self.declined = declined
        self.intake_version = 0
        self.withdrawn = False
        self.seen: list[tuple[int, str]] = []
        """Ownerships staff have seen, with their centres, oldest first."""

    def facts(self) -> ReportFacts:
        return ReportFacts.model_validate(
            {
                "role": "victim",
                "harm_types": ["distribution"],
                "urgency": self.urgency,
                "urgency_reasons": ["none_of_these"],
                "division": self.division,
                "channel": "web",
                "language": "ko",
                "declined_centers": self.declined,
                "triage_version": 1,
            }
        )

    def next(self) -> dict[str, Any]:
        self.intake_version += 1
        return {"report_id": self.report_id, "intake_version": self.intake_version}


class Play:
    """The acts of one example, over services that go on from one example to the next."""

    def __init__(self, harness: OwnershipHarness) -> None:
        self.harness = harness
        self.reports: list[Report] = []
        self.states = dict.fromkeys(CENTER_IDS, CenterState.OPEN)
        self.done: list[str] = []
        """What was done, for whoever reads a failure."""

    def report(self, number: int) -> Report:
        return self.reports[number % len(self.reports)]

    # --- the reporter

    async def lodge(self, division: str, urgency: str, declined: tuple[str, ...] = ()) -> None:
        one = Report(division, urgency, declined)
        self.reports.append(one)
        received_at = self.harness.clock.now()
        await self._told(one, ReportReceived(**one.next(), received_at=received_at, facts=one.facts()))

    async def message(self, number: int) -> None:
        one = self.report(number)
        await self._told(one, ReportMessageLeft(**one.next(), left_at=self.harness.clock.now()))

    async def amend(self, number: int, other: str) -> None:
        """Sometimes after the withdrawal too: the two race, and it must be passed on without bringing anything back."""
        one = self.report(number)
        one.urgency = "critical"
        one.declined = tuple(dict.fromkeys((*one.declined, other)))[:3]
        amended_at = self.harness.clock.now()
        await self._told(one, ReportAmended(**one.next(), amended_at=amended_at, facts=one.facts()))

    async def withdraw(self, number: int) -> None:
        one = self.report(number)
        if not one.withdrawn:
            one.withdrawn = True
            await self._told(one, ReportWithdrawn(**one.next(), withdrawn_at=self.harness.clock.now()))

    async def reinstate(self, number: int) -> None:
        one = self.report(number)
        if one.withdrawn:
            one.withdrawn = False
            await self._told(one, ReportReinstated(**one.next(), reinstated_at=self.harness.clock.now()))

    async def repeat(self, number: int, topic: str) -> None:
        """Duplicates and late events: everything a topic holds about the report, once more."""
        self.done.append(f"repeat {topic} {number}")
        await self.harness.again(self.report(number).report_id, topic)

    async def _told(self, one: Report, event: Event) -> None:
        self.done.append(f"{event.TYPE} {self.reports.index(one)}")
        await self.harness.tell(event)

    # --- staff

    async def acknowledge(self, number: int, *, late: bool = False) -> None:
        case, ownership, who = await self._at(number, late=late)
        body = AcknowledgeRequest(ownership=ownership)
        done = await self.harness.desk.run(who, case.report_id, ACKNOWLEDGE, body)
        self._judged("acknowledge", case, ownership, done)

    async def contact(self, number: int, *, late: bool = False) -> None:
        case, ownership, who = await self._at(number, late=late)
        body = ContactRequest(ownership=ownership, way=ContactWay.CAME_TO_US, reached=True)
        done = await self.harness.desk.run(who, case.report_id, CONTACT, body)
        self._judged("contact", case, ownership, done)

    async def close(self, number: int, *, late: bool = False) -> None:
        case, ownership, who = await self._at(number, late=late)
        body = CloseRequest(ownership=ownership, outcome=Outcome.SUPPORTED)
        done = await self.harness.desk.run(who, case.report_id, CLOSE, body)
        self._judged("close", case, ownership, done)

    async def reopen(self, number: int, *, late: bool = False) -> None:
        case, ownership, who = await self._at(number, late=late)
        done = await self.harness.desk.run(who, case.report_id, REOPEN, OwnedRequest(ownership=ownership))
        self._judged("reopen", case, ownership, done)

    async def offer(self, number: int, to: str, *, late: bool = False) -> None:
        case, ownership, who = await self._at(number, late=late)
        body = TransferRequest(ownership=ownership, to_center_id=to, reason=TransferReason.CAPACITY, agreed=True)
        done = await self.harness.desk.run(who, case.report_id, OFFER, body)
        self._judged("offer", case, ownership, done)

    async def hand_over(self, number: int, to: str, between: str, how: str, *, slow: bool) -> None:
        """Take a case, offer it, answer; ``between`` comes between offer and answer, or, if the bus is slow, between
        the answer and routing's reading it."""
        case = await self._taken(number)
        if to == case.center_id:
            to = PLACES[(PLACES.index(to) + 1) % len(PLACES)]
        await self.set_center(to, CenterState.OPEN)
        await self.offer(number, to)
        if slow:
            await self.hold()
            await self._answered(number, how)
            await self._meanwhile(number, between, case.center_id, to)
            await self.release()
        else:
            await self._meanwhile(number, between, case.center_id, to)
            await self._answered(number, how)

    async def _taken(self, number: int) -> Case:
        """The case, open and taken, if that can be had: what follows should seldom be refused from the start."""
        await self.reinstate(number)
        await self.harness.settle()
        await self.acknowledge(number)
        return (await self._at(number))[0]

    async def _answered(self, number: int, how: str) -> None:
        if how == "recall":
            await self.recall(number)
        else:
            await self.answer(number, accepts=how == "accept")

    async def _meanwhile(self, number: int, what: str, owner: str, to: str) -> None:
        match what:
            case "close_owner":
                await self.set_center(owner, CenterState.CLOSED)
            case "close_receiver":
                await self.set_center(to, CenterState.CLOSED)
                await eventually(lambda: self.harness.routing_knows(to, CenterState.CLOSED), f"routing knows of {to}")
            case "decline_receiver":
                await self.amend(number, to)
            case "hours":
                await self.let_pass(25)

                async def nothing_is_offered() -> bool:
                    return (await self._at(number))[0].offer is None

                await eventually(nothing_is_offered, "the time of the offer is over")
            case "second_thoughts":
                await self.withdraw(number)
                await self.reinstate(number)
            case "withdraw":
                await self.withdraw(number)
            case "close":
                await self.close(number)
            case _:
                pass

    async def finish(self, number: int, then: str) -> None:
        """Take a case and close it; then perhaps reopen it, or its reporter withdraws, or thinks again."""
        await self._taken(number)
        await self.close(number)
        if then == "reopen":
            await self.harness.settle()
            await self.reopen(number)
        else:
            await self._meanwhile(number, then, "", "")

    async def answer(self, number: int, *, accepts: bool) -> None:
        case, _, _ = await self._at(number)
        if case.offer is None:
            return
        who = principal(case.offer.to_center_id)
        body = OfferRequest(offer_id=case.offer.offer_id)
        done = await self.harness.desk.run(who, case.report_id, ACCEPT if accepts else DECLINE, body)
        self._judged("accept" if accepts else "decline", case, None, done)

    async def recall(self, number: int) -> None:
        case, _, who = await self._at(number)
        if case.offer is not None:
            done = await self.harness.desk.run(who, case.report_id, RECALL, OfferRequest(offer_id=case.offer.offer_id))
            self._judged("recall", case, None, done)

    async def set_center(self, center_id: str, state: CenterState) -> None:
        self.done.append(f"{center_id} {state}")
        self.states[center_id] = state
        await self.harness.desk.duty.set_duty(center_id, state, 3, 15)

    async def set_all(self, state: CenterState) -> None:
        for center_id in CENTER_IDS:
            if self.states[center_id] is not state:
                await self.set_center(center_id, state)

    async def _at(self, number: int, *, late: bool = False) -> tuple[Case, int, Principal]:
        """The case as notify shows it, and somebody who saw it now, or who saw it when it was first seen."""
        one = self.report(number)
        async with asyncio.timeout(DEADLINE_S):
            while (case := await self.harness.desk.case(one.report_id)) is None:  # noqa: ASYNC110  # nobody tells a test
                await asyncio.sleep(0.01)
        if not one.seen or one.seen[-1] != (case.ownership, case.center_id):
            one.seen.append((case.ownership, case.center_id))
        ownership, center = one.seen[0] if late else one.seen[-1]
        return case, ownership, principal(center)

    def _judged(self, act: str, before: Case, ownership: int | None, done: CommandResult | None) -> None:
        assert done is not None, f"{act}: the case is gone"
        self.done.append(f"{act} under {ownership} of {before.ownership}: {done.rejected or 'done'}")
        if ownership is not None and ownership < before.ownership:
            assert done.rejected is not None, f"{act} under ownership {ownership} while it was {before.ownership}"

    async def clean_up(self) -> None:
        """Leave nothing behind that the next example would feel."""
        for number in range(len(self.reports)):
            await self.withdraw(number)
        await self.set_all(CenterState.OPEN)
        await self.harness.settle()

    # --- time and the bus

    async def let_pass(self, hours: float) -> None:
        self.done.append(f"{hours} hours pass")
        self.harness.clock.jump(hours=hours)

    async def hold(self) -> None:
        """From now on what staff do is published late."""
        self.done.append("the bus is slow")
        self.harness.slow.flows.clear()

    async def release(self) -> None:
        self.done.append("the bus flows")
        self.harness.slow.flows.set()

    async def at_once(self, *acts: Any) -> None:
        """Several acts side by side."""
        self.done.append("at once:")
        await asyncio.gather(*acts)


def principal(center_id: str) -> Principal:
    """A lead of a centre."""
    now = datetime.now(UTC)
    return Principal(f"s-{center_id}", center_id, frozenset({StaffRole.LEAD}), "session", now, now + timedelta(days=1))
