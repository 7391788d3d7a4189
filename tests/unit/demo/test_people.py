"""The people of the demonstration: kept privately, signed in once, renewed, signed in anew where a session is over."""

import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pyotp
import pytest

from shared.identity.roles import StaffRole, conflict, roles_at
from tools.demo import people
from tools.demo.people import EVERYBODY, STEP_S, Person, SignedIn

PERSON = Person("jeju-lead", "jeju", ("lead",), "a long password", pyotp.random_base32(), "s-1")


class Notify:
    """Answers sign-ins as notify does: a code counts once, and a step before or after its time."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.used = 0
        self.sessions: set[str] = set()
        self.tokens: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path.rpartition("/")[2])
        if request.url.path == "/api/v1/sign-in":
            body = orjson.loads(request.content)
            present = int(time.time()) // STEP_S
            near = (present - 1, present, present + 1)
            step = next((s for s in near if PERSON.code(s) == body["code"] and s > self.used), 0)
            if not step or body["password"] != PERSON.password:
                return httpx.Response(401, json={"code": "wrong_sign_in"})
            self.used = step
            return self._issue()
        if request.url.path == "/api/v1/session/renew":
            known = orjson.loads(request.content)["session"] in self.sessions
            return self._issue() if known else httpx.Response(401, json={"code": "session_over"})
        token = request.headers["authorization"].removeprefix("Bearer ")
        if token in self.tokens:
            return httpx.Response(200)
        if request.url.path.startswith("/api/"):
            return httpx.Response(401)
        return httpx.Response(303, headers={"location": f"http://notify/session?next={quote(str(request.url))}"})

    def _issue(self) -> httpx.Response:
        number = len(self.tokens)
        self.tokens.add(f"token-{number}")
        self.sessions.add(f"session-{number}")
        return httpx.Response(200, json={"token": f"token-{number}", "session": f"session-{number}"})


@pytest.fixture
def notify(monkeypatch: pytest.MonkeyPatch) -> Notify:
    answering = Notify()
    transport = httpx.MockTransport(answering)
    real: Callable[..., httpx.AsyncClient] = httpx.AsyncClient

    def made(**options: Any) -> httpx.AsyncClient:
        return real(**{**options, "transport": transport})

    monkeypatch.setattr(httpx, "AsyncClient", made)
    return answering


def working(auth: SignedIn) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://notify", auth=auth)


async def test_one_sign_in_serves_many_requests(notify: Notify) -> None:
    async with working(SignedIn("http://notify", PERSON)) as client:
        assert [(await client.get("/cases")).status_code for _ in range(3)] == [200, 200, 200]
    assert notify.asked == ["sign-in", "cases", "cases", "cases"]


@pytest.mark.parametrize("path", ["/cases", "/api/v1/cases"])
async def test_a_refused_token_is_renewed_and_an_ended_session_signs_in_with_the_next_code(
    notify: Notify, path: str
) -> None:
    """The API refuses it with 401; a page leads to the sign-in."""
    async with working(SignedIn("http://notify", PERSON)) as client:
        await client.get(path)
        notify.tokens.clear()
        assert (await client.get(path)).status_code == 200
        assert notify.asked[-3:] == ["cases", "renew", "cases"]
        notify.tokens.clear()
        notify.sessions.clear()
        assert (await client.get(path)).status_code == 200
        assert notify.asked[-4:] == ["cases", "renew", "sign-in", "cases"]


def test_accounts_are_kept_for_this_user_alone_and_not_taken_to_another_store(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "accounts.json"
    people.keep(path, "one", {"jeju-lead": PERSON})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert people.kept(path) == people.kept(path, "one") == {"jeju-lead": PERSON}
    assert people.kept(path, "other") == {}
    path.write_text("{}")
    assert people.kept(path) == people.kept(tmp_path / "none") == {}


def test_everybody_has_roles_their_organisation_can_give() -> None:
    assert len({one.name for one in EVERYBODY}) == len(EVERYBODY)
    assert {role for one in EVERYBODY for role in one.roles} == set(StaffRole)
    for one in EVERYBODY:
        assert set(one.roles) <= roles_at(one.organisation)
        assert conflict(frozenset(one.roles)) is None
