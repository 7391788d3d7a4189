"""Routing twice, notify and analytics in this process on the real engines, for a test that is not asynchronous."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import SecretStr

from services.analytics.counting.consumers import ProjectionConsumer
from services.analytics.counting.repository import prepare
from services.notify.main import Notify
from services.notify.main import build as build_notify
from services.notify.settings import NotifySettings
from services.routing.main import Routing
from services.routing.main import build as build_routing
from services.routing.settings import RoutingSettings
from shared import process
from shared.events.base import Event, Record
from shared.events.vocabulary import CenterState
from shared.health import Health
from shared.kafka.admin import ensure_topics
from shared.kafka.broker import KafkaClient
from shared.kafka.publisher import Publisher
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS
from tests.integration.ownership.tape import Tape
from tests.integration.routing.running import NOBODY_THERE, record_of
from tests.support.clock import JumpClock
from tests.support.mail import mail_sink
from tests.support.subscribing import subscribe
from tests.support.waiting import DEADLINE_S
from tools.local.keys import new_key

T = TypeVar("T")
GROUPS = ("routing", "notify", "analytics")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Slow:
    """A publisher that can be held: what goes through it comes late, in its order."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.flows = asyncio.Event()
        self.flows.set()

    async def publish(self, records: list[Record]) -> None:
        await self.flows.wait()
        await self._publisher.publish(records)


