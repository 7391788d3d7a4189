"""Generate the page of permissions: the table of roles, and every route with the action it names."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from shared import log
from shared.centers import CENTRAL
from shared.identity.roles import MINISTRY, TABLE, Action, Reach, StaffRole, roles_at
from shared.web.authorization import route_actions
from tools.docs_generation.openapi import apart, application
from tools.local.settings import SERVICES

_HERE: Final = "tools.docs_generation.permissions"
_REACHES: Final = {Reach.OWN: "own", Reach.OVERSIGHT: "own (1)", Reach.ANY: "all"}
_OPENID: Final = {
    "IDENTITY_OIDC_ISSUER": "https://login.example",
    "IDENTITY_OIDC_CLIENT_ID": "ieum",
    "IDENTITY_OIDC_ROLE_MAP": '{"x": {"organisation": "jeju", "roles": ["counsellor"]}}',
}
"""So that the routes are listed which are there only with an OpenID provider."""
_HEAD: Final = """# Who may do what

Written by `make docs` from `shared/identity/roles.py` and from the routes of the five services; `make check` compares.
Whatever stands nowhere here is refused. `tests/integration/trust` asks every route as everybody and compares.

**own**: what belongs to their own organisation. **(1)**: for people of `central` and the ministry, everybody's.
**all**: whosever it is. `open` needs nobody to be known. `front_end` needs the credential of a front end with the scope
that the route's documentation names, `service` the key that two services share. `own_account` is about whoever is
signed in.
"""


def files() -> dict[str, str]:
    """The page, by its path below ``docs``. Raises RuntimeError where a service could not be built."""
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        listed = dict(zip(SERVICES, pool.map(_routes, SERVICES), strict=True))
    return {"permissions.md": page(listed)}


def page(listed: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """The page; ``listed`` holds method, path and action of every route by service."""
    parts = [_HEAD, "## Actions\n", _actions(), "## Organisations\n", _organisations()]
    for service, routes in listed.items():
        rows = [(method, f"`{path}`", f"`{action}`") for method, path, action in routes]
        parts += [f"## Routes of {service}\n", _table(("method", "path", "action"), rows)]
    return "\n".join(parts)


def _actions() -> str:
    rows = [
        (f"`{action}`", *(_REACHES[reach] if (reach := TABLE[action].get(role)) else "" for role in StaffRole))
        for action in Action
        if action in TABLE
    ]
    return _table(("action", *StaffRole), rows)


def _organisations() -> str:
    places = {"each of the 16 centres": "busan", "central": CENTRAL, "the ministry": MINISTRY}
    rows = [(name, *("yes" if role in roles_at(place) else "" for role in StaffRole)) for name, place in places.items()]
    return _table(("gives the role", *StaffRole), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _routes(service: str) -> list[list[str]]:
    found: list[list[str]] = json.loads(apart(_HERE, service, **(_OPENID if service == "identity" else {})))
    return found


def routes_of(service: str) -> list[tuple[str, str, str]]:
    """Method, path and action of every route of a service, built here with the settings of this process."""
    return [
        (method, entry.path, " ".join(entry.actions))
        for entry in route_actions(application(service))
        for method in entry.methods
    ]


if __name__ == "__main__":
    # On stderr: what a service says of itself while it is built must not stand in the document.
    log.configure("docs", "ERROR")
    sys.stdout.write(json.dumps(routes_of(sys.argv[1])))
