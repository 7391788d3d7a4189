"""What the owning centre's staff note about their work: contact, support, deletions, referrals, cases joined."""

from datetime import datetime

from services.notify.cases import rules as decisions
from services.notify.cases.casework import ContactWay, DeletionState
from services.notify.cases.models import Case
from services.notify.cases.rules import Answer, Refusal
from services.notify.cases.service import Auditing, Desk, Done, acting, unaudited
from shared.events.vocabulary import PlatformKind, SupportKind
from shared.identity.principal import Principal
from shared.identity.roles import Action


class WorkDesk:
    """Like ``Desk``: every act gives None where there is no such case."""

    def __init__(self, desk: Desk) -> None:
        """``desk`` decides, writes and tells."""
        self._desk = desk

    async def contact(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        *,
        way: ContactWay,
        reached: bool,
        audit: Auditing = unaudited,
    ) -> Done | None:
        """Note that the reporter was reached, or not, and how."""

        def decide(case: Case, now: datetime) -> Answer | Refusal:
            who, rules = acting(principal), self._desk.rules
            return decisions.contact(case, who, ownership, way=way, reached=reached, now=now, rules=rules)

        return await self._desk.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def opened(self, principal: Principal, report_id: str, ownership: int, purpose: str) -> Done | None:
        """Note that a ticket to the details was given; the audit has its line already."""

        def decide(case: Case, now: datetime) -> Answer | Refusal:
            return decisions.opened(case, acting(principal), ownership, purpose, now, self._desk.rules)

        return await self._desk.act(principal, Action.DETAILS_OPEN, report_id, decide, unaudited)

    async def support(
        self, principal: Principal, report_id: str, ownership: int, given: SupportKind, *, audit: Auditing = unaudited
    ) -> Done | None:
        """Note support that was given."""

        def decide(case: Case, now: datetime) -> Answer | Refusal:
            return decisions.support(case, acting(principal), ownership, given, now)

        return await self._desk.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def request_deletion(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        platform: PlatformKind,
        addresses: int,
        *,
        audit: Auditing = unaudited,
    ) -> Done | None:
        """Note that a platform was asked to delete."""

        def decide(case: Case, now: datetime) -> Answer | Refusal:
            return decisions.request_deletion(case, acting(principal), ownership, platform, addresses, now)

        return await self._desk.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def move_deletion(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        number: int,
        state: DeletionState,
        *,
        audit: Auditing = unaudited,
    ) -> Done | None:
        """Note what became of a request to delete."""

        def decide(case: Case, now: datetime) -> Answer | Refusal:
            return decisions.move_deletion(case, acting(principal), ownership, number, state, now)

        return await self._desk.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def refer(
        self, principal: Principal, report_id: str, ownership: int, to_center_id: str, *, audit: Auditing = unaudited
    ) -> Done | None:
        """Note that another organisation helps."""

        def decide(case: Case, now: datetime) -> Answer | Refusal:
            return decisions.refer(case, acting(principal), ownership, to_center_id, now)

        return await self._desk.act(principal, Action.CASES_RECORD, report_id, decide, audit)

    async def join(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        other_id: str,
        *,
        agreed: bool,
        audit: Auditing = unaudited,
    ) -> Done | None:
        """Put two linked cases under the person who has this one.

        Two documents, one after the other, the other one first: whoever is cut off between sees one line too few and
        says it again, which adds only what is missing.
        """
        here, there = await self._desk.case(report_id), await self._desk.case(other_id)
        who = acting(principal)
        person = here.assignee if here is not None and here.assignee is not None else principal.subject

        def decide(case: Case, now: datetime) -> Answer | Refusal:
            return decisions.join(case, there, who, ownership, person, agreed=agreed, now=now)

        def decide_other(case: Case, now: datetime) -> Answer | Refusal:
            return decisions.join(case, here, who, case.ownership, person, agreed=agreed, now=now)

        if here is not None and not isinstance(decide(here, here.decided_at), Refusal):
            done = await self._desk.act(principal, Action.CASES_ASSIGN, other_id, decide_other, audit)
            if done is None or done.why is not None:
                return Done(here, Refusal.OTHER_CENTER)

        return await self._desk.act(principal, Action.CASES_ASSIGN, report_id, decide, audit)

    async def part(
        self, principal: Principal, report_id: str, ownership: int, other_id: str, *, audit: Auditing = unaudited
    ) -> Done | None:
        """End that two cases are under one person."""
        other = await self._desk.case(other_id)
        here = await self._desk.case(report_id)
        done = await self._desk.act(
            principal,
            Action.CASES_ASSIGN,
            report_id,
            lambda case, now: decisions.part(
                case, other_id, other.alias if other is not None else "", acting(principal), ownership, now
            ),
            audit,
        )
        if done is None or done.why is not None or other is None or here is None or here.center_id != other.center_id:
            return done
        await self._desk.act(
            principal,
            Action.CASES_ASSIGN,
            other_id,
            lambda case, now: decisions.part(case, report_id, here.alias, acting(principal), case.ownership, now),
            audit,
        )
        return done
