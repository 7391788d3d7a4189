"""Authenticate operators; the route that saves a page also admits one whose session expired while they typed.

A sign-in is renewed when a page is loaded, every ten minutes at most, and a call lasts longer than that. So a page may
be saved with a sign-in that is past its time by no more than the grace, by the same checks as else (signature, session
not ended), and only by whom the call belongs to; nothing that was said is shown for it.
"""

from typing import Final

from starlette.requests import Request

from services.intake.dependencies import OPERATOR
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.authorization import Authorizer, StaffDependency

_LAPSED: Final = "sign_in_lapsed"


class CallDependency(StaffDependency):
    """For operators."""

    def __init__(self, authorize: Authorizer, *, admits_expired: bool = False) -> None:
        """``admits_expired``: of a sign-in that ran out the route saves what was typed, and does nothing else."""
        super().__init__(authorize, Action.CALLS_TAKE)
        self._admits_expired = admits_expired

    async def __call__(self, request: Request) -> Principal:
        """Authenticate the operator and return them, if they may do this."""
        if self._admits_expired and await self._authorizer.authenticate(request) is None:
            late = self._authorizer.identity.expired_session(request)
            if late is not None and late.may(Action.CALLS_TAKE):
                setattr(request.state, _LAPSED, True)
                setattr(request.state, OPERATOR, late)
                return late
        operator = await super().__call__(request)
        setattr(request.state, OPERATOR, operator)
        return operator


def expired_session(request: Request) -> bool:
    """Return whether the operator's session expired, so that they may only save what they typed."""
    return bool(getattr(request.state, _LAPSED, False))
