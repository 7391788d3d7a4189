"""The live page: exact numbers for leads and central only, in order, honest about their age, live."""

import asyncio
import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.routing.console import live
from services.routing.console.live import LiveCenter, Order, live_center, live_centers, ordered, totals
from services.routing.console.live_stream import LOOK_S, PER_PERSON, REPEAT_S, LiveFeed, OpenStreams
from services.routing.models import LiveLoad
from services.routing.state.loads import SILENT_SECONDS, LoadView
from shared.centers import CENTER_IDS
from shared.events.vocabulary import CenterState
from shared.metrics import exposition
from shared.web.app import Problem
from tests.integration.trust.asgi import FirstAnswer
from tests.support.clock import ManualClock
from tests.support.waiting import DEADLINE_S
from tests.unit.routing.builders import NOW
from tests.unit.routing.harness import PARTITIONS, WHERE, RoutingHarness, say, tell
from tests.unit.routing.listening import Ear, move

AGO = {minutes: NOW - timedelta(minutes=minutes) for minutes in (5, 30, 90)}


def busy() -> LoadView:
    """Busan waits longest over two partitions, Jeju is full, Daegu closed, nobody is on duty in Ulsan."""
    view = LoadView(15)
    tell(
        view,
        0,
        10,
        busan={"open_cases": 12, "weighted": 145, "guests": 20, "severe": 2, "waiting": 2, "waiting_since": AGO[30]},
        jeju={"open_cases": 40, "weighted": 450, "waiting": 1, "waiting_since": AGO[5]},
    )
    tell(view, 1, 7, busan={"open_cases": 8, "weighted": 100, "severe": 1, "waiting": 1, "waiting_since": AGO[90]})
    say(view, "daegu", CenterState.CLOSED)
    say(view, "ulsan", CenterState.OPEN, 0)
    return view


def test_the_partitions_are_summed_and_the_oldest_wait_counts() -> None:
    rows = {row.center_load.center_id: row for row in busy().live_loads(NOW, 2).centers}
    busan = rows["busan"]
    assert (busan.open_cases, busan.waiting, busan.waiting_since) == (20, 3, AGO[90])
    assert (busan.center_load.load, busan.center_load.guests, busan.center_load.severe) == (245, 20, 3)
    assert rows["sejong"].open_cases == 0
    assert len(rows) == 16


@pytest.mark.parametrize("told", [(5, 90), (90, 5)])
def test_the_oldest_wait_counts_in_whichever_order_partitions_are_heard(told: tuple[int, int]) -> None:
    view = LoadView(15)
    for partition, minutes in enumerate(told):
        tell(view, partition, 1, jeju={"waiting": 1, "waiting_since": AGO[minutes]})
    [jeju] = [row for row in view.live_loads(NOW, 2).centers if row.center_load.center_id == "jeju"]
    assert (jeju.waiting, jeju.waiting_since) == (2, AGO[90])


def test_old_and_missing_partitions_are_counted() -> None:
    view = busy()
    assert view.live_loads(NOW, 2).silent == 0
    assert view.live_loads(NOW, 6).silent == 4
    late = NOW + timedelta(seconds=SILENT_SECONDS + 1)
    assert (view.live_loads(late, 2).silent, view.live_loads(late, 2).oldest) == (2, NOW)
    tell(view, 0, 10, late)
    assert view.live_loads(late, 2).silent == 1
    nothing = LoadView(15).live_loads(NOW, 2)
    assert (nothing.silent, nothing.oldest) == (2, None)


def test_lower_sums_count_where_nobody_has_repeated_the_higher_ones() -> None:
    """A worker that woke up is not believed beside the owner; where Kafka lost the end of the log, all know less."""
    view = busy()
    soon, late = (NOW + timedelta(seconds=SILENT_SECONDS + seconds) for seconds in (0, 1))
    tell(view, 0, 9, soon)
    assert view.summaries[0].upto == 10
    tell(view, 0, 9, late, sejong={})
    assert (view.summaries[0].upto, view.live_loads(late, 2).silent) == (9, 1)
    rows = {row.center_load.center_id: row for row in view.live_loads(late, 2).centers}
    assert (rows["sejong"].open_cases, rows["jeju"].open_cases) == (1, 0)


