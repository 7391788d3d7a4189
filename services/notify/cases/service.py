"""What staff do with cases and duty. Decides, writes over the state it read, tells. May be called without a request."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from services.notify import metrics
from services.notify.cases import rules as decisions
from services.notify.cases.models import Case, ContactWay, DeletionState, TransferReason
from services.notify.cases.repository import CaseStore, Change
from services.notify.cases.rules import Accepted, Actor, Rejected
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation.rules import Rules
from services.notify.team.models import Center
from services.notify.team.people import People
from services.notify.team.repository import CenterStore
from services.notify.team.rules import set_duty
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.cases import (
    CaseTransferAccepted,
    CaseTransferDeclined,
    CaseTransferOffered,
    CaseTransferRecalled,
)
from shared.events.vocabulary import CenterState, Outcome, PlatformKind, SupportKind
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action, StaffRole
from shared.outbox import Relay

_LOG = log.get(__name__)


_ROUNDS: Final = 20


_TRANSFERS: Final = {
    CaseTransferOffered.TYPE: "offered",
    CaseTransferAccepted.TYPE: "accepted",
    CaseTransferDeclined.TYPE: "declined",
    CaseTransferRecalled.TYPE: "recalled",
}


Decide = Callable[[Case, datetime], Accepted | Rejected]


class Auditing(Protocol):
    """Writes the audit's line. Raises ``TransientError`` where it cannot; then nothing may be done."""

    async def __call__(
        self, action: Action, report_id: str | None, why: str | None, purpose: str | None = None, **detail: str
    ) -> None:
        """``why`` is the code of a refusal, ``purpose`` what it was done for, ``detail`` what it was done to."""


class CommandResult(NamedTuple):
    """The case as it is now, and why nothing was done, if so."""

    case: Case
    rejected: Rejected | None = None


async def unaudited(
    action: Action, report_id: str | None, why: str | None, purpose: str | None = None, **detail: str
) -> None:
    """For callers that are no request."""
    del action, report_id, why, purpose, detail


