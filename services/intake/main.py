"""Wires intake: the only place where its parts meet."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from services.intake import problem_table
from services.intake.audit_recorder import AuditRecorder
from services.intake.callbacks import api as callback_api
from services.intake.callbacks.channel import CallbackChannel
from services.intake.callbacks.repository import CallbackRepository
from services.intake.callbacks.service import DROP_S, NOTICE_S, SWEEP_S, CallbackService
from services.intake.clients import pages as clients_pages
from services.intake.clients.authentication import ClientAuthentication
from services.intake.clients.dependencies import REFRESH_S as CLIENTS_S
from services.intake.clients.dependencies import ClientAuthenticator
from services.intake.clients.repository import ClientRepository
from services.intake.clients.service import ClientService
from services.intake.disk.repository import DiskSpace
from services.intake.disk.rules import MB, DiskThresholds
from services.intake.disk.service import PACE_S as DISK_S
from services.intake.disk.service import DiskMonitor
from services.intake.encryption.keys import KeyedDigests, keys_of
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.encryption.receipt_issuer import ReceiptIssuer
from services.intake.handover import api as handover_api
from services.intake.handover import pages as handover_pages
from services.intake.handover.service import HandoverService
from services.intake.links.repository import LinkIndex
from services.intake.links.service import PACE_S as LINKS_GATHER_S
from services.intake.links.service import SWEEP_S as LINKS_S
from services.intake.links.service import LinkService
from services.intake.phone import pages as call_pages
from services.intake.phone.additions import CallAdditions
from services.intake.phone.call_page import CallPage
from services.intake.phone.drafts import CallDrafts
from services.intake.phone.renderer import CallRenderer
from services.intake.phone.repository import CallRepository
from services.intake.phone.service import CallService
from services.intake.phone.submitting import OVERDUE, UNFINISHED, CallSubmitter
from services.intake.phone.submitting import SWEEP_S as CALLS_S
from services.intake.problems import not_authentic
from services.intake.proofs import pages as proof_pages
from services.intake.proofs.rules import ProofSigner
from services.intake.rate_limits.receipts import ReceiptRateLimiter
from services.intake.rate_limits.repository import WrongReceiptCounts
from services.intake.rate_limits.submissions import SubmissionRateLimiter
from services.intake.rate_limits.wrong_receipts import GATHER_S as WRONG_GATHER_S
from services.intake.rate_limits.wrong_receipts import PACE_S as WRONG_S
from services.intake.rate_limits.wrong_receipts import SWEEP_S as WRONG_SWEEP_S
from services.intake.rate_limits.wrong_receipts import WrongReceipts
from services.intake.receipts import api as receipts_api
from services.intake.receipts import pages as receipts_pages
from services.intake.receipts.authentication import ReceiptAuthenticator
from services.intake.receipts.duty_follower import DutyFollower
from services.intake.receipts.service import ReceiptService
from services.intake.receipts.status import StatusAnswerBuilder, StatusService
from services.intake.receipts.updates import ReportUpdater
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.reports.consumers import ProgressFollower, consumers
from services.intake.reports.repository import ReportRepository, repository_of
from services.intake.reports.unassigned import LOOK_S as UNASSIGNED_S
from services.intake.reports.unassigned import UnassignedWatch
from services.intake.retention import pages as erasures_pages
from services.intake.retention.jobs import ErasureJob
from services.intake.retention.replay import KEPT_BACKUPS, ErasureReplay
from services.intake.retention.service import RetentionService
from services.intake.sandbox import pages as sandbox_pages
from services.intake.sandbox.service import SandboxService
from services.intake.settings import IntakeSettings
from services.intake.staff_access import correspondence_pages
from services.intake.staff_access import pages as details_pages
from services.intake.staff_access import words as staff_words
from services.intake.staff_access.correspondence import Correspondence
from services.intake.staff_access.lookup import StaffLookup
from services.intake.staff_access.repository import UsedTickets
from services.intake.staff_access.service import SWEEP_S as TICKETS_S
from services.intake.staff_access.service import DetailsService
from services.intake.submissions import api
from services.intake.submissions.batch_insert import GroupCommit
from services.intake.submissions.service import SubmissionService
from services.intake.webform import advice_pages, language_pages, pages, receipt_page, step_pages
from services.intake.webform.drafts import SWEEP_S as DRAFTS_S
from services.intake.webform.drafts import Drafts
from services.intake.webform.renderer import FormRenderer
from services.intake.webform.repository import DraftRepository
from services.intake.webform.returning import Returning
from shared import log, mongo
from shared.audit.entries import denial_recorder
from shared.audit.pages import audit_router
from shared.audit.published import PUBLISH_S, AnchorPublisher
from shared.audit.store import DAY_S, AuditLog, begin
from shared.clock import Clock, SystemClock
from shared.drills import begun_by_notify
from shared.encryption import Keyring
from shared.errors import FatalError
from shared.health import Health
from shared.identity.roles import Scope
from shared.identity.source import POLL_S, Identity
from shared.identity.source import over_http as identity_over_http
from shared.identity.tokens import TicketKey
from shared.jobs import Jobs
from shared.kafka import metrics
from shared.kafka.broker import KafkaClient
from shared.key_setting import key_bytes
from shared.outbox import Relay
from shared.settings import KafkaSettings, StoreSettings, load
from shared.store_clock import LOOK_S, StoreClock
from shared.web.app import Documentation, Forms, create_app
from shared.web.middleware import FORM_QUOTED
from shared.web.pages import Pages
from shared.web.serve import serve
from shared.web.session_renewal import RenewingAuthorizer
from shared.web.session_renewal import over_http as renewal_over_http
from shared.web.translations import gettext_noop

RELAY_LINGER_S = 0.25
"""Under load the events of this time, or four, are published together; a single one does not wait (decision 5)."""
RELAY_CLEAR_AFTER_S = 0.2
"""Published events collect for this time, fields of the link index with them: one write clears both."""
RELAY_LEAVE_S = 1.2
"""A little more than twice the pace of the follower: by then nearly every report has an owner, which is written."""
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Intake:
    """The parts of one intake process."""

    app: FastAPI
    bus: KafkaClient
    jobs: Jobs
    relay: Relay
    reports: ReportRepository
    group: GroupCommit
    disk: DiskMonitor
    links: LinkIndex
    link_service: LinkService
    erasure_job: ErasureJob
    unassigned: UnassignedWatch
    replay: ErasureReplay
    store_clock: StoreClock
    audit: AuditLog
    anchors: AnchorPublisher
    clients: ClientAuthenticator
    wrong_receipts: WrongReceipts
    identity: Identity
    details_service: DetailsService
    drafts: Drafts
    calls: CallRepository
    sender: CallSubmitter
    duties: DutyFollower
    callbacks: CallbackService
    erasure_pace_s: float

    async def open(self) -> None:
        """Wait for the store, make its indexes, begin to accept."""
        await mongo.until_done(self._prepare, self.audit.clock, "preparing the store")
        self.group.open()

    async def _prepare(self) -> None:
        await self.reports.prepare()
        await self._replay_erasures()
        await self.drafts.prepare()
        await self.links.prepare()
        await self.calls.prepare()
        await self.callbacks.callbacks.prepare()
        await self.wrong_receipts.store.prepare()
        await self.relay.ensure_index()
        await begin(self.audit)

    async def _replay_erasures(self) -> None:
        """Replay the erasure register, so that an older store that was put back shows no report erased since."""
        done = await self.replay.run(self.audit.clock.now() - KEPT_BACKUPS)
        if done.withdrawn or done.reinstated or done.erased or done.left:
            log.get(__name__).critical(
                "erasure.replayed",
                withdrawn=len(done.withdrawn),
                reinstated=len(done.reinstated),
                erased=len(done.erased),
                left=len(done.left),
            )
        if done.left:
            raise FatalError(
                f"{len(done.left)} reports of the erasure register could not be erased again (erasure.replay_failed"
                " names them): look at them (ieum reports check), then start intake again"
            )
        self.reports.open()

    def _add_jobs(self) -> None:
        """Say what is done periodically, and how often."""
        jobs = self.jobs
        jobs.every(POLL_S, "identity", self.identity.refresh)
        jobs.every(CLIENTS_S, "clients", self.clients.keep_fresh)
        counted = self.wrong_receipts
        jobs.every(WRONG_S, "wrong-receipts", counted.exchange, wake=counted.counted, gather_s=WRONG_GATHER_S)
        jobs.every(WRONG_SWEEP_S, "wrong-receipts-over", counted.sweep)
        jobs.every(DAY_S, "audit", self.audit.look_after)
        jobs.every(PUBLISH_S, "audit-anchors", self.anchors.publish, at_once=False)
        jobs.every(TICKETS_S, "tickets", partial(self.details_service.sweep, self.store_clock))
        jobs.every(DRAFTS_S, "drafts", self.drafts.sweep)
        jobs.every(CALLS_S, UNFINISHED, self.sender.finish_others)
        jobs.every(CALLS_S, OVERDUE, self.sender.sweep)
        jobs.endless("relay", self.relay.run)
        jobs.every(LINKS_S, "links", self.link_service.index, wake=self.link_service.enqueued, gather_s=LINKS_GATHER_S)
        told = self.callbacks
        jobs.every(NOTICE_S, "callbacks-noticed", told.notice, wake=told.hinted)
        jobs.every(SWEEP_S, "callbacks-swept", told.sweep)
        jobs.every(DROP_S, "callbacks-dropped", told.drop_old)
        jobs.endless("callbacks", told.run)
        jobs.every(DISK_S, "disk", self.disk.look)
        jobs.endless("store-watch", self.group.watch)
        jobs.every(LOOK_S, "store-clock", self.store_clock.look)
        jobs.every(UNASSIGNED_S, "unassigned", self.unassigned.look)
        jobs.every(self.erasure_pace_s, "erasures", self.erasure_job.minute)
        jobs.every(self.erasure_pace_s, "retention", self.erasure_job.daily)

    async def work(self) -> None:
        """Accept, publish what is in the outboxes, follow what others say, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.bus.run_forever(), name="bus")
                tasks.create_task(self.duties.run(), name="duties")
                await self.open()
                self._add_jobs()
                tasks.create_task(self.jobs.run(), name="jobs")
        finally:
            self.callbacks.channel.close()


