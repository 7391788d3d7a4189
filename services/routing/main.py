"""Puts routing together and runs it: the only place where its parts meet."""

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from services.routing import tables
from services.routing.assignment.models import CenterLoads
from services.routing.console.api import api_router
from services.routing.console.live_pages import Painter, live_router
from services.routing.console.live_stream import LiveFeed, OpenStreams, stream_router
from services.routing.console.pages import page_router
from services.routing.console.rule_page import rule_router
from services.routing.consumers import consumers
from services.routing.models import LiveLoads
from services.routing.problem_table import PROBLEMS
from services.routing.read_model import DecisionStore
from services.routing.read_model.service import ReadModel
from services.routing.service import LATE_S, RoutingService
from services.routing.settings import RoutingSettings
from services.routing.state.changelog import Changelog
from services.routing.state.folder import StateFolder, this_boot
from services.routing.state.loads import MEASURE_SECONDS, LoadPublisher, LoadView, load_keys
from services.routing.state.restorer import AGAIN_S, Restorer
from shared import log, mongo
from shared.centers import PACKAGED, Fault, TableSets
from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.identity.source import POLL_S, Identity
from shared.identity.source import over_http as identity_over_http
from shared.jobs import Jobs
from shared.kafka.broker import KafkaClient
from shared.kafka.connection import topic_name
from shared.kafka.reader import Follower, PartitionReader
from shared.settings import KafkaSettings, StoreSettings, load
from shared.store_clock import LOOK_S, StoreClock
from shared.topics import CASES, CENTERS, LOADS, ROUTINGS
from shared.web.app import Documentation, create_app
from shared.web.authorization import Authorizer, log_denied
from shared.web.pages import Pages
from shared.web.serve import serve
from shared.web.translations import gettext_noop

_log = log.get(__name__)

