"""Starts the five services as their ``main`` builds them, and seeds the reports that are to be guarded."""

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import SecretStr

from services.analytics import main as analytics_main
from services.analytics.settings import AnalyticsSettings
from services.identity import main as identity_main
from services.identity.audit_recorder import by_command
from services.identity.settings import IdentitySettings
from services.intake import main as intake_main
from services.intake.clients.service import ClientService
from services.intake.reports.documents import UNINDEXED_SINCE
from services.intake.settings import IntakeSettings
from services.notify import main as notify_main
from services.notify.settings import NotifySettings
from services.routing import main as routing_main
from services.routing.settings import RoutingSettings
from shared import outbox
from shared.centers import CENTER_IDS
from shared.events.vocabulary import CenterState
from shared.identity.roles import REAL_SCOPES, StaffRole
from shared.kafka.admin import ensure_topics
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.trust.system import ASKED, ELSEWHERE, OWNER, STAFF_ON_DUTY, STRANGER, SystemHarness
from tests.support.engine_settings import kafka_settings, store_settings
from tests.support.keys import KEYS
from tests.support.mail import mail_sink
from tests.support.waiting import eventually
from tools.local.engines import Running

NOBODY_THERE = "http://127.0.0.1:9"


def a_key(letter: str) -> SecretStr:
    return SecretStr(base64.b64encode(letter.encode() * 32).decode())


@contextlib.asynccontextmanager
async def running(engines: Running) -> AsyncIterator[SystemHarness]:
    """Services with reports: one open at ``OWNER`` and offered to ``ASKED``, one withdrawn at ``ELSEWHERE``."""
    name = f"trust{secrets.token_hex(4)}"
    bus, store = kafka_settings(engines, name, partitions=2), store_settings(engines, name)
    system = SystemHarness(bus, store)
    try:
        async with contextlib.AsyncExitStack() as stack:
            sink = stack.enter_context(mail_sink())
            await open_services(system, stack, sink.port)
            await _seed(system)
            yield system
    finally:
        await clean(bus, store)


async def open_services(
    system: SystemHarness,
    stack: contextlib.AsyncExitStack,
    smtp_port: int,
    *,
    folder: Path | None = None,
    restored: bool = False,
) -> None:
    """Start all five. ``folder``: for the erasure register and the state of routing.

    ``restored``: staff and front ends are there already.
    """
    await ensure_topics(system.bus)

    async def end() -> None:
        for task in system.tasks:
            task.cancel()
        await asyncio.gather(*system.tasks, return_exceptions=True)

    system.notify = notify_main.build(_notify_settings(smtp_port), system.bus, system.store, system.clock)
    system.identity = identity_main.build(_identity_settings(), system.bus, system.store, system.clock)
    system.intake = intake_main.build(intake_settings(folder), system.bus, system.store, system.clock)
    states = {"state_dir": folder / system.store.database_prefix} if folder is not None else {}
    routing = RoutingSettings.model_validate({"IEUM_IDENTITY_URL": NOBODY_THERE, "loads_every_s": 0.1, **states})
    system.routing = routing_main.build(routing, system.bus, system.store, system.clock)
    counting = AnalyticsSettings.model_validate(
        {"IEUM_IDENTITY_URL": NOBODY_THERE, "audit_key": a_key("a"), "reconcile_every_s": 0.5, "pace_s": 0.5}
    )
    analytics = analytics_main.build(counting, system.bus, system.store, system.clock)
    system.apps |= {"notify": system.notify.app, "intake": system.intake.app}
    system.apps |= {"routing": system.routing.app, "analytics": analytics.app, "identity": system.identity.app}
    system.identities += [system.intake.identity, system.routing.identity, analytics.identity, system.notify.identity]
    system.tasks += _begun(system.identity.work())
    await eventually(lambda: system.identity.accounts.identity.document is not None, "identity has keys")
    await system.learn()
    system.tasks += _begun(system.notify.work(), system.intake.work(), analytics.work())
    await system.routing.start()
    stack.push_async_callback(system.routing.stop)
    stack.push_async_callback(end)
    system.tasks += _begun(system.routing.jobs.run())
    await eventually(lambda: _ready(system), "every service is ready")
    if restored:
        system.signer = await system.identity.accounts.signing.signer()
        await system.learn()
        return
    ready = await system.identity.accounts.administration.create_ready(
        by_command("test"), "busan-counsellor", "Kim", OWNER, {StaffRole.COUNSELLOR}
    )
    system.account = ready
    system.signer = await system.identity.accounts.signing.signer()
    await system.learn()
    office = ClientService(system.intake.clients.clients, KEYS, system.clock)
    system.front_end = await office.add("front", "front", list(REAL_SCOPES), 10**6)


