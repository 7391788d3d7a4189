"""A person who is signed in, as every service sees them: an opaque reference, never a name."""

from dataclasses import dataclass
from datetime import datetime

from shared.identity.roles import Action, StaffRole, allowed


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a valid token speaks for."""

    subject: str
    """Opaque staff reference; what events and logs name."""
    organisation: str
    roles: frozenset[StaffRole]
    session: str
    issued_at: datetime
    expires_at: datetime
    stale: bool = False
    """The token is past its time, and is accepted only because its issuer does not answer."""

    def may(self, action: Action, organisation: str | None = None) -> bool:
        """Whether any of their roles allows the action on what belongs to an organisation (see ``roles.allowed``)."""
        return any(allowed(role, self.organisation, action, organisation) for role in self.roles)
