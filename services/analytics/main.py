"""Where analytics is put together."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from services.analytics import problem_table
from services.analytics.counting.consumers import ProjectionConsumer, consumers
from services.analytics.counting.reader import CountReader
from services.analytics.counting.repository import prepare
from services.analytics.counting.watch import DEAD_REPORTS, WATCHED, Watch
from services.analytics.dashboard import data_pages, protection
from services.analytics.dashboard import pages as dashboard
from services.analytics.dashboard.history_repository import history as read_history
from services.analytics.exports import api, sample_api, tables_api
from services.analytics.operations import pages as operations
from services.analytics.operations.repository import Redrives
from services.analytics.operations.service import Operations
from services.analytics.releases.catalogue import SampleReleases
from services.analytics.releases.repository import Register
from services.analytics.releases.service import ReleaseService
from services.analytics.settings import AnalyticsSettings
from shared import log
from shared.audit.entries import denial_recorder
from shared.audit.pages import audit_router
from shared.audit.published import PUBLISH_S, AnchorPublisher
from shared.audit.store import DAY_S, AuditLog, begin
from shared.centers import CENTER_IDS
from shared.clock import Clock, SystemClock
from shared.events.vocabulary import HarmType
from shared.health import Health
from shared.identity.source import POLL_S, Identity
from shared.identity.source import over_http as identity_over_http
from shared.jobs import Jobs
from shared.kafka.broker import KafkaClient
from shared.kafka.reader import PartitionReader
from shared.mongo import check_restore, connect, until_done, wait_until_ready
from shared.settings import KafkaSettings, StoreSettings, load
from shared.store_clock import LOOK_S, StoreClock
from shared.web.app import Documentation, create_app
from shared.web.authorization import Authorizer, log_denied
from shared.web.pages import Pages
from shared.web.serve import serve
from shared.web.translations import gettext_noop

_log = log.get(__name__)
_HERE = Path(__file__).parent
_TITLE = gettext_noop("Ieum analytics")
_DESCRIPTION = gettext_noop(
    "Counts of reports that give nobody away. Counts from 0 to 4 are hidden; a month is released once, and "
    "where it was wrong once more as a revision."
)


def application(
    settings: AnalyticsSettings,
    health: Health,
    release_service: ReleaseService,
    reader: CountReader,
    watch: Watch,
    identity: Identity,
    clock: Clock,
    parts: Operations,
    audit: AuditLog | None,
    *,
    history: dashboard.History = dashboard.nothing_loaded,
) -> FastAPI:
    """The HTTP side: API and pages. Without an audit nothing can be sent back, and there are no pages about it."""
    own_pages = Pages(_HERE / "templates", _HERE / "locale", settings, "analytics", clock=clock)
    authorize = Authorizer(
        identity, settings, on_denied=denial_recorder(audit) if audit else log_denied(_log, "analytics")
    )
    sample = SampleReleases(release_service)
    audits = [audit_router(audit, authorize, own_pages)] if audit else []
    return create_app(
        service="analytics",
        documentation=Documentation(
            title=_TITLE,
            description=_DESCRIPTION,
            tags={"statistics": "Published tables, and how they fit together."},
            problems=problem_table.PROBLEMS,
            page_problems=problem_table.ON_PAGES,
        ),
        settings=settings,
        health=health,
        pages=own_pages,
        for_staff=True,
        routers=[
            tables_api.router(release_service, watch, own_pages, authorize),
            api.router(release_service, own_pages, authorize),
            dashboard.router(release_service, sample, watch, own_pages, authorize, history),
            sample_api.router(sample, own_pages, authorize),
            data_pages.router(release_service, own_pages, authorize),
            protection.router(release_service, own_pages),
            operations.router(parts, release_service, reader, watch, own_pages, authorize, audit, clock),
            *audits,
        ],
    )


@dataclass(frozen=True, slots=True)
class Analytics:
    """The parts of one analytics process."""

    app: FastAPI
    identity: Identity
    prepare: Callable[[], Awaitable[None]]
    """Waits for the store and makes its indexes."""
    bus: KafkaClient
    logs: tuple[PartitionReader, ...]
    jobs: Jobs

    async def work(self) -> None:
        """Count, and watch that nothing is missing, until cancelled."""
        await self.prepare()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            tasks.create_task(self.jobs.run(), name="jobs")
            stack.push_async_callback(self.bus.stop)
            await self.bus.start()
            for log_reader in self.logs:
                stack.push_async_callback(log_reader.stop)
                await log_reader.start()
            await asyncio.Event().wait()


def build(
    settings: AnalyticsSettings, bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock
) -> Analytics:
    """Make the parts; nothing runs or connects yet."""
    health = Health()
    database = connect(store_settings, "analytics")
    projection = ProjectionConsumer(database, given_up=settings.given_up())
    bus = KafkaClient(bus_settings, "analytics", health, clock)
    bus.include(consumers(projection, max_records=settings.batch_records, pace_s=settings.pace_s))
    # What was released is served whether counting goes on or not, so no load balancer may take the pages away for it.
    for name in [each for each in health.ready if each.startswith("kafka")]:
        health.degraded[name] = health.ready.pop(name)

    reader = CountReader(database, given_up=settings.given_up())
    logs = {topic: PartitionReader(bus_settings, topic) for topic in (*WATCHED, DEAD_REPORTS)}
    partitions = bus_settings.topic_partitions
    watch = Watch(reader, logs, clock, partitions=partitions, patience_s=2 * settings.pace_s)
    harms = [harm.value for harm in HarmType]
    register = Register(database)
    store_clock = StoreClock.of(database, clock)
    keys = settings.audit_keys()
    audit = AuditLog(database, keys, clock, "analytics", settings.audit_heads) if keys else None
    release_service = ReleaseService(
        reader,
        register,
        clock,
        store_clock,
        centers=CENTER_IDS,
        harms=harms,
        caught_up=watch.caught_up,
        limit_s=settings.proof_s,
        audit=audit,
    )

    identity = identity_over_http(settings, clock, "analytics")
    health.ready["identity"] = identity.check
    operations = Operations(bus_settings, reader, watch, Redrives(database), clock)
    history = partial(read_history, database)
    app = application(
        settings, health, release_service, reader, watch, identity, clock, operations, audit, history=history
    )

    async def step() -> None:
        if audit is not None:
            await begin(audit)
        await prepare(database)

    async def prepared() -> None:
        await wait_until_ready(database, clock)
        await until_done(step, clock, "preparing the store")

    jobs = Jobs(health, clock)
    jobs.every(POLL_S, "identity", identity.refresh)
    jobs.every(settings.reconcile_every_s, "watch", watch.look)
    jobs.every(LOOK_S, "store-clock", store_clock.look)
    jobs.every(settings.release_every_s, "releases", release_service.release_due)
    if audit is not None:
        jobs.every(DAY_S, "audit", audit.look_after)
        jobs.every(PUBLISH_S, "audit-anchors", AnchorPublisher(audit, bus_settings, clock).publish, at_once=False)
    return Analytics(app, identity, prepared, bus, tuple(logs.values()), jobs)


async def run() -> None:
    """The process: pages at once, counting as soon as store and Kafka are there; until then health says what is not."""
    settings, bus_settings, store_settings = load(AnalyticsSettings), load(KafkaSettings), load(StoreSettings)
    log.configure("analytics", settings.log_level)
    await check_restore(store_settings, "analytics")
    analytics = build(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(analytics.app, settings.host, settings.port), name="http-server")
        await analytics.work()
