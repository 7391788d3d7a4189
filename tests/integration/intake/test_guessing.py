"""Whoever guesses receipts is counted by all intakes together, in a store that keeps no address."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.intake.reports import receipt_numbers
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running
from tests.support.waiting import eventually

LIMIT = 10
Pair = tuple[IntakeHarness, IntakeHarness]
pytestmark = pytest.mark.own_service


@pytest_asyncio.fixture(loop_scope="module")
async def pair(bus_settings: KafkaSettings, store_settings: StoreSettings) -> AsyncIterator[Pair]:
    """Two intakes with one store."""
    async with (
        running(bus_settings, store_settings, wrong_receipts_per_hour=LIMIT) as one,
        running(bus_settings, store_settings, wrong_receipts_per_hour=LIMIT) as other,
    ):
        yield one, other


def wrong(number: int) -> dict[str, str]:
    return {"receipt": receipt_numbers.from_number(10_000 + number)}


async def on_the_page(harness: IntakeHarness, typed: dict[str, str]) -> httpx.Response:
    return await harness.http.post("/status?lang=en", data=typed)


async def test_two_processes_hold_back_together_and_the_store_keeps_no_address(pair: Pair) -> None:
    one, other = pair
    right = {"receipt": (await one.lodge()).json()["receipt"]}
    assert (await on_the_page(other, right)).status_code == 200
    counts = one.collection.database["wrong_receipts"]
    assert await counts.count_documents({}) == 0, "right receipts cost no count"
    sent = await asyncio.gather(*(on_the_page(pair[n % 2], wrong(n)) for n in range(LIMIT)))
    assert {page.status_code for page in sent} == {404}
    proved = other.http.cookies["place"]

    async def held() -> bool:
        for each in pair:
            each.http.cookies.clear()
        return [(await on_the_page(each, right)).status_code for each in pair] == [429, 429]

    await eventually(held)
    page = await on_the_page(other, right)
    assert 3000 < int(page.headers["retry-after"]) <= 3600
    assert "call 1366" in page.text
    assert (await one.ask(right["receipt"])).status_code == 200, "front ends are counted apart"
    for each in pair:
        each.http.cookies.set("place", proved)
        assert (await on_the_page(each, right)).status_code == 200, "a browser that gave it before keeps its place"
        assert (await on_the_page(each, wrong(1))).status_code == 429
        left = await each.http.get("/leave")
        assert any(cookie.startswith('place=""') for cookie in left.headers.get_list("set-cookie"))
    stored: list[dict[str, Any]] = await counts.find({}).to_list(None)
    assert sorted(document["_id"].split(":")[1] for document in stored) == ["country", "network", "wide_network"]
    assert "127.0.0" not in repr(stored)
    assert all("until" in document for document in stored)


async def test_wrong_receipts_through_a_front_end_hold_back_that_front_end_alone(pair: Pair) -> None:
    one, other = pair
    right = (await one.lodge()).json()["receipt"]
    kiosk = one.headers("kiosk")

    async def guess(number: int, visitor: str = "") -> int:
        named = {**kiosk, **({"Ieum-Visitor": visitor} if visitor else {})}
        answer = await one.http.post("/api/v1/receipts/status", json=wrong(number), headers=named)
        return answer.status_code

    assert await guess(0, "no spaces") == 400
    assert {*await asyncio.gather(*(guess(n, "one") for n in range(LIMIT)))} == {404}
    assert (await guess(0, "one"), await guess(0, "another")) == (429, 404), "visitors are held back one by one"
    assert {*await asyncio.gather(*(guess(n) for n in range(10 * LIMIT)))} == {404}

    async def held() -> bool:
        answer = await other.http.post("/api/v1/receipts/status", json={"receipt": right}, headers=kiosk)
        return answer.status_code == 429 and answer.json()["code"] == "too_many_requests"

    await eventually(held)
    assert (await other.ask(right)).status_code == 200
    assert (await on_the_page(other, {"receipt": right})).status_code == 200
