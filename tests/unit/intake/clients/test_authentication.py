"""What whoever can write to the store does to a front end: it is refused, whatever it was, until it is added anew."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.intake.clients.authentication import ClientAuthentication
from services.intake.clients.models import read_credential
from services.intake.clients.repository import ClientError, ClientRepository
from services.intake.clients.service import ClientService
from shared.identity.roles import REAL_SCOPES, Scope
from tests.support.clock import ManualClock
from tests.support.keys import KEYS

Document = dict[str, Any]
NOW = datetime(2026, 11, 30, 12, 0, 0, 123_000, tzinfo=UTC)


class Collection:
    """One front end, as stored."""

    def __init__(self) -> None:
        self.document: Document = {}

    def __getitem__(self, _: str) -> "Collection":
        return self

    def find(self, _: Document) -> Any:
        async def to_list(_: object) -> list[Document]:
            return [dict(self.document)]

        return type("Found", (), {"to_list": staticmethod(to_list)})

    async def find_one(self, _: Document) -> Document:
        return dict(self.document)

    async def insert_one(self, document: Document) -> None:
        self.document = dict(document)

    async def update_one(self, _: Document, update: Document) -> Any:
        self.document |= update["$set"]
        return type("Result", (), {"matched_count": 1})


class Office:
    """A front end for drills with a callback that was disabled, after one change more; ``earlier`` is before it."""

    def __init__(self) -> None:
        self.store = Collection()
        self.told: list[str] = []
        authentication = ClientAuthentication(KEYS.client_authentication, self.told.append)
        self.clients = ClientRepository(cast("Any", self.store), authentication)
        self.service = ClientService(self.clients, KEYS, ManualClock(NOW))
        self.earlier: Document = {}

    async def open(self) -> "Office":
        await self.service.add("trial", "Trial", [Scope.REPORTS_DRILL], 60)
        await self.service.set_callback("trial", "https://front.example.org/")
        self.earlier = dict(self.store.document)
        await self.clients.disable("trial", disabled=True)
        return self

    async def known(self) -> list[str]:
        return [client.client_id for client in await self.clients.all()]


def put(**fields: Any) -> Callable[[Office], None]:
    return lambda office: office.store.document.update(fields)


def earlier(*names: str) -> Callable[[Office], None]:
    return lambda office: office.store.document.update({name: office.earlier[name] for name in names})


def without(name: str) -> Callable[[Office], None]:
    return lambda office: office.store.document.pop(name)


ATTACKS = {
    "real scopes": put(scopes=sorted(REAL_SCOPES)),
    "one scope more": put(scopes=["reports:drill", "reports:submit"]),
    "let in again": put(disabled=False),
    "let in again, with the earlier code": earlier("disabled", "authentication"),
    "let in again, with the earlier version and code mixed": earlier("disabled", "version"),
    "as often as it likes": put(per_minute=10**7),
    "a secret of the attacker's": put(secrets=[{"digest": "0" * 64, "made_at": NOW}]),
    "callbacks elsewhere": put(callback=None),
    "another version": put(version=1),
    "another name": put(name="Ministry"),
    "another id": put(_id="portal"),
    "one field more": put(sandbox=False),
    "no code": without("authentication"),
    "a code of another kind": put(authentication="x"),
    "no scopes": without("scopes"),
    "a kind that is never written": put(per_minute=object()),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_a_front_end_changed_in_the_store_is_unknown_and_no_change_makes_it_count(
    attack: Callable[[Office], None],
) -> None:
    office = await Office().open()
    assert await office.known() == ["trial"]
    attack(office)
    changed = dict(office.store.document)
    assert [await office.known() for _ in range(3)] == [[]] * 3
    assert office.told == [changed["_id"]], "told once"
    for change in (
        office.clients.disable("trial", disabled=False),
        office.clients.end_old("trial"),
        office.service.rotate("trial", only=True),
        office.service.set_callback("trial", None),
    ):
        with pytest.raises(ClientError, match="not_authentic"):
            await change
    assert office.store.document == changed


async def test_its_use_is_noted_beside_the_code() -> None:
    office = await Office().open()
    office.store.document |= {"used": ["0" * 64], "last_used": "2026-11-30"}
    assert await office.known() == ["trial"]


def test_an_id_has_no_line_end() -> None:
    assert read_credential(f"kiosk\n.{'a' * 43}") is None
    assert read_credential(f"kiosk.{'a' * 43}\n") is None
