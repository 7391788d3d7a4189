"""All four services in this process, each built as its ``main`` does, on the real bus and store, with things to guard.

Everybody is signed in with the key notify really signs with, and every service verifies with what notify publishes.
"""

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from aiosmtpd.controller import Controller
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import SecretStr

from deploy.local.engines import Running
from deploy.local.ports import free_port
from services.analytics import main as analytics_main
from services.analytics.handlers import Folder
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.folding import prepare
from services.analytics.store.publications import Publications
from services.analytics.store.reading import Reader
from services.analytics.watch import DEAD_REPORTS, WATCHED, Watch
from services.intake import main as intake_main
from services.intake.clients import Desk as Office
from services.intake.main import Intake
from services.intake.policy.lodging import LodgingKeys
from services.intake.settings import IntakeSettings
from services.notify import main as notify_main
from services.notify.accounts.administration import Ready
from services.notify.accounts.trail import by_command
from services.notify.main import Notify
from services.notify.settings import NotifySettings
from services.routing import main as routing_main
from services.routing.main import Routing
from services.routing.settings import RoutingSettings
from shared.bus.admin import ensure_topics
from shared.bus.bus import Bus
from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.events.vocabulary import CenterState, HarmType
from shared.follow import PartitionReader
from shared.health import Health
from shared.identity.principal import Principal
from shared.identity.roles import Scope, StaffRole
from shared.identity.source import TOKEN_COOKIE, Identity
from shared.identity.tokens import ACCESS_LASTS, Signer
from shared.mongo import connect
from shared.settings import BusSettings, StoreSettings
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS
from tests.integration.trust.asgi import FirstAnswer

NOBODY_THERE = "http://127.0.0.1:9"
URLS = {
    "intake": "http://127.0.0.1:8001",
    "routing": "http://127.0.0.1:8002",
    "notify": "http://127.0.0.1:8003",
    "analytics": "http://127.0.0.1:8004",
}
OWNER, ASKED, STRANGER, ELSEWHERE = "busan", "jeju", "gangwon", "ulsan"
"""Centres: the one that owns the report, the one it is offered to, one that has nothing to do with it (and is closed),
and the owner of another report, which was withdrawn."""
STAFF_ON_DUTY = 3
LEAST: dict[str, Any] = {"role": "victim", "harm_types": ["other"], "age_band": "30s"}
SECONDS = 45.0


def a_key(letter: str) -> SecretStr:
    return SecretStr(base64.b64encode(letter.encode() * 32).decode())


