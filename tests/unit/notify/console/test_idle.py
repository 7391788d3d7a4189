"""A console that nothing happens to does nothing; a notice is told once for all, with what changed."""

import asyncio
from typing import Any, cast

import pytest

from services.notify.cases.models import Case
from services.notify.console.banners import Banners
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.console.lists import Shown, SingleFlight
from services.notify.console.stream import _Stream
from shared.clock import ManualClock
from tests.support.waiting import eventually
from tests.unit.notify.samples import NOW

CONSOLES = 200


async def nothing(_: str) -> Shown:
    return [], False


def entry(case: Case, section: str) -> bytes:
    raise AssertionError(case, section)


class Console:
    """One stream and what it was sent."""

    def __init__(self, hub: ConsoleBroadcaster, banners: Any = None) -> None:
        self.signed_in = True
        self.asked = 0
        together = SingleFlight(nothing)
        clock = ManualClock(NOW)
        self.stream = _Stream(hub, clock, "jeju", f"{id(self)}", self.valid, cast("Any", entry), together, banners)
        self.sent: list[str] = []
        self.task = asyncio.create_task(self.follow())

    def valid(self) -> bool:
        self.asked += 1
        return self.signed_in

    async def follow(self) -> None:
        async for message in self.stream.events():
            self.sent.append(message.decode() if isinstance(message, bytes) else message.encode().decode())

    @property
    def listed(self) -> bool:
        return any("listed" in text for text in self.sent)


async def opened(hub: ConsoleBroadcaster, many: int, banners: Any = None) -> list[Console]:
    consoles = [Console(hub, banners) for _ in range(many)]
    await eventually(lambda: all(console.listed for console in consoles))
    for _ in range(3):
        await asyncio.sleep(0)
    return consoles


async def test_an_idle_console_sets_no_timer_and_one_look_ends_those_who_are_signed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = ConsoleBroadcaster()
    timers: list[Any] = []
    loop = asyncio.get_running_loop()
    set_timer = loop.call_at

    def counted(when: float, callback: Any, *args: Any, **more: Any) -> asyncio.TimerHandle:
        if "eventually" not in repr(callback):
            timers.append(callback)
        return set_timer(when, callback, *args, **more)

    hub_consoles = [Console(hub) for _ in range(CONSOLES)]
    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(100):
        await asyncio.sleep(0)
    assert all(console.listed for console in hub_consoles)
    assert timers == [], "a console that waits sets no timer, so it never wakes"
    monkeypatch.undo()
    asked = [console.asked for console in hub_consoles]
    hub_consoles[7].signed_in = False
    await hub.check_sign_ins()
    await eventually(hub_consoles[7].task.done)
    assert "signed_out" in hub_consoles[7].sent[-1]
    woken = [after.asked - before for after, before in zip(hub_consoles, asked, strict=True)]
    assert woken[:7] == [1] * 7, "asked once for all, and nobody else was woken for it"
    assert len(hub_consoles[8].sent) == len(hub_consoles[6].sent)
    hub.close()
    await asyncio.gather(*(console.task for console in hub_consoles))


class Told:
    """Alarms, dead records and centers, and how often they were asked for."""

    def __init__(self) -> None:
        self.loads = 0
        self.dead = self
        self.words = "all is well"

    async def of(self, center_id: str) -> Any:
        del center_id
        self.loads += 1
        await asyncio.sleep(0)
        return self.words

    async def unread(self) -> list[Any]:
        return []

    async def all(self) -> dict[str, Any]:
        return {}


class Fragments:
    """Pages that render what they are given as text."""

    def fragment(self, request: Any, template: str, **given: Any) -> str:
        del request, template
        return str(given["alarms"])

    def language(self, request: Any) -> str:
        del request
        return "ko"


async def test_a_notice_loads_the_banners_once_for_all_and_says_nothing_twice() -> None:
    hub, told = ConsoleBroadcaster(), Told()
    banners = Banners(cast("Any", told), cast("Any", told), cast("Any", Fragments()))
    nobody: Any = type("Somebody", (), {"may": lambda *_: False})()

    async def of() -> str:
        return await banners.html(cast("Any", None), nobody, "jeju")

    consoles = await opened(hub, CONSOLES, of)
    await eventually(lambda: all("all is well" in console.sent[-1] for console in consoles))
    assert told.loads <= 3, "whoever comes back is told what changed meanwhile, all by one load"
    loads = told.loads
    before = [len(console.sent) for console in consoles]
    hub.notice()
    await eventually(lambda: told.loads == loads + 1)
    told.words = "late"
    hub.notice()
    await eventually(lambda: all("late" in console.sent[-1] for console in consoles))
    assert [len(console.sent) for console in consoles] == [sent + 1 for sent in before], "what is shown is not sent"
    hub.close()
    await asyncio.gather(*(console.task for console in consoles))
