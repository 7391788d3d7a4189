"""A notify that runs on the real engines: one for all tests of a module, or one of a test's own."""

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr

from services.notify.escalation.repository import RecentAlertStore
from services.notify.main import Notify, build
from services.notify.settings import NotifySettings
from shared.clock import Clock, SystemClock
from shared.events.base import Event, encode
from shared.events.catalog import parse_event
from shared.identity.directory import Directory
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from shared.identity.tokens import ACCESS_LASTS
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import client_options, topic_name
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import BY_NAME, ROUTINGS, TOPICS, Topic
from tests.support.loops import share_loop
from tests.support.mail import MailSink, mail_sink
from tests.support.staff import TICKET_KEY, TestIdentity
from tests.support.waiting import eventually
from tests.unit.notify.samples import TRACE, report_id

KEYS = {
    "IEUM_TICKET_KEY": base64.b64encode(TICKET_KEY).decode(),
    "IEUM_DIRECTORY_KEY": base64.b64encode(b"d" * 32).decode(),
    "NOTIFY_AUDIT_KEY": base64.b64encode(b"a" * 32).decode(),
}
"""Every process of a test has the same."""


NOBODY_THERE = "http://127.0.0.1:9"
"""Identity is a stand-in here."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a module share the loop that the service of the module runs in."""
    share_loop(items, "tests/integration/notify/")


@pytest.fixture(scope="module")
def shared_sink() -> Iterator[MailSink]:
    """The mail server of a module."""
    with mail_sink() as running:
        yield running


@pytest.fixture(scope="module")
def sink_port(shared_sink: MailSink) -> int:
    return shared_sink.port


@pytest.fixture
def sink(shared_sink: MailSink) -> MailSink:
    """The same, without what earlier tests left."""
    shared_sink.clear()
    return shared_sink


@pytest.fixture(scope="module")
def settings(sink_port: int) -> NotifySettings:
    return NotifySettings(
        smtp_port=sink_port,
        # A mail that is not answered in time is sent again: not because this machine stood still for a while.
        smtp_timeout_s=20,
        IEUM_IDENTITY_URL=NOBODY_THERE,
        poll_s=0.2,
        IEUM_TICKET_KEY=SecretStr(KEYS["IEUM_TICKET_KEY"]),
        IEUM_DIRECTORY_KEY=SecretStr(KEYS["IEUM_DIRECTORY_KEY"]),
        audit_key=SecretStr(KEYS["NOTIFY_AUDIT_KEY"]),
    )


class Staff(httpx.Auth):
    """Signs each request as somebody who is signed in at that moment, with the key that notify knows."""

    def __init__(self, people: TestIdentity, principal: Callable[[], Principal]) -> None:
        self._people = people
        self._principal = principal

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self.token()}"
        yield request

    async def token(self) -> str:
        return self._people.signer.access(self._principal(), "notify")


