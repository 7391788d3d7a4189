"""Runs the commands of staff: decides, writes over the state it read, tells. Needs no request."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from pydantic import BaseModel

from services.notify import metrics
from services.notify.cases import rules
from services.notify.cases.commands import (
    JOIN,
    AssignRequest,
    Command,
    Context,
    JoinRequest,
    Needs,
    PartRequest,
    TransferRequest,
)
from services.notify.cases.models import Case
from services.notify.cases.repository import CaseStore, Change
from services.notify.cases.rules import Accepted, Actor, Rejected
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation.rules import Rules
from services.notify.request_audit import RequestAudit, no_audit
from services.notify.team.directory import StaffDirectory
from services.notify.team.service import DutyService
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action, StaffRole
from shared.outbox import Relay

_LOG = log.get(__name__)


_ROUNDS: Final = 20


B = TypeVar("B", bound=BaseModel)
Decide = Callable[[Case, datetime], Accepted | Rejected]


class CommandResult(NamedTuple):
    """The case as it is now, and why nothing was done, if so."""

    case: Case
    rejected: Rejected | None = None


class CaseService:
    """The hands of the console and of the API. Every act gives None where there is no such case."""

    def __init__(
        self,
        cases: CaseStore,
        duty: DutyService,
        broadcaster: ConsoleBroadcaster,
        case_relay: Relay,
        staff: StaffDirectory,
        rules: Rules,
        clock: Clock,
    ) -> None:
        """The relays publish what the writes embed."""
        self.cases = cases
        self.duty = duty
        self.staff = staff
        self._broadcaster = broadcaster
        self._case_relay = case_relay
        self.rules = rules
        self._clock = clock

    async def case(self, report_id: str) -> Case | None:
        """One case. Raises ``TransientError`` for a new one that consoles show and the store does not have yet."""
        found = (await self.cases.load([report_id])).get(report_id)
        if found is None and self._broadcaster.early(report_id):
            raise TransientError("store: a case that consoles show is not there yet")
        return found

    async def run(
        self,
        principal: Principal,
        report_id: str,
        command: Command[B],
        body: B,
        *,
        number: int | None = None,
        audit: RequestAudit = no_audit,
    ) -> CommandResult | None:
        """Carry out a command of the registry. ``number`` is the request to delete that its path names."""
        other = await self.case(body.other_id) if isinstance(body, JoinRequest | PartRequest) else None
        given = await self._context(principal, report_id, command, body, number or 0, other)

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return command.decide(case, body, replace(given, now=now))

        if isinstance(body, JoinRequest) and (why := await self._join_other(principal, report_id, given, body, audit)):
            here = await self.case(report_id)
            return CommandResult(here, why) if here is not None else None
        try:
            done = await self.act(principal, command.action, report_id, decide, audit)
        finally:
            if given.reserved_for:
                await self._released(principal.organisation, given.reserved_for, report_id)
        if isinstance(body, PartRequest) and done is not None and done.rejected is None:
            await self._part_other(principal, done.case, other, audit)
        return done

    async def _context(
        self, principal: Principal, report_id: str, command: Command[B], body: B, number: int, other: Case | None
    ) -> Context:
        context = Context(acting(principal), self._clock.now(), self.rules, number=number)
        match command.needs:
            case Needs.RECEIVER if isinstance(body, TransferRequest):
                return replace(context, receiver=await self.duty.get(body.to_center_id))
            case Needs.OWN_CENTER:
                return replace(context, receiver=await self.duty.get(principal.organisation))
            case Needs.ASSIGNEE if isinstance(body, AssignRequest):
                to = body.assignee or principal.subject
                known = to == principal.subject or to in self.staff.colleagues(principal.organisation)
                over = body.over_cap and StaffRole.LEAD in principal.roles
                severe, reserved = await self._severe_of(principal.organisation, to, report_id)
                return replace(
                    context,
                    assignee_known=known,
                    severe_open=severe,
                    over_cap=over,
                    reserved_for=to if reserved else "",
                )
            case Needs.LINKED_CASE:
                here = await self.case(report_id)
                person = here.assignee if here is not None and here.assignee is not None else principal.subject
                return replace(context, other=other, person=person)
            case _:
                return context

    async def _severe_of(self, center_id: str, subject: str, report_id: str) -> tuple[int, bool]:
        """Return how many severe cases a person has or is being given, and whether a place was held for this one."""
        case = await self.case(report_id)
        if case is None or not rules.is_severe(case) or case.center_id != center_id or case.assignee == subject:
            return 0, False
        before = await self.cases.reservations.reserve(center_id, subject, report_id, self._clock.now())
        theirs = await self.cases.of_person(center_id, subject)
        has = {one.report_id for one in theirs if one.report_id != report_id and rules.severe_of([one], subject)}
        return len(has | before), True

    async def _released(self, center_id: str, subject: str, report_id: str) -> None:
        try:
            await self.cases.reservations.release(center_id, subject, report_id)
        except TransientError as error:
            _LOG.warning("cases.reservation_kept", error=str(error))

    async def _join_other(
        self, principal: Principal, report_id: str, given: Context, body: JoinRequest, audit: RequestAudit
    ) -> Rejected | None:
        """Put the linked case under the person first; why not, where that cannot be.

        Two documents, one after the other: a request that is cut off between leaves one line too few, and the same
        command again adds only what is missing.
        """
        here = await self.case(report_id)
        if here is None or isinstance(JOIN.decide(here, body, replace(given, now=here.decided_at)), Rejected):
            return None  # The command itself says why.
        severe, reserved = await self._severe_of(principal.organisation, given.person, body.other_id)

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return rules.join(
                case,
                here,
                given.actor,
                case.ownership,
                given.person,
                agreed=body.agreed,
                severe_open=severe,
                now=now,
            )

        try:
            done = await self.act(principal, Action.CASES_ASSIGN, body.other_id, decide, audit)
        finally:
            if reserved:
                await self._released(principal.organisation, given.person, body.other_id)
        if done is not None and done.rejected in {None, Rejected.SEVERE_CAP}:
            return done.rejected
        return Rejected.OTHER_CENTER

    async def _part_other(self, principal: Principal, here: Case, other: Case | None, audit: RequestAudit) -> None:
        if other is None or here.center_id != other.center_id:
            return

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return rules.part(case, here.report_id, here.alias, acting(principal), case.ownership, now)

        await self.act(principal, Action.CASES_ASSIGN, other.report_id, decide, audit)

    async def opened(self, principal: Principal, report_id: str, ownership: int, purpose: str) -> CommandResult | None:
        """Note that a ticket to the details was given; the audit has its line already."""

        def decide(case: Case, now: datetime) -> Accepted | Rejected:
            return rules.opened(case, acting(principal), ownership, purpose, now, self.rules)

        return await self.act(principal, Action.DETAILS_OPEN, report_id, decide, no_audit)

    async def act(
        self, principal: Principal, action: Action, report_id: str, decide: Decide, audit: RequestAudit
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
        saved = await self.cases.save([Change(answer.case, case, events)], self._clock.now())
        if saved.lost:
            return False
        if events:
            self._case_relay.enqueue(case.report_id)
        waited = rules.waited_for_answer(case, answer.case, self.rules)
        if waited is not None:
            metrics.TO_ACKNOWLEDGED.labels(case.urgency.value).observe(waited)
        self._broadcaster.publish([answer.case])
        return True


def acting(principal: Principal) -> Actor:
    """Return the actor that a signed-in principal acts as."""
    return Actor(principal.subject, principal.organisation)
