"""Opens a town: builds the services as their ``main`` does, and seeds the reports that are to be guarded."""

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from aiosmtpd.controller import Controller
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import SecretStr

from services.analytics import main as analytics_main
from services.analytics.settings import AnalyticsSettings
from services.intake import main as intake_main
from services.intake.clients.service import ClientService as Office
from services.intake.encryption.keys import KeyedDigests
from services.intake.settings import IntakeSettings
from services.notify import main as notify_main
from services.notify.accounts.trail import by_command
from services.notify.settings import NotifySettings
from services.routing import main as routing_main
from services.routing.settings import RoutingSettings
from shared.centers import CENTER_IDS
from shared.events.vocabulary import CenterState
from shared.identity.roles import Scope, StaffRole
from shared.kafka.admin import ensure_topics
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.trust.town import ASKED, ELSEWHERE, OWNER, STAFF_ON_DUTY, STRANGER, Town
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tools.local.engines import Running
from tools.local.ports import free_port

NOBODY_THERE = "http://127.0.0.1:9"


def a_key(letter: str) -> SecretStr:
    return SecretStr(base64.b64encode(letter.encode() * 32).decode())


@contextlib.asynccontextmanager
async def running(engines: Running) -> AsyncIterator[Town]:
    """A town with its reports: one open at ``OWNER`` and offered to ``ASKED``, one withdrawn at ``ELSEWHERE``."""
    name = f"trust{secrets.token_hex(4)}"
    bus = KafkaSettings(bootstrap_servers=engines.kafka, topic_prefix=f"{name}.", topic_partitions=2, call_timeout_s=10)
    store = StoreSettings(uri=SecretStr(engines.mongodb), database_prefix=f"{name}_")
    town = Town(bus, store)
    sink = Controller(MailSink(), hostname="127.0.0.1", port=free_port())
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
    counting = AnalyticsSettings.model_validate(
        {"IEUM_IDENTITY_URL": NOBODY_THERE, "IEUM_AUDIT_KEY": a_key("a"), "reconcile_every_s": 0.5}
    )
    analytics = analytics_main.build(counting, town.bus, town.store, town.clock)
    town.apps |= {"notify": town.notify.app, "intake": town.intake.app}
    town.apps |= {"routing": town.routing.app, "analytics": analytics.app}
    town.identities += [town.intake.identity, town.routing.identity, analytics.identity]
    town.tasks += _begun(town.notify.work(), town.intake.work(), analytics.work())
    await town.routing.start()
    stack.push_async_callback(town.routing.stop)
    stack.push_async_callback(end)
    town.tasks += _begun(town.routing.jobs.run())
    await eventually(lambda: _ready(town), "every service is ready")
    ready = await town.notify.accounts.administration.create_ready(
        by_command("test"), "busan-counsellor", "Kim", OWNER, {StaffRole.COUNSELLOR}
    )
    town.account = ready
    town.signer = await town.notify.accounts.signing.signer()
    await town.learn()
    office = Office(town.intake.clients.clients, KeyedDigests(b"r" * 32), town.clock)
    town.front_end = await office.add("front", "front", list(Scope), 10**6)


def _intake_settings() -> IntakeSettings:
    return IntakeSettings.model_validate(
        {
            "master_key": a_key("m"),
            "receipt_key": a_key("r"),
            "link_key": a_key("l"),
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
            "account_key": a_key("c"),
            "IEUM_AUDIT_KEY": a_key("a"),
            "poll_s": 0.1,
            "gather_s": 0.0,
        }
    )


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
        await town.notify.case_service.duty.set_duty(center_id, state, STAFF_ON_DUTY, 15)
    await eventually(lambda: _seen(town), "routing knows the centres")
    places = {OWNER: "busan", ELSEWHERE: "ulsan"}
    for owner, division in places.items():
        town.reports[owner] = await town.lodge(division=division)
    for owner, lodged in town.reports.items():
        await eventually(partial(_arrived, town, lodged.report_id, owner), f"a report is {owner}'s")
    report_id = town.reports[OWNER].report_id
    assert (await town.act("acknowledge", report_id, OWNER, ownership=1)).status_code == 200
    offered = await town.act(
        "transfer",
        report_id,
        OWNER,
        ownership=1,
        to_center_id=ASKED,
        reason="capacity",
        agreed=True,
    )
    assert offered.status_code == 202, offered.text
    town.offer_id = offered.json()["offer_id"]
    async with town.http("intake", authorization=f"Bearer {town.front_end}") as http:
        asked = {"receipt": town.reports[ELSEWHERE].receipt}
        assert (await http.post("/api/v1/receipts/withdraw", json=asked)).status_code == 200
    await eventually(lambda: _ended(town, town.reports[ELSEWHERE].report_id), "the withdrawn case has ended")
    await eventually(lambda: _offer_told(town), "the asked centre has been told of the offer")


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


async def _offer_told(town: Town) -> bool:
    offer = (await town.case(town.reports[OWNER].report_id)).get("offer")
    return offer is not None and offer["tell_at"] is None


async def _ended(town: Town, report_id: str) -> bool:
    return (await town.case(report_id)).get("ended") is not None


async def _clean(bus: KafkaSettings, store: StoreSettings) -> None:
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
