"""``deploy/mongodb/users.js``, run by Node with a ``db`` that keeps users as MongoDB does, gives what the table says.

mongosh itself (2.12, from npm) ran it against the embedded store; it is too large to be installed for a test.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shared.settings import StoreSettings
from shared.store_access import USERS

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js runs it everywhere else")
SCRIPT = Path(__file__).parents[3] / "deploy" / "mongodb" / "users.js"
PREFIX = StoreSettings.model_fields["database_prefix"].default
PASSWORDS = {f"IEUM_STORE_PASSWORD_{user.name.upper()}": f"of-{user.name}" for user in USERS}
MONGOSH = """
const fs = require("fs"), vm = require("vm");
const users = JSON.parse(process.argv[2]), roles = JSON.parse(process.argv[3]), said = [];
const admin = {
  getUser: (name) => users[name] ?? null,
  createUser: ({ user, ...rest }) => { if (users[user]) throw new Error("there"); users[user] = rest; },
  updateUser: (name, rest) => { if (!users[name]) throw new Error("nobody"); Object.assign(users[name], rest); },
  getRole: (name) => roles[name] ?? null,
  createRole: ({ role, ...rest }) => { if (roles[role]) throw new Error("there"); roles[role] = rest; },
  updateRole: (name, rest) => { if (!roles[name]) throw new Error("none"); Object.assign(roles[name], rest); },
};
const db = { getSiblingDB: (name) => { if (name !== "admin") throw new Error(name); return admin; } };
const print = (line) => said.push(line);
const end = (status) => { console.log(JSON.stringify({ users, roles, said, status })); process.exit(0); };
vm.runInNewContext(fs.readFileSync(process.argv[1], "utf8"), { db, print, process, quit: end });
end(0);
"""


def run(users: dict[str, Any], passwords: dict[str, str], roles: dict[str, Any] | None = None) -> dict[str, Any]:
    command = ["node", "-e", MONGOSH, str(SCRIPT), json.dumps(users), json.dumps(roles or {})]
    env = {**{name: value for name, value in os.environ.items() if name not in PASSWORDS}, **passwords}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_makes_the_users_of_the_table_and_changes_those_that_are_there() -> None:
    wanted = {
        user.name: {"pwd": f"of-{user.name}", "roles": user.roles(PREFIX), "mechanisms": ["SCRAM-SHA-256"]}
        for user in USERS
    }
    too_much = {"pwd": "old", "roles": [{"role": "root", "db": "admin"}], "mechanisms": ["SCRAM-SHA-1"]}
    own = {user.name: {"privileges": user.privileges(PREFIX), "roles": []} for user in USERS if user.finds}
    more = {"verifier": {"privileges": [], "roles": [{"role": "root", "db": "admin"}]}}
    for before, roles in (({}, {}), ({"analytics": too_much}, more), (wanted, own)):
        found = run(before, PASSWORDS, roles)
        assert found["users"] == wanted
        assert found["roles"] == own
        assert found["status"] == 0
        assert not any(password in line for line in found["said"] for password in PASSWORDS.values())


def test_a_password_that_is_missing_is_named_in_one_line_and_nothing_is_done() -> None:
    found = run({}, {name: value for name, value in PASSWORDS.items() if not name.endswith("NOTIFY")})
    assert (found["users"], found["status"]) == ({}, 78)
    (line,) = found["said"]
    assert line.startswith("setting IEUM_STORE_PASSWORD_NOTIFY: found nothing; expected")
    assert "example: " in line


COMPOSE = SCRIPT.parents[1] / "compose"
IN_CONTAINER = """
const fs = require("fs"), vm = require("vm");
const [script, ready, state] = [process.argv[1], process.argv[2], JSON.parse(process.argv[3])], said = [];
const files = { "/run/secrets/STORE_ADMIN": "of/admin@+\\n" };
const db = {
  adminCommand: (command) => {
    said.push(Object.keys(command)[0]);
    if (command.replSetGetStatus && !state.initiated) throw new Error("no replset config has been received");
  },
  hello: () => ({ isWritablePrimary: state.primary }),
};
const connect = (uri) => { said.push(uri); return db; };
const end = (status) => { console.log(JSON.stringify({ said, status })); process.exit(0); };
const known = { readFileSync: (path) => files[path] };
const context = vm.createContext({ connect, process, quit: end, require: () => known });
for (const file of [script, ready]) vm.runInContext(fs.readFileSync(file, "utf8"), context);
end(0);
"""


@pytest.mark.parametrize(
    ("initiated", "primary", "commands", "status"),
    [
        (False, False, ["replSetGetStatus", "replSetInitiate"], 1),
        (True, False, ["replSetGetStatus"], 1),
        (True, True, ["replSetGetStatus"], 0),
    ],
)
def test_the_check_of_compose_makes_a_set_and_waits_for_its_primary(
    initiated: bool, primary: bool, commands: list[str], status: int
) -> None:
    """mongosh itself (2.12, from npm) ran ``admin.js`` against the embedded store: no argument held the password."""
    state = json.dumps({"initiated": initiated, "primary": primary})
    command = ["node", "-e", IN_CONTAINER, str(COMPOSE / "admin.js"), str(COMPOSE / "ready.js"), state]
    env = {**os.environ, "STORE_AT": "localhost:27017/?directConnection=true"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env, timeout=60)
    address = "mongodb://admin:of%2Fadmin%40%2B@localhost:27017/?directConnection=true&authSource=admin"
    address += "&tls=true&tlsCAFile=/run/secrets/ca.pem"
    assert json.loads(done.stdout) == {"said": [address, *commands], "status": status}
