"""Wires notify: the only place where its parts meet."""

import asyncio
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request

from services.notify import problem_table
from services.notify.auditor.repository import DATABASE as AUDITOR
from services.notify.auditor.repository import FindingStore
from services.notify.cases.consumers import RoutingsHandler, consumers
from services.notify.cases.repository import CaseStore
from services.notify.cases.service import CaseService
from services.notify.cases.tickets import Tickets
from services.notify.channels.email import MailChannel
from services.notify.console import pages as console_pages
from services.notify.console.alarms import ALARMS_S, AlarmView, AlarmWatch, LiveUpdates
from services.notify.console.api import case_router, center_router, command_router, ticket_router
from services.notify.console.banners import Banners
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.console.case_pages import CasePages, details_router, story_router
from services.notify.console.dependencies import audit_of_request
from services.notify.console.feed import ConsoleFeed
from services.notify.console.problems import FORM_LABELS
from services.notify.console.rows import Rows
from services.notify.console.stream import CHECK_S, stream_router
from services.notify.dead_letters.repository import DeadLetterStore
from services.notify.dead_letters.service import DeadLetterWatch
from services.notify.drills.pages import drill_router
from services.notify.drills.repository import DrillStore
from services.notify.drills.service import EVERY_S as DRILLS_S
from services.notify.drills.service import Drills
from services.notify.escalation.delivery import Delivery
from services.notify.escalation.jobs import ALIVE_S, FarTimers, StoreGauges, WorkerLiveness
from services.notify.escalation.jobs import EVERY_S as GAUGES_S
from services.notify.escalation.repository import RECENT_S, RecentAlertStore, WorkerStore
from services.notify.escalation.service import EscalationWorker
from services.notify.request_audit import RequestAudit
from services.notify.settings import NotifySettings
from services.notify.team.directory import POLL_S as DIRECTORY_S
from services.notify.team.directory import StaffDirectory
from services.notify.team.pages import TeamPages, team_router
from services.notify.team.repository import CenterStore, RotaStore
from services.notify.team.service import DutyService
from shared import log, mongo
from shared.audit.entries import denial_recorder
from shared.audit.pages import audit_router
from shared.audit.published import PUBLISH_S, AnchorPublisher
from shared.audit.store import DAY_S, AuditLog
from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.identity.principal import Principal
from shared.identity.source import POLL_S, Identity
from shared.identity.source import over_http as identity_over_http
from shared.identity.tokens import TicketKey
from shared.jobs import Jobs
from shared.kafka.broker import KafkaClient
from shared.kafka.reader import Follower
from shared.key_setting import key_bytes
from shared.outbox import Relay
from shared.settings import KafkaSettings, StoreSettings, load
from shared.store_clock import LOOK_S, StoreClock
from shared.topics import ALERTS, CASES, CENTERS, ROUTINGS
from shared.web.app import Documentation, Forms, create_app
from shared.web.pages import Pages
from shared.web.serve import serve
from shared.web.session_renewal import RenewingAuthorizer
from shared.web.session_renewal import over_http as renewal_over_http
from shared.web.translations import gettext_noop

HERE = Path(__file__).parent
SERVICE = "notify"
ALERTERS = 2
"""One mails while the other writes down."""
RARELY = 15
"""So many times the usual pause: whoever is woken when there is work asks by itself only in case nobody wakes them."""
LEFT_BEHIND_S = 5.0
"""How often an idle process looks for events of another one that died: they tell of what was done, nobody waits."""
LIVE_S = 1.0
NEEDS_KAFKA = {"case_relay", "center_relay", "follower"}
CONSOLE_S = 10.0
"""A pass shows all there is, and what changes wakes the next one; after a failed read the job's own back-off holds."""


