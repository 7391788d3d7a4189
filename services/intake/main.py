"""Wires intake: the only place where its parts meet."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from services.intake import (
    api,
    client_problem_pages,
    clients_pages,
    details_pages,
    erasures_pages,
    handing_api,
    language_pages,
    note_pages,
    pages,
    proof_pages,
    receipts_api,
    receipts_pages,
    step_pages,
    taking_over_pages,
    writing_pages,
)
from services.intake.changing import Changer
from services.intake.client_door import ClientGate
from services.intake.clients import Desk
from services.intake.consumers import StatusFollower, consumers
from services.intake.correspondence import Correspondence
from services.intake.decisions import Decisions
from services.intake.disk import Disk
from services.intake.doorkeeper import Doorkeeper
from services.intake.drafts import Drafts
from services.intake.duties import Duties
from services.intake.eraser import Eraser
from services.intake.finding import Finder
from services.intake.form_view import FormView
from services.intake.gate import StatusGate
from services.intake.handing_over import HandingOver
from services.intake.holder import Holders
from services.intake.linker import Linker
from services.intake.phone import pages as call_pages
from services.intake.phone.appending import Appending
from services.intake.phone.desk import CallDesk
from services.intake.phone.drafts import CallDrafts
from services.intake.phone.one_call import OneCall
from services.intake.phone.sending import Sender
from services.intake.phone.view import CallView
from services.intake.policy.linking import LinkKey
from services.intake.policy.lodging import LodgingKeys, ProofSigner
from services.intake.policy.room import MB, Marks
from services.intake.receipts_desk import ReceiptDesk
from services.intake.reception import Reception
from services.intake.returning import Returning
from services.intake.secret_word import Words
from services.intake.settings import IntakeSettings
from services.intake.status import StatusDesk, Teller
from services.intake.store.calls import CallStore
from services.intake.store.changes import Changes
from services.intake.store.clients import Clients
from services.intake.store.drafts import DraftStore
from services.intake.store.grouping import GroupCommit
from services.intake.store.links import Links
from services.intake.store.reports import Reports
from services.intake.store.room import StoreRoom
from services.intake.store.tickets import UsedTickets
from services.intake.trail import Trail
from services.intake.vault import Vault
from shared import log, mongo
from shared.audit.beginning import begin
from shared.audit.pages import audit_router
from shared.audit.refusals import written_to
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.identity.roles import Scope
from shared.identity.source import Identity, over_http
from shared.kafka import metrics
from shared.kafka.broker import Bus
from shared.key_setting import key_bytes
from shared.outbox import Relay
from shared.sealing import Keyring
from shared.settings import BusSettings, StoreSettings, load
from shared.web.app import create_app
from shared.web.gate import Gate
from shared.web.pages import Pages
from shared.web.serve import serve
from shared.web.translations import gettext_noop

RELAY_PACE_S = 0.025
"""Under load the events of so long go out together; who comes alone does not wait (decision 5)."""
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Intake:
    """The parts of one intake process."""

    app: FastAPI
    bus: Bus
    relay: Relay
    reports: Reports
    group: GroupCommit
    changes: Changes
    disk: Disk
    links: Links
    linker: Linker
    eraser: Eraser
    audit: AuditLog
    clients: ClientGate
    identity: Identity
    vault: Vault
    drafts: Drafts
    calls: CallStore
    sender: Sender
    duties: Duties

    async def open(self) -> None:
        """Wait for the store, make its indexes, begin to accept."""
        await mongo.until_done(self._prepare, self.audit.clock, "preparing the store")
        self.group.open()

    async def _prepare(self) -> None:
        await self.reports.prepare()
        await self.changes.prepare()
        await self.drafts.prepare()
        await self.links.prepare()
        await self.calls.prepare()
        await self.relay.ensure_index()
        await begin(self.audit)

    async def work(self) -> None:
        """Accept, publish what is in the outboxes, follow what others say, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.bus.run_forever(), name="bus")
            tasks.create_task(self.identity.run(), name="identity")
            tasks.create_task(self.duties.run(), name="duties")
            await self.open()
            tasks.create_task(self.clients.run(), name="clients")
            tasks.create_task(self.audit.run(), name="audit")
            tasks.create_task(self.vault.run(), name="tickets")
            tasks.create_task(self.drafts.run(), name="drafts")
            tasks.create_task(self.sender.run(), name="calls")
            tasks.create_task(self.relay.run(), name="relay")
            tasks.create_task(self.linker.run(), name="linker")
            tasks.create_task(self.disk.run(), name="disk")
            tasks.create_task(self.group.watch(), name="store-watch")
            tasks.create_task(self.eraser.run(), name="eraser")


