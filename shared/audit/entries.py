"""Lines made of requests, so that every route says the same about them."""

from datetime import datetime
from typing import Any, Final

from starlette.requests import HTTPConnection, Request

from shared.audit.model import AuditEntry, AuditOutcome
from shared.audit.store import AuditLog
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.authorization import OnDenied
from shared.web.networks import network_of

STALE: Final = "stale"
"""Detail of a line: it was decided on what was last known, because identity or Kafka did not answer."""
BEHIND: Final = "routings"
"""Value of it: the owner is the one that was last known. On a refusal: asked too early, to be asked again."""


def where_of(request: HTTPConnection) -> str:
    """The place of an access: the caller's network (IPv4 /24, IPv6 /48), never a whole address."""
    return network_of(request.client.host if request.client else None)


def by_staff(
    where: str,
    principal: Principal,
    action: str,
    *,
    at: datetime,
    report_id: str | None = None,
    reason: str | None = None,
    outcome: AuditOutcome = AuditOutcome.DONE,
    **detail: str,
) -> AuditEntry:
    """An entry for an action of a signed-in member of staff, done or denied."""
    if principal.stale:
        detail[STALE] = "sign_in"
    return AuditEntry(
        at=at,
        action=action,
        where=where,
        outcome=outcome,
        actor=principal.subject,
        organisation=principal.organisation,
        roles=tuple(sorted(principal.roles)),
        report_id=report_id,
        reason=reason,
        detail=detail,
    )


def by_other(
    where: str,
    actor: str | None,
    action: str,
    *,
    at: datetime,
    report_id: str | None = None,
    reason: str | None = None,
    outcome: AuditOutcome = AuditOutcome.DONE,
    **detail: str,
) -> AuditEntry:
    """An entry for an action of an actor other than staff: ``REPORTER``, ``client:<id>``, or None if unknown."""
    return AuditEntry(
        at=at,
        action=action,
        where=where,
        outcome=outcome,
        actor=actor,
        report_id=report_id,
        reason=reason,
        detail=detail,
    )


def denial_recorder(log: AuditLog) -> OnDenied:
    """The ``on_denied`` of an ``Authorizer``: adds an audit entry without delaying the response."""

    def on_denied(request: Request, principal: Principal | None, action: Action, organisation: str | None) -> None:
        named = request.path_params.get("report_id")
        said: dict[str, Any] = {
            "at": log.clock.now(),
            "report_id": str(named) if named is not None else None,
            "outcome": AuditOutcome.REFUSED,
            **({"of": organisation} if organisation is not None else {}),
        }
        if principal is None:
            entry = by_other(where_of(request), None, action, reason="not_signed_in", **said)
        else:
            entry = by_staff(where_of(request), principal, action, reason="not_allowed", **said)
        log.note(entry)

    return on_denied
