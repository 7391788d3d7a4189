"""The one table of who may do what in the document store: a user for each service, limited to its own database. Pure.

``deploy/mongodb/users.js`` and the page of rights are written from it.
"""

from dataclasses import dataclass
from typing import Final

_COLLECTION_ACTIONS: Final = ("find", "insert", "update", "remove", "createIndex", "listIndexes")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUser:
    """A user of the store and the one database it may read and write."""

    name: str
    database: str
    """Without the deployment's prefix (``MONGODB_DATABASE_PREFIX``)."""
    collections: tuple[str, ...] = ()
    """Only these; empty: all of the database."""

    def privileges(self, prefix: str) -> list[dict[str, object]]:
        """What a role of its own grants, where it is less than the whole database."""
        return [
            {"resource": {"db": f"{prefix}{self.database}", "collection": name}, "actions": list(_COLLECTION_ACTIONS)}
            for name in self.collections
        ]


USERS: Final = (
    StoreUser(name="intake", database="intake"),
    StoreUser(name="routing", database="routing"),
    StoreUser(name="notify", database="notify"),
    StoreUser(name="auditor", database="notify", collections=("findings", "auditor")),
    StoreUser(name="analytics", database="analytics"),
    StoreUser(name="identity", database="identity"),
)
"""The recount and the commands that read the log have nothing to do there."""
