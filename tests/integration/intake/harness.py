"""An intake process inside the test: the real parts on the real engines, spoken to over HTTP without a socket."""

import asyncio
import base64
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from unittest import mock

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr

from services.intake import main
from services.intake.clients.service import ClientService
from services.intake.links import service as links
from services.intake.main import Intake
from services.intake.receipts.authentication import WRONG_TAKES_S, ReceiptAuthenticator
from services.intake.settings import IntakeSettings
from services.intake.webform import receipt_page
from shared import mongo
from shared.clock import Clock, SystemClock
from shared.events.base import Event, encode
from shared.identity.roles import REAL_SCOPES
from shared.kafka.connection import client_options, topic_name
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import BY_NAME, REPORTS, Topic
from shared.trace import new_traceparent
from tests.support.clock import ManualClock, store_time_by
from tests.support.keys import KEYS
from tests.support.staff import TestIdentity
from tests.support.waiting import DEADLINE_S, eventually

FRONT_END = "api"
KEPT = frozenset({"audit", "audit_anchors", "clients", "jobs"})
"""Collections that stay from test to test of one intake: what the service knows of them it knows in memory too."""
LEAST: dict[str, Any] = {"role": "victim", "harm_types": ["other"], "division": "busan"}


def secret(letter: str) -> SecretStr:
    return SecretStr(base64.b64encode(letter.encode() * 32).decode())


def settings(**more: Any) -> IntakeSettings:
    given: dict[str, Any] = {
        "master_key": secret("m"),
        "receipt_key": secret("r"),
        "link_key": secret("l"),
        "signing_key": secret("s"),
        "IEUM_TICKET_KEY": secret("t"),
        "audit_key": secret("a"),
        "status_questions_per_minute": 10_000,
        "wrong_receipts_per_hour": 10_000,
        # All tests come from one network; those about that say their own.
        "free_reports": 10_000,
        "many_reports": 10_000,
        # Nobody listens there: people are known by what a test lets ``IntakeHarness.people`` sign.
        "IEUM_IDENTITY_URL": "http://127.0.0.1:9",
        "callback_networks": ("127.0.0.0/8",),
    }
    return IntakeSettings(**{**given, **more})


class Browser(httpx.AsyncClient):
    """A client that goes from a report that was sent to the page of its receipt, and follows no other redirect."""

    async def post(self, url: Any, **more: Any) -> httpx.Response:
        answer = await super().post(url, **more)
        target = answer.headers.get("location", "")
        if answer.status_code == httpx.codes.SEE_OTHER and target.partition("?")[0] == receipt_page.PATH:
            kept = {name: value for name, value in (more.get("headers") or {}).items() if name.lower() != "origin"}
            answer = await self.get(target, headers=kept)
        return answer


@dataclass(slots=True)
class IntakeHarness:
    intake: Intake
    http: httpx.AsyncClient
    bus_settings: KafkaSettings
    store_settings: StoreSettings
    people: TestIdentity
    credentials: dict[str, str]
    earlier: set[str] = field(default_factory=set)
    """Reports of tests that shared this intake before."""
    began: datetime = field(default_factory=SystemClock().now)
    """When the test began."""

    @property
    def collection(self) -> Any:
        return self.intake.reports.collection

    async def lodge(
        self, body: dict[str, Any] | None = None, *, key: str | None = None, front_end: str | None = None
    ) -> httpx.Response:
        headers = self.headers(front_end) | ({"Idempotency-Key": key} if key is not None else {})
        return await self.http.post("/api/v1/reports", json=LEAST if body is None else body, headers=headers)

    def headers(self, front_end: str | None = None) -> dict[str, str]:
        """What a front end sends with each request."""
        return {"Authorization": f"Bearer {self.credentials[front_end or FRONT_END]}"}

    async def status(self, receipt: str) -> dict[str, Any]:
        answer = await self.ask(receipt)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def ask(self, receipt: str) -> httpx.Response:
        return await self.http.post("/api/v1/receipts/status", json={"receipt": receipt}, headers=self.headers())

    async def log(self, topic: Topic = REPORTS) -> list[tuple[str, bytes]]:
        """Every record of a topic since the test began, as (key, value), partition by partition.

        Each once: the relay publishes at least once, and the same each time (a store that takes two seconds to say that
        a report is stored lets the sweep publish its event before the queue does).
        """
        return [one for one in dict.fromkeys(await log_of(self.bus_settings, topic)) if one[0] not in self.earlier]

    async def clear(self) -> None:
        """Forget what earlier tests left: all but the front ends and the audit."""
        await eventually(self._goes_on_to_rest)
        self.earlier |= {report["_id"] async for report in self.collection.find({}, {"_id": 1})}
        database = self.collection.database
        for name in set(await database.list_collection_names()) - KEPT:
            await database[name].delete_many({})
        self.http.cookies.clear()
        self.intake.identity.adopt(self.people.document())  # as identity says again and again, also years later
        self.began = SystemClock().now()

    async def _goes_on_to_rest(self) -> bool:
        clock = self.intake.audit.clock
        if isinstance(clock, ManualClock):
            await clock.advance(1)  # jobs wait for their pace by it
        return await self.at_rest()

    async def at_rest(self) -> bool:
        """Whether every report's event is published and every report is in the index of links."""
        unfinished = {"$or": [{"outbox": {"$exists": True}}, {"links_since": {"$exists": True}}]}
        return not self.intake.link_service.in_flight and not await self.collection.count_documents(unfinished)

    async def sign(self, report_id: str) -> None:
        """Have a report count as intake's own that a test wrote to: it stands for what another build wrote."""
        document = await self.collection.find_one({"_id": report_id})
        codes = self.intake.reports.authentication.signed(document)["authentication"]
        await self.collection.update_one({"_id": report_id}, {"$set": {"authentication": codes}})

    async def nothing_pending(self) -> bool:
        """Whether every event of the store is published."""
        return not await self.collection.count_documents({"outbox": {"$exists": True}})

    async def publish(self, events: Sequence[Event]) -> None:
        publisher = Publisher(self.bus_settings)
        await publisher.start()
        try:
            for event in events:
                record = encode(
                    event, source=BY_NAME[event.TOPIC].writer, time=SystemClock().now(), traceparent=new_traceparent()
                )
                await publisher.publish([record])
        finally:
            await publisher.stop()