class Sink:
    """Takes every mail and forgets it."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        del server, session, envelope
        return "250 OK"


@dataclass(frozen=True, slots=True)
class Lodged:
    """A report and its receipt."""

    report_id: str
    receipt: str


@dataclass(slots=True)
class Town:
    """The services, and what tests need to knock at them."""

    bus: BusSettings
    store: StoreSettings
    clock: SystemClock = field(default_factory=SystemClock)
    apps: dict[str, FastAPI] = field(default_factory=dict)
    identities: list[Identity] = field(default_factory=list)
    tasks: list["asyncio.Task[Any]"] = field(default_factory=list)
    reports: dict[str, Lodged] = field(default_factory=dict)
    intake: Intake = field(init=False)
    routing: Routing = field(init=False)
    notify: Notify = field(init=False)
    signer: Signer = field(init=False)
    account: Ready = field(init=False)
    """Somebody of the owning centre, whose account is looked at and who is everybody's reference here."""
    offer_id: str = ""
    front_end: str = ""
    """A credential that may do everything a front end can."""

    def http(self, service: str, address: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
        """A way to a service that carries nothing yet."""
        transport = FirstAnswer(self.apps[service], (address, 40000))
        return httpx.AsyncClient(transport=transport, base_url=URLS[service], headers=headers)

    def token(self, organisation: str, *roles: StaffRole | str, subject: str = "", **more: Any) -> str:
        """An access token as notify gives it."""
        return self.signer.access(self.principal(organisation, *roles, subject=subject, **more))

    def principal(
        self,
        organisation: str,
        *roles: StaffRole | str,
        subject: str = "",
        session: str = "",
        issued_at: datetime | None = None,
        lasts: timedelta = ACCESS_LASTS,
    ) -> Principal:
        """Somebody with these roles, each time in a session of their own."""
        now = issued_at or self.clock.now()
        return Principal(
            subject=subject or self.account.account.subject,
            organisation=organisation,
            roles=frozenset(StaffRole(role) for role in roles),
            session=session or secrets.token_urlsafe(24),
            issued_at=now,
            expires_at=now + lasts,
        )

    def bearer(self, organisation: str, *roles: StaffRole | str) -> dict[str, str]:
        """Headers of a program."""
        return {"authorization": f"Bearer {self.token(organisation, *roles)}"}

    def browser(self, organisation: str, *roles: StaffRole | str) -> dict[str, str]:
        """Headers of a browser on one of our own pages."""
        cookie = f"{TOKEN_COOKIE}={self.token(organisation, *roles)}"
        return {"cookie": cookie, "sec-fetch-site": "same-origin", "accept": "text/html"}

    async def learn(self) -> None:
        """Let every service know what notify publishes now, as they do every two seconds over HTTP."""
        document = await self.notify.accounts.signing.document(anew=True)
        for identity in self.identities:
            identity.learn(document)

    async def act(self, what: str, report_id: str, organisation: str, **body: Any) -> httpx.Response:
        """One act of a counsellor."""
        async with self.http("notify") as http:
            path = f"/api/v1/cases/{report_id}/{what}"
            return await http.post(path, json=body, headers=self.bearer(organisation, "counsellor"))

    async def lodge(self, **body: Any) -> Lodged:
        """A report by a front end."""
        async with self.http("intake", authorization=f"Bearer {self.front_end}") as http:
            answer = await http.post("/api/v1/reports", json={**LEAST, **body})
            assert answer.status_code == 202, answer.text
            return Lodged(answer.json()["report_id"], answer.json()["receipt"])

    async def stored(self, report_id: str) -> dict[str, Any]:
        """A report as intake keeps it."""
        found = await self.intake.reports.collection.find_one({"_id": report_id})
        return found or {}

    async def case(self, report_id: str) -> dict[str, Any]:
        """What a case is: whose, in which state, with which offer. Not its alerts, which go on by themselves."""
        found = await self.notify.desk.case(report_id)
        return {} if found is None else found.model_dump(include=_CASE)


_CASE = {
    "report_id",
    "center_id",
    "ownership",
    "state",
    "ended",
    "offer",
    "offered_to",
    "awaiting",
    "case_version",
    "acknowledged_by",
    "assignee",
    "contacted_at",
}


async def state(town: Town) -> dict[str, Any]:
    """Everything that nobody may change who may not, nor anybody with what is long over."""
    found: dict[str, Any] = {}
    for owner, lodged in town.reports.items():
        found[owner] = (await town.stored(lodged.report_id), await town.case(lodged.report_id))
    for collection in (town.notify.centers.collection, town.notify.accounts.store.collection):
        found[collection.name] = await collection.find({}).sort("_id").to_list(None)
    found["clients"] = [replace(one, last_used=None) for one in await town.intake.clients.clients.all()]
    found["checks"] = await town.intake.audit.lines.count_documents({"action": "audit.check", "outcome": "done"})
    return found


async def eventually(condition: Callable[[], Awaitable[object]], what: str, seconds: float = SECONDS) -> None:
    """Wait for a condition, with a deadline."""
    until = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < until, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running(engines: Running) -> AsyncIterator[Town]:
    """A town with its reports: one open at ``OWNER`` and offered to ``ASKED``, one withdrawn at ``ELSEWHERE``."""
    name = f"trust{secrets.token_hex(4)}"
    bus = BusSettings(bootstrap_servers=engines.kafka, topic_prefix=f"{name}.", topic_partitions=2, call_timeout_s=10)
    store = StoreSettings(uri=SecretStr(engines.mongodb), database_prefix=f"{name}_")
    town = Town(bus, store)
    sink = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    sink.start()
    try:
        async with contextlib.AsyncExitStack() as stack:
            await _open(town, stack, sink.port)
            await _seed(town)
            yield town
    finally:
        sink.stop()
        await _clean(bus, store)


async def _open(town: Town, stack: contextlib.AsyncExitStack, smtp_port: int) -> None:
    await ensure_topics(town.bus)

    async def end() -> None:
        for task in town.tasks:
            task.cancel()
        await asyncio.gather(*town.tasks, return_exceptions=True)

    town.notify = notify_main.build(_notify_settings(smtp_port), town.bus, town.store, town.clock)
    town.intake = intake_main.build(_intake_settings(), town.bus, town.store, town.clock)
    routing = RoutingSettings.model_validate({"IEUM_IDENTITY_URL": NOBODY_THERE, "loads_every_s": 0.1})
    town.routing = routing_main.build(routing, town.bus, town.store, town.clock)
    town.apps |= {"notify": town.notify.app, "intake": town.intake.app, "routing": town.routing.app}
    town.identities += [town.intake.identity, town.routing.identity]
    town.tasks += _begun(town.notify.work(), town.intake.work())
    await town.routing.start()
    stack.push_async_callback(town.routing.stop)
    await _analytics(town, stack)
    stack.push_async_callback(end)
    town.tasks += _begun(town.routing.teller.run(), town.routing.closing.run())
    await eventually(lambda: _ready(town), "every service is ready")
    ready = await town.notify.accounts.administration.create_ready(
        by_command("test"), "busan-counsellor", "Kim", OWNER, {StaffRole.COUNSELLOR}
    )
    town.account = ready
    town.signer = await town.notify.accounts.signing.signer()
    await town.learn()
    office = Office(town.intake.clients.clients, LodgingKeys(b"r" * 32), town.clock)
    town.front_end = await office.add("front", "front", list(Scope), 10**6)


def _intake_settings() -> IntakeSettings:
    return IntakeSettings.model_validate(
        {
            "master_key": a_key("m"),
            "receipt_key": a_key("r"),
            "signing_key": a_key("s"),
            "IEUM_AUDIT_KEY": a_key("a"),
            "IEUM_IDENTITY_URL": NOBODY_THERE,
            "status_questions_per_minute": 10_000,
        }
    )


def _notify_settings(smtp_port: int) -> NotifySettings:
    return NotifySettings.model_validate(
        {
            "smtp_port": smtp_port,
            "master_key": a_key("n"),
            "IEUM_AUDIT_KEY": a_key("a"),
            "poll_s": 0.1,
            "gather_s": 0.0,
        }
    )


async def _analytics(town: Town, stack: contextlib.AsyncExitStack) -> None:
    """As analytics' ``main`` puts itself together, which reads the environment as it goes."""
    database = connect(town.store, "analytics")
    await prepare(database)
    folder, bus = Folder(database), Bus(town.bus, "analytics", Health(), town.clock)
    topics = (REPORTS, ROUTINGS, CASES, ALERTS, CENTERS)
    bus.subscribe(*topics, group="analytics", handler=folder.handle, on_assigned=folder.assigned)
    reader = Reader(database)
    logs = {topic: PartitionReader(town.bus, topic) for topic in (*WATCHED, DEAD_REPORTS)}
    watch = Watch(reader, logs, town.clock, partitions=town.bus.topic_partitions, every_s=0.5)
    harms = [harm.value for harm in HarmType]
    publications = Publications(reader, town.clock, centers=CENTER_IDS, harms=harms, caught_up=watch.caught_up)

    async def nobody() -> Any:
        raise OSError("the test says what notify publishes")

    identity = Identity(nobody, town.clock)
    town.identities.append(identity)
    health = Health()
    town.apps["analytics"] = analytics_main.application(
        AnalyticsSettings(), health, publications, reader, watch, identity, town.clock
    )
    stack.push_async_callback(bus.stop)
    await bus.start()
    for log in logs.values():
        stack.push_async_callback(log.stop)
        await log.start()
    town.tasks += _begun(watch.run())


def _begun(*work: Coroutine[Any, Any, None]) -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(one) for one in work]