SERVICE: Final = "routing"
HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Routing:
    """The parts of one routing process."""

    app: FastAPI
    bus: KafkaClient
    readers: tuple[PartitionReader, ...]
    follower: Follower
    jobs: Jobs
    folder: StateFolder
    identity: Identity
    sees: asyncio.Event
    """Set once loads and centres are known; nothing is taken over before."""
    streams: OpenStreams
    """The live pages that are open here."""

    async def start(self) -> None:
        """Wait for Kafka, join the groups, and begin to decide once loads and centres are known.

        Joining is waiting for others, longest where a member was killed: what need not wait for it is done meanwhile.
        """
        self.folder.take()
        await self.bus.connect()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.bus.start(), name="joining")
            tasks.create_task(self._see(), name="loads-and-centers")

    async def _see(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for reader in self.readers:
                tasks.create_task(_ready(reader))
            tasks.create_task(self.follower.start())
        self.sees.set()

    async def stop(self) -> None:
        """Leave the groups first, then stop reading; the state stores are on the disk when this returns."""
        await self.bus.stop()
        await self.follower.stop()
        for reader in self.readers:
            await reader.stop()
        self.folder.close()


def build(
    settings: RoutingSettings, bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock
) -> Routing:
    """Make the parts; nothing runs or connects yet. Raises ``FatalError`` if the packaged tables are not sound."""
    sets = tables.take(settings.tables_dir)
    health = Health(notes={"tables": lambda: tables.word(sets)})
    database = mongo.connect(store_settings, SERVICE)
    store = DecisionStore(database)
    bus = KafkaClient(bus_settings, SERVICE, health, clock)
    routings, cases = PartitionReader(bus_settings, ROUTINGS), PartitionReader(bus_settings, CASES)
    copied = PartitionReader(bus_settings, ROUTINGS)
    view = LoadView(tables=sets.current)
    follower = Follower(
        bus_settings,
        (LOADS, CENTERS),
        view.apply,
        from_start=True,
        clock=clock,
        newest_of=load_keys(bus_settings.topic_partitions),
    )
    folder = StateFolder(settings.state_dir, boot=this_boot())
    changelog = Changelog(
        bus.publisher, topic_name(bus_settings, ROUTINGS), routings, cases, folder, given_up=settings.given_up()
    )
    service = RoutingService(
        changelog, view, store, clock, linked_lookup_s=settings.linked_lookup_s, tables=sets.current
    )
    sees = asyncio.Event()

    read_model = ReadModel(store, service.surging, copied, clock)
    bus.include(consumers(service, read_model, sees, max_records=settings.max_records))
    health.ready["loads"] = follower.check
    health.degraded["routings"] = service.check
    identity = identity_over_http(settings, clock, SERVICE)
    health.ready["identity"] = identity.check
    streams = OpenStreams()
    restorer = Restorer(changelog, clock)
    load_publisher = LoadPublisher(
        bus.publisher,
        service.owned,
        view,
        clock,
        worker=_name(),
        partitions=bus_settings.topic_partitions,
        suspect=restorer.suspect,
    )
    jobs = Jobs(health, clock)
    jobs.every(POLL_S, "identity", identity.refresh)
    jobs.every(LOOK_S, "store-clock", StoreClock.of(database, clock).look)
    jobs.every(MEASURE_SECONDS, "loads", load_publisher.look, wake=service.changed, gather_s=settings.loads_every_s)
    jobs.every(settings.closing_every_s, "closing", service.move_from_closed, only_while=view.any_closed)
    jobs.every(LATE_S, "restoring-late", service.restore_late, only_while=service.any_late)
    jobs.every(AGAIN_S, "restoring", restorer.restore_suspected, wake=restorer.suspected)
    return Routing(
        app=application(
            settings,
            health,
            store,
            service,
            view,
            identity,
            clock,
            partitions=bus_settings.topic_partitions,
            streams=streams,
            sets=sets,
        ),
        bus=bus,
        readers=(routings, cases, copied),
        follower=follower,
        jobs=jobs,
        folder=folder,
        identity=identity,
        sees=sees,
        streams=streams,
    )


def application(
    settings: RoutingSettings,
    health: Health,
    store: DecisionStore,
    service: RoutingService,
    view: LoadView,
    identity: Identity,
    clock: Clock,
    *,
    partitions: int,
    streams: OpenStreams,
    sets: TableSets = PACKAGED,
) -> FastAPI:
    """The HTTP side: API and pages. ``partitions`` of `routings`; ``sets`` of tables, with what was refused of them."""

    def center_loads() -> CenterLoads:
        return view.center_loads(service.owned())

    def refused() -> Sequence[Fault]:
        return sets.faults

    def live_loads() -> LiveLoads:
        return view.live_loads(clock.now(), partitions)

    pages = Pages(HERE / "templates", HERE / "locale", settings, SERVICE, clock=clock)
    painter = Painter(pages)
    authorize = Authorizer(identity, settings, on_denied=log_denied(_log, SERVICE))
    return create_app(
        service=SERVICE,
        documentation=Documentation(
            title=gettext_noop("Routing"),
            description=gettext_noop("Decides which centre owns a report, and explains why."),
            tags={"decisions": "Why a report is where it is.", "centers": "How busy the centres are."},
            problems=PROBLEMS,
        ),
        settings=settings,
        health=health,
        for_staff=True,
        routers=[
            api_router(store, center_loads, live_loads, authorize, sets.known),
            stream_router(LiveFeed(live_loads, clock), streams, clock, authorize, painter.parts),
            page_router(store, center_loads, pages, authorize, refused, sets.known),
            live_router(live_loads, painter, authorize, refused),
            rule_router(pages, sets.current),
        ],
        pages=pages,
    )


async def run() -> None:
    """The process. Pages answer at once, decisions begin as soon as Kafka is there; the store is not waited for."""
    settings, bus_settings, store_settings = load(RoutingSettings), load(KafkaSettings), load(StoreSettings)
    log.configure(SERVICE, settings.log_level)
    await mongo.check_restore(store_settings, "routing")
    routing = build(settings, bus_settings, store_settings, SystemClock())
    try:
        async with asyncio.TaskGroup() as tasks:
            # Until Kafka is there no partition is this process's, and the jobs have nothing to do but ask for keys.
            tasks.create_task(routing.jobs.run(), name="jobs")
            tasks.create_task(routing.streams.run(), name="live-streams")
            tasks.create_task(
                mongo.check_restore_when_ready(store_settings, SERVICE, SystemClock()), name="restore-check"
            )
            tasks.create_task(serve(routing.app, settings.host, settings.port), name="http-server")
            await routing.start()
    finally:
        await routing.stop()


async def _ready(reader: PartitionReader) -> None:
    """Connect, and learn who leads the partitions: aiokafka's first question about ends would wait 0.1 s for that."""
    await reader.start()
    await reader.partitions()


def _name() -> str:
    return f"{socket.gethostname()[:60]}:{os.getpid()}"
