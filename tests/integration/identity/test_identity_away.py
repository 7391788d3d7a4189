"""Identity is killed: whoever is signed in works on, alerts go out, details open, and notify may restart meanwhile."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.identity.roles import StaffRole
from tests.support.lodging import lodged
from tests.support.waiting import DEADLINE_S, eventually
from tools.demo import frontends, people
from tools.demo.people import Crew, Wanted
from tools.local.settings import LocalSettings
from tools.local.stack import Stack

pytestmark = [pytest.mark.kill, pytest.mark.timeout(420)]

CENTER = "busan"
STAFF = (Wanted(CENTER, (StaffRole.LEAD,)), Wanted(CENTER, (StaffRole.COUNSELLOR,)))
NAME = f"{CENTER}-counsellor"


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """The whole system with engines of its own: it restarts processes."""
    made = Stack(LocalSettings.on_free_ports(tmp_path), say=lambda _: None)
    try:
        await asyncio.to_thread(made.start)
        yield made
    finally:
        await asyncio.to_thread(made.stop)


async def mails(stack: Stack) -> int:
    async with httpx.AsyncClient(base_url=stack.urls["mail"], trust_env=False, timeout=DEADLINE_S) as mail:
        return len((await mail.get("/messages")).raise_for_status().json()["messages"])


async def worked(stack: Stack, counsellor: httpx.AsyncClient, report_id: str) -> None:
    """A case is taken and its details are read."""

    async def there() -> bool:
        return (await counsellor.get(f"/api/v1/cases/{report_id}")).is_success

    await eventually(there, what="the case is shown")
    mine = {"ownership": 1}
    acknowledged = await counsellor.post(f"/api/v1/cases/{report_id}/acknowledge", json=mine)
    assert acknowledged.is_success, acknowledged.text
    asked = {**mine, "purpose": "first_contact"}
    ticket = await counsellor.post(f"/api/v1/cases/{report_id}/details-ticket", json=asked)
    assert ticket.is_success, ticket.text

    async def opened() -> bool:
        async with httpx.AsyncClient(base_url=stack.urls["intake"], trust_env=False, timeout=DEADLINE_S) as http:
            given = {"ticket": ticket.json()["ticket"]}
            from_us = {"accept": "text/html", "sec-fetch-site": "same-origin"}
            return "help" in (await http.post("/details", data=given, headers=from_us)).text

    await eventually(opened, what="intake has heard whose the case is")


async def test_the_others_go_on_without_identity(stack: Stack) -> None:
    made: dict[str, Any] = await asyncio.to_thread(people.create, stack.environment_of("identity"), STAFF)
    credential = (await asyncio.to_thread(frontends.create, stack.environment_of("intake"), stack.run_once)).portal
    crew = Crew(stack.urls, made)
    async with crew.client(f"{CENTER}-lead") as lead:
        duty = {"state": "open", "staff_on_duty": 2}
        assert (await lead.put(f"/api/v1/centers/{CENTER}/duty", json=duty)).is_success
    async with crew.client(NAME) as counsellor:
        await worked(stack, counsellor, await lodged(stack, credential))

        async def named() -> bool:
            page = await counsellor.get("/", params={"center": CENTER}, headers={"accept": "text/html"})
            return NAME in page.text

        await eventually(named, what="notify knows the names at work")
        os.kill(stack.pids["identity"], signal.SIGKILL)
        await asyncio.to_thread(stack.hold, "identity")
        before = await mails(stack)
        report_id = await lodged(stack, credential)

        async def alerted() -> bool:
            return await mails(stack) > before

        await eventually(alerted, what="an alert goes out without identity")
        await worked(stack, counsellor, report_id)
        os.kill(stack.pids["notify"], signal.SIGKILL)
        await asyncio.to_thread(stack.wait_ready, 180, "notify")
        await worked(stack, counsellor, await lodged(stack, credential))
        assert await named(), "names outlive a restart without identity"
        await asyncio.to_thread(stack.release, "identity")
        await asyncio.to_thread(stack.wait_ready, 180, "identity")
        assert await crew.auth(NAME).ready(anew=True)
        assert (await counsellor.get("/api/v1/cases", params={"center": CENTER})).is_success
