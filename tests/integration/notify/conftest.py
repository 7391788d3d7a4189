"""A running notify on the real engines, with a mail sink of its own."""

import asyncio
import contextlib
import email
import email.policy
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Any, cast

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from services.notify.main import Notify, build
from services.notify.settings import NotifySettings
from shared.bus.connection import client_options, topic_name
from shared.bus.publisher import Publisher
from shared.clock import Clock, SystemClock
from shared.events.base import Event, encode
from shared.events.catalog import parse_event
from shared.settings import BusSettings, StoreSettings
from shared.topics import Topic
from tests.unit.notify.samples import TRACE

TOKEN = "a-token-for-integration-tests"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(slots=True)
class Sink:
    """Takes mails; refuses them while told to."""

    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        del server, session
        if self.refuse:
            return "451 not now"
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.rcpt_tos[0], parsed))
        return "250 OK"

    def alert_ids(self) -> list[str]:
        return [str(mail["X-Ieum-Alert-Id"]) for _, mail in self.mails]


@pytest.fixture
def sink_port() -> int:
    return free_port()


@pytest.fixture
def sink(sink_port: int) -> Iterator[Sink]:
    handler = Sink()
    controller = Controller(handler, hostname="127.0.0.1", port=sink_port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture
def settings(sink_port: int) -> NotifySettings:
    return NotifySettings(
        port=free_port(),
        smtp_port=sink_port,
        IEUM_DEMO_TOKEN=SecretStr(TOKEN),
        poll_s=0.2,
    )


@dataclass(slots=True)
class Bench:
    """A notify that runs, and hands to feed and question it."""

    notify: Notify
    settings: NotifySettings
    bus: BusSettings
    clock: Clock
    publisher: Publisher
    http: httpx.AsyncClient

    async def routed(self, *events: Event) -> None:
        """Publish as routing would."""
        await self.publisher.publish([as_record(event, self.clock.now()) for event in events])

    async def case(self, report_id: str) -> dict[str, Any] | None:
        answer = await self.http.get(f"/api/v1/cases/{report_id}")
        return cast("dict[str, Any]", answer.json()) if answer.status_code == 200 else None

    async def acknowledge(self, report_id: str, center_id: str, by: str) -> httpx.Response:
        body = {"center_id": center_id, "by": by}
        return await self.http.post(f"/api/v1/cases/{report_id}/acknowledge", json=body)


def as_record(event: Event, now: datetime) -> Any:
    return encode(event, source="routing", time=now, traceparent=TRACE)


Start = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def start(
    settings: NotifySettings, bus_settings: BusSettings, store_settings: StoreSettings
) -> AsyncIterator[Start]:
    """Start a notify; several share the work. All are stopped at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def one(clock: Clock | None = None, **changes: Any) -> Bench:
            own = settings.model_copy(update=changes)
            notify = build(own, bus_settings, store_settings, clock or SystemClock())
            task = asyncio.create_task(notify.work())

            async def stop() -> None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

            stack.push_async_callback(stop)
            await eventually(lambda: ready(notify, task), 60)
            publisher = Publisher(bus_settings)
            await publisher.start()
            stack.push_async_callback(publisher.stop)
            http = await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app=notify.app),
                    base_url="http://notify",
                    headers={"Authorization": f"Bearer {TOKEN}"},
                )
            )
            return Bench(notify, own, bus_settings, clock or SystemClock(), publisher, http)

        yield one


async def ready(notify: Notify, task: "asyncio.Task[None]") -> bool:
    if task.done():
        task.result()
    return notify.follower.check() is None and await _joined(notify)


async def _joined(notify: Notify) -> bool:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=notify.app), base_url="http://notify") as http:
        return (await http.get("/health/ready")).status_code == 200


async def eventually(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait until the condition holds (a value or an awaitable of one); its last value is in the failure."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert loop.time() < until, f"not within {seconds} s"
        await asyncio.sleep(0.05)


async def log_of(bus: BusSettings, topic: Topic) -> Sequence[Event]:
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