@contextlib.asynccontextmanager
async def running(
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    *,
    opened: bool = True,
    clock: Clock | None = None,
    store_clock: Clock | None = None,
    leave_s: float = 0.0,
    wrong_takes_s: float = WRONG_TAKES_S,
    **more: Any,
) -> AsyncIterator[IntakeHarness]:
    """``store_clock``: the store's, where it is not to go by ``clock`` too.

    ``leave_s``: how long published events are left to be cleared with the progress; tests wait for neither.
    ``wrong_takes_s``: how long the answer to a wrong receipt takes, for a test that is not about it and asks hundreds.

    However long the store takes on this machine, no report goes without its links.
    """
    clock = clock or SystemClock()
    with (
        mock.patch.object(main, "RELAY_LEAVE_S", leave_s),
        mock.patch.object(main, "ReceiptAuthenticator", partial(ReceiptAuthenticator, wrong_takes_s=wrong_takes_s)),
        mock.patch.object(mongo, "store_time", store_time_by(store_clock or clock)),
    ):
        intake = main.build(settings(**more), bus_settings, store_settings, clock)
    work = asyncio.create_task(intake.work())
    transport = httpx.ASGITransport(app=intake.app)
    try:
        with mock.patch.object(links, "LOOKUP_TIMEOUT_S", DEADLINE_S):
            async with Browser(
                transport=transport, base_url="http://intake", headers={"sec-fetch-site": "same-origin"}
            ) as http:
                people = TestIdentity(clock, "intake")
                intake.identity.adopt(people.document())
                harness = IntakeHarness(intake, http, bus_settings, store_settings, people, {})
                if opened:
                    await eventually(lambda: _is_none(intake.group.check), working=work)
                    harness.credentials |= await credentials(intake)
                yield harness
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        intake.reports.collection.database.client.close()


async def credentials(intake: Intake) -> dict[str, str]:
    """Credentials of two front ends that may do everything; new ones where an earlier intake made some."""
    clients = intake.clients.clients
    known = {client.client_id for client in await clients.all()}
    office = ClientService(clients, KEYS, SystemClock())
    return {
        name: await (
            office.rotate(name, only=False) if name in known else office.add(name, name, list(REAL_SCOPES), 10**7)
        )
        for name in (FRONT_END, "kiosk")
    }


async def _is_none(check: Callable[[], object]) -> bool:
    return check() is None


async def log_of(bus_settings: KafkaSettings, topic: Topic = REPORTS) -> list[tuple[str, bytes]]:
    """Every record of a topic, as (key, value), partition by partition."""
    name = topic_name(bus_settings, topic)
    consumer = AIOKafkaConsumer(**client_options(bus_settings), auto_offset_reset="earliest", fetch_max_wait_ms=100)
    await consumer.start()
    try:
        partitions = [TopicPartition(name, p) for p in consumer.partitions_for_topic(name) or ()]
        if not partitions:
            await consumer._client.force_metadata_update()
            partitions = [
                TopicPartition(name, p)
                for p in (await consumer._client.fetch_all_metadata()).partitions_for_topic(name) or ()
            ]
        consumer.assign(partitions)
        found: list[tuple[str, bytes]] = []
        for place, end in (await consumer.end_offsets(partitions)).items():
            consumer.seek(place, 0)
            start = len(found)
            while len(found) - start < end:
                for records in (await consumer.getmany(place, timeout_ms=500)).values():
                    found += [(record.key.decode(), record.value) for record in records]
        return found
    finally:
        await consumer.stop()


def new_key() -> str:
    return uuid.uuid4().hex
