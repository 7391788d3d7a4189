"""The rights in the document store for people and machines: a page, and a script for MongoDB. One table."""

import json
from typing import Final

from shared.settings import StoreSettings
from shared.store_access import USERS, StoreUser

PAGE: Final = "reference/store-rights.md"
SCRIPT: Final = "../deploy/mongodb/users.js"
_PREFIX: Final = StoreSettings.model_fields["database_prefix"].default
_HEAD: Final = """# Who may do what in the document store

Written by `make docs` from `shared/store_access.py`; `make check` compares. Each service has a user that reads and
writes its own database and nothing else. `deploy/mongodb/users.js` makes them in a MongoDB: with TLS and
authentication on (`--auth`, `--tlsMode requireTLS`, `--keyFile` for a replica set), as an administrator,

```sh
IEUM_STORE_PASSWORD_INTAKE=… IEUM_STORE_PASSWORD_ROUTING=… mongosh "$ADMIN_URI" deploy/mongodb/users.js
```

and each service is given `MONGODB_URI=mongodb://USER:PASSWORD@HOST/?authSource=admin&replicaSet=rs0&tls=true&tlsCAFile=…`.
Run it again to change passwords. To move accounts (`services.identity.move`), give identity `read` on notify's
database for that while.

"""
_EMBEDDED: Final = """
## The embedded store of `make up`

It runs without users and without TLS, on the loopback address: every user of the machine can read and write it. It is
for development and demonstrations, and for nothing that holds a real report. What its version 0.7.0b3 enforces with
`--auth` was tried, with a user limited to its own database:

| tried | answer |
| --- | --- |
| without credentials: find, insert, createUser | refused |
| TLS with a certificate of ours; plain connections to it | works; refused |
| own database: insert, find, indexes, transactions, change streams | works |
| another's: find, insert, update, delete, drop, findAndModify, in a transaction too | refused |
| another's by `$out`, `$merge`, change streams, the oplog | refused |
| users, roles, own rights, `listDatabases`, `serverStatus` | refused |
| **another's by the command `bulkWrite`: insert, delete** | **done: the command is checked by nothing** |
| **`renameCollection` from its own database over a collection of another's** | **done: only the source is checked** |
| **another's cursor by `getMore`, where its number (64 random bits) is known** | **done** |

So a user for each service would keep out who has no password, but not a compromised service. MongoDB refuses all of
these. That is why the embedded store is not sold as a boundary between services, and production needs MongoDB.
"""


def files() -> dict[str, str]:
    """The page and the script to deploy, by their paths below ``docs``."""
    return {PAGE: page(), SCRIPT: script()}


def page() -> str:
    """Users and what they may, then what was found out about the embedded store."""
    rows = "".join(f"| `{user.name}` | `{_PREFIX}{user.database}` | {_extent(user)} |\n" for user in USERS)
    return f"{_HEAD}| user | database | reads and writes |\n| --- | --- | --- |\n{rows}{_EMBEDDED}"


def _extent(user: StoreUser) -> str:
    return ", ".join(f"`{name}`" for name in user.collections) or "all of it"


def script() -> str:
    """For mongosh: makes or changes each user, with a password from the environment."""
    roles = []
    for user in USERS:
        privileges = user.privileges(_PREFIX)
        role = f"ieum_{user.name}" if privileges else "readWrite"
        roles.append(
            {"user": user.name, "role": role, "db": f"{_PREFIX}{user.database}", "privileges": privileges},
        )
    return _SCRIPT.replace("USERS", json.dumps(roles, indent=2))


_SCRIPT: Final = """// Written by `make docs` from shared/store_access.py: change it there.
// For mongosh, as an administrator; docs/reference/store-rights.md says how. May be run again.
const users = USERS;
const admin = db.getSiblingDB("admin");
const variable = (each) => "IEUM_STORE_PASSWORD_" + each.user.toUpperCase();
const missing = users.map(variable).filter((name) => !process.env[name]);
if (missing.length > 0) {
  print("setting " + missing.join(", ") + ": found nothing; expected a password for each user;"
    + " example: " + missing[0] + "=$(openssl rand -hex 32)");
  quit(78);
}
for (const each of users) {
  const pwd = process.env[variable(each)];
  let roles = [{ role: each.role, db: each.db }];
  if (each.privileges.length > 0) {
    const found = admin.getRole(each.role);
    if (found) admin.updateRole(each.role, { privileges: each.privileges, roles: [] });
    else admin.createRole({ role: each.role, privileges: each.privileges, roles: [] });
    roles = [{ role: each.role, db: "admin" }];
  }
  const wanted = { pwd: pwd, roles: roles, mechanisms: ["SCRAM-SHA-256"] };
  if (admin.getUser(each.user)) admin.updateUser(each.user, wanted);
  else admin.createUser({ user: each.user, ...wanted });
  print(each.user + " may read and write " + each.db);
}
"""