class CaseService:
    """The hands of the console and of the API. Every act gives None where there is no such case."""

    def __init__(
        self,
        cases: CaseStore,
        centers: CenterStore,
        broadcaster: ConsoleBroadcaster,
        case_relay: Relay,
        center_relay: Relay,
        people: People,
        rules: Rules,
        clock: Clock,
    ) -> None:
        """The relays publish what the writes embed."""
        self.cases = cases
        self.centers = centers
        self.people = people
        self._broadcaster = broadcaster
        self._case_relay = case_relay
        self._center_relay = center_relay
        self.rules = rules
        self._clock = clock

    async def case(self, report_id: str) -> Case | None:
        """One case."""
        return (await self.cases.load([report_id])).get(report_id)

    async def acknowledge(
        self, principal: Principal, report_id: str, ownership: int | None = None, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Take a case."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.acknowledge(case, acting(principal), ownership, now, self.rules)

        done = await self.act(principal, Action.CASES_ACKNOWLEDGE, report_id, decide, audit)
        if done is not None:
            metrics.ACKNOWLEDGED.labels(done.rejected.value if done.rejected is not None else "taken").inc()
        return done

    async def assign(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        assignee: str | None = None,
        *,
        over_cap: bool = False,
        audit: Auditing = unaudited,
    ) -> CommandResult | None:
        """Take a case over, or give it to a colleague; past the cap on severe cases only where a lead says so."""
        to = assignee or principal.subject
        colleague = to == principal.subject or to in await self.people.colleagues(principal.organisation)
        theirs = await self.cases.of_person(principal.organisation, to)
        severe = decisions.severe_of((one for one in theirs if one.report_id != report_id), to)
        over = over_cap and StaffRole.LEAD in principal.roles

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            made = decisions.assign(case, acting(principal), ownership, to, now, severe_open=severe, over_cap=over)
            return made if colleague or isinstance(made, Rejected) else Rejected.UNKNOWN_COLLEAGUE

        return await self.act(principal, Action.CASES_ASSIGN, report_id, decide, audit)

    async def close(
        self, principal: Principal, report_id: str, ownership: int, outcome: Outcome, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Say that a case is done."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.close(case, acting(principal), ownership, outcome, now)

        return await self.act(principal, Action.CASES_CLOSE, report_id, decide, audit)

    async def reopen(
        self, principal: Principal, report_id: str, ownership: int, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Say that a closed case is worked on again."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.reopen(case, acting(principal), ownership, now)

        return await self.act(principal, Action.CASES_REOPEN, report_id, decide, audit)

    async def offer(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        to_center_id: str,
        reason: TransferReason,
        *,
        agreed: bool = False,
        audit: Auditing = unaudited,
    ) -> CommandResult | None:
        """Offer a case to another centre; the offer is in the case that comes back. ``agreed``: they were asked."""
        receiver = await self.centers.get(to_center_id)

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.offer(case, acting(principal), ownership, receiver, reason, self.rules, now, agreed=agreed)

        return await self.act(principal, Action.TRANSFERS_OFFER, report_id, decide, audit)

    async def accept(
        self, principal: Principal, report_id: str, offer_id: str, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Take what was offered; routing moves the case."""
        receiver = await self.centers.get(principal.organisation)

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.accept(case, acting(principal), offer_id, receiver, now)

        return await self.act(principal, Action.TRANSFERS_ANSWER, report_id, decide, audit)

    async def decline(
        self, principal: Principal, report_id: str, offer_id: str, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Leave what was offered."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.decline(case, acting(principal), offer_id, now)

        return await self.act(principal, Action.TRANSFERS_ANSWER, report_id, decide, audit)

    async def recall(
        self, principal: Principal, report_id: str, offer_id: str, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Take an offer back."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.recall(case, acting(principal), offer_id, now)

        return await self.act(principal, Action.TRANSFERS_OFFER, report_id, decide, audit)

    async def act(
        self, principal: Principal, action: Action, report_id: str, decide: Decide, audit: Auditing
    ) -> CommandResult | None:
        """Decide over the newest state until a write meets it. The audit has its line before anything changes."""
        audited = False
        for _ in range(_ROUNDS):
            case = await self.case(report_id)
            if case is None:
                if not principal.may(Action.CASES_READ, NOBODY):
                    # On record like another organisation's, which it is told as.
                    await audit(action, report_id, Rejected.NOT_ALLOWED.value)
                return None
            allowed = principal.may(action, principal.organisation)
            answer = decide(case, self._clock.now()) if allowed else Rejected.NOT_ALLOWED
            if isinstance(answer, Rejected):
                if audited or answer is Rejected.NOT_ALLOWED:
                    await audit(action, report_id, answer.value)
                return self._told(action, CommandResult(case, answer))
            if answer.case is case:
                return self._told(action, CommandResult(case))
            if not audited:
                await audit(action, report_id, None)
                audited = True
            if await self._write(case, answer):
                return self._told(action, CommandResult(answer.case))
        raise TransientError("store: an act on a case kept losing races")

    @staticmethod
    def _told(action: Action, done: CommandResult) -> CommandResult:
        outcome = done.rejected.value if done.rejected is not None else "done"
        metrics.ACTS.labels(action.value, outcome).inc()
        _LOG.info("cases.act", act=action.value, outcome=outcome, ownership=done.case.ownership)
        return done

    async def _write(self, case: Case, answer: Accepted) -> bool:
        events = (answer.event,) if answer.event is not None else ()
        saved = await self.cases.save([Change(answer.case, case.rev, events)], self._clock.now())
        if saved.lost:
            return False
        if events:
            self._case_relay.offer(case.report_id)
        if answer.event is not None and answer.event.TYPE in _TRANSFERS:
            metrics.TRANSFERS.labels(_TRANSFERS[answer.event.TYPE]).inc()
        self._broadcaster.publish([answer.case])
        return True

    async def set_duty(
        self,
        center_id: str,
        state: CenterState,
        staff_on_duty: int,
        cases_per_person: int | None,
        *,
        audit: Auditing = unaudited,
    ) -> Center:
        """Say what a centre can do from now on. The audit has its line before anything changes."""
        audited = False
        for _ in range(_ROUNDS):
            center = await self.centers.get(center_id)
            now = self._clock.now()
            after, event = set_duty(center, state, staff_on_duty, cases_per_person, now)
            if event is None:
                return center
            if not audited:
                action = Action.CENTERS_CLOSE if after.state is CenterState.CLOSED else Action.CENTERS_DUTY
                await audit(action, None, None, of=center_id, state=after.state.value, staff=str(staff_on_duty))
                audited = True
            if await self.centers.save(after, center.rev, (event,), now):
                self._center_relay.offer(center_id)
                self._broadcaster.notice()
                return after
        raise TransientError("store: a duty change kept losing races")


def acting(principal: Principal) -> Actor:
    """Who somebody who is signed in acts as."""
    return Actor(principal.subject, principal.organisation)


class CaseWorkService:
    """Like ``CaseService``: every act gives None where there is no such case."""

    def __init__(self, case_service: CaseService) -> None:
        """``desk`` decides, writes and tells."""
        self._case_service = case_service

    async def contact(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        *,
        way: ContactWay,
        reached: bool,
        audit: Auditing = unaudited,
    ) -> CommandResult | None:
        """Note that the reporter was reached, or not, and how."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            who, rules = acting(principal), self._case_service.rules
            return decisions.contact(case, who, ownership, way=way, reached=reached, now=now, rules=rules)

        return await self._case_service.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def opened(self, principal: Principal, report_id: str, ownership: int, purpose: str) -> CommandResult | None:
        """Note that a ticket to the details was given; the audit has its line already."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.opened(case, acting(principal), ownership, purpose, now, self._case_service.rules)

        return await self._case_service.act(principal, Action.DETAILS_OPEN, report_id, decide, unaudited)

    async def support(
        self, principal: Principal, report_id: str, ownership: int, given: SupportKind, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Note support that was given."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.support(case, acting(principal), ownership, given, now)

        return await self._case_service.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def request_deletion(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        platform: PlatformKind,
        addresses: int,
        *,
        audit: Auditing = unaudited,
    ) -> CommandResult | None:
        """Note that a platform was asked to delete."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.request_deletion(case, acting(principal), ownership, platform, addresses, now)

        return await self._case_service.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def move_deletion(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        number: int,
        state: DeletionState,
        *,
        audit: Auditing = unaudited,
    ) -> CommandResult | None:
        """Note what became of a request to delete."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.move_deletion(case, acting(principal), ownership, number, state, now)

        return await self._case_service.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def refer(
        self, principal: Principal, report_id: str, ownership: int, to_center_id: str, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """Note that another organisation helps."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.refer(case, acting(principal), ownership, to_center_id, now)

        return await self._case_service.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def join(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        other_id: str,
        *,
        agreed: bool,
        audit: Auditing = unaudited,
    ) -> CommandResult | None:
        """Put two linked cases under the person who has this one.

        Two documents, one after the other, the other one first: whoever is cut off between sees one line too few and
        says it again, which adds only what is missing.
        """
        here, there = await self._case_service.case(report_id), await self._case_service.case(other_id)
        who = acting(principal)
        person = here.assignee if here is not None and here.assignee is not None else principal.subject

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.join(case, there, who, ownership, person, agreed=agreed, now=now)

        def decide_other(case: Case, now: datetime) -> Accepted | Rejected:
            return decisions.join(case, here, who, case.ownership, person, agreed=agreed, now=now)

        if here is not None and not isinstance(decide(here, here.decided_at), Rejected):
            done = await self._case_service.act(principal, Action.CASES_ASSIGN, other_id, decide_other, audit)
            if done is None or done.rejected is not None:
                return CommandResult(here, Rejected.OTHER_CENTER)

        return await self._case_service.act(principal, Action.CASES_ASSIGN, report_id, decide, audit)

    async def part(
        self, principal: Principal, report_id: str, ownership: int, other_id: str, *, audit: Auditing = unaudited
    ) -> CommandResult | None:
        """End that two cases are under one person."""
        other = await self._case_service.case(other_id)
        here = await self._case_service.case(report_id)
        done = await self._case_service.act(
            principal,
            Action.CASES_ASSIGN,
            report_id,
            lambda case, now: decisions.part(
                case, other_id, other.alias if other is not None else "", acting(principal), ownership, now
            ),
            audit,
        )
        if (
            done is None
            or done.rejected is not None
            or other is None
            or here is None
            or here.center_id != other.center_id
        ):
            return done
        await self._case_service.act(
            principal,
            Action.CASES_ASSIGN,
            other_id,
            lambda case, now: decisions.part(case, report_id, here.alias, acting(principal), case.ownership, now),
            audit,
        )
        return done
