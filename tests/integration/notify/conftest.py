"""A running notify on the real engines, with a mail sink of its own."""

import asyncio
import base64
import contextlib
import secrets
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr

from services.notify.main import Notify, build
from services.notify.settings import NotifySettings
from shared.clock import Clock, SystemClock
from shared.events.base import Event, encode
from shared.events.catalog import parse_event
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from shared.identity.tokens import ACCESS_LASTS
from shared.kafka.connection import client_options, topic_name
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import BY_NAME, Topic
from tests.support.mail import MailSink, mail_sink
from tests.support.waiting import eventually
from tests.unit.notify.samples import TRACE

KEY = base64.b64encode(b"k" * 32).decode()
"""Any key will do; every process of a test has the same."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def sink_port() -> int:
    return free_port()


@pytest.fixture
def sink(sink_port: int) -> Iterator[MailSink]:
    with mail_sink(sink_port) as running:
        yield running


@pytest.fixture
def settings(sink_port: int) -> NotifySettings:
    return NotifySettings(
        port=free_port(),
        smtp_port=sink_port,
        master_key=SecretStr(KEY),
        account_key=SecretStr(KEY),
        IEUM_AUDIT_KEY=SecretStr(KEY),
        poll_s=0.2,
    )


class Staff(httpx.Auth):
    """Signs each request as somebody who is signed in at that moment, with the key that notify signs with."""

    def __init__(self, notify: Notify, principal: Callable[[], Principal]) -> None:
        self._notify = notify
        self._principal = principal

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self.token()}"
        yield request

    async def token(self) -> str:
        signer = await self._notify.accounts.signing.signer()
        return signer.access(self._principal())


@dataclass(slots=True)
class NotifyHarness:
    """A notify that runs, and hands to feed and question it. ``http`` is a counsellor's of the central desk."""

    notify: Notify
    settings: NotifySettings
    bus: KafkaSettings
    clock: Clock
    publisher: Publisher
    http: httpx.AsyncClient

    async def routed(self, *events: Event) -> None:
        """Publish as routing would."""
        await self.publisher.publish([as_record(event, self.clock.now()) for event in events])

    async def case(self, report_id: str) -> dict[str, Any] | None:
        answer = await self.http.get(f"/api/v1/cases/{report_id}")
        return cast("dict[str, Any]", answer.json()) if answer.status_code == 200 else None

    async def act(
        self, what: str, report_id: str, organisation: str, subject: str, role: str = "counsellor", **body: Any
    ) -> httpx.Response:
        """One act on a case by somebody."""
        who = self.staff(organisation, role, subject=subject)
        return await self.http.post(f"/api/v1/cases/{report_id}/{what}", json=body, auth=who)

    async def acknowledge(self, report_id: str, center_id: str, by: str) -> httpx.Response:
        return await self.act("acknowledge", report_id, center_id, by)

    def staff(self, organisation: str, *roles: str, subject: str = "s-test", session: str | None = None) -> Staff:
        """Somebody who signs in anew for every request, or stays in one session."""
        return Staff(self.notify, lambda: self.principal(organisation, *roles, subject=subject, session=session))

    def principal(
        self, organisation: str, *roles: str, subject: str = "s-test", session: str | None = None
    ) -> Principal:
        now = self.clock.now()
        return Principal(
            subject=subject,
            organisation=organisation,
            roles=frozenset(StaffRole(role) for role in roles or ("counsellor",)),
            session=session or secrets.token_urlsafe(24),
            issued_at=now,
            expires_at=now + ACCESS_LASTS,
        )

    async def duty(self, center_id: str, **body: Any) -> httpx.Response:
        """Say who is on duty, as the centre's lead."""
        who = self.staff(center_id, "lead")
        return await self.http.put(f"/api/v1/centers/{center_id}/duty", json=body, auth=who)


def as_record(event: Event, now: datetime) -> Any:
    return encode(event, source=BY_NAME[event.TOPIC].writer, time=now, traceparent=TRACE)


Start = Callable[..., Awaitable[NotifyHarness]]


@pytest.fixture
async def start(
    settings: NotifySettings, bus_settings: KafkaSettings, store_settings: StoreSettings
) -> AsyncIterator[Start]:
    """Start a notify; several share the work. All are stopped at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def one(clock: Clock | None = None, **changes: Any) -> NotifyHarness:
            own = settings.model_copy(update=changes)
            notify = build(own, bus_settings, store_settings, clock or SystemClock())
            task = asyncio.create_task(notify.work())

            async def stop() -> None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

            stack.push_async_callback(stop)
            await eventually(lambda: ready(notify, task), seconds=60)
            publisher = Publisher(bus_settings)
            await publisher.start()
            stack.push_async_callback(publisher.stop)
            http = await stack.enter_async_context(
                httpx.AsyncClient(transport=httpx.ASGITransport(app=notify.app), base_url="http://notify")
            )
            harness = NotifyHarness(notify, own, bus_settings, clock or SystemClock(), publisher, http)
            http.auth = harness.staff("central", "counsellor")
            return harness

        yield one


async def ready(notify: Notify, task: "asyncio.Task[None]") -> bool:
    if task.done():
        task.result()
    return notify.follower.check() is None and await _joined(notify)


async def _joined(notify: Notify) -> bool:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=notify.app), base_url="http://notify") as http:
        return (await http.get("/health/ready")).status_code == 200


async def log_of(bus: KafkaSettings, topic: Topic) -> Sequence[Event]:
    """Every event of a topic, as a fresh reader sees it."""
    consumer = AIOKafkaConsumer(topic_name(bus, topic), **client_options(bus), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = list(consumer.assignment())
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        found: list[Event] = []
        while any([await consumer.position(p) < ends[p] for p in places]):
            for part in (await consumer.getmany(timeout_ms=500)).values():
                found += [parse_event(topic.name, r.key, r.headers, r.value)[0] for r in part]
        return found
    finally:
        await consumer.stop()