def build(settings: IntakeSettings, bus_settings: BusSettings, store_settings: StoreSettings, clock: Clock) -> Intake:
    """Make the parts; nothing runs or connects yet."""
    health = Health()
    # Reports are accepted without Kafka, so Kafka being away must not take intake out of service: only the live half
    # of the bus's checks counts here, the other is shown among the metrics.
    aside = Health(live=health.live)
    bus = Bus(bus_settings, "intake", aside, clock)
    database = mongo.connect(store_settings, "intake")
    reports = Reports(database, clock)
    relay = Relay(reports.collection, bus.publisher, clock, name="intake", pace_s=RELAY_PACE_S)
    group = GroupCommit(reports.collection, clock, waiting=settings.queue_limit)
    health.ready["store"] = group.check
    follower = StatusFollower(reports)
    [following] = bus.include(consumers(follower))
    aside.ready["relay.intake"] = relay.check
    aside.ready["routings.holes"] = follower.check

    keys = LodgingKeys(key_bytes(settings.receipt_key))
    signer = ProofSigner(key_bytes(settings.signing_key))
    keyring = Keyring([key_bytes(key) for key in (settings.master_key, *settings.retired_master_keys)])
    words = Words(keys)
    links = Links(database)
    linker = Linker(links, LinkKey(key_bytes(settings.link_key)), clock)
    disk = Disk(StoreRoom(database, settings.disk_folder), _marks(settings), clock)
    health.ready["disk"] = disk.full
    aside.ready["disk.room"] = disk.check
    doorkeeper = Doorkeeper(keys, clock, free=settings.free_reports, many=settings.many_reports)
    reception = Reception(
        group=group,
        relay=relay,
        keyring=keyring,
        keys=keys,
        signer=signer,
        words=words,
        linker=linker,
        doorkeeper=doorkeeper,
        disk=disk,
        clock=clock,
    )
    audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
    identity = Identity(over_http(settings.identity_url), clock, settings.keys_cache)
    # Shown, and no more: reports are accepted whether or not anybody can sign in.
    aside.ready["identity"] = identity.check
    gate = Gate(identity, settings, refused=written_to(audit))
    clients = ClientGate(Clients(database), keys, audit, clock)
    trail = Trail(audit, clock)
    changes = Changes(reports.collection, database["jobs"])
    eraser = Eraser(changes, links, trail, clock, pace_s=settings.erasure_pace_s)
    holders = Holders(changes, keys, StatusGate(settings.status_questions_per_minute, clock), words, trail, clock)
    correspondence = Correspondence(changes, gate, trail, keyring, keys, clock)
    changer = Changer(holders=holders, changes=changes, relay=relay, keys=keys, trail=trail, clock=clock)
    duties = Duties(bus_settings, clock)
    # Shown, and no more: without it the longer times are promised.
    aside.ready["centers"] = duties.check
    metrics.show(aside.ready)  # once all of them are in it: what is added later is never shown
    tell = Teller(duties.first_on_duty, clock)
    status = StatusDesk(holders, tell)
    receipts = ReceiptDesk(changer, keyring, words, linker, tell, clock, eraser.destroy)
    handing = HandingOver(changer, keys, keyring, words, tell)
    vault = Vault(
        identity=identity,
        changes=changes,
        used=UsedTickets(database),
        keyring=keyring,
        audit=audit,
        clock=clock,
        current=following.progress.current,
    )
    drafts = Drafts(DraftStore(database), keys, clock, disk.takes_drafts)
    own_pages = Pages(HERE / "templates", HERE / "locale", settings, "intake", clock=clock, leave="/leave")
    view = FormView(own_pages, clock, duties.outlook)
    call_drafts = CallDrafts(CallStore(database), keys, clock)
    sender = Sender(call_drafts, reception, changes, keys, clock)
    call_view, call_desk = CallView(view, call_drafts, clock), CallDesk(call_drafts, trail, clock)
    app = create_app(
        service="intake",
        title=gettext_noop("Digital sex crime reports"),
        description=gettext_noop("Lodge a report from any front end, and ask with its receipt where it stands."),
        settings=settings,
        health=health,
        routers=[
            api.router(reception, signer, clients(Scope.REPORTS_SUBMIT)),
            receipts_api.router(
                status, receipts, read=clients(Scope.RECEIPTS_READ), write=clients(Scope.RECEIPTS_WRITE)
            ),
            handing_api.router(handing, write=clients(Scope.RECEIPTS_WRITE)),
            pages.router(view, reception, drafts, doorkeeper, Returning(holders), clock),
            step_pages.router(view, drafts, Returning(holders), clock),
            note_pages.router(own_pages),
            receipts_pages.router(view, status, receipts, handing),
            taking_over_pages.router(view, handing),
            client_problem_pages.router(own_pages),
            language_pages.router(own_pages),
            proof_pages.router(own_pages, keys, signer),
            erasures_pages.router(own_pages, gate, Decisions(changes, gate, trail, relay, clock)),
            details_pages.router(own_pages, vault, correspondence),
            writing_pages.router(own_pages, gate, correspondence, Finder(changes, keys, holders.gate, trail)),
            call_pages.router(
                gate,
                call_view,
                call_desk,
                OneCall(call_view, call_desk, sender, linker, disk, clock),
                Appending(receipts, keyring),
            ),
            clients_pages.router(own_pages, Desk(clients.clients, keys, clock), gate, audit),
            audit_router(audit, gate, own_pages),
        ],
        pages=own_pages,
    )
    return Intake(
        app=app,
        bus=bus,
        relay=relay,
        reports=reports,
        group=group,
        changes=changes,
        disk=disk,
        links=links,
        linker=linker,
        eraser=eraser,
        audit=audit,
        clients=clients,
        identity=identity,
        vault=vault,
        drafts=drafts,
        calls=call_drafts.store,
        sender=sender,
        duties=duties,
    )


def _marks(settings: IntakeSettings) -> Marks:
    return Marks(settings.disk_alarm_mb * MB, settings.disk_drafts_mb * MB, settings.disk_reports_mb * MB)


async def run() -> None:
    """The process: pages and API at once, store and Kafka as soon as they are there."""
    settings, bus_settings, store_settings = load(IntakeSettings), load(BusSettings), load(StoreSettings)
    log.configure("intake", settings.log_level)
    intake = build(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.work(), name="work")
        tasks.create_task(serve(intake.app, settings.host, settings.port), name="http-server")
