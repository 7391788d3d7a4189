"""Writes intake's lines of the audit about receipts, decisions and jobs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from services.intake.caller import Caller
from shared.audit.entries import by_other, by_staff
from shared.audit.model import REPORTER, SYSTEM, AuditEntry, AuditOutcome
from shared.clock import Clock
from shared.identity.principal import Principal


class Log(Protocol):
    """The part of the audit log this needs."""

    async def append(self, *entries: AuditEntry) -> None:
        """Write; durable when it returns. Raises ``TransientError``: then what it is about must not happen."""

    def note(self, entry: AuditEntry) -> None:
        """Write soon, without waiting."""


class AuditRecorder:
    """Written before what it is about, so that a line may stand for something that then failed, never the reverse."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    async def by_receipt(self, caller: Caller, action: str, report_id: str, detail: Mapping[str, str]) -> None:
        """Something is about to be changed with a receipt."""
        line = self._line(caller, action, report_id)
        await self._log.append(replace(line, detail={**line.detail, **detail}))

    def receipt_refused(self, caller: Caller, action: str, report_id: str | None, reason: str) -> None:
        """Record a refusal to the holder of a receipt, or to a person without a right one."""
        self._log.note(replace(self._line(caller, action, report_id), reason=reason, outcome=AuditOutcome.REFUSED))

    def _line(self, caller: Caller, action: str, report_id: str | None) -> AuditEntry:
        """By whom: an operator who has a caller's receipt, or whoever holds it and sends the request themselves."""
        now = self._clock.now()
        if caller.operator is not None:
            return by_staff(caller.network, caller.operator, action, at=now, report_id=report_id)
        return by_other(caller.network, _holder(caller), action, at=now, report_id=report_id)

    async def by_staff(
        self, where: str, principal: Principal, action: str, report_id: str, reason: str, **detail: str
    ) -> None:
        """Record a decision of staff about a report."""
        line = by_staff(where, principal, action, at=self._clock.now(), report_id=report_id, reason=reason)
        await self._log.append(replace(line, detail={**line.detail, **detail}))

    def staff_refused(self, where: str, principal: Principal, action: str, report_id: str, reason: str) -> None:
        """Record a decision about a report that staff were refused."""
        now = self._clock.now()
        self._log.note(
            by_staff(where, principal, action, at=now, report_id=report_id, reason=reason, outcome=AuditOutcome.REFUSED)
        )

    def report_refused(self, report_id: str, part: str) -> None:
        """Record that a stored report is not as intake wrote it."""
        self._store_refused("reports.refuse", report_id=report_id, reason=part)

    def client_refused(self, client_id: str) -> None:
        """Record that a stored front end is not as intake wrote it."""
        self._store_refused("clients.refuse", client=client_id)

    def _store_refused(
        self, action: str, *, report_id: str | None = None, reason: str | None = None, **detail: str
    ) -> None:
        self._log.note(
            AuditEntry(
                at=self._clock.now(),
                action=action,
                where="store",
                actor=SYSTEM,
                outcome=AuditOutcome.REFUSED,
                report_id=report_id,
                reason=reason,
                detail=detail,
            )
        )

    async def by_job(self, job: str, action: str, report_id: str, reason: str, **detail: str) -> None:
        """A job is about to change a report."""
        await self._log.append(
            AuditEntry(
                at=self._clock.now(),
                action=action,
                where=job,
                actor=SYSTEM,
                report_id=report_id,
                reason=reason,
                detail=detail,
            )
        )


def _holder(caller: Caller) -> str:
    return f"client:{caller.client}" if caller.client else REPORTER
