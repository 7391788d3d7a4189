"""Front ends at the door while the store is away: all who wait share one attempt, and not all may wait."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.requests import Request

from services.intake.clients.dependencies import ClientAuthenticator
from services.intake.clients.models import Client
from shared.errors import TransientError
from shared.identity.roles import Scope
from shared.web.problems import Problem, document
from shared.web.translations import Translator
from tests.support.clock import ManualClock
from tests.support.keys import KEYS as INTAKE_KEYS
from tests.unit.intake.clients.test_credentials import CLIENT, SECRET

TIMEOUT_S = 10.0


class Away:
    """Front ends in a store that lets each question wait ten seconds, until it is ``back``."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.readings = 0
        self.back = False

    async def all(self, _: object = None) -> list[Client]:
        self.readings += 1
        if self.back:
            return [CLIENT]
        await self.clock.sleep(TIMEOUT_S)
        raise TransientError("store: gone")


class Door:
    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
        self.store = Away(self.clock)
        store: Any = self.store
        audit: Any = None
        self.gate = ClientAuthenticator(store, INTAKE_KEYS.clients, audit, self.clock)

    def ask(self) -> "asyncio.Task[Client]":
        headers = [(b"authorization", f"Bearer kiosk.{SECRET}".encode())]
        request = Request({"type": "http", "headers": headers, "client": ("192.0.2.1", 1), "state": {}})
        return asyncio.create_task(self.gate.authenticate(request, Scope.REPORTS_SUBMIT))


async def turns() -> None:
    for _ in range(2000):
        await asyncio.sleep(0)


async def test_all_who_wait_share_one_failure() -> None:
    door = Door()
    asked = [door.ask() for _ in range(40)]
    await turns()
    await door.clock.advance(TIMEOUT_S)
    await turns()
    assert [one.done() for one in asked] == [True] * 40
    failures = [one.exception() for one in asked]
    assert {failure.status_code for failure in failures if isinstance(failure, Problem)} == {503}
    assert (len(failures), door.store.readings) == (40, 1)


async def test_more_than_may_wait_are_told_at_once() -> None:
    door = Door()
    asked = [door.ask() for _ in range(230)]
    await turns()
    assert [one.done() for one in asked].count(True) == 30
    await door.clock.advance(TIMEOUT_S)
    await turns()
    assert all(isinstance(one.exception(), Problem) for one in asked)


async def test_who_asks_after_a_failure_is_let_in_as_soon_as_the_store_is_back() -> None:
    door = Door()
    first = door.ask()
    await turns()
    await door.clock.advance(TIMEOUT_S)
    await turns()
    assert isinstance(first.exception(), Problem)
    door.store.back = True
    await door.clock.advance(0.1)
    later = door.ask()
    await turns()
    assert later.result().client_id == "kiosk"


async def test_a_use_during_the_writing_of_others_and_after_a_failure_is_not_lost() -> None:
    door = Door()
    first, later = ("kiosk", "first"), ("kiosk", "later")
    written: list[tuple[str, str]] = []
    away = True

    async def used(client_id: str, digest: str, _: str) -> None:
        nonlocal away
        if away:
            away = False
            raise TransientError("store: gone")
        if not written:
            door.gate._used.add(later)  # a request of the same moment
        written.append((client_id, digest))

    door.store.used = used  # type: ignore[attr-defined]  # as much of the store as this needs
    door.gate._used.add(first)
    with pytest.raises(TransientError):
        await door.gate._remember_use()
    await door.gate._remember_use()
    assert written == [first]
    await door.gate._remember_use()
    assert written == [first, later]


async def test_a_missing_scope_is_named_in_the_answer_and_its_challenge() -> None:
    door = Door()
    door.store.back = True
    noted: list[Any] = []
    door.gate._audit = type("Audit", (), {"note": lambda _, line, **__: noted.append(line)})()
    headers = [(b"authorization", f"Bearer kiosk.{SECRET}".encode())]
    request = Request({"type": "http", "path": "/", "headers": headers, "client": ("192.0.2.1", 1), "state": {}})
    with pytest.raises(Problem) as refused:
        await door.gate.authenticate(request, Scope.RECEIPTS_WRITE)
    said = document(refused.value, Translator("en"))
    assert (said["status"], said["code"]) == (403, "scope_missing")
    assert "receipts:write" in said["detail"]
    assert 'error="insufficient_scope", scope="receipts:write"' in dict(refused.value.headers or {})["WWW-Authenticate"]
    assert len(noted) == 1
