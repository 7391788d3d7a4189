"""A system is backed up while it runs, lost, and restored elsewhere: the drill of docs/how-to/restore.md."""

import contextlib
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage  # type: ignore[import-untyped]  # says no types
import pytest

from services.analytics.releases.repository import Register
from services.intake.retention import replay
from shared import mongo
from shared.audit.chain import AuditKeys
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.errors import FatalError
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ALERTS, REPORTS, ROUTINGS
from tests.integration.intake.harness import log_of
from tests.integration.trust.opening import clean, intake_settings, open_services
from tests.integration.trust.system import Lodged, SystemHarness
from tests.support.engine_settings import kafka_settings, store_settings
from tests.support.mail import mail_sink
from tests.support.waiting import eventually
from tools.backup import restoring, taking
from tools.local.engines import Running

WORD = "umbrella"
PARTITIONS = 2


@contextlib.asynccontextmanager
async def system(
    engines: Running, name: str, folder: Path, *, credential: str = "", account: Any = None
) -> AsyncIterator[SystemHarness]:
    """Five services under names of their own; with a credential: over what was restored."""
    opened = SystemHarness(*settings_of(engines, name))
    async with contextlib.AsyncExitStack() as stack:
        sink = stack.enter_context(mail_sink())
        await open_services(opened, stack, sink.port, folder=folder, restored=bool(credential))
        if credential:
            opened.front_end, opened.account = credential, account
        yield opened


def settings_of(engines: Running, name: str) -> tuple[KafkaSettings, StoreSettings]:
    return kafka_settings(engines, name, partitions=PARTITIONS), store_settings(engines, name)


async def stories(kafka: KafkaSettings) -> dict[str, list[tuple[int, int]]]:
    """What the log says of each report's owners: version and ownership, in order."""
    found: dict[str, list[tuple[int, int]]] = {}
    for key, value in await log_of(kafka, ROUTINGS):
        said = json.loads(value)
        found.setdefault(key, []).append((said["version"], said["ownership"]))
    return found


async def withdraw(system: SystemHarness, lodged: Lodged, **more: Any) -> str:
    async with system.http("intake", authorization=f"Bearer {system.front_end}") as http:
        told = await http.post("/api/v1/receipts/withdraw", json={"receipt": lodged.receipt, **more})
        assert told.status_code == 200, told.text
        return str(told.json()["state"])


async def settled(system: SystemHarness, *lodged: Lodged) -> None:
    """Each has an owner whose staff were alerted, and nothing about it waits in an outbox."""

    async def all_of_them() -> bool:
        alerted = {key for key, _ in await log_of(system.bus, ALERTS)}
        stored = [await system.stored(one.report_id) for one in lodged]
        return {one.report_id for one in lodged} <= alerted and not any("outbox" in one for one in stored)

    await eventually(all_of_them, "reports are owned and alerted")


@pytest.mark.timeout(480)
async def test_what_was_lost_is_restored_and_what_was_erased_since_stays_erased(
    engines: Running, tmp_path: Path
) -> None:
    name, elsewhere = f"lost{secrets.token_hex(3)}", f"found{secrets.token_hex(3)}"
    age, clock = pyrage.x25519.Identity.generate(), SystemClock()
    try:
        async with system(engines, name, tmp_path) as before:
            kept, gone, erased = [await before.lodge(division="busan", word=WORD) for _ in range(3)]
            await settled(before, kept, gone, erased)
            owner = (await before.case(kept.report_id))["center_id"]
            assert (await before.act("acknowledge", kept.report_id, owner, ownership=1)).status_code == 200
            account, credential = before.account, before.front_end

            backup = await taking.take(
                before.bus,
                before.store,
                to=tmp_path / "archives",
                recipient=str(age.to_public()),
                now=datetime.now(UTC),
            )
            told = await stories(before.bus)
            # After the backup: one report is withdrawn, one destroyed, one comes.
            assert await withdraw(before, gone, word=WORD) == "withdrawn"
            assert await withdraw(before, erased, word=WORD, at_once=True, understood=True) == "erased"
            late = await before.lodge(division="busan")
            assert "sealed" not in await before.stored(erased.report_id)

        kafka, store = settings_of(engines, elsewhere)
        manifest = await restoring.load(backup.path, str(age), kafka, store)
        assert manifest["parts"]["store/intake/reports"]["count"] == 3
        assert await stories(kafka) == {report: story for report, story in told.items() if report != late.report_id}
        database = mongo.connect(store, "intake")
        assert "sealed" in (await database.reports.find_one({"_id": erased.report_id}) or {})
        for service in ("intake", "notify", "analytics", "identity", "routing"):
            with pytest.raises(FatalError, match="is not finished"):
                await mongo.check_restore(store, service)
        with pytest.raises(restoring.TargetError, match="before all of it was back and erasures were made again"):
            restoring.refuse_unless_replayed(store)

        assert await replay.run(intake_settings(tmp_path), store, clock, manifest["backup"]) == 0
        for service in ("intake", "identity"):
            audit = AuditLog(mongo.connect(store, service), AuditKeys(b"a" * 32), clock, service, None)
            assert await audit.verify() == []
        with pytest.raises(FatalError, match="is not finished"):
            await mongo.check_restore(store, "identity")
        restoring.finish(store)
        assert await Register(mongo.connect(store, "analytics")).restored_at() is not None

        async with system(engines, elsewhere, tmp_path, credential=credential, account=account) as after:
            assert "sealed" not in await after.stored(erased.report_id)
            await eventually(lambda: ended(after, gone, erased), "nobody is called about who took a report back")
            again = await after.lodge(division="busan")
            await settled(after, again)
            case = await after.case(kept.report_id)
            assert (case["center_id"], case["ended"], bool(case["acknowledged_by"])) == (owner, None, True)
            assert await after.stored(late.report_id) == {}
            await reconciled(after, kept, gone, erased, again)
    finally:
        for one in (name, elsewhere):
            await clean(*settings_of(engines, one))


async def ended(system: SystemHarness, *lodged: Lodged) -> bool:
    return all([(await system.case(one.report_id)).get("ended") is not None for one in lodged])


async def reconciled(system: SystemHarness, *lodged: Lodged) -> None:
    """Stores, topics and counts say the same, and no version of anything was given away twice."""
    reports = {one.report_id for one in lodged}
    assert {key for key, _ in await log_of(system.bus, REPORTS)} == reports
    for topic, number in ((REPORTS, "intake_version"), (ROUTINGS, "version"), (ALERTS, "alert_version")):
        seen: dict[tuple[str, int], set[bytes]] = {}
        for key, value in await log_of(system.bus, topic):
            seen.setdefault((key, json.loads(value)[number]), set()).add(value)
        assert [place for place, values in seen.items() if len(values) > 1] == [], topic.name
    routed = Counter(key for key, versions in (await stories(system.bus)).items() if (1, 1) in versions)
    assert routed.keys() == reports
    facts = mongo.connect(system.store, "analytics").facts

    async def counted() -> bool:
        return {one["_id"] async for one in facts.find({})} == reports

    await eventually(counted, "every report is counted once")
