"""One sign-in has eight consoles open at most, however it asks for them; others have theirs."""

import asyncio
import contextlib
from typing import Any, cast

import httpx

from services.notify.cases.models import Case
from services.notify.console import lists
from services.notify.console.broadcaster import PER_SESSION, ConsoleBroadcaster
from services.notify.console.rows import Rows
from services.notify.console.stream import stream_router
from shared.health import Health
from shared.settings import ServiceSettings
from shared.web.app import create_app
from shared.web.authorization import Authorizer
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.support.waiting import DEADLINE_S
from tests.unit.notify.console.test_rows import Nameless
from tests.unit.notify.samples import NOW


class Empty:
    """A desk without cases."""

    @property
    def cases(self) -> "Empty":
        return self

    async def page(self, center_id: str | None, bounds: tuple[str, str], limit: int) -> list[Case]:
        del center_id, bounds
        assert limit >= lists.PAGE
        return []

    async def offers_to(self, center_id: str) -> list[Case]:
        del center_id
        return []


async def test_the_ninth_console_of_a_sign_in_is_refused_and_another_persons_first_is_not() -> None:
    hub, clock = ConsoleBroadcaster(), ManualClock(NOW)
    staff = TestIdentity(clock)
    settings, desk = ServiceSettings(), Empty()
    some: Any = (desk, Authorizer(staff.identity, settings), Rows(cast("Any", None), Nameless()))
    router = stream_router(some[0], hub, clock, some[1], 500, some[2])
    app = create_app(service="notify", title="t", description="d", settings=settings, health=Health(), routers=[router])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=DEADLINE_S) as http:

        async def ask(session: str) -> httpx.Response:
            return await http.get("/api/v1/stream", headers=staff.bearer("jeju", "counsellor", session=session))

        # All at once: each passes the door before any is open.
        asked = [asyncio.create_task(ask("one-and-the-same-sign-in")) for _ in range(3 * PER_SESSION)]
        for _ in range(100_000):
            if sum(task.done() for task in asked) == 2 * PER_SESSION:
                break
            await asyncio.sleep(0)
        assert hub.listening == PER_SESSION
        refused = await ask("one-and-the-same-sign-in")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        other = asyncio.create_task(ask("the-sign-in-of-another"))
        for _ in range(100_000):
            if other.done() or hub.listening > PER_SESSION:
                break
            await asyncio.sleep(0)
        assert hub.listening == PER_SESSION + 1
        hub.close()
        answers = await asyncio.gather(*asked, other)
    told = [answer.text.count('"too_many_streams"') if answer.status_code == 200 else 1 for answer in answers]
    assert (sum(told), told[-1]) == (2 * PER_SESSION, 0)


async def test_a_tab_that_comes_back_takes_its_own_place_and_no_other() -> None:
    """A phone without its network leaves a stream behind that looks open until TCP gives up."""
    hub = ConsoleBroadcaster()
    with contextlib.ExitStack() as open_:
        tabs = [f"tab-{number}" for number in range(PER_SESSION)]
        for tab in tabs:
            assert not hub.full("one", tab)
            open_.enter_context(hub.listen("jeju", "one", tab=tab))
        elsewhere = open_.enter_context(hub.listen("jeju", "another", tab=tabs[0]))
        nameless = open_.enter_context(hub.listen("jeju", "another"))
        assert hub.full("one", "tab-8")
        before = [listener for listener in hub._all() if listener.session == "one"]
        for tab in tabs:
            assert not hub.full("one", tab)
            open_.enter_context(hub.listen("jeju", "one", tab=tab))
        open_.enter_context(hub.listen("jeju", "another"))
        assert all(listener.closing and listener.replaced for listener in before)
        assert not elsewhere.closing
        assert not nameless.closing
        assert hub.full("one", "tab-8")
        # They end as soon as their streams are told. A reader that takes nothing does not make more and more of them.
        assert hub.full("one", tabs[0])


def test_a_console_that_was_closed_makes_room() -> None:
    hub = ConsoleBroadcaster()
    with contextlib.ExitStack() as open_:
        for _ in range(PER_SESSION):
            assert not hub.full("one")
            open_.enter_context(hub.listen("jeju", "one"))
        assert hub.full("one")
        assert not hub.full("another")
    assert not hub.full("one")
