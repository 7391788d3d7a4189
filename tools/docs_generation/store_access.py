"""The rights in the document store for people and machines: a page, and a script for MongoDB. One table."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.settings import StoreSettings
from shared.store_access import USERS, StoreUser

PAGE: Final = "reference/store-rights.md"
SCRIPT: Final = "../deploy/mongodb/users.js"
_PREFIX: Final = StoreSettings.model_fields["database_prefix"].default
_HEAD: Final = """# Who may do what in the document store

Written by `make docs` from `shared/store_access.py`; `make check` compares. Each process that keeps something has a
user, which reads and writes the database of its own name and nothing else. `verifier` proves the audits
(`ieum audit verify`): it writes nothing, reads the audits alone, and knows of what cannot be there without
a line only how many there are. `tests/integration/security` tries every other combination on the
store of `ieum up`.

| user | reads and writes | reads |
| --- | --- | --- |
"""
_REST: Final = """
## MongoDB

`deploy/mongodb/users.js` makes these users: with TLS and authentication on (`--auth`, `--tlsMode requireTLS`,
`--keyFile` for a replica set), as an administrator whose password mongosh asks for (everybody on that machine reads
one in an address),

```sh
IEUM_STORE_PASSWORD_INTAKE=… IEUM_STORE_PASSWORD_ROUTING=… mongosh "$ADMIN_URI" deploy/mongodb/users.js
```

and each process is given `MONGODB_URI=mongodb://USER:PASSWORD@HOST/?authSource=admin&replicaSet=rs0&tls=true&tlsCAFile=…`.
Run it again to change passwords. A test runs it with Node against a model of the users; mongosh 2.12 ran it against the
embedded store; there was no MongoDB to run it against.

## The embedded store of `ieum up`

It runs with the same users, over TLS alone, on the loopback address. Passwords and certificates are made at the first
start and lie in `var/security`, for their owner alone; `ieum keys rotate-passwords` makes new ones. The administrator
signs in with a certificate. `IEUM_SECURED=false` turns all of this off, for development.

Its version 0.7.0b3 leaves gaps with `--auth` that MongoDB does not have. `tools/local/store_server.py` runs it with
these closed, and `tests/unit/tools/test_store_server.py` fails when a new version leaves others, or fewer:

| with a user limited to its own database | the store alone | as `ieum up` runs it | MongoDB |
| --- | --- | --- | --- |
| another's: reading, writing, indexes, collections, change streams, transactions | refused | refused | refused |
| another's by `$out`, `$merge`, `$lookup`, `$unionWith`, the oplog | refused | refused | refused |
| users, roles, own rights, `listDatabases`, `serverStatus` | refused | refused | refused |
| another's by the command `bulkWrite` | **done** | refused, in one's own too (no service uses it) | refused |
| a view whose pipeline ends in `$merge` or `$out` to another's | **done** | refused: there are no views | refused |
| `renameCollection` over another's collection | **done** | refused, within one's own too (no service does) | refused |
| another's cursor by `getMore`, where its number is known | **done** | refused | refused |
| `killAllSessions`, `replSetStepDown`: stop everybody's writes | **done** | refused | refused |
| a client that connects and says nothing | **with TLS nobody else gets in** | waits alone, 10 s | waits alone |
| another collection, by a right for a single one | **done** | refused | refused |
| `killCursors` of another's cursor, where its number (64 random bits) is known | **done** | **done** | refused |

What remains: it is one process of one person on one machine. Whoever has that person's files has the store's.
"""


def files() -> dict[str, str]:
    """The page and the script to deploy, by their paths below ``docs``."""
    return {PAGE: page(), SCRIPT: script()}


def page() -> str:
    """Users and what they may, how they are made, and what was found out about the embedded store."""
    return f"{_HEAD}{''.join(map(_row, USERS))}{_REST}"


def _row(user: StoreUser) -> str:
    reads = ", ".join(f"`{_PREFIX}{name}`" for name in user.reads) or "–"
    if user.finds:
        reads = f"{_listed(user.finds)} of {reads}; the size of {_listed(user.counts)} there"
    own = f"`{_PREFIX}{user.name}`" if user.keeps else "–"
    return f"| `{user.name}` | {own} | {reads} |\n"


def _listed(collections: tuple[str, ...]) -> str:
    return ", ".join(f"`{one}`" for one in collections)


def script() -> str:
    """For mongosh: makes or changes each user, with a password from the environment."""
    users = _rows("user", {user.name: user.roles(_PREFIX) for user in USERS}, "roles")
    roles = _rows("role", {user.name: user.privileges(_PREFIX) for user in USERS if user.finds}, "privileges")
    return _SCRIPT.replace("ROLES", roles).replace("USERS", users)


def _rows(name: str, rights: Mapping[str, Sequence[Mapping[str, Any]]], kind: str) -> str:
    """One right to a line."""
    rows = (f'  {{ {name}: "{each}", {kind}: [\n{"".join(map(_right, of))}  ] }},\n' for each, of in rights.items())
    return f"[\n{''.join(rows)}]"


def _right(right: Mapping[str, Any]) -> str:
    return f"    {json.dumps(right)},\n"


_SCRIPT: Final = """// Written by `make docs` from shared/store_access.py: change it there.
// For mongosh, as an administrator; docs/reference/store-rights.md says how. May be run again.
const roles = ROLES;
const users = USERS;
const admin = db.getSiblingDB("admin");
const variable = (each) => "IEUM_STORE_PASSWORD_" + each.user.toUpperCase();
const missing = users.map(variable).filter((name) => !process.env[name]);
if (missing.length > 0) {
  print("setting " + missing.join(", ") + ": found nothing; expected a password for each user;"
    + " example: " + missing[0] + "=$(openssl rand -hex 32)");
  quit(78);
}
for (const { role, privileges } of roles) {
  if (admin.getRole(role)) admin.updateRole(role, { privileges, roles: [] });
  else admin.createRole({ role, privileges, roles: [] });
}
for (const each of users) {
  const wanted = { pwd: process.env[variable(each)], roles: each.roles, mechanisms: ["SCRAM-SHA-256"] };
  if (admin.getUser(each.user)) admin.updateUser(each.user, wanted);
  else admin.createUser({ user: each.user, ...wanted });
  print(each.user + ": " + each.roles.map((role) => role.role + " " + role.db).join(", "));
}
"""