@dataclass(slots=True)
class NotifyHarness:
    """A notify that runs, and hands to feed and question it. ``http`` is a counsellor's of the central desk."""

    notify: Notify
    settings: NotifySettings
    bus: KafkaSettings
    store: StoreSettings
    clock: Clock
    publisher: Publisher
    http: httpx.AsyncClient
    people: TestIdentity

    async def routed(self, *events: Event) -> None:
        """Publish as routing would."""
        await self.publisher.publish([as_record(event, self.clock.now()) for event in events])

    async def clear(self) -> None:
        """Forget what a test leaves: all but the audit.

        Right after it: later its cases would be alerted of beside the next test, whose service may be another.
        """
        await eventually(self.all_heard)
        await eventually(self.at_rest)
        recent_alerts = self.notify.escalation_worker._recent_alerts
        # Its job writes them up to ten seconds later: alerts of this test must not have those of the next one bundled.
        await recent_alerts.save()
        database = self.notify.cases.database
        names = set(await database.list_collection_names()) - KEPT  # recent alerts last: their write may be on its way
        for name in sorted(names, key=lambda name: name == recent_alerts.collection.name):
            await database[name].delete_many({})
        # What consoles were last shown: a newer state of a case is one with a higher revision.
        self.notify.broadcaster._given.clear()
        self.notify.broadcaster._early.clear()
        self.notify.centers.saves += 1  # what was read of the centers counts no more
        recent_alerts._known.clear()
        self.notify.staff.take(Directory())
        self.http.cookies.clear()
        _EARLIER[self.bus.topic_prefix] = await ends_of(self.bus)

    async def all_heard(self) -> bool:
        """Whether this process has taken and followed every record of routing's: it owns all partitions by now."""
        notify, followed = self.notify, self.notify.follower._next
        done = notify.bus._subscriptions["notify"].lag._next
        for place, end in (await ends_of(self.bus, ROUTINGS)).items():
            if end and (followed[place] < end or done.get(place) != end):
                return False
        return True

    async def at_rest(self) -> bool:
        """Whether every due alert is sent and written down, and every event is published."""
        cases, centers, worker = self.notify.cases, self.notify.centers.collection, self.notify.escalation_worker
        pending = {"outbox": {"$exists": True}}
        busy = await cases.collection.count_documents({"$or": [pending, {"lease_by": {"$ne": None}}]})
        busy += await centers.count_documents(pending) + await cases.backlog(self.clock.now())
        # Acknowledging a case ends its lease, but its mail may still be being sent.
        mail = self.notify.delivery._mail
        return busy + len(worker._held._in_hand) + len(mail._all) - len(mail._free) == 0

    async def case(self, report_id: str) -> dict[str, Any] | None:
        answer = await self.http.get(f"/api/v1/cases/{report_id}")
        return cast("dict[str, Any]", answer.json()) if answer.status_code == 200 else None

    async def shown(self, *numbers: int) -> bool:
        """Whether these reports are cases by now; the last of several is no sign of the others: partitions race."""
        return all([await self.case(report_id(number)) is not None for number in numbers])

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
        return Staff(self.people, lambda: self.principal(organisation, *roles, subject=subject, session=session))

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
            confirmed_at=now,
        )

    async def duty(self, center_id: str, **body: Any) -> httpx.Response:
        """Say who is on duty, as the centre's lead."""
        who = self.staff(center_id, "lead")
        return await self.http.put(f"/api/v1/centers/{center_id}/duty", json=body, auth=who)


def as_record(event: Event, now: datetime) -> Any:
    return encode(event, source=BY_NAME[event.TOPIC].writer, time=now, traceparent=TRACE)


Start = Callable[..., Awaitable[NotifyHarness]]
KEPT = frozenset({"audit", "audit_anchors", "jobs"})
"""Collections that stay from test to test of one notify: what the service knows of them it knows in memory too."""
_EARLIER: dict[str, dict[TopicPartition, int]] = {}
"""By the names of a module's topics: where the records of its present test begin."""


@pytest_asyncio.fixture(loop_scope="module")
async def publisher(bus_settings: KafkaSettings) -> AsyncIterator[Publisher]:
    """Writes to this test's topics, which are there."""
    await ensure_topics(bus_settings)
    made = Publisher(bus_settings)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start:
    """Gives the module's notify without what earlier tests left; asked again, another process beside it.

    A test marked ``own_service`` starts all of its own, which may have a clock and settings of their own and be broken.
    """
    own = request.node.get_closest_marker("own_service") is not None
    found: Start = request.getfixturevalue("start_own" if own else "start_beside")
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def start_own(
    settings: NotifySettings, bus_settings: KafkaSettings, store_settings: StoreSettings
) -> AsyncIterator[Start]:
    """Start a notify; several share the work. All are stopped at the end."""
    people = TestIdentity(SystemClock())
    async with contextlib.AsyncExitStack() as stack:

        async def one(clock: Clock | None = None, **changes: Any) -> NotifyHarness:
            own = settings.model_copy(update=changes)
            return await stack.enter_async_context(running(own, bus_settings, store_settings, clock, people))

        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_notify(
    settings: NotifySettings, shared_settings: tuple[KafkaSettings, StoreSettings], shared_sink: MailSink
) -> AsyncIterator[NotifyHarness]:
    """The notify of a module."""
    del shared_sink
    async with running(settings, *shared_settings) as harness:
        yield harness


