"""Notices to people about their account, and their delivery."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from services.identity.accounts.models import Sealed

Language = Literal["ko", "en"]
MAIL_FIELD: Final = "mail"
"""Where an address is bound to in its sealing."""


KEPT: Final = timedelta(days=2)
"""How long it is tried to send one."""


class Notice(StrEnum):
    """Kinds of notice."""

    NEW_DEVICE = "new_device"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    PASSWORD = "password"  # noqa: S105  # a kind of notice
    RECOVERY_CODES = "recovery_codes"
    ADDRESS = "address"
    ROLES = "roles"
    RESET = "reset"
    DISABLED = "disabled"
    ENABLED = "enabled"
    SESSIONS_ENDED = "sessions_ended"


class Queued(BaseModel):
    """A notice until the mail server has taken it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: str
    subject: str
    notice: Notice
    language: Language
    to: Sealed
    """The address that was the account's then: who changes it does not turn earlier notices away."""
    at: datetime
    due_at: datetime
    tries: int = 0
