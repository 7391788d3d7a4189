"""A recent second factor before what is grave: asked on pages and of programs, waived for help only."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request

from shared.health import Health
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Documentation, create_app
from shared.web.authorization import Authorizer
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.unit.shared.web.small_site import client, settings

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = 3600.0


class Site:
    """One service with a grave act on a page and of a program, and one for which somebody waits."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.people = TestIdentity(self.clock)
        self.app = self._app()

    async def ask(self, method: str, path: str, *, hours_ago: float, cookie: bool = False) -> httpx.Response:
        self.people.identity.adopt(self.people.document())
        return await self.ask_alone(method, path, hours_ago=hours_ago, cookie=cookie)

    async def ask_alone(self, method: str, path: str, *, hours_ago: float, cookie: bool = False) -> httpx.Response:
        """While identity does not answer."""
        now = self.clock.now()
        then = datetime.fromtimestamp(now.timestamp() - hours_ago * HOUR, UTC)
        token = self.people.signer.access(self.people.principal("jeju", "lead", confirmed_at=then), "notify")
        async with client(self.app) as http:
            headers = {"authorization": f"Bearer {token}", "sec-fetch-site": "same-origin"}
            return await http.request(method, path, headers=headers)

    def _app(self) -> FastAPI:
        authorize, router = Authorizer(self.people.identity, settings()), APIRouter()

        @router.get("/things/{name}")
        @router.post("/things/{name}/end")
        @router.post("/api/v1/things/{name}")
        async def grave(
            name: str, who: Annotated[Principal, Depends(authorize(Action.CASES_LIST, back="/things/{name}"))]
        ) -> str:
            del who
            return name

        @router.post("/help")
        @router.post("/api/v1/help")
        async def urgent(request: Request, who: Annotated[Principal, Depends(authorize(Action.CASES_LIST))]) -> str:
            authorize.require_recent(request, who, "/help?why=first", urgent=True)
            return "helped"

        return create_app(
            service="notify",
            documentation=Documentation(title="t", description="d"),
            settings=settings(),
            health=Health(),
            routers=[router],
        )


@pytest.fixture
def site() -> Site:
    return Site()


def back(answer: httpx.Response) -> str:
    assert answer.status_code == 303
    where = urlsplit(answer.headers["location"])
    assert (where.netloc, where.path) == ("127.0.0.1:8006", "/session/confirm")
    return parse_qs(where.query)["next"][0]


async def test_within_two_hours_of_a_second_factor_nobody_is_asked(site: Site) -> None:
    for method, path in (("GET", "/things/x"), ("POST", "/things/x/end"), ("POST", "/api/v1/things/x")):
        assert (await site.ask(method, path, hours_ago=1.99)).status_code == 200


async def test_later_a_page_leads_to_the_question_and_from_there_to_where_one_goes_on(site: Site) -> None:
    assert back(await site.ask("GET", "/things/x%3Fy", hours_ago=2)).endswith("/things/x%3Fy")
    assert back(await site.ask("POST", "/things/x/end", hours_ago=2)) == "http://127.0.0.1:8003/things/x"
    assert back(await site.ask("POST", "/help", hours_ago=9)) == "http://127.0.0.1:8003/help?why=first"


async def test_a_program_is_told_what_to_do(site: Site) -> None:
    refused = await site.ask("POST", "/api/v1/things/x", hours_ago=2)
    assert (refused.status_code, refused.json()["code"]) == (401, "step_up_needed")
    assert "/api/v1/session/confirm" in refused.json()["detail"]
    challenge = 'Bearer error="insufficient_user_authentication", max_age="7200"'
    assert refused.headers["www-authenticate"] == challenge
    assert (await site.ask("POST", "/api/v1/help", hours_ago=2)).status_code == 401


async def test_a_token_that_says_nothing_of_a_second_factor_is_not_recent(site: Site) -> None:
    token = site.people.signer.access(replace(site.people.principal("jeju", "lead"), confirmed_at=None), "notify")
    async with client(site.app) as http:
        answer = await http.post("/api/v1/things/x", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["code"] == "step_up_needed"


async def test_while_identity_does_not_answer_only_what_somebody_waits_for_goes_on(site: Site) -> None:
    await site.clock.advance(600)
    assert not site.people.identity.fresh()
    assert (await site.ask_alone("POST", "/help", hours_ago=9)).status_code == 200
    assert (await site.ask_alone("POST", "/api/v1/help", hours_ago=9)).status_code == 200
    assert (await site.ask_alone("POST", "/things/x/end", hours_ago=9)).status_code == 303
    assert (await site.ask_alone("POST", "/api/v1/things/x", hours_ago=9)).status_code == 401