def intake_settings(folder: Path | None = None) -> IntakeSettings:
    """Of every intake here; with a ``folder`` it keeps an erasure register there."""
    return IntakeSettings.model_validate(
        {
            "erasure_register": folder / "erasures" if folder is not None else None,
            "master_key": a_key("m"),
            "receipt_key": a_key("r"),
            "link_key": a_key("l"),
            "signing_key": a_key("s"),
            "IEUM_TICKET_KEY": a_key("t"),
            "audit_key": a_key("a"),
            "IEUM_IDENTITY_URL": NOBODY_THERE,
            "status_questions_per_minute": 10_000,
        }
    )


def _notify_settings(smtp_port: int) -> NotifySettings:
    return NotifySettings.model_validate(
        {
            "smtp_port": smtp_port,
            "IEUM_IDENTITY_URL": NOBODY_THERE,
            "IEUM_TICKET_KEY": a_key("t"),
            "IEUM_DIRECTORY_KEY": a_key("d"),
            "audit_key": a_key("a"),
            "poll_s": 0.1,
            "gather_s": 0.0,
        }
    )


def _identity_settings() -> IdentitySettings:
    return IdentitySettings.model_validate(
        {
            "master_key": a_key("n"),
            "account_key": a_key("c"),
            "IEUM_DIRECTORY_KEY": a_key("d"),
            "audit_key": a_key("a"),
        }
    )


def _begun(*work: Coroutine[Any, Any, None]) -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(one) for one in work]


async def _ready(system: SystemHarness) -> bool:
    for task in system.tasks:
        if task.done():
            task.result()
    if system.intake.group.check() is not None or system.notify.follower.check() is not None:
        return False
    async with system.http("notify") as http:
        return (await http.get("/health/ready")).status_code == httpx.codes.OK


async def _seed(system: SystemHarness) -> None:
    for center_id in CENTER_IDS:
        state = CenterState.CLOSED if center_id == STRANGER else CenterState.OPEN
        await system.notify.case_service.duty.set_duty(center_id, state, STAFF_ON_DUTY, 15)
    await eventually(lambda: _seen(system), "routing knows the centres")
    places = {OWNER: "busan", ELSEWHERE: "ulsan"}
    for owner, division in places.items():
        system.reports[owner] = await system.lodge(division=division)
    for owner, lodged in system.reports.items():
        await eventually(partial(_arrived, system, lodged.report_id, owner), f"a report is {owner}'s")
    report_id = system.reports[OWNER].report_id
    assert (await system.act("acknowledge", report_id, OWNER, ownership=1)).status_code == 200
    offered = await system.act(
        "transfer",
        report_id,
        OWNER,
        ownership=1,
        to_center_id=ASKED,
        reason="capacity",
        agreed=True,
    )
    assert offered.status_code == 202, offered.text
    system.offer_id = offered.json()["offer_id"]
    async with system.http("intake", authorization=f"Bearer {system.front_end}") as http:
        asked = {"receipt": system.reports[ELSEWHERE].receipt}
        assert (await http.post("/api/v1/receipts/withdraw", json=asked)).status_code == 200
    await eventually(lambda: _ended(system, system.reports[ELSEWHERE].report_id), "the withdrawn case has ended")
    for lodged in system.reports.values():
        await eventually(partial(_marked, system, lodged.report_id), "a report's events and links are marked")
    await eventually(lambda: _centers_told(system), "the events of the centres are marked")
    await eventually(lambda: _offer_told(system), "the asked centre has been told of the offer")


async def _seen(system: SystemHarness) -> bool:
    async with system.http("routing", **system.bearer("busan", "lead", service="routing")) as http:
        rows = (await http.get("/api/v1/centers")).json()["centers"]
    return {row["center_id"] for row in rows if row["staff_on_duty"] == STAFF_ON_DUTY} == set(CENTER_IDS)


async def _arrived(system: SystemHarness, report_id: str, owner: str) -> bool:
    progress = (await system.stored(report_id)).get("progress") or {}
    known = (progress.get("ownership") or {}).get("center_id")
    assert known in {None, owner}, f"the test's report went to {known}"
    async with system.http("routing", **system.bearer(owner, "lead", service="routing")) as http:
        copied = (await http.get(f"/api/v1/decisions/{report_id}")).status_code == httpx.codes.OK
    return known == owner and copied and bool(await system.case(report_id))


async def _marked(system: SystemHarness, report_id: str) -> bool:
    return not {outbox.PENDING, outbox.SINCE, UNINDEXED_SINCE} & (await system.stored(report_id)).keys()


async def _centers_told(system: SystemHarness) -> bool:
    return not await system.notify.centers.collection.count_documents({outbox.PENDING: {"$exists": True}})


async def _offer_told(system: SystemHarness) -> bool:
    offer = (await system.case(system.reports[OWNER].report_id)).get("offer")
    return offer is not None and offer["tell_at"] is None


async def _ended(system: SystemHarness, report_id: str) -> bool:
    return (await system.case(report_id)).get("ended") is not None


async def clean(bus: KafkaSettings, store: StoreSettings) -> None:
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
