"""What the doors turn away goes to the audit."""

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
        at = log.clock.now()
        detail = {"of": organisation} if organisation else {}
        named = request.path_params.get("report_id")
        report_id = str(named) if named is not None else None
        if principal is None:
            entry = by_other(
                request,
                None,
                action,
                at=at,
                report_id=report_id,
                reason="not_signed_in",
                outcome=Outcome.REFUSED,
                **detail,
            )
        else:
            entry = by_staff(
                request,
                principal,
                action,
                at=at,
                report_id=report_id,
                reason="not_allowed",
                outcome=Outcome.REFUSED,
                **detail,
            )
        log.note(entry)

    return refused
