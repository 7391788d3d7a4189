"""Wires intake: the only place where its parts meet."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from services.intake import api, pages
from services.intake.gate import StatusGate
from services.intake.handlers import StatusFollower
from services.intake.policy.lodging import LodgingKeys, ProofSigner
from services.intake.reception import Reception
from services.intake.settings import IntakeSettings, key_bytes
from services.intake.status import StatusDesk
from services.intake.store.grouping import GroupCommit
from services.intake.store.reports import Reports
from shared import log, mongo
from shared.bus import measures
from shared.bus.bus import Bus
from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.outbox import Relay
from shared.sealing import Keyring
from shared.settings import BusSettings, StoreSettings, load
from shared.topics import CASES, ROUTINGS
from shared.web.app import create_app
from shared.web.pages import Pages
from shared.web.serve import serve
from shared.web.translations import gettext_noop

PACE_S = 0.2
"""Between two batches of news for the reporter's status; nobody sees the difference, the store does."""
HERE = Path(__file__).parent
GROUP = "intake-status"


@dataclass(frozen=True, slots=True)
class Intake:
    """The parts of one intake process."""

    app: FastAPI
    bus: Bus
    relay: Relay
    reports: Reports
    group: GroupCommit

    async def open(self) -> None:
        """Wait for the store, make its indexes, begin to accept."""
        await self.reports.prepare()
        await self.relay.ensure_index()
        self.group.open()

    async def work(self) -> None:
        """Accept, publish what is in the outboxes, follow what others say, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.bus.run_forever(), name="bus")
            await self.open()
            tasks.create_task(self.relay.run(), name="relay")
            tasks.create_task(self.group.watch(), name="store-watch")


def build(settings: IntakeSettings, bus_settings: BusSettings, store_settings: StoreSettings, clock: Clock) -> Intake:
    """Make the parts; nothing runs or connects yet."""
    health = Health()
    # Reports are accepted without Kafka, so Kafka being away must not take intake out of service: only the live half
    # of the bus's checks counts here, the other is shown among the metrics.
    aside = Health(live=health.live)
    bus = Bus(bus_settings, "intake", aside, clock)
    reports = Reports(mongo.connect(store_settings, "intake"), clock)
    relay = Relay(reports.collection, bus.publisher, clock, name="intake")
    group = GroupCommit(reports.collection, clock, waiting=settings.queue_limit)
    health.ready["store"] = group.check
    bus.subscribe(ROUTINGS, CASES, group=GROUP, handler=StatusFollower(reports), pace_s=PACE_S)
    aside.ready["relay.intake"] = relay.check
    measures.show(aside.ready)

    keys = LodgingKeys(key_bytes(settings.receipt_key))
    signer = ProofSigner(key_bytes(settings.signing_key))
    keyring = Keyring([key_bytes(key) for key in (settings.master_key, *settings.retired_master_keys)])
    reception = Reception(group=group, relay=relay, keyring=keyring, keys=keys, signer=signer, clock=clock)
    desk = StatusDesk(reports, keys, StatusGate(settings.status_questions_per_minute, clock))
    own_pages = Pages(HERE / "templates", HERE / "locale", settings, "intake", clock=clock)
    app = create_app(
        service="intake",
        title=gettext_noop("Digital sex crime reports"),
        description=gettext_noop("Lodge a report from any front end, and ask with its receipt where it stands."),
        settings=settings,
        health=health,
        routers=[api.router(reception, desk, signer), pages.router(own_pages, reception, desk, clock)],
        pages=own_pages,
    )
    return Intake(app=app, bus=bus, relay=relay, reports=reports, group=group)


async def run() -> None:
    """The process: pages and API at once, store and Kafka as soon as they are there."""
    settings, bus_settings, store_settings = load(IntakeSettings), load(BusSettings), load(StoreSettings)
    log.configure("intake", settings.log_level)
    intake = build(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.work(), name="work")
        tasks.create_task(serve(intake.app, settings.host, settings.port), name="http-server")
