"""Secrets of callbacks: each has a number, and one that ended never counts again."""

from typing import Any

import pytest

from services.intake.clients.authentication import FIELD, ClientAuthentication
from services.intake.clients.repository import ClientRepository
from services.intake.clients.service import ClientService
from shared.clock import SystemClock
from tests.support.keys import KEYS

AUTHENTICATION = ClientAuthentication(KEYS.client_authentication, lambda _: None)
URL = "https://front.example.org/"


class Collection:
    """One front end, as stored."""

    def __init__(self, **more: Any) -> None:
        self.document: dict[str, Any] = {"_id": "portal", "version": 1, **more}
        self.document[FIELD] = AUTHENTICATION.code_of(self.document)

    def __getitem__(self, _: str) -> "Collection":
        return self

    async def find_one(self, _: dict[str, Any]) -> dict[str, Any]:
        return dict(self.document)

    async def update_one(self, _: dict[str, Any], update: dict[str, Any]) -> Any:
        self.document |= update["$set"]
        return type("Result", (), {"matched_count": 1})


def service_of(database: Any) -> ClientService:
    return ClientService(ClientRepository(database, AUTHENTICATION), KEYS, SystemClock())


@pytest.mark.parametrize("before", [{}, {"callback": {"url": URL, "versions": [3, 2], "code": b""}}])
async def test_a_secret_that_ended_does_not_come_back_by_switching_callbacks_off_and_on(before: dict[str, Any]) -> None:
    service = service_of(Collection(**before))
    ended = {*await service.set_callback("portal", URL)}
    assert await service.set_callback("portal", None) == []
    [second] = await service.set_callback("portal", URL)
    assert second not in ended
    both = await service.rotate_callback("portal", end_old=False)
    assert both[1] == second
    assert not {*both} & ended
    await service.set_callback("portal", None)
    [last] = await service.set_callback("portal", URL)
    assert last not in {*ended, *both}
