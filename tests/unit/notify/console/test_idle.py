"""A console that nothing happens to does nothing; a notice is told once for all, with what changed."""

import asyncio
import gc
import tracemalloc
from functools import partial
from typing import Any, cast

import pytest

from services.notify.cases.models import Case
from services.notify.console import rows as console_rows
from services.notify.console.banners import Banners
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.console.lists import Shown, SingleFlight
from services.notify.console.rows import Rows, Section, entry_of, view_of
from services.notify.console.stream import _Stream
from shared.centers import CENTER_IDS
from shared.web.event_stream import comment
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.support.waiting import eventually
from tests.unit.notify.cases.test_projection import folded
from tests.unit.notify.console.test_rows import Nameless
from tests.unit.notify.samples import NOW, stream

CONSOLES = 200


async def nothing(_: str) -> Shown:
    return [], False


def entry(case: Case, section: str) -> bytes:
    raise AssertionError(case, section)


class Console:
    """One stream and what it was sent."""

    def __init__(
        self, hub: ConsoleBroadcaster, banners: Any = None, *, center: str = "jeju", entry: Any = entry
    ) -> None:
        self.signed_in = True
        self.asked = 0
        self.center = center
        together = SingleFlight(nothing)
        clock = ManualClock(NOW)
        self.stream = _Stream(hub, clock, center, (f"{id(self)}", ""), self.valid, entry, together, banners)
        self.sent: list[str] = []
        self.task = asyncio.create_task(self.follow())

    def valid(self) -> bool:
        self.asked += 1
        return self.signed_in

    async def follow(self) -> None:
        async for message in self.stream.events():
            self.sent.append(message.decode())

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
    assert hub.occupied.is_set()
    await asyncio.gather(*(console.task for console in hub_consoles))
    assert not hub.occupied.is_set(), "with nobody there nobody is looked at"


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

    def fragment(self, language: Any, template: str, **given: Any) -> str:
        del language, template
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


class Painted(Fragments):
    """And have a clock."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock

    def fragment(self, language: Any, template: str, **given: Any) -> str:
        return f"{language} {template} {given['case'].alias}"


async def test_a_new_row_wakes_those_alone_who_see_it_and_is_made_once_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def counted(case: Case, section: Section) -> dict[str, object]:
        made.append(case.report_id)
        return entry_of(case, section)

    monkeypatch.setattr(console_rows, "entry_of", counted)
    hub, clock = ConsoleBroadcaster(), ManualClock(NOW)
    rows = Rows(cast("Any", Painted(clock)), Nameless())
    staff = TestIdentity(clock)
    consoles = []
    for number in range(CONSOLES):
        center = (*CENTER_IDS, "central")[number % 17]
        view = view_of(staff.principal(center, "counsellor", subject=f"s-{number}"), center, "ko")
        consoles.append(Console(hub, center=center, entry=partial(rows.entry, view)))
    await eventually(lambda: all(console.listed for console in consoles))
    for _ in range(10):
        await asyncio.sleep(0)
    before = [(console.asked, len(console.sent)) for console in consoles]
    hub.publish([folded(stream()[:1])])
    concerned = [console for console in consoles if console.center in {"gwangju", "central"}]
    await eventually(lambda: all("gwangju" in console.sent[-1] for console in concerned))
    for _ in range(10):
        await asyncio.sleep(0)
    after = [(console.asked, len(console.sent)) for console in consoles]
    changed = [one for one, was, now in zip(consoles, before, after, strict=True) if was != now]
    assert changed == concerned, "nobody else was woken"
    assert len(concerned) > 20
    assert len(made) == 2, "once for the centre's consoles and once for the central desk's"
    hub.close()
    await asyncio.gather(*(console.task for console in consoles))


async def test_a_console_that_waits_keeps_nothing_of_its_list() -> None:
    """A list of a hundred rows is 100 KB: of 200 consoles none may hold it until something happens."""
    case = folded(stream()[:1])

    async def hundred(_: str) -> Shown:
        return [case] * 100, False

    def row(*_: object) -> bytes:
        return b"x" * 1000

    hub, listed = ConsoleBroadcaster(), 0

    async def follow(number: int) -> None:
        nonlocal listed
        given = _Stream(hub, ManualClock(NOW), "gwangju", (f"s-{number}", ""), lambda: True, row, SingleFlight(hundred))
        async for part in given.events():
            listed += part == comment("listed")
            del part

    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        tasks = [asyncio.create_task(follow(number)) for number in range(CONSOLES)]
        await eventually(lambda: listed == CONSOLES)
        for _ in range(10):
            await asyncio.sleep(0)
        gc.collect()
        each_kb = (tracemalloc.get_traced_memory()[0] - before) / CONSOLES / 1024
    finally:
        tracemalloc.stop()
    assert each_kb < 20, f"{each_kb:.0f} KB a stream, without its connection"
    hub.close()
    await asyncio.gather(*tasks)
