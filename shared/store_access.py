"""The one table of who may do what in the document store: a user for each process, limited to its own database. Pure.

``deploy/mongodb/users.js`` and the page of rights are written from it, the launcher applies it, and
``tests/integration/security`` tries everything it leaves out.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUser:
    """A user of the store and the one database it may read and write: that of its own name."""

    name: str
    reads: tuple[str, ...] = ()
    """Databases of others that it may read. Without the deployment's prefix (``MONGODB_DATABASE_PREFIX``)."""

    def roles(self, prefix: str) -> list[dict[str, str]]:
        """Its roles, all of MongoDB's own."""
        own = {"role": "readWrite", "db": f"{prefix}{self.name}"}
        return [own, *({"role": "read", "db": f"{prefix}{name}"} for name in self.reads)]


USERS: Final = (
    StoreUser(name="intake"),
    StoreUser(name="routing"),
    StoreUser(name="notify", reads=("auditor",)),
    StoreUser(name="auditor"),
    StoreUser(name="analytics"),
    StoreUser(name="identity"),
)
"""The recount and the commands that read the log have nothing to do there."""