@dataclass(frozen=True, slots=True)
class Notify:
    """The parts of one notify process."""

    app: FastAPI
    bus: KafkaClient
    follower: Follower
    cases: CaseStore
    centers: CenterStore
    dead_letter_store: DeadLetterStore
    case_relay: Relay
    center_relay: Relay
    jobs: Jobs
    escalation_worker: EscalationWorker
    liveness: WorkerLiveness
    delivery: Delivery
    dead: DeadLetterWatch
    drills: Drills
    drill_store: DrillStore
    broadcaster: ConsoleBroadcaster
    case_service: CaseService
    tickets: Tickets
    identity: Identity
    staff: StaffDirectory
    audit: AuditLog
    clock: Clock

    async def prepare(self) -> None:
        """Wait for the store and make its indexes."""
        await mongo.wait_until_ready(self.cases.database, self.clock)
        await mongo.until_done(self._prepare, self.clock, "preparing the store")

    async def _prepare(self) -> None:
        await self.cases.prepare()
        await self.dead_letter_store.prepare()
        await self.drill_store.prepare()
        await self.case_relay.ensure_index()
        await self.center_relay.ensure_index()
        await self.staff.recall()

    async def work(self) -> None:
        """Run everything but the pages, until cancelled."""
        await self.prepare()
        try:
            async with asyncio.TaskGroup() as tasks:
                # No job waits for Kafka: who is signed in, the audit, and alerts already due need none.
                tasks.create_task(self.jobs.run(), name="jobs")
                await self.bus.start()
                tasks.create_task(self.follower.start(), name="follower")
        finally:
            self.broadcaster.close()
            await self.bus.stop()
            # Only now: a batch that the consumer still finished has taken cases into this process's lease.
            await self.liveness.stop()
            await self.follower.stop()
            await self.delivery.close()
            await self.staff.close()


