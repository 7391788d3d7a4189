"""Wires intake: the only place where its parts meet."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from services.intake.audit_recorder import AuditRecorder
from services.intake.clients import pages as clients_pages
from services.intake.clients import problem_pages
from services.intake.clients.dependencies import ClientGate
from services.intake.clients.repository import ClientRepository
from services.intake.clients.service import ClientService
from services.intake.disk.repository import DiskSpace
from services.intake.disk.rules import MB, DiskThresholds
from services.intake.disk.service import DiskMonitor
from services.intake.encryption.keys import KeyedDigests
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.handover import api as handover_api
from services.intake.handover import pages as handover_pages
from services.intake.handover.service import HandoverService
from services.intake.links.repository import LinkIndex
from services.intake.links.rules import LinkKey
from services.intake.links.service import LinkService
from services.intake.phone import pages as call_pages
from services.intake.phone.additions import CallAdditions
from services.intake.phone.call_page import CallPage
from services.intake.phone.drafts import CallDrafts
from services.intake.phone.renderer import CallRenderer
from services.intake.phone.repository import CallRepository
from services.intake.phone.service import CallService
from services.intake.phone.submitting import CallSubmitter
from services.intake.proofs import pages as proof_pages
from services.intake.proofs.rules import ProofSigner
from services.intake.rate_limits.receipts import ReceiptRateLimiter
from services.intake.rate_limits.submissions import SubmissionRateLimiter
from services.intake.receipts import api as receipts_api
from services.intake.receipts import pages as receipts_pages
from services.intake.receipts.authentication import ReceiptAuthenticator
from services.intake.receipts.duty_follower import DutyFollower
from services.intake.receipts.service import ReceiptService
from services.intake.receipts.status import StatusAnswerBuilder, StatusService
from services.intake.receipts.updates import ReportUpdater
from services.intake.reports.changes import ReportRepository
from services.intake.reports.consumers import ProgressFollower, consumers
from services.intake.reports.repository import ProgressRepository
from services.intake.retention import pages as erasures_pages
from services.intake.retention.jobs import ErasureJob
from services.intake.retention.service import RetentionService
from services.intake.settings import IntakeSettings
from services.intake.staff_access import correspondence_pages
from services.intake.staff_access import pages as details_pages
from services.intake.staff_access.correspondence import Correspondence
from services.intake.staff_access.lookup import StaffLookup
from services.intake.staff_access.repository import UsedTickets
from services.intake.staff_access.service import DetailsService
from services.intake.submissions import api
from services.intake.submissions.batch_insert import GroupCommit
from services.intake.submissions.service import SubmissionService
from services.intake.webform import advice_pages, language_pages, pages, step_pages
from services.intake.webform.drafts import Drafts
from services.intake.webform.renderer import FormRenderer
from services.intake.webform.repository import DraftRepository
from services.intake.webform.returning import Returning
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
from shared.kafka.broker import KafkaClient
from shared.key_setting import key_bytes
from shared.outbox import Relay
from shared.sealing import Keyring
from shared.settings import KafkaSettings, StoreSettings, load
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
    bus: KafkaClient
    relay: Relay
    reports: ProgressRepository
    group: GroupCommit
    changes: ReportRepository
    disk: DiskMonitor
    links: LinkIndex
    linker: LinkService
    eraser: ErasureJob
    audit: AuditLog
    clients: ClientGate
    identity: Identity
    vault: DetailsService
    drafts: Drafts
    calls: CallRepository
    sender: CallSubmitter
    duties: DutyFollower

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


def build(settings: IntakeSettings, bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock) -> Intake:
    """Make the parts; nothing runs or connects yet."""
    health = Health()
    # Reports are accepted without Kafka, so Kafka being away must not take intake out of service: only the live half
    # of the bus's checks counts here, the other is shown among the metrics.
    aside = Health(live=health.live)
    bus = KafkaClient(bus_settings, "intake", aside, clock)
    database = mongo.connect(store_settings, "intake")
    reports = ProgressRepository(database, clock)
    relay = Relay(reports.collection, bus.publisher, clock, name="intake", pace_s=RELAY_PACE_S)
    group = GroupCommit(reports.collection, clock, waiting=settings.queue_limit)
    health.ready["store"] = group.check
    follower = ProgressFollower(reports)
    [following] = bus.include(consumers(follower))
    aside.ready["relay.intake"] = relay.check
    aside.ready["routings.holes"] = follower.check

    keys = KeyedDigests(key_bytes(settings.receipt_key))
    signer = ProofSigner(key_bytes(settings.signing_key))
    keyring = Keyring([key_bytes(key) for key in (settings.master_key, *settings.retired_master_keys)])
    words = PassphraseHasher(keys)
    links = LinkIndex(database)
    linker = LinkService(links, LinkKey(key_bytes(settings.link_key)), clock)
    disk = DiskMonitor(DiskSpace(database, settings.disk_folder), _marks(settings), clock)
    health.ready["disk"] = disk.full
    aside.ready["disk.room"] = disk.check
    doorkeeper = SubmissionRateLimiter(keys, clock, free=settings.free_reports, many=settings.many_reports)
    reception = SubmissionService(
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
    clients = ClientGate(ClientRepository(database), keys, audit, clock)
    trail = AuditRecorder(audit, clock)
    changes = ReportRepository(reports.collection, database["jobs"])
    eraser = ErasureJob(changes, links, trail, clock, pace_s=settings.erasure_pace_s)
    holders = ReceiptAuthenticator(
        changes, keys, ReceiptRateLimiter(settings.status_questions_per_minute, clock), words, trail, clock
    )
    correspondence = Correspondence(changes, gate, trail, keyring, keys, clock)
    changer = ReportUpdater(holders=holders, changes=changes, relay=relay, keys=keys, trail=trail, clock=clock)
    duties = DutyFollower(bus_settings, clock)
    # Shown, and no more: without it the longer times are promised.
    aside.ready["centers"] = duties.check
    metrics.show(aside.ready)  # once all of them are in it: what is added later is never shown
    tell = StatusAnswerBuilder(duties.first_on_duty, clock)
    status = StatusService(holders, tell)
    receipts = ReceiptService(changer, keyring, words, linker, tell, clock, eraser.destroy)
    handing = HandoverService(changer, keys, keyring, words, tell)
    vault = DetailsService(
        identity=identity,
        changes=changes,
        used=UsedTickets(database),
        keyring=keyring,
        audit=audit,
        clock=clock,
        current=following.lag.current,
    )
    drafts = Drafts(DraftRepository(database), keys, clock, disk.takes_drafts)
    own_pages = Pages(HERE / "templates", HERE / "locale", settings, "intake", clock=clock, leave="/leave")
    view = FormRenderer(own_pages, clock, duties.outlook)
    call_drafts = CallDrafts(CallRepository(database), keys, clock)
    sender = CallSubmitter(call_drafts, reception, changes, keys, clock)
    call_view, call_desk = CallRenderer(view, call_drafts, clock), CallService(call_drafts, trail, clock)
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
            handover_api.router(handing, write=clients(Scope.RECEIPTS_WRITE)),
            pages.router(view, reception, drafts, doorkeeper, Returning(holders), clock),
            step_pages.router(view, drafts, Returning(holders), clock),
            advice_pages.router(own_pages),
            receipts_pages.router(view, status, receipts, handing),
            handover_pages.router(view, handing),
            problem_pages.router(own_pages),
            language_pages.router(own_pages),
            proof_pages.router(own_pages, keys, signer),
            erasures_pages.router(own_pages, gate, RetentionService(changes, gate, trail, relay, clock)),
            details_pages.router(own_pages, vault, correspondence),
            correspondence_pages.router(
                own_pages, gate, correspondence, StaffLookup(changes, keys, holders.gate, trail)
            ),
            call_pages.router(
                gate,
                call_view,
                call_desk,
                CallPage(call_view, call_desk, sender, linker, disk, clock),
                CallAdditions(receipts, keyring),
            ),
            clients_pages.router(own_pages, ClientService(clients.clients, keys, clock), gate, audit),
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


def _marks(settings: IntakeSettings) -> DiskThresholds:
    return DiskThresholds(settings.disk_alarm_mb * MB, settings.disk_drafts_mb * MB, settings.disk_reports_mb * MB)


async def run() -> None:
    """The process: pages and API at once, store and Kafka as soon as they are there."""
    settings, bus_settings, store_settings = load(IntakeSettings), load(KafkaSettings), load(StoreSettings)
    log.configure("intake", settings.log_level)
    intake = build(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.work(), name="work")
        tasks.create_task(serve(intake.app, settings.host, settings.port), name="http-server")
