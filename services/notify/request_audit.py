"""The audit of one request, as the services see it."""

from collections.abc import Callable
from typing import Protocol

from fastapi import Request

from shared.identity.principal import Principal
from shared.identity.roles import Action


class RequestAudit(Protocol):
    """Writes the audit's line. Raises ``TransientError`` where it cannot; then nothing may be done."""

    async def __call__(
        self, action: Action, report_id: str | None, why: str | None, purpose: str | None = None, **detail: str
    ) -> None:
        """``why`` is the code of a refusal, ``purpose`` what it was done for, ``detail`` what it was done to."""


async def no_audit(
    action: Action, report_id: str | None, why: str | None, purpose: str | None = None, **detail: str
) -> None:
    """For callers that are no request."""
    del action, report_id, why, purpose, detail


RequestAuditFactory = Callable[[Request, Principal], RequestAudit]
"""Gives the audit of one request by its sender."""
