"""The one table of who may do what in the document store: a user for each process, limited to its own database.

``deploy/mongodb/users.js`` and the page of rights are written from it, the launcher applies it, and
``tests/integration/security`` tries everything it leaves out.
"""

from dataclasses import dataclass
from typing import Any, Final

from shared.audit import anchors, register
from shared.audit.model import SERVICES as AUDITED
from shared.audit.store import LINES
from shared.audit.verification import NEVER_WITHOUT_LINES

ROLES_IN: Final = "admin"
"""The database that users and roles of our own are kept in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUser:
    """A user of the store and the one database it may read and write: that of its own name."""

    name: str
    keeps: bool = True
    """Whether there is such a database. Who keeps nothing writes nowhere."""
    reads: tuple[str, ...] = ()
    """Databases of others that it may read. Without the deployment's prefix (``MONGODB_DATABASE_PREFIX``)."""
    finds: tuple[str, ...] = ()
    """The collections of these that it may read; none named: all."""
    counts: tuple[str, ...] = ()
    """Collections of these of which it may only know how large they are."""

    def roles(self, prefix: str) -> list[dict[str, str]]:
        """Its roles: MongoDB's own, and one of its own name where it reads single collections."""
        own = [{"role": "readWrite", "db": f"{prefix}{self.name}"}] if self.keeps else []
        if self.finds:
            return [*own, {"role": self.name, "db": ROLES_IN}]
        return [*own, *({"role": "read", "db": f"{prefix}{name}"} for name in self.reads)]

    def privileges(self, prefix: str) -> list[dict[str, Any]]:
        """What the role of its own name allows."""
        of = ((f"{prefix}{name}", self.finds, "find") for name in self.reads if self.finds)
        sized = ((f"{prefix}{name}", self.counts, "collStats") for name in self.reads)
        return [
            {"resource": {"db": database, "collection": collection}, "actions": [action]}
            for database, collections, action in (*of, *sized)
            for collection in collections
        ]


USERS: Final = (
    StoreUser(name="intake"),
    StoreUser(name="routing"),
    StoreUser(name="notify", reads=("auditor",)),
    StoreUser(name="auditor"),
    StoreUser(name="analytics"),
    StoreUser(name="identity"),
    # `ieum audit verify`: every audit, and whether an empty one belongs to a database that is in use.
    StoreUser(
        name="verifier",
        keeps=False,
        reads=AUDITED,
        finds=(LINES, anchors.COLLECTION, register.COLLECTION),
        counts=NEVER_WITHOUT_LINES,
    ),
)
"""The recount and the commands that read the log have nothing to do there."""
DATABASES: Final = tuple(user.name for user in USERS if user.keeps)
"""Without the deployment's prefix."""