async def _ready(town: Town) -> bool:
    for task in town.tasks:
        if task.done():
            task.result()
    if town.intake.group.check() is not None or town.notify.follower.check() is not None:
        return False
    async with town.http("notify") as http:
        return (await http.get("/health/ready")).status_code == httpx.codes.OK


async def _seed(town: Town) -> None:
    for center_id in CENTER_IDS:
        state = CenterState.CLOSED if center_id == STRANGER else CenterState.OPEN
        await town.notify.desk.set_duty(center_id, state, STAFF_ON_DUTY, 15)
    await eventually(lambda: _seen(town), "routing knows the centres")
    places = {OWNER: "busan", ELSEWHERE: "ulsan"}
    for owner, division in places.items():
        town.reports[owner] = await town.lodge(division=division)
    for owner, lodged in town.reports.items():
        await eventually(partial(_arrived, town, lodged.report_id, owner), f"a report is {owner}'s")
    report_id = town.reports[OWNER].report_id
    assert (await town.act("acknowledge", report_id, OWNER, ownership=1)).status_code == 200
    offered = await town.act("transfer", report_id, OWNER, ownership=1, to_center_id=ASKED, reason="capacity")
    assert offered.status_code == 202, offered.text
    town.offer_id = offered.json()["offer_id"]
    async with town.http("intake", authorization=f"Bearer {town.front_end}") as http:
        asked = {"receipt": town.reports[ELSEWHERE].receipt}
        assert (await http.post("/api/v1/receipts/withdraw", json=asked)).status_code == 200
    await eventually(lambda: _ended(town, town.reports[ELSEWHERE].report_id), "the withdrawn case has ended")


async def _seen(town: Town) -> bool:
    async with town.http("routing", **town.bearer("busan", "lead")) as http:
        rows = (await http.get("/api/v1/centers")).json()["centers"]
    return {row["center_id"] for row in rows if row["staff_on_duty"] == STAFF_ON_DUTY} == set(CENTER_IDS)


async def _arrived(town: Town, report_id: str, owner: str) -> bool:
    progress = (await town.stored(report_id)).get("progress") or {}
    known = (progress.get("ownership") or {}).get("center_id")
    assert known in {None, owner}, f"the test's report went to {known}"
    async with town.http("routing", **town.bearer(owner, "lead")) as http:
        copied = (await http.get(f"/api/v1/decisions/{report_id}")).status_code == httpx.codes.OK
    return known == owner and copied and bool(await town.case(report_id))


async def _ended(town: Town, report_id: str) -> bool:
    return (await town.case(report_id)).get("ended") is not None


async def _clean(bus: BusSettings, store: StoreSettings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bus.bootstrap_servers)
    await admin.start()
    try:
        mine = [name for name in await admin.list_topics() if name.startswith(bus.topic_prefix)]
        await admin.delete_topics(mine)
    finally:
        await admin.close()
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(store.uri.get_secret_value())
    for name in await client.list_database_names():
        if name.startswith(store.database_prefix):
            await client.drop_database(name)
    client.close()
