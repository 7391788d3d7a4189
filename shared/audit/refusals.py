"""What the doors turn away goes to the audit."""

from typing import Any

from starlette.requests import Request

from shared.audit.entries import by_other, by_staff
from shared.audit.model import Outcome
from shared.audit.store import AuditLog
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.gate import Refused


def written_to(log: AuditLog) -> Refused:
    """The ``refused`` of a ``Gate``: notes who tried what on whose things, without holding up the answer."""

    def refused(request: Request, principal: Principal | None, action: Action, organisation: str | None) -> None:
        named = request.path_params.get("report_id")
        said: dict[str, Any] = {
            "at": log.clock.now(),
            "report_id": str(named) if named is not None else None,
            "outcome": Outcome.REFUSED,
            **({"of": organisation} if organisation is not None else {}),
        }
        if principal is None:
            entry = by_other(request, None, action, reason="not_signed_in", **said)
        else:
            entry = by_staff(request, principal, action, reason="not_allowed", **said)
        log.note(entry)

    return refused