def test_who_waits_longest_comes_first_then_the_busiest() -> None:
    rows = [live_center(now) for now in busy().live_loads(NOW, 2).centers]
    assert [row.center_id for row in ordered(rows, Order.WAITING, "en")][:3] == ["busan", "jeju", "chungbuk"]
    assert [row.center_id for row in ordered(rows, Order.LOAD, "en")][:2] == ["jeju", "busan"]
    assert [row.center_id for row in ordered(rows, Order.NAME, "en")] == sorted(CENTER_IDS)
    assert ordered(rows, Order.NAME, "ko")[0].center_id == "gangwon"
    whole = totals(rows)
    assert (whole.waiting, whole.waiting_since, whole.full, whole.unmanned) == (4, AGO[90], 1, 2)


def test_the_api_says_what_the_page_says() -> None:
    whole = live_centers(busy().live_loads(NOW, 2))
    first = whole.centers[0]
    assert (first.center_id, first.load, first.capacity, first.load_percent) == ("busan", 24.5, 45.0, 54)
    assert (first.guests_percent, first.severe, first.severe_cap) == (4, 3, 12)
    assert (whole.age_seconds, whole.partitions, whole.silent_partitions) == (0.0, 2, 0)


@pytest.mark.parametrize(
    ("organisation", "role", "status"),
    [
        ("jeju", "lead", 200),
        ("central", "lead", 200),
        ("central", "counsellor", 200),
        ("jeju", "counsellor", 403),
        ("jeju", "operator", 403),
        ("jeju", "administrator", 403),
        ("central", "operator", 403),
        ("central", "auditor", 403),
        ("ministry", "analyst", 403),
        ("ministry", "auditor", 403),
        (None, "", 401),
    ],
)
async def test_exact_counts_are_for_leads_and_central(organisation: str | None, role: str, status: int) -> None:
    harness = RoutingHarness(view=busy())
    who = harness.staff.bearer(organisation, role) if organisation else {}
    async with httpx.AsyncClient(transport=FirstAnswer(harness.app), base_url=WHERE, headers=who) as client:
        for path in ("/api/v1/centers/live", "/api/v1/centers/live/stream", "/live"):
            answer = await client.get(path)
            page_of_nobody = status == 401 and "api" not in path
            assert answer.status_code == (303 if page_of_nobody else status), path
            assert ("24.5" in answer.text) == (status == 200), path


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_the_page_says_all_of_it_without_a_script(lang: str) -> None:
    answer = await RoutingHarness(view=busy()).get(f"/live?lang={lang}", "jeju", "lead")
    text = re.sub(r"\s+", " ", html.unescape(answer.text))
    assert "%(" not in text
    ids = re.findall(r'id="center-(\w+)"', text)
    assert ids[:2] == ["busan", "jeju"]
    assert set(ids) == set(CENTER_IDS)
    row = text[text.index('id="center-busan"') : text.index('id="center-jeju"')]
    for figure in ("24.5 / 45", "54%", "3 / 12", "4%", ">20<", ">3<"):
        assert figure in row
    # On the map too a word or a number, not only a colour; a pattern where nobody is.
    assert re.search(r'data-place="busan"[^>]*>(부산|Busan)<tspan class="map-note"[^>]*>54%<', text)
    assert text.count('fill="url(#map-hidden)"') == 2
    assert text.count('fill="url(#map-unstaffed)"') == 2
    assert 'id="trust"></div>' in text.replace("> <", "><")
    assert "aria-sort" in text
    by_name = (await RoutingHarness(view=busy()).get(f"/live?lang={lang}&sort=name", "jeju", "lead")).text
    assert re.findall(r'id="center-(\w+)"', by_name)[0] == ("gangwon" if lang == "ko" else "busan")
    assert (await RoutingHarness().get("/live?sort=luck", "jeju", "lead")).status_code == 422


async def test_old_numbers_say_so() -> None:
    clock = ManualClock(NOW)
    harness = RoutingHarness(view=busy(), clock=clock)
    assert "These numbers are old" not in (await harness.get("/live?lang=en", "jeju", "lead")).text
    await clock.advance(SILENT_SECONDS + 1)
    text = (await harness.get("/live?lang=en", "jeju", "lead")).text
    assert "These numbers are old: the oldest are of Tue 24 Nov 2026, 12:00:00 KST." in html.unescape(text)
    assert "Nobody reports on 2 of 2 partitions" in text
    assert (await harness.get("/api/v1/centers/live", "jeju", "lead")).json()["silent_partitions"] == PARTITIONS
    assert "No worker has said anything yet." in (await RoutingHarness().get("/live?lang=en", "jeju", "lead")).text


