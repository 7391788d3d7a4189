"""Three journeys through the whole system: real processes, real engines, real Chromium in two windows."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from playwright.async_api import Browser, Page, expect

from tests.browser.helpers import follow, go_on
from tests.browser.whole import Whole, running, sign_in, window
from tests.support.waiting import DEADLINE_S, eventually
from tools.demo.auditor import DemoAuditor
from tools.demo.ledger import Ledger
from tools.local.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]
_COPIES = 3
CENTRAL = "central-counsellor-lead"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Everything, for these journeys alone."""
    with running(tmp_path_factory.mktemp("journey"), {CENTRAL, "busan-lead", "jeju-lead"}) as started:
        yield started


@pytest.fixture
def stack(whole: Whole) -> Stack:
    return whole.stack


@pytest_asyncio.fixture(loop_scope="module")
async def staff(whole: Whole) -> AsyncIterator[httpx.AsyncClient]:
    """The central desk, who may see every decision and case, by full addresses."""
    async with httpx.AsyncClient(auth=whole.crew.auth(CENTRAL), timeout=DEADLINE_S, trust_env=False) as client:
        yield client


async def console(chromium: Browser, whole: Whole, name: str, center: str) -> Page:
    """A staff member's own window on a centre's list, live."""
    page = await window(chromium)
    await sign_in(page, whole, name)
    await page.goto(whole.url("notify", f"/?center={center}"))
    await expect(page.locator(".console[data-live=yes]")).to_be_attached()
    return page


async def lodge(whole: Whole, **report: object) -> str:
    """The id of a report taken in over the API."""
    body = {"role": "victim", "harm_types": ["illegal_filming"], **report}
    headers = whole.front_ends.headers(str(report.get("channel")))
    async with httpx.AsyncClient(headers=headers, timeout=DEADLINE_S) as client:
        answer = await client.post(whole.url("intake", "/api/v1/reports"), json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["report_id"])


async def decided(staff: httpx.AsyncClient, stack: Stack, report_id: str) -> dict[str, Any]:
    """The one decision about a report, once routing shows it."""

    async def look() -> dict[str, Any] | None:
        answer = await staff.get(f"{stack.urls['routing']}/api/v1/decisions/{report_id}")
        return answer.json() if answer.is_success else None

    found = await eventually(look)
    assert len(found["records"]) == 1
    decision: dict[str, Any] = found["records"][0]["event"]["decision"]
    return decision


async def test_a_web_report_is_seen_live_and_acknowledged_and_the_receipt_tells_the_truth(
    whole: Whole, stack: Stack, chromium: Browser
) -> None:
    desk = await console(chromium, whole, "jeju-lead", "jeju")
    await expect(desk.locator("li.case")).to_have_count(0)

    person = await (await chromium.new_context(locale="en-GB")).new_page()
    await person.goto(f"{stack.urls['intake']}/?lang=en")
    await follow(person, person.locator("a[href='/form/who']").click())
    await person.locator("input[name=role][value=victim]").check()
    await go_on(person, "what")
    await person.locator("input[name=harm_types][value=distribution_threat]").check()
    await go_on(person, "urgent")
    await person.locator("input[name=money_demanded][value=yes]").check()
    for slug in ("about", "seen", "words"):
        await go_on(person, slug)
    await person.locator("textarea[name=narrative]").fill("Someone says they will post pictures of me.")
    for slug in ("other", "told", "place"):
        await go_on(person, slug)
    await person.locator("select[name=division]").select_option("jeju")
    await go_on(person, "check", by="check")
    await follow(person, person.locator("#send button[type=submit]").click())
    receipt = "".join((await person.locator(".receipt-code").inner_text()).split())
    assert len(receipt.replace("-", "")) == 16

    row = desk.locator("li.case")
    await expect(row).to_have_count(1)
    await expect(row).to_have_attribute("data-state", "waiting")
    assert "post pictures" not in await desk.content()

    async def steps_done() -> int:
        await person.goto(f"{stack.urls['intake']}/status?lang=en")
        await person.locator("#receipt").fill(receipt)
        await follow(person, person.locator("main form button[type=submit]").click())
        await expect(person.locator("ol.way")).to_be_visible()
        return await person.locator("ol.way li.done").count()

    async def at(centre_knows: int) -> bool:
        return await steps_done() == centre_knows

    await eventually(lambda: at(2))  # received, joined to a centre; nobody has seen it yet
    await row.locator(".case-do button").click()
    await expect(row).to_have_attribute("data-state", "acknowledged")
    await eventually(lambda: at(3))
    await expect(person.locator("main")).to_contain_text("Jeju")


