"""What intake writes to the audit about receipts, decisions and jobs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

from starlette.requests import Request

from shared.audit.entries import by_other, by_staff
from shared.audit.model import REPORTER, SYSTEM, AuditEntry, AuditOutcome
from shared.clock import Clock
from shared.identity.principal import Principal

CLIENT: Final = "client_id"
"""In ``request.state``: the id of the front end that was authenticated."""
OPERATOR: Final = "operator"
"""In ``request.state``: the operator who takes the call."""


class Log(Protocol):
    """The part of the audit log this needs."""

    async def append(self, *entries: AuditEntry) -> None:
        """Write; durable when it returns. Raises ``TransientError``: then what it is about must not happen."""

    def note(self, entry: AuditEntry) -> None:
        """Write soon, without waiting."""


class AuditRecorder:
    """Written before what it is about, so that a line may stand for something that then failed, never the reverse."""

    def __init__(self, log: Log, clock: Clock) -> None:
        """``log`` is intake's."""
        self._log = log
        self._clock = clock

    async def by_receipt(self, request: Request, action: str, report_id: str, detail: Mapping[str, str]) -> None:
        """Something is about to be changed with a receipt."""
        line = self._line(request, action, report_id)
        await self._log.append(replace(line, detail={**line.detail, **detail}))

    def receipt_refused(self, request: Request, action: str, report_id: str | None, reason: str) -> None:
        """Somebody with a receipt, or without a right one, was told no."""
        self._log.note(replace(self._line(request, action, report_id), reason=reason, outcome=AuditOutcome.REFUSED))

    def _line(self, request: Request, action: str, report_id: str | None) -> AuditEntry:
        """By whom: an operator who has a caller's receipt, or whoever holds it and sends the request themselves."""
        now, operator = self._clock.now(), operator_of(request)
        if operator is not None:
            return by_staff(request, operator, action, at=now, report_id=report_id)
        return by_other(request, _holder(request), action, at=now, report_id=report_id)

    async def by_staff(
        self, request: Request, principal: Principal, action: str, report_id: str, reason: str, **detail: str
    ) -> None:
        """Somebody decides about a report."""
        line = by_staff(request, principal, action, at=self._clock.now(), report_id=report_id, reason=reason)
        await self._log.append(replace(line, detail={**line.detail, **detail}))

    def staff_refused(self, request: Request, principal: Principal, action: str, report_id: str, reason: str) -> None:
        """Somebody wanted to decide about a report and could not."""
        now = self._clock.now()
        self._log.note(
            by_staff(
                request, principal, action, at=now, report_id=report_id, reason=reason, outcome=AuditOutcome.REFUSED
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


def operator_of(request: Request) -> Principal | None:
    """The operator whose page a request came from; none for the public's pages, whoever is signed in there."""
    operator: Principal | None = getattr(request.state, OPERATOR, None)
    return operator


def client_of(request: Request) -> str | None:
    """The id of the front end a request came through; none for our own pages."""
    client: str | None = getattr(request.state, CLIENT, None)
    return client


def _holder(request: Request) -> str:
    client = client_of(request)
    return f"client:{client}" if client else REPORTER