def build(settings: NotifySettings, bus_settings: KafkaSettings, store_settings: StoreSettings, clock: Clock) -> Notify:
    """Make the parts; nothing runs or connects yet."""
    health = Health()
    bus = KafkaClient(bus_settings, SERVICE, health, clock)
    database = mongo.connect(store_settings, SERVICE)
    cases, centers, dead_letter_store = CaseStore(database), CenterStore(database), DeadLetterStore(database)
    case_relay = Relay(cases.collection, bus.publisher, clock, name="cases", idle_sweep_s=LEFT_BEHIND_S)
    center_relay = Relay(centers.collection, bus.publisher, clock, name="centers", idle_sweep_s=LEFT_BEHIND_S)
    broadcaster, channel = ConsoleBroadcaster(), MailChannel(settings, clock)
    # No two processes have the same, not even a container and the one it is started again as.
    worker = f"{socket.gethostname()[:60].replace('.', '-')}:{os.getpid()}:{secrets.token_hex(4)}"
    delivery, recent = Delivery(settings, channel, clock), RecentAlertStore(database)
    escalation_worker = EscalationWorker(
        cases, centers, recent, delivery, broadcaster, case_relay, clock, settings, worker
    )
    liveness = WorkerLiveness(WorkerStore(database), cases, worker, settings.lease_s, escalation_worker, clock)
    routings = RoutingsHandler(
        cases, broadcaster, clock, settings.rules, escalation_worker, given_up=settings.given_up()
    )
    bus.include(consumers(routings))
    feed = ConsoleFeed(cases, broadcaster, clock, settings.rules)
    follower = Follower(bus_settings, (ROUTINGS, CASES, ALERTS, CENTERS), feed.note, from_start=False, clock=clock)
    dead = DeadLetterWatch(bus_settings, settings, dead_letter_store, channel, broadcaster, clock)
    audit = AuditLog(database, settings.audit_keys(), clock, SERVICE, settings.audit_heads)
    identity = identity_over_http(settings, clock, SERVICE)
    staff = StaffDirectory(database, settings.identity_url, settings.directory_key)
    duty = DutyService(centers, center_relay, broadcaster.notice, clock)
    case_service = CaseService(cases, duty, broadcaster, case_relay, staff, settings.rules, clock)
    findings = FindingStore(database.client[f"{store_settings.database_prefix}{AUDITOR}"])
    gauges = StoreGauges(cases, findings, clock)
    live = LiveUpdates(follower.check, broadcaster.notice, clock)
    alarms = AlarmView(findings, dead_letter_store, live, clock)
    drill_store = DrillStore(database)
    drills = Drills(drill_store, cases, settings, clock)
    tickets = Tickets(case_service, TicketKey(key_bytes(settings.ticket_key)), clock)
    health.ready.update(
        case_relay=case_relay.check,
        center_relay=center_relay.check,
        follower=follower.check,
        identity=identity.check,
    )
    health.degraded.update(case_relay=case_relay.unreadable, center_relay=center_relay.unreadable)
    for name in [name for name in health.ready if name in NEEDS_KAFKA or name.startswith("kafka")]:
        until_first_ok(health, name)
    jobs = Jobs(health, SystemClock())  # how often to look is a matter of the machine's clock, whatever day it is
    jobs.every(POLL_S, "identity", identity.refresh)
    jobs.every(LOOK_S, "far-timers", _far_timers(cases, escalation_worker, settings, clock).look)
    jobs.every(DIRECTORY_S, "staff-directory", staff.refresh)
    jobs.every(DAY_S, "audit", audit.look_after)
    jobs.every(PUBLISH_S, "audit-anchors", AnchorPublisher(audit, bus_settings, clock).publish, at_once=False)
    _alert_jobs(jobs, escalation_worker, recent, settings)
    jobs.every(ALIVE_S, "workers", liveness.look)
    jobs.every(LIVE_S, "live-updates", live.look)
    jobs.every(ALARMS_S, "alarms", AlarmWatch(findings, dead_letter_store, broadcaster, clock).look)
    jobs.every(CHECK_S, "sign-outs", broadcaster.check_sign_ins, only_while=broadcaster.occupied)
    jobs.every(GAUGES_S, "gauges", gauges.look)
    jobs.every(DRILLS_S, "drills", drills.look)
    jobs.endless("case-relay", case_relay.run)
    jobs.endless("center-relay", center_relay.run)
    jobs.every(CONSOLE_S, "console", feed.catch_up, wake=feed.something)
    jobs.endless("dead", dead.run)
    jobs.every(min(RARELY * settings.poll_s, GAUGES_S), "dead-mails", dead.tell, wake=dead.news)
    return Notify(
        app=_application(
            settings, health, case_service, tickets, (alarms, drills), broadcaster, identity, audit, clock
        ),
        bus=bus,
        follower=follower,
        cases=cases,
        centers=centers,
        dead_letter_store=dead_letter_store,
        case_relay=case_relay,
        center_relay=center_relay,
        jobs=jobs,
        escalation_worker=escalation_worker,
        liveness=liveness,
        delivery=delivery,
        dead=dead,
        drills=drills,
        drill_store=drill_store,
        broadcaster=broadcaster,
        case_service=case_service,
        tickets=tickets,
        identity=identity,
        staff=staff,
        audit=audit,
        clock=clock,
    )


def _far_timers(cases: CaseStore, worker: EscalationWorker, settings: NotifySettings, clock: Clock) -> FarTimers:
    store_clock = StoreClock.of(cases.database, clock)
    return FarTimers(cases, store_clock, settings.rules, settings.lease_s, worker.wake, clock)


def _alert_jobs(jobs: Jobs, worker: EscalationWorker, recent: RecentAlertStore, settings: NotifySettings) -> None:
    """Make the alerting jobs: critical cases have their own; the job for those held here asks the store nothing."""
    rarely_s, gather_s = RARELY * settings.poll_s, settings.gather_s
    for number in range(ALERTERS):
        # The first asks the store; the other is woken when there is more than it can do.
        pace_s = worker.pace_s if number == 0 else rarely_s
        jobs.every(pace_s, f"alerts-{number}", worker.send_due, wake=worker.due, gather_s=gather_s)
    jobs.every(worker.pace_s, "alerts-urgent", worker.send_urgent, wake=worker.urgent_due)
    jobs.every(rarely_s, "alerts-urgent-held", worker.send_held_urgent, wake=worker.urgent_held)
    jobs.every(DAY_S, "recent-alerts", recent.save, wake=recent.told, gather_s=RECENT_S)


