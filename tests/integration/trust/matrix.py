"""Every route x everybody x what the table of permissions says, and what the service answered."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from shared.centers import CENTRAL
from shared.identity.roles import MINISTRY, Action, StaffRole, allowed, roles_at
from shared.web.authorization import RouteActions, route_actions
from tests.integration.trust.asking import ACCOUNT, ANYBODY, OFFER, REPORT, Ask, Key
from tests.integration.trust.asks import ASKS
from tests.integration.trust.system import ASKED, OWNER, STRANGER, URLS, SystemHarness

PLACES: Final = (OWNER, ASKED, STRANGER, CENTRAL, MINISTRY)
NOT_STAFF: Final = frozenset({Action.OPEN, Action.FRONT_END, Action.SERVICE})
"""What the table of permissions says nothing of."""
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who knocks."""

    organisation: str
    role: StaffRole

    def __str__(self) -> str:
        return f"{self.role}@{self.organisation}"


EVERYBODY: Final = tuple(Person(place, role) for place in PLACES for role in StaffRole if role in roles_at(place))

ONE_OF_EACH_PLACE: Final = tuple({person.organisation: person for person in EVERYBODY}.values())
"""Enough for a door that is open: whoever comes, nobody asks who they are."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One route, one way to ask it, one person (None: nobody is signed in)."""

    key: Key
    action: Action
    ask: Ask
    who: Person | None

    def __str__(self) -> str:
        service, method, path = self.key
        return f"{service} {method} {path} [{self.action}] by {self.who or 'nobody'}"

    def may(self) -> bool:
        """What the table says. No staff role opens a front end's route."""
        if self.action is Action.OPEN:
            return True
        if self.action in NOT_STAFF or self.who is None:
            return False
        role, own = self.who.role, self.who.organisation
        owners = self.ask.whose or {None}
        demanded = self.ask.demands or self.action
        return allowed(role, own, self.action) and any(allowed(role, own, demanded, owner) for owner in owners)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back."""

    cell: Cell
    answer: httpx.Response

    def fault(self) -> str | None:
        """What is wrong with it, if anything."""
        cell, answer = self.cell, self.answer
        if cell.may():
            wrong = answer.status_code not in cell.ask.gives
            return f"{cell} may, and got {answer.status_code} {_said(answer)}" if wrong else None
        expected, code = _refusal(cell)
        fine = answer.status_code == expected and (code is None or code in answer.text)
        if expected == httpx.codes.SEE_OTHER:
            fine = fine and answer.headers["location"].startswith(f"{URLS['identity']}/session?next=")
        return None if fine else f"{cell} may not, and got {answer.status_code} {_said(answer)}"


def _refusal(cell: Cell) -> tuple[int, str | None]:
    _, method, path = cell.key
    if cell.action in {Action.FRONT_END, Action.SERVICE}:
        return 401, "no_credential" if cell.who is None else "wrong_credential"
    if cell.who is not None:
        return 403, "not_allowed" if path.startswith("/api/") else None
    return (303, None) if method == "GET" and not path.startswith("/api/") else (401, "not_signed_in")


def _said(answer: httpx.Response) -> str:
    kind = answer.headers.get("content-type", "")
    return answer.text[:300] if "json" in kind else answer.headers.get("location", kind)


def routes(system: SystemHarness) -> Iterator[tuple[str, RouteActions]]:
    """Every route of every service, pages and infrastructure included."""
    for service, app in system.apps.items():
        for entry in route_actions(app):
            yield service, entry


def keys(system: SystemHarness) -> dict[Key, Action]:
    """What each method of each route is, by its dependency."""
    return {
        (service, method, entry.path): entry.actions[0]
        for service, entry in routes(system)
        if len(entry.actions) == 1
        for method in entry.methods
    }


def cells(actions: Mapping[Key, Action]) -> list[Cell]:
    """The whole matrix."""
    return [
        Cell(key, action, ask, who)
        for key, action in actions.items()
        for ask in ASKS.get(key, ())
        for who in (*(ONE_OF_EACH_PLACE if action is Action.OPEN else EVERYBODY), None)
        if who is None or ask.only is None or who.organisation in ask.only
    ]


class Knocking:
    """Sends the requests of cells."""

    def __init__(self, system: SystemHarness) -> None:
        self._town = system
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def all(self, wanted: Iterable[Cell], **how: Any) -> list[Seen]:
        """What every cell is answered."""
        return list(await asyncio.gather(*(self.one(cell, **how) for cell in wanted)))

    async def one(
        self,
        cell: Cell,
        *,
        report_id: str = "",
        more: Mapping[str, str] | None = None,
        drop_empty: bool = False,
        twist: Callable[[str], str] = str,
    ) -> Seen:
        """``report_id``: about this report instead of the one that is open; ``more`` headers; ``twist`` the path."""
        service, method, path = cell.key
        stands = {
            REPORT: report_id or self._town.reports[OWNER].report_id,
            OFFER: self._town.offer_id,
            ACCOUNT: self._town.account.account.subject,
        }
        for name, value in cell.ask.path.items():
            path = path.replace(f"{{{name}}}", stands.get(value, value))
        assert "{" not in path, f"nothing is known for a part of {path}"
        api = path.startswith("/api/")
        body = None if cell.ask.body is None else _filled(cell.ask.body, stands)
        async with self._room, self._town.http(service) as http:
            request = http.build_request(
                method,
                path,
                params=_filled(cell.ask.query, stands),
                json=body if api else None,
                data=None if api else body,
                headers={**self._headers(cell), **(more or {})},
            )
            if drop_empty:
                for name in [name for name, value in request.headers.items() if not value]:
                    del request.headers[name]
            raw, _, query = request.url.raw_path.partition(b"?")
            if (twisted := twist(raw.decode()).encode()) != raw:
                # Straight into the request: httpx would put a path in order first.
                request.extensions["raw_path"] = twisted + (b"?" + query if query else b"")
            answer = await http.send(request)
        return Seen(cell, answer)

    def _headers(self, cell: Cell) -> dict[str, str]:
        page = not cell.key[2].startswith("/api/")
        form = {"content-type": "application/x-www-form-urlencoded"} if page and cell.key[1] == "POST" else {}
        if cell.who is None:
            return {"accept": "text/html", **form} if page and cell.action is Action.OPEN else form
        given = self._town.browser if page else self._town.bearer
        return {**given(cell.who.organisation, cell.who.role, service=cell.key[0]), **form}


def _filled(given: Mapping[str, Any], stands: Mapping[str, str]) -> dict[str, Any]:
    return {name: stands.get(value, value) if isinstance(value, str) else value for name, value in given.items()}


def table(seen: Iterable[Seen]) -> str:
    """The matrix as people read it: a line a route, a letter a person. y and n as they should be, Y and N holes."""
    lines: dict[tuple[Key, int], dict[str, str]] = {}
    for one in seen:
        letter = "y" if one.cell.may() else "n"
        ways = ASKS[one.cell.key]
        row = lines.setdefault((one.cell.key, ways.index(one.cell.ask)), {})
        row[str(one.cell.who or "nobody")] = letter.upper() if one.fault() else letter
    people = [*map(str, EVERYBODY), "nobody"]
    head = "\n".join(f"{n:2} {person}" for n, person in enumerate(people))
    body = "\n".join(
        f"{''.join(row.get(person, '.') for person in people)}  {' '.join(key)}{f' ({way + 1})' if way else ''}"
        for (key, way), row in sorted(lines.items())
    )
    return f"{head}\n{body}"


__all__ = ["ANYBODY", "EVERYBODY", "Cell", "Knocking", "Person", "Seen", "cells", "keys", "routes", "table"]
