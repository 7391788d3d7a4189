"""What staff do, by the API and on the stream."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from shared.kafka.connection import dead_topic_name
from shared.topics import CASES, REPORTS
from shared.web.serve import serve
from tests.integration.notify.conftest import NotifyHarness, Staff, Start, log_of
from tests.support.mail import MailSink
from tests.support.waiting import DEADLINE_S, eventually
from tests.unit.notify.samples import event, report_id, stream
from tools.local.ports import free_port


async def test_of_two_who_acknowledge_one_wins_and_the_other_hears_who(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: harness.case(report_id(1)))
    answers = await asyncio.gather(*(harness.acknowledge(report_id(1), "gwangju", by) for by in ("kim", "lee")))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    won = next(a for a in answers if a.status_code == 200).json()
    lost = next(a for a in answers if a.status_code == 409).json()
    assert lost["code"] == "already_acknowledged"
    assert won["acknowledged_by"] in lost["detail"]
    assert (await harness.acknowledge(report_id(1), "gwangju", won["acknowledged_by"])).status_code == 200

    async def told() -> bool:
        return [(e.TYPE, e.sequence) for e in await log_of(harness.bus, CASES)] == [("case.acknowledged.v1", 1)]

    await eventually(told)


async def test_a_centre_that_lost_the_case_cannot_acknowledge_it(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await harness.routed(*stream(1)[:3])
    await eventually(lambda: _owned(harness, "busan"))
    answer = await harness.acknowledge(report_id(1), "gwangju", "kim")
    assert (answer.status_code, answer.json()["code"]) == (403, "owner_changed")
    assert "부산 센터가" in answer.json()["detail"]
    kim = harness.staff("gwangju", subject="kim")
    page = await harness.http.post(f"/cases/{report_id(1)}/acknowledge", data={"ownership": "1"}, auth=kim)
    assert page.status_code == 403
    assert "부산 센터가" in page.text
    assert (await harness.acknowledge(report_id(1), "busan", "lee")).status_code == 200
    unknown = await harness.acknowledge(report_id(2), "busan", "lee")
    assert (unknown.status_code, unknown.json()["code"]) == (403, "not_allowed")


async def _owned(harness: NotifyHarness, center: str) -> bool:
    row = await harness.case(report_id(1))
    return row is not None and row["center_id"] == center


BAD_REQUESTS: list[tuple[str, str, dict[str, Any] | None, int]] = [
    ("POST", "/api/v1/cases/nonsense/acknowledge", {"ownership": 1}, 422),
    ("POST", f"/api/v1/cases/{report_id(1)}/acknowledge", {"center_id": "busan", "by": "kim lee!"}, 422),
    ("POST", f"/api/v1/cases/{report_id(1)}/acknowledge", {"ownership": 0}, 422),
    ("POST", f"/api/v1/cases/{report_id(1)}/acknowledge", {"ownership": 1}, 403),
    ("PUT", "/api/v1/centers/atlantis/duty", {"state": "open", "staff_on_duty": 1}, 404),
    ("PUT", "/api/v1/centers/busan/duty", {"state": "open", "staff_on_duty": -1}, 422),
    ("GET", "/api/v1/cases?cursor=zzz", None, 422),
    ("GET", "/api/v1/cases?center=atlantis", None, 404),
]


async def test_bad_requests_are_named(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    for method, path, body, status in BAD_REQUESTS:
        answer = await harness.http.request(method, path, json=body, auth=harness.staff("busan", "lead"))
        assert answer.status_code == status, (method, path, body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "kim lee" not in answer.text
        wrong = {"Authorization": "Bearer wrong"}
        unsigned = await harness.http.request(method, path, json=body, auth=None, headers=wrong)
        assert unsigned.status_code == 401, (method, path, body)


async def test_the_list_is_paged_in_the_order_of_need(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    urgencies = ["normal", "critical", "high"]
    await harness.routed(*(event("report.routed", n, urgency=urgencies[n % 3]) for n in range(25)))

    async def everything() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = {"center": "gwangju", "limit": "10"} | ({"cursor": cursor} if cursor else {})
            page = (await harness.http.get("/api/v1/cases", params=query)).json()
            rows += page["cases"]
            cursor = page["next"]
        return rows

    async def all_there() -> bool:
        return len(await everything()) == 25

    await eventually(all_there)
    rows = await everything()
    assert [r["urgency"] for r in rows] == ["critical"] * 8 + ["high"] * 8 + ["normal"] * 9
    assert len({r["report_id"] for r in rows}) == 25
    await harness.acknowledge(rows[0]["report_id"], "gwangju", "kim")
    waiting = (await harness.http.get("/api/v1/cases", params={"center": "gwangju", "state": "waiting"})).json()
    assert len(waiting["cases"]) == 24
    assert (await harness.http.get("/api/v1/centers/gwangju")).json()["acknowledged"] == 1
    for organisation, role, status in (
        ("gwangju", "counsellor", 200),
        ("gwangju", "lead", 200),
        ("central", "counsellor", 200),
        ("busan", "lead", 403),
        ("gwangju", "operator", 403),
        ("ministry", "auditor", 403),
    ):
        told = await harness.http.get("/api/v1/centers/gwangju", auth=harness.staff(organisation, role))
        assert (told.status_code, "acknowledged" in told.json()) == (status, status == 200), (organisation, role)


@contextlib.asynccontextmanager
async def listening(harness: NotifyHarness, port: int = 0) -> AsyncIterator[str]:
    """The app behind a real server, on a free port or on this one: a stream needs a socket."""
    port = port or free_port()
    task = asyncio.create_task(serve(harness.notify.app, "127.0.0.1", port))
    base = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as http:

            async def up() -> bool:
                try:
                    return (await http.get(f"{base}/health/live")).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(up)
        yield base
    finally:
        harness.notify.broadcaster.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Console:
    """A client of the stream that keeps the list the way the page does."""

    def __init__(self, harness: NotifyHarness, base: str, center: str, who: Staff | None = None) -> None:
        self.url = f"{base}/api/v1/stream?center={center}"
        self.who = who or harness.staff(center, "counsellor")
        self.said: list[tuple[str, Any]] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.listed = asyncio.Event()

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=DEADLINE_S, auth=self.who) as http, http.stream("GET", self.url) as answer:
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    self.said.append((name, json.loads(line[6:])))
                    if name in ("list", "rows"):
                        self._take(json.loads(line[6:]))

    def _take(self, body: dict[str, Any]) -> None:
        for row in body["rows"]:
            if row["rev"] > self.rows.get(row["report_id"], {"rev": 0})["rev"]:
                self.rows[row["report_id"]] = row
        for gone in body["gone"]:
            self.rows.pop(gone["report_id"], None)
        if body.get("last"):
            self.listed.set()


async def test_the_stream_shows_a_new_case_and_loses_none_over_reconnects(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await harness.routed(*(event("report.routed", n) for n in range(5)))
    await eventually(lambda: harness.shown(*range(5)))
    async with listening(harness) as base:
        first = Console(harness, base, "gwangju")
        task = asyncio.create_task(first.run())
        await asyncio.wait_for(first.listed.wait(), DEADLINE_S)
        assert len(first.rows) == 5
        # How soon is measured by ``tests.performance.bench_console``: a test's machine may stand still for a second.
        await harness.routed(event("report.routed", 10))
        await eventually(lambda: report_id(10) in first.rows)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        # While nobody listens, and while the next one is connecting, more arrives.
        feed = asyncio.create_task(_feed(harness, range(20, 60)))
        second = Console(harness, base, "gwangju")
        task = asyncio.create_task(second.run())
        await feed
        await eventually(lambda: len(second.rows) == 46)
        await harness.acknowledge(report_id(10), "gwangju", "kim")
        await eventually(lambda: second.rows[report_id(10)]["state"] == "acknowledged")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _feed(harness: NotifyHarness, numbers: range) -> None:
    for n in numbers:
        await harness.routed(event("report.routed", n))


async def test_a_row_another_process_wrote_is_shown_too(start: Start, sink: MailSink) -> None:
    del sink
    one, two = await start(), await start()
    async with listening(one) as base:
        console = Console(one, base, "gwangju")
        task = asyncio.create_task(console.run())
        await asyncio.wait_for(console.listed.wait(), DEADLINE_S)
        numbers = range(30)  # both processes own partitions: some of these are the other's
        await one.routed(*(event("report.routed", n) for n in numbers))
        await eventually(lambda: len(console.rows) == 30)
        for n in numbers[:4]:
            assert (await two.acknowledge(report_id(n), "gwangju", "kim")).status_code == 200
        await eventually(lambda: sum(r["state"] == "acknowledged" for r in console.rows.values()) == 4)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_dead_record_is_told_to_central_once(start: Start, sink: MailSink) -> None:
    harness = await start()
    headers = [
        ("dead_reason", b"not_json"),
        ("dead_topic", b"reports"),
        ("dead_partition", b"0"),
        ("dead_offset", b"7"),
    ]
    name = dead_topic_name(harness.bus, REPORTS)
    for _ in range(2):
        await harness.publisher.send(name, 0, [(b"k", b"\xff garbage", headers)])
    await eventually(lambda: sink.mails)
    to, mail = sink.mails[0]
    assert to == "night-desk@central.ieum.example"
    assert "reports" in mail.get_content()
    [record] = await harness.notify.dead_letter_store.unread()
    assert record.origin == "reports/0/7"
    assert len(sink.mails) == 1
