"""The one table of who may do what in the document store: a user for each process, limited to its own database. Pure.

``deploy/mongodb/users.js`` and the page of rights are written from it, the launcher applies it, and
``tests/integration/security`` tries everything it leaves out.
"""

from dataclasses import dataclass
from typing import Final

from shared.audit.model import SERVICES as AUDITED


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUser:
    """A user of the store and the one database it may read and write: that of its own name."""

    name: str
    keeps: bool = True
    """Whether there is such a database. Who keeps nothing writes nowhere."""
    reads: tuple[str, ...] = ()
    """Databases of others that it may read. Without the deployment's prefix (``MONGODB_DATABASE_PREFIX``)."""

    def roles(self, prefix: str) -> list[dict[str, str]]:
        """Its roles, all of MongoDB's own."""
        own = [{"role": "readWrite", "db": f"{prefix}{self.name}"}] if self.keeps else []
        return [*own, *({"role": "read", "db": f"{prefix}{name}"} for name in self.reads)]


USERS: Final = (
    StoreUser(name="intake"),
    StoreUser(name="routing"),
    StoreUser(name="notify", reads=("auditor",)),
    StoreUser(name="auditor"),
    StoreUser(name="analytics"),
    StoreUser(name="identity"),
    # `python -m shared.audit verify`: every audit, and whether an empty one belongs to a database that is in use.
    StoreUser(name="verifier", keeps=False, reads=AUDITED),
)
"""The recount and the commands that read the log have nothing to do there."""
DATABASES: Final = tuple(user.name for user in USERS if user.keeps)
"""Without the deployment's prefix."""