def build(settings: IntakeSettings, bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock) -> Intake:
    """Make the parts; nothing runs or connects yet."""
    health = Health()
    # Reports are accepted without Kafka, so Kafka being away must not take intake out of service: only the live half
    # of the bus's checks counts here, the other is shown among the metrics.
    aside = Health(live=health.live)
    bus = KafkaClient(bus_settings, "intake", aside, clock)
    database = mongo.connect(store_settings, "intake")
    keys = keys_of(settings)
    audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
    recorder = AuditRecorder(audit, clock)
    reports = repository_of(settings, database, clock, keys.reports, recorder.report_refused)
    links, store_clock = LinkIndex(database), StoreClock.of(database, clock)
    link_service = LinkService(links, KeyedDigests(key_bytes(settings.link_key)), clock)
    relay = Relay(
        reports.collection,
        bus.publisher,
        clock,
        name="intake",
        linger_s=RELAY_LINGER_S,
        clear_after_s=RELAY_CLEAR_AFTER_S,
        leave_s=RELAY_LEAVE_S,
        also_clear=link_service.also_clear,
    )
    group = GroupCommit(reports.collection, clock, waiting=settings.queue_limit)
    health.ready["store"] = group.check
    follower = ProgressFollower(reports, relay)
    [following] = bus.include(consumers(follower))
    health.degraded |= {"relay.intake": relay.unreadable}
    aside.ready |= {"relay.intake": relay.check, "routings.holes": follower.check}

    signer, keyring = ProofSigner(key_bytes(settings.signing_key)), _keyring(settings)
    issuer, words = ReceiptIssuer(keys.receipts, keyring), PassphraseHasher(keys.passphrases)
    disk = DiskMonitor(DiskSpace(database), _marks(settings))
    health.ready["disk"] = disk.full
    aside.ready["disk.room"] = disk.check
    rate_limiter = SubmissionRateLimiter(keys.lasting, clock, free=settings.free_reports, many=settings.many_reports)
    clients = ClientAuthenticator(
        ClientRepository(database, ClientAuthentication(keys.client_authentication, recorder.client_refused)),
        keys.clients,
        audit,
        clock,
    )
    callbacks = _callbacks(CallbackRepository(database), reports, clients, settings, clock)
    submission_service = SubmissionService(
        group=group,
        relay=relay,
        keyring=keyring,
        keys=keys.lasting,
        receipts=issuer,
        authentication=reports.authentication,
        signer=signer,
        words=words,
        link_service=link_service,
        rate_limiter=rate_limiter,
        disk=disk,
        clock=clock,
        callback_keys=keys.callbacks,
        on_callback=callbacks.hint,
    )
    identity = identity_over_http(settings, clock, "intake")
    # Shown, and no more: reports are accepted whether or not anybody can sign in.
    aside.ready["identity"] = identity.check
    # Pages of notify send forms here (a receipt to find, an answer) before a page of ours has got a token of its own.
    authorize = RenewingAuthorizer(
        identity,
        settings,
        renewal_over_http(settings.identity_url, identity, "intake"),
        service="intake",
        on_denied=denial_recorder(audit),
    )
    erasure_job = ErasureJob(reports, links, recorder, clock, store_clock)
    wrong_receipts = WrongReceipts(
        WrongReceiptCounts(database),
        keys.wrong_receipts,
        store_clock.corrected,
        per_network=settings.wrong_receipts_per_hour,
    )
    authenticator = ReceiptAuthenticator(
        reports,
        issuer,
        ReceiptRateLimiter(settings.status_questions_per_minute, clock),
        wrong_receipts,
        words,
        recorder,
        clock,
        keys.devices,
    )
    correspondence = Correspondence(reports, recorder, keyring, keys.lasting, clock)
    updater = ReportUpdater(
        authenticator=authenticator, reports=reports, relay=relay, keys=keys.lasting, recorder=recorder, clock=clock
    )
    duties = DutyFollower(bus_settings, clock)
    # Shown, and no more: without it the longer times are promised.
    aside.ready["centers"] = duties.check
    metrics.show(aside.ready)  # once all of them are in it: what is added later is never shown
    tell = StatusAnswerBuilder(duties.first_on_duty, clock)
    status = StatusService(authenticator, tell)
    receipts = ReceiptService(updater, keyring, words, link_service, tell, clock, store_clock, erasure_job.destroy)
    handing = HandoverService(updater, keys.lasting, issuer, keyring, words, tell)
    details_service = DetailsService(
        identity=identity,
        ticket_key=TicketKey(key_bytes(settings.ticket_key)),
        reports=reports,
        used=UsedTickets(database),
        keyring=keyring,
        audit=audit,
        clock=clock,
        current=following.lag.current,
    )
    drafts = Drafts(DraftRepository(database), keys.drafts, clock, disk.takes_drafts)
    own_pages = Pages(HERE / "templates", HERE / "locale", settings, "intake", clock=clock, leave="/leave")
    view, by_store = FormRenderer(own_pages, clock, duties.outlook), store_clock.corrected
    call_drafts = CallDrafts(CallRepository(database), keys, by_store)
    sender = CallSubmitter(call_drafts, submission_service, reports, issuer, store_clock)
    call_view, call_service = CallRenderer(view, call_drafts, by_store), CallService(call_drafts, recorder, by_store)
    app = create_app(
        service="intake",
        documentation=Documentation(
            title=gettext_noop("Digital sex crime reports"),
            description=gettext_noop("Lodge a report from any front end, and ask with its receipt where it stands."),
            tags={
                "reports": "Submit a report.",
                "receipts": "What the holder of a receipt may ask, add and withdraw.",
                "callbacks": "What a front end is told by itself.",
            },
            problems=problem_table.PROBLEMS,
            page_problems=problem_table.ON_PAGES,
            reasons=problem_table.REASONS,
            webhooks=callback_api.webhooks(),
        ),
        settings=settings,
        health=health,
        routers=[
            api.router(
                submission_service,
                signer,
                clients(Scope.REPORTS_SUBMIT),
                partial(begun_by_notify, key_bytes(settings.ticket_key)),
            ),
            receipts_api.router(
                status, receipts, read=clients(Scope.RECEIPTS_READ), write=clients(Scope.RECEIPTS_WRITE)
            ),
            handover_api.router(handing, write=clients(Scope.RECEIPTS_WRITE)),
            pages.router(view, submission_service, drafts, rate_limiter, Returning(authenticator), clock),
            step_pages.router(view, drafts, Returning(authenticator), clock),
            receipt_page.router(view, drafts),
            advice_pages.router(own_pages),
            receipts_pages.router(view, status, receipts, handing),
            handover_pages.router(view, handing),
            language_pages.router(own_pages),
            proof_pages.router(own_pages, keys.lasting, signer, authenticator.gate, wrong_receipts),
            erasures_pages.router(own_pages, authorize, RetentionService(reports, recorder, relay, clock)),
            details_pages.router(own_pages, authorize, details_service, correspondence),
            correspondence_pages.router(
                own_pages,
                authorize,
                correspondence,
                StaffLookup(reports, issuer, authenticator.gate, wrong_receipts, recorder),
            ),
            call_pages.router(
                authorize,
                call_view,
                call_service,
                CallPage(call_view, call_service, sender, link_service, disk, by_store),
                CallAdditions(receipts, keyring),
            ),
            sandbox_pages.router(
                own_pages,
                SandboxService(reports, callbacks.callbacks, tell),
                clients,
                keys.devices,
                clock,
                secure=settings.served_by_https("intake"),
            ),
            clients_pages.router(own_pages, ClientService(clients.clients, keys, clock), authorize, audit),
            audit_router(audit, authorize, own_pages),
        ],
        pages=own_pages,
        forms=Forms(
            quoted=FORM_QUOTED,
            post_to_other_services=True,
            labels=clients_pages.FORM_LABELS,
            given_back=True,
            session_fields={"leave": staff_words.OTHER_SESSION},
        ),
        problem_of={ReportNotAuthenticError: not_authentic},
    )
    return Intake(
        app=app,
        bus=bus,
        jobs=Jobs(health, clock),
        relay=relay,
        reports=reports,
        group=group,
        disk=disk,
        links=links,
        link_service=link_service,
        erasure_job=erasure_job,
        unassigned=UnassignedWatch(reports, clock),
        replay=ErasureReplay(reports, links, recorder, clock),
        store_clock=store_clock,
        audit=audit,
        anchors=AnchorPublisher(audit, bus_settings, clock),
        clients=clients,
        wrong_receipts=wrong_receipts,
        identity=identity,
        details_service=details_service,
        drafts=drafts,
        calls=call_drafts.store,
        sender=sender,
        duties=duties,
        callbacks=callbacks,
        erasure_pace_s=settings.erasure_pace_s,
    )