@pytest_asyncio.fixture(loop_scope="module")
async def start_beside(shared_notify: NotifyHarness) -> AsyncIterator[Start]:
    """The module's notify, then others that share its work and are stopped at the end."""
    free = [shared_notify]
    async with contextlib.AsyncExitStack() as stack:

        async def one(*given: Clock, **changes: Any) -> NotifyHarness:
            assert not given, "a test with a clock of its own is marked own_service"
            assert not changes, "a test with settings of its own is marked own_service"
            if free:
                return free.pop()
            one = shared_notify
            return await stack.enter_async_context(running(one.settings, one.bus, one.store, people=one.people))

        yield one
    await shared_notify.clear()


@contextlib.asynccontextmanager
async def running(
    settings: NotifySettings,
    bus: KafkaSettings,
    store: StoreSettings,
    clock: Clock | None = None,
    people: TestIdentity | None = None,
) -> AsyncIterator[NotifyHarness]:
    """A notify until the end of the block; ``people`` stands in for identity."""
    clock = clock or SystemClock()
    people = people or TestIdentity(clock)
    people.clock = clock
    notify = build(settings, bus, store, clock)
    notify.identity._fetch = people.fetch
    task = asyncio.create_task(notify.work())
    publisher = Publisher(bus)
    try:
        await eventually(lambda: ready(notify, task))
        await publisher.start()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=notify.app), base_url="http://notify") as http:
            harness = NotifyHarness(notify, settings, bus, store, clock, publisher, http, people)
            http.auth = harness.staff("central", "counsellor")
            yield harness
    finally:
        await publisher.stop()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def ready(notify: Notify, task: "asyncio.Task[None]") -> bool:
    if task.done():
        task.result()
    return notify.follower.check() is None and await _joined(notify)


async def _joined(notify: Notify) -> bool:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=notify.app), base_url="http://notify") as http:
        return (await http.get("/health/ready")).status_code == 200


async def told_before(harness: NotifyHarness, *keys: str) -> None:
    """Have another process say that these places were told just now; a place may stand here several times."""
    recent = RecentAlertStore(harness.notify.cases.database)
    recent.note(keys, harness.clock.now())
    await recent.save()


async def ends_of(bus: KafkaSettings, *topics: Topic) -> dict[TopicPartition, int]:
    """Where the log ends now, in these topics or in every one."""
    names = [topic_name(bus, topic) for topic in topics or TOPICS]
    consumer = AIOKafkaConsumer(*names, **client_options(bus))
    await consumer.start()
    try:
        return dict(await consumer.end_offsets(list(consumer.assignment())))
    finally:
        await consumer.stop()


async def log_of(bus: KafkaSettings, topic: Topic) -> Sequence[Event]:
    """Every event of a topic since the test began, as a fresh reader sees it: once, however often it was published."""
    earlier = _EARLIER.get(bus.topic_prefix, {})
    consumer = AIOKafkaConsumer(topic_name(bus, topic), **client_options(bus), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = list(consumer.assignment())
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, earlier.get(place, 0))
        found: dict[str, Event] = {}
        while any([await consumer.position(p) < ends[p] for p in places]):
            for part in (await consumer.getmany(timeout_ms=500)).values():
                for record in part:
                    event, envelope = parse_event(topic.name, record.key, record.headers, record.value)
                    assert found.setdefault(envelope.id, event) == event, "two events under one id"
        return list(found.values())
    finally:
        await consumer.stop()
