"""Front ends are told by callback how reports stand: in order, signed, at least once, and nobody waits for them."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock

import orjson
from standardwebhooks import Webhook

from services.intake.callbacks.models import CallbackSubscription, StatusChange
from services.intake.callbacks.repository import CallbackRepository, PageStart
from services.intake.clients.service import ClientService
from shared import mongo
from shared.clock import SystemClock, whole_milliseconds
from shared.events.cases import CaseAcknowledged
from shared.settings import StoreSettings
from tests.integration.intake.harness import FRONT_END, LEAST, IntakeHarness
from tests.integration.intake.test_following import case, routing
from tests.support.keys import KEYS
from tests.support.waiting import eventually

SHORT = timedelta(seconds=1)


@dataclass(slots=True)
class Receiver:
    """A front end's receiver. ``status`` 0: it never answers."""

    status: int = 204
    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.got.append((headers, body))
            if not self.status:
                await reader.read()
            writer.write(f"HTTP/1.1 {self.status} x\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        finally:
            self.open -= 1
            writer.close()

    @property
    def told(self) -> list[tuple[int, str]]:
        """Each change once, in order: a callback is sent at least once."""
        said = [orjson.loads(body)["data"] for _, body in self.got]
        return list(dict.fromkeys((one["sequence"], one["state"]) for one in said))


@contextlib.asynccontextmanager
async def receiving(
    harness: IntakeHarness, status: int = 204, client: str = FRONT_END
) -> AsyncIterator[tuple[Receiver, list[str]]]:
    """A receiver that a front end has, and the secrets that sign for it."""
    receiver = Receiver(status)
    office = ClientService(harness.intake.clients.clients, KEYS, SystemClock())
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    async with server:
        receiver.port = server.sockets[0].getsockname()[1]
        secrets = await office.set_callback(client, f"http://127.0.0.1:{receiver.port}/status")
        await harness.intake.clients.refresh()
        try:
            yield receiver, secrets
        finally:
            await office.set_callback(client, None)
            await harness.intake.clients.refresh()


async def lodged(harness: IntakeHarness, reference: str, front_end: str = FRONT_END, **more: Any) -> dict[str, str]:
    headers = harness.headers(front_end) | {"Ieum-Callback": reference}
    answer = await harness.http.post("/api/v1/reports", json=LEAST | more, headers=headers)
    assert answer.status_code == 202, answer.text
    body: dict[str, str] = answer.json()
    return body


async def test_a_front_end_is_told_in_order_signed_and_without_anything_of_the_person(harness: IntakeHarness) -> None:
    async with receiving(harness) as (receiver, secrets):
        report = await lodged(harness, "k3J9-fQ27", narrative="a canary", word="my own word")
        await harness.publish([await routing(harness, report["report_id"], 1, "busan")])
        await eventually(lambda: receiver.told == [(1, "assigned")])
        await harness.publish([case(CaseAcknowledged, report["report_id"], 1)])
        await eventually(lambda: receiver.told[-1] == (2, "seen"))
        asked = {"receipt": report["receipt"], "word": "my own word", "at_once": True, "understood": True}
        answer = await harness.http.post("/api/v1/receipts/withdraw", json=asked, headers=harness.headers())
        assert answer.json()["state"] == "erased", answer.text
        await eventually(lambda: receiver.told[-1][1] == "erased")
        assert [sequence for sequence, _ in receiver.told] == list(range(1, len(receiver.told) + 1))
        for headers, body in receiver.got:
            said = Webhook(secrets[0]).verify(body, headers)
            assert said["data"].keys() == {"reference", "sequence", "state", "since"}
            assert said["data"]["reference"] == "k3J9-fQ27"
            whole = body.decode() + repr(headers)
            assert not [one for one in (report["report_id"], report["receipt"], "busan", "canary") if one in whole]
        database = harness.collection.database
        # Once the last is told nothing is left of it.
        await eventually(lambda: _none(database["callbacks"], {"_id": report["report_id"]}))
        await eventually(lambda: _none(harness.collection, {"callback_since": {"$exists": True}}))


async def _none(collection: Any, wanted: dict[str, Any]) -> bool:
    return not await collection.count_documents(wanted)


async def test_killed_between_sending_and_mark_it_is_sent_again_with_the_same_id(harness: IntakeHarness) -> None:
    service = harness.intake.callbacks
    async with receiving(harness) as (receiver, _):
        marked = mock.AsyncMock(side_effect=asyncio.CancelledError)
        with (
            mock.patch.object(service.callbacks, "done", marked),
            mock.patch("services.intake.callbacks.repository.LEASE", SHORT),
        ):
            report = await lodged(harness, "again")
            await harness.publish([await routing(harness, report["report_id"], 1, "busan")])
            await eventually(lambda: receiver.told == [(1, "assigned")])
            await eventually(lambda: marked.called)
        await eventually(lambda: len(receiver.got) >= 2)
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        assert len({body for _, body in receiver.got}) == 1
        assert receiver.told == [(1, "assigned")]


async def test_a_receiver_that_never_answers_delays_nobody(harness: IntakeHarness) -> None:
    async with receiving(harness, 0, "kiosk") as (dead, _), receiving(harness) as (living, _):
        stuck = [await lodged(harness, f"stuck-{number}", "kiosk") for number in range(6)]
        callbacks = harness.intake.callbacks
        # Until all are due: a round that begins with the first few hangs for ten seconds before it takes four.
        callbacks._paused_until["kiosk"] = math.inf
        await harness.publish([await routing(harness, one["report_id"], 1, "busan") for one in stuck])
        await eventually(partial(_due, harness, "kiosk", len(stuck)))
        del callbacks._paused_until["kiosk"]
        await eventually(lambda: dead.most_open == 4)
        report = await lodged(harness, "living")
        await harness.publish([await routing(harness, report["report_id"], 1, "busan")])
        await eventually(lambda: living.told == [(1, "assigned")])
        # And the way of the reports goes on: a withdrawal is published while they hang.
        answer = await harness.http.post(
            "/api/v1/receipts/withdraw",
            json={"receipt": stuck[0]["receipt"], "at_once": False},
            headers=harness.headers("kiosk"),
        )
        assert answer.status_code == 200

        async def published() -> bool:
            return any(key == stuck[0]["report_id"] and b"withdrawn_at" in value for key, value in await harness.log())

        await eventually(published)
        assert dead.most_open == 4


async def _due(harness: IntakeHarness, client: str, number: int) -> bool:
    due = {"client": client, "due_at": {"$exists": True}}
    return bool(await harness.collection.database["callbacks"].count_documents(due) == number)


async def test_a_lost_hint_is_found_by_the_sweep_and_what_was_not_asked_for_is_not_told(harness: IntakeHarness) -> None:
    service = harness.intake.callbacks
    async with receiving(harness) as (receiver, _):
        with mock.patch.object(service, "hint"), mock.patch.object(harness.intake.reports, "on_change"):
            report = await lodged(harness, "swept")
            silent = (await harness.lodge()).json()
            await harness.publish([await routing(harness, one["report_id"], 1, "busan") for one in (report, silent)])

            async def assigned() -> bool:
                return bool((await harness.status(report["receipt"]))["state"] == "assigned")

            await eventually(assigned)
        service._hints.clear()
        await service.sweep()
        await eventually(lambda: receiver.told == [(1, "assigned")])
        assert {orjson.loads(body)["data"]["reference"] for _, body in receiver.got} == {"swept"}


async def test_without_an_address_a_reference_is_not_kept(harness: IntakeHarness) -> None:
    report = await lodged(harness, "unheard")
    stored = await harness.collection.find_one({"_id": report["report_id"]})
    assert not {"callback", "callback_since"} & stored.keys()


async def test_what_is_over_or_old_is_dropped_and_pages_go_on_where_the_last_one_ended(
    store_settings: StoreSettings,
) -> None:
    # A store of its own: an intake that runs would drop what belongs to no report of its own.
    database = mongo.connect(store_settings, "intake")
    store = CallbackRepository(database)
    await store.prepare()
    now = whole_milliseconds(SystemClock().now())

    def kept(name: str, *noticed: datetime, **more: Any) -> dict[str, Any]:
        told = [{"id": str(at), "sequence": 1, "state": "seen", "since": at, "noticed_at": at} for at in noticed]
        kept = {"_id": name, "client": "nobody", "reference": "r", "state": "seen", "sequence": 1, "pending": told}
        return kept | ({"due_at": noticed[0]} if noticed else {}) | {"lease_until": noticed[0]} | more

    old, young = now - timedelta(days=2), now - timedelta(hours=1)
    await database["callbacks"].insert_many(
        [
            kept("over-old", old, over=True),
            kept("over-young", young, over=True),
            kept("old", old, over=False),
            kept("both", old, young, over=False),
            kept("unreadable", young, sequence="one"),
        ]
    )
    assert await store.drop_old(now - timedelta(days=1)) == 3
    found = {one["_id"]: one async for one in database["callbacks"].find({"client": "nobody"})}
    assert {name: len(one["pending"]) for name, one in found.items()} == {
        "over-young": 1,
        "old": 0,
        "both": 1,
        "unreadable": 1,
    }
    assert "due_at" not in found["old"]
    assert await store.count("nobody", 3) == 3
    assert [one.report_id for one in await store.due("nobody", now, 10)] == ["both", "over-young"]
    again = await database["callbacks"].find_one({"_id": "unreadable"})
    assert again is not None
    assert again["due_at"] > now  # so that it makes room for the others

    marks = [{"_id": f"{number:03}", "callback_since": now, "receipt_hash": f"{number}"} for number in range(250)]
    await database["reports"].insert_many(marks)
    place: PageStart | None = PageStart()
    pages: list[list[str]] = []
    while place is not None:
        page, place = await store.open_reports(place, now)
        pages.append(page)
    assert [len(page) for page in pages] == [100, 100, 50]
    assert sorted(one for page in pages for one in page) == [mark["_id"] for mark in marks]
    await store.look_from("000", now + timedelta(days=1))
    assert "000" not in (await store.open_reports(PageStart(), now))[0]
    database.client.close()


async def test_a_reference_of_another_form_is_refused_before_anything_is_stored(harness: IntakeHarness) -> None:
    headers = harness.headers() | {"Ieum-Callback": "홍길동".encode().hex() + " x"}
    answer = await harness.http.post("/api/v1/reports", json=LEAST, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")
    assert await _none(harness.collection, {})


async def test_what_was_noticed_since_it_was_read_still_waits(store_settings: StoreSettings) -> None:
    store = CallbackRepository(mongo.connect(store_settings, "intake"))
    now = whole_milliseconds(SystemClock().now())
    await store.begin(CallbackSubscription(_id="one", client="nobody", reference="r", state="seen", sequence=0))
    first = StatusChange(id="1", sequence=1, state="seen", since=now, noticed_at=now)
    last = StatusChange(id="2", sequence=2, state="handed_over", since=now, noticed_at=now)

    async def read() -> CallbackSubscription:
        found = await store.of_report("one")
        assert found is not None
        return found

    assert await store.note(await read(), {"state": first.state, "sequence": 1}, first)
    before = await read()
    assert await store.note(before, {"state": last.state, "sequence": 2}, last)
    await store.hush(before)
    assert (await read()).pending == (first, last)
    await store.hush(await read())
    assert ((await read()).pending, (await read()).due_at) == ((), None)
