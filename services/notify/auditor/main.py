"""Wires the auditor: a process of its own, with its own reader of the topics and its own way to the mail server."""

import asyncio
from collections.abc import Sequence

import aiosmtplib
from fastapi import FastAPI

from services.notify.auditor.heartbeat import EVERY_S as BEAT_S
from services.notify.auditor.heartbeat import Heartbeat
from services.notify.auditor.repository import DATABASE, FindingStore
from services.notify.auditor.rules import Deviation, Quiet
from services.notify.auditor.service import EVERY_S as LOOK_S
from services.notify.auditor.service import Auditor
from services.notify.channels.messages import alarm_mail
from services.notify.settings import AlertSettings
from shared import certificates, log, mongo
from shared.certificates import CertificateWatch
from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.jobs import Jobs
from shared.kafka.reader import Follower
from shared.kafka.router import Received
from shared.settings import KafkaSettings, StoreSettings, load
from shared.smtp import smtp_options
from shared.store_clock import LOOK_S as COMPARE_S
from shared.store_clock import StoreClock
from shared.topics import ALERTS, CASES, ROUTINGS
from shared.web.app import Documentation, create_app
from shared.web.serve import serve
from shared.web.translations import gettext_noop

_LOG = log.get(__name__)
SERVICE = "notify"


class AuditorProcess:
    """The auditor's parts; nothing runs or connects until ``work``."""

    def __init__(
        self,
        settings: AlertSettings,
        bus: KafkaSettings,
        store: StoreSettings,
        clock: Clock,
    ) -> None:
        """It has notify's port and mail settings and none of its keys: it runs as a process of its own."""
        self._settings = settings
        self._clock = clock
        database = mongo.connect(store, DATABASE)
        findings = FindingStore(database)
        quiet = Quiet.read(settings.quiet_hours)
        # How long the broker is silent is a matter of the machine's clock, whatever clock the judging goes by.
        self.follower = Follower(bus, (ROUTINGS, CASES, ALERTS), self._note, from_start=True, clock=SystemClock())
        self.auditor = Auditor(findings, self._mail, self.follower.check, quiet, clock)
        url = settings.heartbeat_url
        self.health = Health()
        self.jobs = Jobs(self.health, SystemClock())  # as the follower: its pace is a matter of the machine's clock
        self._read = asyncio.Event()
        """Set once the topics were read to their end: the first look that sees them need not wait for its turn."""
        self.jobs.every(LOOK_S, "auditor", self.auditor.look, wake=self._read)
        seen = CertificateWatch(certificates.addresses(bus, store, settings.public_urls))
        store_clock = StoreClock.of(database, clock)
        self.jobs.every(COMPARE_S, "store-clock", store_clock.look)
        self.jobs.every(certificates.EVERY_S, "certificates", seen.look)
        self.heartbeat = Heartbeat(url.get_secret_value(), self.auditor.unwell) if url is not None else None
        if self.heartbeat is not None:
            self.jobs.every(BEAT_S, "heartbeat", self.heartbeat.beat)
        self.health.ready["auditor"] = lambda: self.auditor.failing

    def _note(self, received: Received) -> None:
        self.auditor.note(received)

    async def work(self) -> None:
        """Until cancelled. It looks from the start: while the topics are not read to their end, it says so."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(), name="follower")
                tasks.create_task(self.jobs.run(), name="jobs")
        finally:
            await self.follower.stop()

    async def _follow(self) -> None:
        await self.follower.start()
        self._read.set()

    async def _mail(self, found: Sequence[Deviation]) -> bool:
        settings = self._settings
        root = settings.public_urls["notify"].rstrip("/")
        about = "|".join(sorted(f"{one.report_id}|{one.owed}|{one.step}|{one.due.isoformat()}" for one in found))
        oldest = min(one.due for one in found)
        now = self._clock.now()
        mail = alarm_mail(about, len(found), oldest, settings.central_address, settings.mail_from, root, now)
        try:
            async with asyncio.timeout(settings.smtp_timeout_s):
                await aiosmtplib.send(
                    mail.content,
                    sender=settings.mail_from,
                    recipients=[mail.to],
                    **smtp_options(settings),
                )
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            _LOG.error("auditor.mail_failed", reason=type(error).__name__)
            return False
        return True


def application(settings: AlertSettings, health: Health) -> FastAPI:
    """Health and metrics, nothing else."""
    return create_app(
        service=SERVICE,
        documentation=Documentation(
            title=gettext_noop("Ieum's auditor of alerts"),
            description=gettext_noop("Recomputes what should have been alerted, and alarms where it was not."),
        ),
        settings=settings,
        health=health,
    )


async def run() -> None:
    """The process."""
    settings, bus_settings, store_settings = load(AlertSettings), load(KafkaSettings), load(StoreSettings)
    log.configure("notify-auditor", settings.log_level)
    await mongo.check_restore(store_settings, DATABASE)
    process = AuditorProcess(settings, bus_settings, store_settings, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(mongo.check_restore_when_ready(store_settings, DATABASE, SystemClock()), name="restore-check")
        tasks.create_task(process.work(), name="work")
        tasks.create_task(
            serve(application(settings, process.health), settings.host, settings.port), name="http-server"
        )