def until_first_ok(health: Health, name: str) -> None:
    """Let a check count for readiness until it was fine once; from then on it only says that something is degraded.

    A rollout that never reaches Kafka replaces nothing. An outage of Kafka later must not take away the consoles that
    explain it: staff can read and act as long as the store is there.
    """
    check, passed = health.ready[name], False
    beside = health.degraded.get(name)

    def first() -> str | None:
        nonlocal passed
        word = None if passed else check()
        # A partition that stopped was reached.
        passed = passed or word is None or word.startswith("stopped at")
        return None if passed else word

    health.ready[name] = first
    health.degraded[name] = lambda: check() or (beside() if beside is not None else None)


def _application(
    settings: NotifySettings,
    health: Health,
    case_service: CaseService,
    tickets: Tickets,
    watch: tuple[AlarmView, Drills],
    broadcaster: ConsoleBroadcaster,
    identity: Identity,
    audit: AuditLog,
    clock: Clock,
) -> FastAPI:
    pages = Pages(HERE / "templates", HERE / "locale", settings, SERVICE, clock=clock)
    renew = renewal_over_http(settings.identity_url, identity, SERVICE)
    authorize = RenewingAuthorizer(identity, settings, renew, service=SERVICE, on_denied=denial_recorder(audit))
    details = f"{settings.public_urls['intake'].rstrip('/')}/details"

    def audited(request: Request, principal: Principal) -> RequestAudit:
        return audit_of_request(audit.append, request, principal, clock)

    alarms, drills = watch
    banners = Banners(alarms, case_service.duty, pages)
    parts = CasePages(case_service, pages, settings, authorize, tickets, audited)
    return create_app(
        service=SERVICE,
        documentation=Documentation(
            title=gettext_noop("Ieum notify"),
            description=gettext_noop("Gets a person to look: work lists, alerts, acknowledgements, transfers."),
            tags={
                "cases": "Work lists and cases, to read.",
                "acts": "What staff do with a case of their centre.",
                "transfers": "Offer a case to another centre, and answer an offer.",
                "details": "Tickets to what a reporter wrote.",
                "centers": "Who is on duty at a centre.",
            },
            problems=problem_table.PROBLEMS,
            page_problems=problem_table.ON_PAGES,
        ),
        settings=settings,
        health=health,
        for_staff=True,
        routers=[
            stream_router(
                case_service,
                broadcaster,
                clock,
                authorize,
                settings.stream_clients,
                Rows(pages, case_service.staff),
                banners.html,
            ),
            case_router(case_service, authorize, audited),
            command_router(case_service, authorize, pages, audited),
            ticket_router(case_service, tickets, authorize, pages, audited, details),
            center_router(case_service, authorize, audited),
            console_pages.page_router(case_service, alarms.dead, banners, pages, settings, authorize, audited),
            drill_router(drills, pages, authorize, audited),
            story_router(parts),
            details_router(parts),
            team_router(TeamPages(case_service, RotaStore(case_service.cases.database), pages, authorize, audited)),
            audit_router(audit, authorize, pages),
        ],
        pages=pages,
        # Tickets go to intake.
        forms=Forms(post_to_other_services=True, labels=FORM_LABELS, given_back=True),
    )


async def run() -> None:
    """The process: pages at once, alerts as soon as store and Kafka are there."""
    settings, bus_settings, store_settings = load(NotifySettings), load(KafkaSettings), load(StoreSettings)
    log.configure(SERVICE, settings.log_level)
    await mongo.check_restore(store_settings, "notify")
    notify = build(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(notify.work(), name="work")
        tasks.create_task(serve(notify.app, settings.host, settings.port), name="http-server")
