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
from shared.web.app import Documentation, create_app
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


def client_of(hub: ConsoleBroadcaster, limit: int) -> tuple[httpx.AsyncClient, TestIdentity]:
    """A client of the stream of a process that takes so many consoles, and who may be signed in."""
    clock = ManualClock(NOW)
    staff = TestIdentity(clock)
    settings, desk = ServiceSettings(), Empty()
    some: Any = (desk, Authorizer(staff.identity, settings), Rows(cast("Any", None), Nameless()))
    router = stream_router(some[0], hub, clock, some[1], limit, some[2])
    app = create_app(
        service="notify",
        documentation=Documentation(title="t", description="d"),
        settings=settings,
        health=Health(),
        routers=[router],
    )
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=DEADLINE_S), staff


async def test_the_ninth_console_of_a_sign_in_is_refused_and_another_persons_first_is_not() -> None:
    hub = ConsoleBroadcaster()
    client, staff = client_of(hub, 500)
    async with client as http:

        async def ask(session: str) -> httpx.Response:
            return await http.get("/api/v1/stream", headers=staff.bearer("jeju", "counsellor", session=session))

        # All at once: each passes the door before any is open.
        asked = [asyncio.create_task(ask("one-and-the-same-sign-in")) for _ in range(3 * PER_SESSION)]
        for _ in range(100_000):
            if sum(task.done() for task in asked) == 2 * PER_SESSION:
                break
            await asyncio.sleep(0)
        assert hub.subscriber_count == PER_SESSION
        refused = await ask("one-and-the-same-sign-in")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        other = asyncio.create_task(ask("the-sign-in-of-another"))
        for _ in range(100_000):
            if other.done() or hub.subscriber_count > PER_SESSION:
                break
            await asyncio.sleep(0)
        assert hub.subscriber_count == PER_SESSION + 1
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
            open_.enter_context(hub.subscribe("jeju", "one", tab=tab))
        elsewhere = open_.enter_context(hub.subscribe("jeju", "another", tab=tabs[0]))
        nameless = open_.enter_context(hub.subscribe("jeju", "another"))
        assert hub.full("one", "tab-8")
        before = [subscriber for subscriber in hub._all() if subscriber.session == "one"]
        for tab in tabs:
            assert not hub.full("one", tab)
            open_.enter_context(hub.subscribe("jeju", "one", tab=tab))
        open_.enter_context(hub.subscribe("jeju", "another"))
        assert all(subscriber.closing and subscriber.replaced for subscriber in before)
        assert not elsewhere.closing
        assert not nameless.closing
        assert hub.full("one", "tab-8")
        # They end as soon as their streams are told. A reader that takes nothing does not make more and more of them.
        assert hub.full("one", tabs[0])


async def test_where_a_process_has_all_the_consoles_it_takes_one_that_comes_back_still_takes_its_place() -> None:
    """The line of each died with the network: none would find room until the dead ones are given up."""
    hub, most = ConsoleBroadcaster(), 3
    client, staff = client_of(hub, most)
    with contextlib.ExitStack() as open_:
        for number in range(most):
            open_.enter_context(hub.subscribe("jeju", f"the-sign-in-number-{number}", tab="tab"))
        async with client as http:
            headers = staff.bearer("jeju", "counsellor", session="the-sign-in-of-another")
            refused = await http.get("/api/v1/stream?tab=tab", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
            headers = staff.bearer("jeju", "counsellor", session="the-sign-in-number-0")
            again = asyncio.create_task(http.get("/api/v1/stream?tab=tab", headers=headers))
            for _ in range(100_000):
                if again.done() or hub.subscriber_count > most:
                    break
                await asyncio.sleep(0)
            hub.close()
            assert (await again).status_code == 200
    with contextlib.ExitStack() as open_:
        for number in range(most):
            assert not hub.crowded(most, f"sign-in-{number}", "tab")
            open_.enter_context(hub.subscribe("jeju", f"sign-in-{number}", tab="tab"))
        assert hub.crowded(most, "another", "tab")
        assert hub.crowded(most, "sign-in-0", "another-tab")
        assert hub.crowded(most, "sign-in-0")
        for number in range(most):
            assert not hub.crowded(most, f"sign-in-{number}", "tab")
            open_.enter_context(hub.subscribe("jeju", f"sign-in-{number}", tab="tab"))
        assert hub.crowded(most, "another", "tab")
        # As many again are ending: until they have, there is no room for more of them.
        assert hub.crowded(most, "sign-in-0", "tab")
    assert not hub.crowded(most, "another", "tab")


def test_a_console_that_was_closed_makes_room() -> None:
    hub = ConsoleBroadcaster()
    with contextlib.ExitStack() as open_:
        for _ in range(PER_SESSION):
            assert not hub.full("one")
            open_.enter_context(hub.subscribe("jeju", "one"))
        assert hub.full("one")
        assert not hub.full("another")
    assert not hub.full("one")
