"""The staff directory: the names colleagues know each other by, as identity lists them for notify."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.identity.roles import StaffRole

PATH: Final = "/api/v1/identity/staff"


class Colleague(BaseModel):
    """A member of staff with an account, disabled ones included: cases contain their names."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    subject: str
    """The opaque reference."""
    display: str
    """The name at work."""
    organisation: str
    roles: tuple[StaffRole, ...]
    active: bool


class Directory(BaseModel):
    """Everybody."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    staff: tuple[Colleague, ...] = ()
