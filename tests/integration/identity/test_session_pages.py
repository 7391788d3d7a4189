"""People see where they are signed in and end it; administrators do so for their own organisation's."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from services.identity.accounts.models import Session
from tests.integration.identity.conftest import NOTIFY_URL, Process
from tests.integration.identity.test_accounts import admin_of
from tests.integration.identity.test_step_up import hours_later

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
ADDRESS = "203.0.113.77"


@pytest.fixture
async def admin(identity: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with aclosing(await admin_of(identity, "jeju")) as http:
        yield http


async def sessions_of(identity: Process, subject: str) -> list[Session]:
    return await identity.accounts.sessions.of(subject)


async def test_an_administrator_sees_devices_and_ends_one_and_all(identity: Process, admin: httpx.AsyncClient) -> None:
    ready = await identity.person("jeju", "counsellor")
    page = f"/accounts/{ready.account.subject}/sessions"
    async with (
        identity.browser(ADDRESS, **{"user-agent": FIREFOX}) as one,
        identity.browser() as two,
    ):
        await identity.enter(one, ready, next=f"{NOTIFY_URL}/")
        await identity.clock.advance(30)
        await identity.enter(two, ready)
        seen = (await admin.get(page)).text
        assert "Firefox, Linux" in seen
        assert "203.0.113.0/24" in seen
        assert ADDRESS not in seen
        assert "Cases:" in seen
        assert "Unknown browser or program" in seen
        first = next(each for each in await sessions_of(identity, ready.account.subject) if each.device)
        assert (await admin.post(f"{page}/{first.session}/end")).headers["location"] == page
        assert (await one.get("/desk")).status_code == 303
        assert (await two.get("/desk")).status_code == 200
        assert (await admin.post(f"{page}/end")).status_code == 303
        assert (await two.get("/desk")).status_code == 303
    said = [(line.detail["account"], line.detail["ended"]) for line in await identity.lines("sessions.end")]
    assert said == [(ready.account.subject, "1")] * 2


async def test_neither_anothers_organisation_nor_a_session_of_anothers_account(
    identity: Process, admin: httpx.AsyncClient
) -> None:
    there, here = await identity.person("busan", "counsellor"), await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, there)
        (session,) = await sessions_of(identity, there.account.subject)
        page = f"/accounts/{there.account.subject}/sessions"
        assert [(await admin.get(page)).status_code, (await admin.post(f"{page}/end")).status_code] == [403, 403]
        assert (await admin.post(f"{page}/{session.session}/end")).status_code == 403
        await admin.post(f"/accounts/{here.account.subject}/sessions/{session.session}/end")
        assert (await http.get("/desk")).status_code == 200
        # Nor does somebody end another's over their own page.
        async with identity.browser() as mine:
            await identity.enter(mine, here)
            await mine.post(f"/account/sessions/{session.session}/end")
        assert (await http.get("/desk")).status_code == 200


async def test_everybody_ends_their_own_elsewhere_and_here(identity: Process) -> None:
    ready = await identity.person("jeju", "operator")
    async with identity.browser(**{"user-agent": FIREFOX}) as here, identity.browser() as there:
        await identity.enter(there, ready)
        await identity.clock.advance(30)
        await identity.enter(here, ready)
        page = (await here.get("/account/sessions")).text
        assert ("Firefox, Linux" in page, "This browser" in page) == (True, True)
        assert (await here.post("/account/sessions/end")).headers["location"] == "/account/sessions"
        assert (await there.get("/account")).status_code == 303
        (own,) = await sessions_of(identity, ready.account.subject)
        assert (await here.post(f"/account/sessions/{own.session}/end")).headers["location"] == "/session"
        assert (await here.get("/account")).status_code == 303


async def test_a_second_factor_is_asked_for_before(identity: Process, admin: httpx.AsyncClient) -> None:
    ready = await identity.person("jeju", "counsellor")
    await hours_later(identity, admin)
    page = f"/accounts/{ready.account.subject}/sessions"
    asked = [await admin.get(page), await admin.post(f"{page}/end"), await admin.post(f"{page}/none/end")]
    asked += [await admin.get("/account/sessions"), await admin.post("/account/sessions/end")]
    asked += [await admin.post("/account/sessions/none/end")]
    assert ["/session/confirm" in answer.headers["location"] for answer in asked] == [True] * 6
    assert await identity.lines("sessions.end") == []