def _keyring(settings: IntakeSettings) -> Keyring:
    return Keyring([key_bytes(key) for key in (settings.master_key, *settings.retired_master_keys)])


def _callbacks(
    callbacks: CallbackRepository,
    reports: ReportRepository,
    clients: ClientAuthenticator,
    settings: IntakeSettings,
    clock: Clock,
) -> CallbackService:
    """Callbacks, which hear of every change of a report."""
    channel, keys = CallbackChannel(settings.callback_networks), keys_of(settings).callbacks
    made = CallbackService(callbacks, reports.of_report, clients.known, channel, keys, clock)
    reports.on_change = made.hint
    return made


def _marks(settings: IntakeSettings) -> DiskThresholds:
    return DiskThresholds(settings.disk_alarm_mb * MB, settings.disk_drafts_mb * MB, settings.disk_reports_mb * MB)


async def run() -> None:
    """The process: pages and API at once, store and Kafka as soon as they are there."""
    settings, bus_settings, store_settings = load(IntakeSettings), load(KafkaSettings), load(StoreSettings)
    log.configure("intake", settings.log_level)
    await mongo.check_restore(store_settings, "intake")
    intake = build(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.work(), name="work")
        tasks.create_task(serve(intake.app, settings.host, settings.port), name="http-server")