class OwnershipHarness:
    """The services, and what a test needs to question them."""

    def __init__(self, bus: KafkaSettings, store: StoreSettings, *, routing_workers: int = 2) -> None:
        self.bus, self.store = bus, store
        self.clock = JumpClock()
        self.deaths: list[str] = []
        self._workers = routing_workers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="house", daemon=True)
        self._tasks: list[asyncio.Task[Any]] = []
        self._mail = contextlib.ExitStack()

    # --- seen from outside the loop

    def open(self) -> None:
        """Start everything; returns when it reads."""
        self._leave, process.leave = process.leave, self._died
        self._smtp_port = self._mail.enter_context(mail_sink()).port
        self._thread.start()
        self.run(self._open())

    def close(self) -> None:
        """Stop everything."""
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._mail.close()
        process.leave = self._leave

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 2 * DEADLINE_S) -> T:
        """Do something in the loop of the services, some of it with a deadline. Fails if a service has died."""
        result = asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)
        assert not self.deaths, self.deaths
        return result

    def _died(self, code: int) -> NoReturn:
        """In place of ``process.leave``: a service that would end its process ends this test instead."""
        self.deaths.append(f"a service ended its process with status {code}")
        raise RuntimeError("the process would be gone now")

    # --- in the loop

    async def _open(self) -> None:
        await ensure_topics(self.bus)
        self.publisher = Publisher(self.bus)
        await self.publisher.start()
        self.tape = Tape(self.bus.bootstrap_servers, self.bus.topic_prefix, self.bus.topic_partitions)
        await self.tape.start()
        self.admin = AIOKafkaAdminClient(bootstrap_servers=self.bus.bootstrap_servers)
        await self.admin.start()
        self.notify = self._notify()
        self.routings = [self._routing() for _ in range(self._workers)]
        self.analytics = await self._analytics()
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(self.store.uri.get_secret_value())
        self.facts = client[f"{self.store.database_prefix}analytics"].facts
        self._begin(self.notify.work())
        for routing in self.routings:
            await routing.start()
            self._begin(routing.jobs.run())
        await self.analytics.start()
        self.desk = self.notify.case_service
        await self.settle()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.deaths.append(repr(error))

    async def _close(self) -> None:
        self.slow.flows.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for routing in self.routings:
            await routing.stop()
        await self.analytics.stop()
        await self.tape.stop()
        mine = [name for name in await self.admin.list_topics() if name.startswith(self.bus.topic_prefix)]
        await self.admin.delete_topics(mine)
        await self.admin.close()
        for name in await self.facts.database.client.list_database_names():
            if name.startswith(self.store.database_prefix):
                await self.facts.database.client.drop_database(name)
        await self.publisher.stop()

    def _notify(self) -> Notify:
        settings = NotifySettings(
            smtp_port=self._smtp_port,
            IEUM_TICKET_KEY=SecretStr(new_key()),
            IEUM_DIRECTORY_KEY=SecretStr(new_key()),
            audit_key=SecretStr(new_key()),
            poll_s=0.1,
            gather_s=0.0,
        )
        made = build_notify(settings, self.bus, self.store, self.clock)
        # What staff do goes through here, so that it can come late.
        self.slow = Slow(made.bus.publisher)
        slow: Any = self.slow
        made.case_relay._publisher = slow
        return made

    def _routing(self) -> Routing:
        settings = RoutingSettings(closing_every_s=0.05, loads_every_s=0.1, IEUM_IDENTITY_URL=NOBODY_THERE)
        return build_routing(settings, self.bus, self.store, self.clock)

    async def _analytics(self) -> KafkaClient:
        database = connect(self.store, "analytics")
        await prepare(database)
        folder, bus = ProjectionConsumer(database), KafkaClient(self.bus, "analytics", Health(), self.clock)
        topics = (REPORTS, ROUTINGS, CASES, ALERTS, CENTERS)
        subscribe(bus, *topics, group="analytics", handler=folder.handle, on_assigned=folder.assigned)
        return bus

    async def tell(self, *events: Event) -> None:
        """Publish as the writing service would."""
        await self.publisher.publish([record_of(event) for event in events])

    def routing_knows(self, center_id: str, state: CenterState) -> bool:
        """Whether every worker has heard that a centre is in this state."""
        views: list[Any] = [routing.follower._apply.__self__ for routing in self.routings]  # type: ignore[attr-defined]  # a bound method
        return all(view.duties[center_id].state is state for view in views)

    async def again(self, key: str, topic: str) -> None:
        """Every event a topic holds about a report, once more and byte for byte."""
        seen: set[bytes] = set()
        for held, record in list(self.tape.raw[key]):
            if held == topic and record.value not in seen:
                seen.add(record.value)
                message = (record.key, record.value, tuple(record.headers))
                await self.publisher.send(record.topic, record.partition, [message])

    async def settle(self) -> None:
        """Wait until nothing is on its way: everything written is read by everybody, and it stays so."""
        self.slow.flows.set()
        end = asyncio.get_running_loop().time() + DEADLINE_S
        quiet: dict[Any, int] | None = None
        while True:
            ends = await self.tape.ends()
            behind = await self._behind(ends)
            if not behind and quiet == ends:
                return
            quiet = None if behind else ends
            assert not self.deaths, self.deaths
            assert asyncio.get_running_loop().time() < end, f"still on its way: {behind}"
            await asyncio.sleep(0.03)

    async def _behind(self, ends: dict[Any, int]) -> str | None:
        if any(self.tape.read[place] < end for place, end in ends.items()):
            return "the tape"
        for collection in (self.notify.cases.collection, self.notify.centers.collection):
            if await collection.count_documents({"outbox_since": {"$gte": _EPOCH, "$lte": _EPOCH.replace(year=2100)}}):
                return f"the outbox of {collection.name}"
        for group in GROUPS:
            committed = await self.admin.list_consumer_group_offsets(f"{self.bus.topic_prefix}{group}")
            reads = {place: at.offset for place, at in committed.items()}
            for place, end in ends.items():
                if (
                    end
                    and (group, place.topic.removeprefix(self.bus.topic_prefix)) in READS
                    and reads.get(place, 0) < end
                ):
                    return f"{group} at {place}"
        return None


READS = {
    ("routing", "reports"),
    ("routing", "cases"),
    ("notify", "routings"),
    *(("analytics", topic) for topic in ("reports", "routings", "cases", "centers")),
}
