"""Tickets to details: one report, one use, 60 seconds, for the owning centre's staff. The audit comes first."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.notify import metrics
from services.notify.cases.models import Case, EntryKind
from services.notify.cases.rules import Actor, Rejected, may_open
from services.notify.cases.service import CaseService, CommandResult
from services.notify.request_audit import RequestAudit, no_audit
from shared import log
from shared.clock import Clock
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.identity.tokens import TICKET_LASTS, Purpose, Ticket, TicketKey

_LOG = log.get(__name__)
_ID_BYTES: Final = 18
_NAMES_BYTES: Final = 1200
"""For names in a ticket; a token may have 4,096 characters in all."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A ticket ready to be carried to intake."""

    ticket: str
    expires_at: datetime


class Tickets:
    """Gives tickets."""

    def __init__(self, case_service: CaseService, key: TicketKey, clock: Clock) -> None:
        """``key`` is what intake verifies with."""
        self._case_service = case_service
        self._key = key
        self._clock = clock

    async def issue(
        self,
        principal: Principal,
        report_id: str,
        ownership: int,
        purpose: Purpose,
        *,
        audit: RequestAudit = no_audit,
    ) -> Signed | CommandResult | None:
        """A ticket; the case and why there is none; or None where there is no such case.

        No ticket leaves without its line in the audit: ``TransientError`` where that cannot be written.
        """
        case = await self._case_service.case(report_id)
        if case is None:
            if not principal.may(Action.CASES_READ, NOBODY):
                await audit(Action.DETAILS_OPEN, report_id, Rejected.NOT_ALLOWED.value, purpose.value)
            return None
        why = may_open(case, Actor(principal.subject, principal.organisation), ownership)
        if not principal.may(Action.DETAILS_OPEN, case.center_id) and why is None:
            why = Rejected.NOT_ALLOWED
        await audit(Action.DETAILS_OPEN, report_id, why.value if why is not None else None, purpose.value)
        metrics.TICKETS.labels(why.value if why is not None else "given").inc()
        if why is not None:
            _LOG.info("tickets.refused", reason=why.value)
            return CommandResult(case, why)
        noted = await self._case_service.opened(principal, report_id, ownership, purpose.value)
        if noted is None or noted.rejected is not None:
            return noted  # it moved or was withdrawn while the audit was written
        now = self._clock.now()
        ticket = Ticket(
            ticket_id=secrets.token_urlsafe(_ID_BYTES),
            report_id=report_id,
            ownership=case.ownership,
            organisation=case.center_id,
            subject=principal.subject,
            roles=principal.roles,
            session=principal.session,
            purpose=purpose,
            expires_at=now + TICKET_LASTS,
            alias=case.alias,
            people=self._names(case, principal.subject),
        )
        return Signed(self._key.sign(ticket, now), ticket.expires_at)

    def _names(self, case: Case, subject: str) -> dict[str, str]:
        """Names at work of everybody who has had the details, the latest first, as far as a ticket has room."""
        subjects = [subject, *(entry.by for entry in reversed(case.entries) if entry.kind is EntryKind.OPENED)]
        names: dict[str, str] = {}
        room = _NAMES_BYTES
        for one in dict.fromkeys(subjects):
            name = self._case_service.staff.name(one)
            room -= len(one or "") + len(name.encode("unicode-escape"))
            if room < 0:
                break
            if one and name != one:
                names[one] = name
        return names