async def test_the_stream_tells_what_changed_and_nothing_else() -> None:
    clock, view = ManualClock(NOW), busy()
    harness = RoutingHarness(view=view, clock=clock)
    ear = Ear(harness, harness.staff.bearer("jeju", "lead"))
    assert (await ear.hears(1))[0] == "hello"
    kind, whole = await ear.hears(2)
    assert kind == "parts"
    assert {f"row:{c}" for c in CENTER_IDS} | {f"place:{c}" for c in CENTER_IDS} < whole.keys()
    assert whole["order"][:2] == ["busan", "jeju"]
    assert whole["place:daegu"] == {"css": "hidden", "title": "Daegu: Closed", "note": "closed"}
    tell(view, 0, 11, clock.now(), sejong={"open_cases": 1, "weighted": 20, "waiting": 1, "waiting_since": AGO[5]})
    await move(clock, 1)
    kind, parts = await ear.hears(3)
    # Partition 0 lost Busan's and Jeju's part; nobody else is told again.
    assert {name for name in parts if name.startswith("row:")} == {"row:busan", "row:jeju", "row:sejong"}
    assert parts["order"][:2] == ["busan", "sejong"]
    await move(clock, 2)
    assert len(ear.messages) == 3
    await move(clock, REPEAT_S)
    assert (await ear.hears(4))[1].keys() == {"stamp"}
    await ear.end()


async def test_the_stream_of_the_api_gives_the_whole_each_time() -> None:
    clock, view = ManualClock(NOW), busy()
    harness = RoutingHarness(view=view, clock=clock)
    ear = Ear(harness, harness.staff.bearer("central", "counsellor"), "")
    kind, whole = await ear.hears(2)
    assert (kind, len(whole["centers"]), whole["centers"][0]["center_id"]) == ("centers", 16, "busan")
    say(view, "sejong", CenterState.CLOSED)
    await move(clock, 1)
    states = {row["center_id"]: row["state"] for row in (await ear.hears(3))[1]["centers"]}
    assert states["sejong"] == "closed"
    await ear.end()


async def test_whoever_is_signed_out_hears_nothing_more() -> None:
    clock, view = ManualClock(NOW), busy()
    harness = RoutingHarness(view=view, clock=clock)
    ear = Ear(harness, harness.staff.bearer("jeju", "lead", session="a-session-that-ends-soon"))
    await ear.hears(2)
    harness.staff.revoke("a-session-that-ends-soon")
    say(view, "sejong", CenterState.CLOSED)
    await move(clock, 1)
    assert await ear.hears(3) == ("reconnect", {"reason": "signed_out"})
    await asyncio.wait_for(ear.task, DEADLINE_S)
    assert len(ear.messages) == 3