async def test_a_phone_report_goes_to_a_neighbour_when_home_is_full_and_says_why(
    whole: Whole, stack: Stack, chromium: Browser, staff: httpx.AsyncClient
) -> None:
    duty = {"state": "open", "staff_on_duty": 1, "cases_per_person": 2}
    async with whole.crew.client("busan-lead") as busan:
        (await busan.put("/api/v1/centers/busan/duty", json=duty)).raise_for_status()

    async def routing_knows() -> bool:
        rows = (await staff.get(f"{stack.urls['routing']}/api/v1/centers")).json()["centers"]
        return any(row["center_id"] == "busan" and row["staff_on_duty"] == 1 for row in rows)

    await eventually(routing_knows)
    first = await decided(staff, stack, await lodge(whole, division="부산"))
    assert (first["center_id"], first["reason"]) == ("busan", "home")

    async def busan_is_loaded() -> bool:
        rows = (await staff.get(f"{stack.urls['routing']}/api/v1/centers")).json()["centers"]
        return any(row["center_id"] == "busan" and row["band"] != "free" for row in rows)

    await eventually(busan_is_loaded)
    desk = await console(chromium, whole, CENTRAL, "central")
    report_id = await lodge(whole, division="부산", channel="phone", threatened=True)
    decision = await decided(staff, stack, report_id)
    assert decision["home_center_id"] == "busan"
    assert decision["reason"] == "home_full_neighbour"
    assert decision["center_id"] in {"ulsan", "gyeongnam"}
    await expect(desk.locator(f"#case-{report_id}")).to_be_visible()

    await desk.goto(f"{stack.urls['routing']}/decisions/{report_id}?lang=en")
    chosen = desk.locator("tr.chosen")
    await expect(chosen).to_have_count(1)
    candidates = desk.locator("tbody tr")
    assert await candidates.count() == 16
    await expect(desk.locator("main")).to_contain_text("Decided again from these numbers, the answer is the same.")
    await expect(desk.locator(".answer")).to_contain_text("Home Busan was at")
    await expect(desk.locator(".answer")).to_contain_text("across the land border")


@pytest.mark.thorough
async def test_a_report_published_again_is_owned_alerted_and_counted_once(
    whole: Whole, stack: Stack, staff: httpx.AsyncClient
) -> None:
    report_id = await lodge(whole, division="sejong")
    await decided(staff, stack, report_id)

    async def counted() -> dict[str, Any]:
        answer = await staff.get(f"{stack.urls['analytics']}/api/v1/reconciliation")
        counts = dict(answer.raise_for_status().json())
        del counts["acknowledged"]  # of the journeys before: analytics reads that topic in its own time
        return counts

    async def alerted_and_counted() -> bool:
        ledger, counts = await ledger_of(stack), await counted()
        everyone = {counts[name] for name in ("accepted", "routed", "alerted", "counted")} == {len(ledger.received)}
        return everyone and all(ledger.alerts[r] for r in ledger.received)

    await eventually(alerted_and_counted)
    before, counts = await ledger_of(stack), await counted()
    await publish_again(stack.kafka, report_id)
    await eventually(lambda: consumed(stack.kafka, ("routing", "analytics")))

    after = await ledger_of(stack)
    assert after.received[report_id] == before.received[report_id] + _COPIES
    assert after.owned[report_id] == before.owned[report_id]
    assert (after.ignored, after.holes, after.dead) == (0, [], {})
    assert after.alerts[report_id] == before.alerts[report_id]
    assert await counted() == counts
    listed = (await staff.get(f"{stack.urls['notify']}/api/v1/cases", params={"center": "sejong"})).json()["cases"]
    assert [row["report_id"] for row in listed] == [report_id]


async def ledger_of(stack: Stack) -> Ledger:
    """What the topics hold, read from their first record."""
    auditor = DemoAuditor(stack.kafka_settings())
    await auditor.start()
    try:
        return await auditor.catch_up()
    finally:
        await auditor.stop()


async def publish_again(kafka: str, report_id: str) -> None:
    """The report's own record, the same bytes, some more times."""
    consumer = AIOKafkaConsumer("reports", bootstrap_servers=kafka, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await consumer.start()
    await producer.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            async for record in consumer:
                if record.key == report_id.encode():
                    break
        for _ in range(_COPIES):
            await producer.send_and_wait(
                "reports", record.value, key=record.key, headers=list(record.headers), partition=record.partition
            )
    finally:
        await producer.stop()
        await consumer.stop()


async def consumed(kafka: str, groups: tuple[str, ...]) -> bool:
    """Whether these groups have committed everything that is in `reports`."""
    admin, consumer = AIOKafkaAdminClient(bootstrap_servers=kafka), AIOKafkaConsumer(bootstrap_servers=kafka)
    await admin.start()
    await consumer.start()
    try:
        described = await admin.describe_topics(["reports"])
        partitions = [TopicPartition("reports", p["partition"]) for p in described[0]["partitions"]]
        ends = await consumer.end_offsets(partitions)
        for group in groups:
            committed = await admin.list_consumer_group_offsets(group)
            if any(end > 0 and (p not in committed or committed[p].offset < end) for p, end in ends.items()):
                return False
        return True
    finally:
        await consumer.stop()
        await admin.close()
