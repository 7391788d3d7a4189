import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.support.waiting import DEADLINE_S
from tools.demo.desk import Staff, capacities, events, follow, shower, was_alerted
from tools.demo.progress import Progress


async def lines(*given: str) -> AsyncIterator[str]:
    for line in given:
        yield line


def row(report_id: str, center: str = "busan", state: str = "waiting", key: str = "00") -> dict[str, Any]:
    called = {"next_alert_at": (datetime.now(UTC) + timedelta(minutes=5)).isoformat()}
    return {"report_id": report_id, "center_id": center, "state": state, "sort_key": key, **called}


def test_staff_come_when_an_alert_went_out_and_not_while_it_is_due_or_retried() -> None:
    now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert was_alerted({"next_alert_at": "2026-11-24T03:05:00.000Z"}, now)
    assert not was_alerted({"next_alert_at": "2026-11-24T03:00:00.000Z"}, now)
    assert not was_alerted({"next_alert_at": "2026-11-24T03:00:10.000Z"}, now)
    assert not was_alerted({"next_alert_at": None}, now)


def test_staff_do_not_come_for_what_reached_notify_minutes_late_and_is_due_at_once() -> None:
    late = {"owned_since": "2026-11-24T02:50:00.000Z", "next_alert_at": "2026-11-24T02:59:59.000Z"}
    assert not was_alerted(late, datetime(2026, 11, 24, 3, 0, tzinfo=UTC))


async def test_events_are_told_apart_and_comments_passed_over() -> None:
    stream = lines(
        "retry: 100", "event: list", "data: {}", "", ": ping", "", "event: rows", "data: [1,", "data: 2]", ""
    )
    assert [event async for event in events(stream)] == [("list", "{}"), ("rows", "[1,2]")]


async def test_the_stream_is_followed_and_joined_again_after_it_broke() -> None:
    answers = iter([503, 200])

    def handler(_: httpx.Request) -> httpx.Response:
        status = next(answers, 500)
        body = 'event: list\ndata: {"rows":[{"report_id":"a","center_id":"busan"}],"last":true}\n\n'
        return httpx.Response(status, text=body if status == 200 else "")

    progress, opened = Progress(), asyncio.Event()
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://notify") as notify:
        task = asyncio.create_task(follow(notify, "central", shower(progress), opened))
        async with asyncio.timeout(DEADLINE_S):
            await opened.wait()
        task.cancel()
    assert progress.shown_by == {"a": {"busan"}}


async def test_staff_take_the_first_of_their_list_and_leave_others_alone() -> None:
    taken: list[str] = []
    done = asyncio.Event()

    def handler(request: httpx.Request) -> httpx.Response:
        taken.append(request.url.path.split("/")[4])
        if len(taken) == 2:
            done.set()
        return httpx.Response(200, json={})

    progress = Progress()
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://notify") as notify:
        staff = Staff(notify, "busan", progress, seed=1)
        staff.rows([row("later", key="1"), row("first", key="0"), row("other", "jeju"), row("foreign")], 0.0)
        staff.rows([row("gone")], 0.0)
        staff.rows([row("gone", state="acknowledged")], 0.0)
        task = asyncio.create_task(staff.work(only=lambda report_id: report_id != "foreign"))
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()
            while progress.acknowledged["busan"] < 2:  # noqa: ASYNC110  # the last answer is still on its way
                await asyncio.sleep(0)
        task.cancel()
    assert taken == ["first", "later"]


async def test_what_was_taken_back_while_staff_reached_for_it_is_let_go() -> None:
    taken: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        taken.append(request.url.path.split("/")[4])
        return httpx.Response(200, json={})

    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://notify") as notify:
        staff = Staff(notify, "busan", Progress(), seed=1)
        staff.rows([row("gone")], 0.0)
        task = asyncio.create_task(staff.work(only=lambda _: True))
        await asyncio.sleep(0)  # they reach for it
        staff.rows([row("gone", state="ended"), row("stays")], 0.0)
        async with asyncio.timeout(DEADLINE_S):
            while not taken:  # noqa: ASYNC110  # the request is on its way
                await asyncio.sleep(0.01)
        task.cancel()
    assert taken == ["stays"]


def test_capacity_makes_room_above_what_is_open() -> None:
    found = capacities(["busan", "jeju"], {"jeju": 300}, reports=60, staff=3, spare=1.0, heaviest=999)
    assert found == {"busan": 10, "jeju": 20}
    assert capacities(["busan"], {"busan": 10**6}, reports=1, staff=3, spare=1.0, heaviest=999) == {"busan": 999}
