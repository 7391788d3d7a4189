"""Runbooks against their faults: each fault on a running stack, its alert on a real Prometheus, its commands, its end.

Not collected by `make test` or `make test-all`: alerts wait for minutes. ``make runbooks`` (a quarter of an hour; needs
Prometheus). The rules are the installation's own without ``for`` and with windows of a minute and a half.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pymongo import MongoClient

from shared.centers import CENTRAL
from shared.identity.roles import StaffRole
from shared.kafka.connection import topic_name
from shared.kafka.publisher import Publisher
from shared.topics import REPORTS
from tests.runbooks.watching import Watch, watching
from tests.unit.docs.test_paths import PROJECT
from tests.unit.monitoring.test_runbooks import on_the_stack
from tools.demo import frontends, people
from tools.doctor.look import kafka_settings
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack

pytestmark = [pytest.mark.timeout(1200)]

BODY: Final = {"role": "victim", "harm_types": ["distribution_threat"], "division": "busan"}
_MEGABYTE: Final = 1_000_000


class System:
    """The stack with whoever works with it."""

    def __init__(self, stack: Stack, settings: dict[str, dict[str, str]]) -> None:
        """``settings`` are those that services are given beside their own; change them and ``apply``."""
        self.stack, self.settings = stack, settings
        self.credential = frontends.create(stack.environment_of("intake")).portal
        self.store: MongoClient[dict[str, Any]] = MongoClient(stack.mongodb)

    def apply(self) -> None:
        """Restart each process whose settings changed."""
        self.stack.renew_secrets()

    def restart(self, *names: str) -> None:
        """Stop processes and start them again."""
        for name in names:
            self.stack.hold(name)
            self.stack.release(name)
        self.stack.wait_ready(240, *names)

    @asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """Without one process for a while."""
        await asyncio.to_thread(self.stack.hold, name)
        try:
            yield
        finally:
            await asyncio.to_thread(self.stack.release, name)
            await asyncio.to_thread(self.stack.wait_ready, 240)

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """As a machine that hangs: they answer nobody, and go on afterwards."""
        pids = [self.stack.pids[name] for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    async def report(self) -> httpx.Response:
        """Send a report."""
        headers = {"Authorization": f"Bearer {self.credential}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=30) as http:
            return await http.post(f"{self.stack.urls['intake']}/api/v1/reports", json=BODY)

    async def keep_reporting(self) -> None:
        """Send reports, all of which are refused; the first answer of a kind alone is no rise of its counter."""
        while True:
            assert (await self.report()).status_code == httpx.codes.SERVICE_UNAVAILABLE
            await asyncio.sleep(1)

    async def status(self, receipt: str) -> httpx.Response:
        """Ask with a receipt how its report stands."""
        headers = {"Authorization": f"Bearer {self.credential}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=30) as http:
            return await http.post(f"{self.stack.urls['intake']}/api/v1/receipts/status", json={"receipt": receipt})

    def make(self, target: str, *arguments: str) -> tuple[int, str]:
        """Run a command of a runbook: its exit status and what it said."""
        given = {
            str(field.validation_alias): str(getattr(self.stack.settings, name))
            for name, field in LocalSettings.model_fields.items()
            if name.endswith("_port") or name == "var_dir"
        }
        done = subprocess.run(
            ["make", target, *arguments],
            cwd=PROJECT,
            env={**os.environ, **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    async def said(self, target: str, *arguments: str) -> str:
        """The same, for what it said alone."""
        _, said = await asyncio.to_thread(self.make, target, *arguments)
        return said


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("runbooks")
    tables = folder / "tables"
    shutil.copytree(PROJECT / "shared/centers/data", tables)
    settings: dict[str, dict[str, str]] = {name: {} for name in (*SERVICES, "notify-auditor", "recount")}
    settings["routing"]["ROUTING_TABLES_DIR"] = str(tables)
    stack = Stack(LocalSettings.on_free_ports(folder / "var", secured=True), say=lambda _: None, extra_env=settings)
    try:
        stack.start()
        yield System(stack, settings)
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def watch(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    with watching(system.stack, tmp_path_factory.mktemp("prometheus"), "recount") as made:
        yield made


@pytest.fixture
async def publisher(system: System) -> AsyncIterator[Publisher]:
    made = Publisher(kafka_settings(system.stack.environment_of("intake")))
    await made.start()
    yield made
    await made.stop()


async def test_a_process_that_prometheus_does_not_know(system: System, watch: Watch) -> None:
    await watch.fires("ProcessMissing", job="recount")
    watch.configure()
    await watch.reload()
    assert "all is well" in await system.said("doctor")


async def test_routing_stopped_while_somebody_reports(system: System, watch: Watch) -> None:
    async with system.without("routing"):
        (await system.report()).raise_for_status()
        await watch.fires("ProcessDown", job="routing")
        await watch.fires("ReportsWithoutOwner")
        said = await system.said("doctor")
        assert "routing: it does not run" in said
        assert "a report has had no centre for" in said
    await watch.fires("AcceptedToOwnedBurnsFast")


async def test_mail_and_webhooks_that_take_nothing(system: System, watch: Watch) -> None:
    async with system.without("mailbox"):
        (await system.report()).raise_for_status()
        await watch.fires("AlertsNotTaken")
        await watch.fires("AuditorNotHeard")
        assert "alerts.not_taken" in system.stack.log_file("notify").read_text(encoding="utf-8")


async def test_the_auditor_hangs(system: System, watch: Watch) -> None:
    with system.stopped("notify-auditor"):
        await watch.fires("AuditorSilent")
        assert "notify-auditor: it runs and does not answer" in await system.said("doctor")


async def test_the_store_hangs(system: System, watch: Watch) -> None:
    with system.stopped("routing"):
        (await system.report()).raise_for_status()
        os.kill(system.stack.pids["store"], signal.SIGSTOP)
    try:
        asking = asyncio.create_task(system.keep_reporting())
        await watch.fires("InsertsFail")
        await watch.fires("ReportsRefusedByFault", job="intake")
        asking.cancel()
        await watch.fires("ReceiptsCountedAlone")
        await watch.fires("ConsumerStalled", group="notify")
        await watch.fires("AlertingJobFails", job="notify")
        await watch.fires("JobFails", job="intake")
        await watch.fires("ReportsOverdue")
        assert "store: it runs and does not answer" in await system.said("doctor")
    finally:
        os.kill(system.stack.pids["store"], signal.SIGCONT)
    await watch.fires("AlertsLate")


async def test_the_broker_is_away(system: System, watch: Watch) -> None:
    async with system.without("kafka"):
        (await system.report()).raise_for_status()
        await watch.fires("CheckFails", job="intake", check="relay.intake")
        await watch.fires("OutboxWaiting", relay="intake")
        await watch.fires("CoordinatorSilent", job="routing")
        await watch.fires("LoadsStale")
        assert "kafka: it does not run" in await system.said("doctor")


async def test_a_record_nobody_can_read(system: System, watch: Watch, publisher: Publisher) -> None:
    reports = topic_name(kafka_settings(system.stack.environment_of("intake")), REPORTS)
    await publisher.send(reports, 0, [(b"key", b"not a report", [])])
    await watch.fires("DeadLetters")
    assert "dead-letter topics, unread" in await system.said("doctor")
    wanted = people.Wanted(CENTRAL, (StaffRole.COUNSELLOR, StaffRole.LEAD))
    made = await asyncio.to_thread(people.create, system.stack.environment_of("identity"), [wanted])
    crew = people.Crew(system.stack.urls, made)
    [letter] = system.store["ieum_notify"]["dead"].find({"open": True})
    async with crew.client(wanted.name) as notify:
        answer = await notify.post("/dead/read", data={"origin": letter["_id"]})
    assert answer.status_code == httpx.codes.SEE_OTHER


async def test_a_disk_without_room(system: System, watch: Watch) -> None:
    free = shutil.disk_usage(system.stack.settings.var).free // _MEGABYTE
    system.settings["intake"] |= {"INTAKE_DISK_ALARM_MB": str(4 * free), "INTAKE_DISK_DRAFTS_MB": str(4 * free)}
    await asyncio.to_thread(system.apply)
    await watch.fires("DiskFull", job="intake")
    assert "disk" in await system.said("doctor")
    system.settings["intake"].clear()
    await asyncio.to_thread(system.apply)


async def test_tables_with_a_fault(system: System, watch: Watch) -> None:
    tables = Path(system.settings["routing"]["ROUTING_TABLES_DIR"])
    file = tables / "centers.json"
    sound = file.read_bytes()
    file.write_bytes(sound[:-10])
    await asyncio.to_thread(system.restart, "routing")
    await watch.fires("TablesRejected")
    status, said = await asyncio.to_thread(system.make, "check-tables", f"DIR={tables}")
    assert status != 0
    assert file.name in said
    file.write_bytes(sound)
    assert (await asyncio.to_thread(system.make, "check-tables", f"DIR={tables}"))[0] == 0
    await asyncio.to_thread(system.restart, "routing")


async def test_a_line_of_the_audit_that_was_altered(system: System, watch: Watch) -> None:
    lines = system.store["ieum_intake"]["audit"]
    line = lines.find_one({"_id": 1})
    assert line is not None
    lines.update_one({"_id": 1}, {"$set": {"action": "altered"}})
    await asyncio.to_thread(system.restart, "intake")
    await watch.fires("AuditBroken", job="intake")
    status, said = await asyncio.to_thread(system.make, "verify-audit")
    assert status != 0
    assert "intake: altered: line 1" in said or "intake" in said
    lines.replace_one({"_id": 1}, line)
    await asyncio.to_thread(system.restart, "intake")
    assert (await asyncio.to_thread(system.make, "verify-audit"))[0] == 0
    # Twice here and twice for the disk: a process that is started again and again.
    await watch.fires("ProcessRestarting", job="intake")


async def test_a_report_that_was_changed_by_hand(system: System, watch: Watch) -> None:
    answer = (await system.report()).raise_for_status().json()
    reports = system.store["ieum_intake"]["reports"]
    reports.update_one({"_id": answer["report_id"]}, {"$set": {"intake_version": "altered"}})
    await system.status(answer["receipt"])
    await watch.fires("ReportChangedByHand")
    status, said = await asyncio.to_thread(system.make, "check-reports")
    assert status != 0
    assert answer["report_id"] in said
    assert (await asyncio.to_thread(system.make, "sign-reports", f"ID={answer['report_id']}"))[0] == 0
    assert (await asyncio.to_thread(system.make, "check-reports"))[0] == 0


async def test_a_signing_key_that_identity_did_not_write(system: System, watch: Watch) -> None:
    signing = system.store["ieum_identity"]["signing_keys"]
    mine = signing.find_one({})
    assert mine is not None
    signing.insert_one({**mine, "_id": "forged", "number": 99})
    await watch.fires("SigningKeysTampered")
    await watch.fires("AccountsTampered")
    signing.delete_one({"_id": "forged"})
    assert (await asyncio.to_thread(system.make, "rotate-signing-key", "NOW=1"))[0] == 0


async def test_a_copy_of_the_keys_that_was_edited(system: System, watch: Watch) -> None:
    cache = system.stack.settings.var / "identity" / "analytics.json"
    await asyncio.to_thread(system.stack.hold, "analytics")
    cache.write_text("{}", encoding="utf-8")
    await asyncio.to_thread(system.stack.release, "analytics")
    await watch.fires("KeyDocumentsRefused", job="analytics", source="cache")


async def test_each_alert_is_over(watch: Watch) -> None:
    await watch.over()


def test_the_page_names_what_was_tried(watch: Watch) -> None:
    names = {alert.removesuffix("BurnsFast") for alert in watch.tried}
    assert names == on_the_stack()
