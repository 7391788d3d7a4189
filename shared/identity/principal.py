"""A signed-in member of staff: an opaque reference, never a name."""

from dataclasses import dataclass
from datetime import datetime

from shared.identity.roles import Action, StaffRole, allowed


@dataclass(frozen=True, slots=True)
class Principal:
    """The subject of a valid access token."""

    subject: str
    """Opaque staff reference; used in events and logs."""
    organisation: str
    roles: frozenset[StaffRole]
    session: str
    issued_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None = None
    """When they last showed a second factor: at the sign-in, or asked again in the same session."""
    stale: bool = False
    """The token has expired and is accepted only because its issuer does not answer."""

    def may(self, action: Action, organisation: str | None = None) -> bool:
        """Return whether any role allows the action on data of an organisation (see ``roles.allowed``)."""
        return any(allowed(role, self.organisation, action, organisation) for role in self.roles)