async def test_a_stream_ends_when_the_process_does() -> None:
    clock = ManualClock(NOW)
    streams = OpenStreams()
    harness = RoutingHarness(view=busy(), clock=clock, streams=streams)
    running = asyncio.create_task(streams.run())
    ear = Ear(harness, harness.staff.bearer("jeju", "lead"))
    await ear.hears(2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await move(clock, 1)
    assert await ear.hears(3) == ("reconnect", {"reason": "restart"})
    await asyncio.wait_for(ear.task, DEADLINE_S)


def test_one_person_has_so_many_streams_and_a_process_so_many() -> None:
    streams = OpenStreams(limit=PER_PERSON + 1)
    doors = [streams.opened("one") for _ in range(PER_PERSON)]
    for door in doors:
        streams.demand_room("one")
        door.__enter__()
    with pytest.raises(Problem) as full:
        streams.demand_room("one")
    assert full.value.status_code == 429
    with streams.opened("two", "tab-of-two"):
        for person, tab in (("three", ""), ("three", "tab-of-two"), ("two", "another-tab")):
            with pytest.raises(Problem) as crowded:
                streams.demand_room(person, tab)
            assert crowded.value.status_code == 503
        streams.demand_room("two", "tab-of-two")
    doors[0].__exit__(None, None, None)
    streams.demand_room("one")


async def test_a_page_that_comes_back_takes_its_own_place_and_no_other() -> None:
    clock = ManualClock(NOW)
    harness = RoutingHarness(view=busy(), clock=clock)

    async def opened(tab: str, subject: str = "one-lead") -> Ear:
        ear = Ear(harness, harness.staff.bearer("jeju", "lead", subject=subject), f"tab={tab}")
        await ear.hears(1)
        return ear

    ears = [await opened(f"tab-{number}") for number in range(PER_PERSON)]
    other = await opened("tab-0", "another-lead")
    again = await opened("tab-0")
    assert again.messages[0][0] == "hello"
    await move(clock, 1)
    assert ears[0].messages[-1] == ("reconnect", {"reason": "replaced"})
    await asyncio.wait_for(ears[0].task, DEADLINE_S)
    assert not any(ear.task.done() for ear in (*ears[1:], other, again))
    async with httpx.AsyncClient(transport=FirstAnswer(harness.app), base_url=WHERE) as client:
        who = harness.staff.bearer("jeju", "lead", subject="one-lead")
        ninth = await client.get("/api/v1/centers/live/stream?tab=tab-8", headers=who)
    assert ninth.status_code == 429
    for ear in (*ears, other, again):
        await ear.end()


def test_a_page_that_takes_nothing_does_not_make_more_and_more_streams_by_coming_back() -> None:
    streams = OpenStreams()
    doors = [streams.opened("one", "tab") for _ in range(2 * PER_PERSON)]
    for door in doors:
        streams.demand_room("one", "tab")
        door.__enter__()
    assert streams.full("one", "tab")


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", f"You have {PER_PERSON} live pages open, in all your sign-ins together. Close one first."),
        ("ko", f"모든 로그인을 합쳐 실시간 현황을 {PER_PERSON}개 열어 두었습니다. 먼저 하나를 닫아 주십시오."),
    ],
)
async def test_a_person_with_many_sign_ins_has_no_more_streams_than_with_one(language: str, says: str) -> None:
    harness = RoutingHarness(view=busy(), clock=ManualClock(NOW))

    def sign_in(subject: str) -> dict[str, str]:
        return harness.staff.bearer("jeju", "lead", subject=subject)

    ears = [Ear(harness, sign_in("one-lead")) for _ in range(PER_PERSON)]
    for ear in ears:
        await ear.hears(1)
    path = f"/api/v1/centers/live/stream?lang={language}"
    async with httpx.AsyncClient(transport=FirstAnswer(harness.app), base_url=WHERE) as client:
        refused = await client.get(path, headers=sign_in("one-lead"))
    assert (refused.status_code, refused.json()["code"], refused.json()["detail"]) == (429, "too_many_streams", says)
    other = Ear(harness, sign_in("another-lead"))
    assert (await other.hears(1))[0] == "hello"
    await ears.pop().end()
    again = Ear(harness, sign_in("one-lead"))
    assert (await again.hears(1))[0] == "hello"
    for ear in (*ears, other, again):
        await ear.end()


async def test_everybody_looks_at_one_picture() -> None:
    clock, view = ManualClock(NOW), busy()
    taken = []

    def take() -> Any:
        taken.append(clock.now())
        return view.live_loads(clock.now(), 2)

    feed = LiveFeed(take, clock)
    assert feed() is feed()
    await clock.advance(1)
    feed()
    assert len(taken) == 2


async def test_all_streams_share_one_build_per_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 models for each stream twice a second would be built on the loop that decides."""
    built: list[str] = []

    def counting(now: LiveLoad) -> LiveCenter:
        built.append(now.center_load.center_id)
        return live_center(now)

    monkeypatch.setattr(live, "live_center", counting)
    clock, view = ManualClock(NOW), busy()
    harness = RoutingHarness(view=view, clock=clock)
    people = [harness.staff.bearer("central", "counsellor", session=f"a-session-of-reader-{n}") for n in range(4)]
    ears = [Ear(harness, person, parts) for person in people for parts in ("", "html=true&lang=en")]
    for ear in ears:
        await ear.hears(2)
    assert len(built) == 2 * 16  # once for the JSON, once for the page
    for _ in range(6):
        await move(clock, LOOK_S)
    assert len(built) == 2 * 16
    say(view, "sejong", CenterState.CLOSED)
    await move(clock, 1)
    for ear in ears:
        await ear.hears(3)
    assert len(built) == 4 * 16
    for ear in ears:
        await ear.end()


async def test_whoever_asks_once_gets_what_is_known_at_that_moment() -> None:
    harness = RoutingHarness(view=busy())
    for number in (2, 3):
        tell(harness.view, 0, 20 + number, sejong={"waiting": number, "waiting_since": AGO[5]})
        rows = (await harness.get("/api/v1/centers/live", "jeju", "lead")).json()["centers"]
        assert {row["center_id"]: row["waiting"] for row in rows}["sejong"] == number


async def test_no_metric_names_a_centre() -> None:
    harness = RoutingHarness(view=busy())
    await harness.get("/live", "jeju", "lead")
    text = exposition()[0].decode()
    assert "ieum_routing_open_streams" in text
    assert not [c for c in CENTER_IDS if f'"{c}"' in text]
