"""The staff directory: the names colleagues know each other by, as identity lists them for notify."""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

from shared.identity.roles import StaffRole

PATH: Final = "/api/v1/identity/staff"


def _known(roles: object) -> object:
    """Leave out roles of a later build: this one gives them no rights, and still knows the people."""
    return [role for role in roles if role in set(StaffRole)] if isinstance(roles, list | tuple) else roles


class Colleague(BaseModel):
    """A member of staff with an account, disabled ones included: cases contain their names."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    subject: str
    """The opaque reference."""
    display: str
    """The name at work."""
    organisation: str
    roles: Annotated[tuple[StaffRole, ...], BeforeValidator(_known)]
    active: bool
    """They may sign in: neither disabled, nor waiting for release, nor not set up yet."""


class Directory(BaseModel):
    """Everybody."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    staff: tuple[Colleague, ...] = ()
