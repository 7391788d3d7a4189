"""Runbooks against their faults: each fault on a running stack, its alert on a real Prometheus, its commands, its end.

Not collected by `make test` or `make test-all`: alerts wait for minutes. It takes twenty-five minutes (CONTRIBUTING.md)
and needs Prometheus and Alertmanager. The rules are the installation's own without ``for`` and with windows of a minute
and a half.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from services.analytics.counting.models import Fact
from services.intake.phone.models import Call, CallState
from services.notify.escalation.rules import OVERDUE_AFTER
from services.routing.state.loads import LoadView
from shared.clock import SystemClock
from shared.events.base import encode
from shared.events.loads import LoadSummarized, LoadTotal
from shared.events.routings import Cause, ReportEnded
from shared.events.vocabulary import CauseKind, EndReason
from shared.kafka import provision
from shared.kafka.access import all_acls
from shared.kafka.connection import topic_name
from shared.kafka.publisher import Publisher, partition_of
from shared.kafka.reader import Follower
from shared.settings import KafkaSettings
from shared.topics import ALERTS, AUDIT_ANCHORS, LOADS, REPORTS
from shared.trace import new_traceparent
from tests.integration.notify.test_unknown_division import PLACE, its_home, new_division
from tests.integration.routing.running import Traffic
from tests.runbooks.system import COUNSELLOR, LEAD, System
from tests.runbooks.watching import Watch, watching
from tests.support import tables as ministry
from tests.support.waiting import eventually
from tests.unit.docs.test_paths import PROJECT
from tools.demo import frontends
from tools.local import certificates
from tools.local.certificates import STORE, Certificates
from tools.local.plan import AUDITOR, RECOUNT
from tools.local.processes import run_module
from tools.local.security import kafka_settings
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack
from tools.monitoring.rules import alerts

pytestmark = [pytest.mark.timeout(1200)]

_MEGABYTE: Final = 1_000_000
_MINUTE: Final = 60.0
_DAY: Final = 24 * 60 * _MINUTE
_LATE_S: Final = OVERDUE_AFTER.total_seconds() + 10
"""So long nobody is alerted when AlertsLate is to fire."""
_DUE: Final = 25
"""So many alerts are due when AlertsWaiting is to fire."""
_BEHIND: Final = 1001
"""So many records wait when ConsumerBehind is to fire."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("runbooks")
    tables = folder / "tables"
    shutil.copytree(PROJECT / "shared/centers/data", tables)
    settings: dict[str, dict[str, str]] = {name: {} for name in (*SERVICES, AUDITOR, RECOUNT)}
    settings["routing"]["ROUTING_TABLES_DIR"] = str(tables)
    clocks = {name: folder / f"clock-{name}" for name in (*SERVICES, AUDITOR)}
    stack = Stack(
        LocalSettings.on_free_ports(folder / "var", secured=True),
        say=lambda _: None,
        extra_env=settings,
        commands={
            name: [sys.executable, "-m", "tests.chaos.launch", name.replace("-", "."), str(clock)]
            for name, clock in clocks.items()
        }
        | {RECOUNT: [sys.executable, "-m", "tests.runbooks.other_build", str(folder / "version"), "3600"]},
    )
    try:
        stack.start()
        yield System(stack, settings, clocks, folder / "version")
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
    case = await system.case()
    await system.does(COUNSELLOR, case, "acknowledge")
    async with system.without("routing"):
        (await system.report()).raise_for_status()
        await system.does(COUNSELLOR, case, "close", ownership=1, outcome="supported")
        await watch.fires("ProcessDown", job="routing")
        await watch.fires("ReportsWithoutOwner")
        said = await system.said("doctor")
        assert "routing: it does not run" in said
        assert "a report has had no centre for" in said
        await watch.fires("CommandsUnconfirmed")
        await watch.fires("AcceptedToOwnedBurnsFast")
    await eventually(lambda: system.cases.find_one({"_id": case, "ended": "closed"}) is not None, "the case is closed")


async def test_a_report_that_the_log_has_lost(system: System, watch: Watch) -> None:
    async with system.without("routing"):
        accepted = (await system.report()).raise_for_status().json()["report_id"]
        reports = system.store["ieum_intake"]["reports"]
        await eventually(
            lambda: reports.find_one({"_id": accepted, "outbox": {"$exists": False}}) is not None, "it is out"
        )
        await asyncio.to_thread(system.stack.hold, "kafka")
        system.lose_end_of("reports", accepted)
        await asyncio.to_thread(system.stack.release, "kafka")
    # As if five minutes had passed.
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    reports.update_one({"_id": accepted}, {"$set": {"unassigned_since": long_ago}})
    await watch.fires("ReportsUnassigned")
    assert "a report in intake's store has had no centre for" in await system.said("doctor")
    lines = system.stack.log_file("intake").read_text(encoding="utf-8").splitlines()
    assert any("reports.unassigned" in line and accepted in line for line in lines)
    republish = ["tools.command", "republish", accepted]
    status, wrote = run_module(republish, system.stack.environment_of("intake"))
    said = [line for line in wrote.splitlines() if not line.startswith("{")]  # the rest is its log
    assert (status, said) == (0, [f"{accepted}: published anew"])
    await eventually(lambda: system.cases.find_one({"_id": accepted}) is not None, "its centre has it", seconds=60)


async def test_mail_and_webhooks_that_take_nothing(system: System, watch: Watch) -> None:
    async with system.without("mailbox"):
        await system.case(critical=True)
        since = time.monotonic()
        await watch.fires("ReportsOverdue", fault="late")
        await watch.fires("AlertsNotTaken")
        await watch.fires("AuditorNotHeard")
        assert "alerts.not_taken" in system.stack.log_file("notify").read_text(encoding="utf-8")
        await eventually(lambda: time.monotonic() - since > _MINUTE, "the minute of the promise", seconds=2 * _MINUTE)
        await watch.fires("CriticalAlertBurnsFast")


async def test_the_auditor_hangs(system: System, watch: Watch) -> None:
    with system.stopped("notify-auditor"):
        await watch.fires("AuditorSilent")
        assert "notify-auditor: it runs and does not answer" in await system.said("doctor")


async def test_the_store_hangs(system: System, watch: Watch, publisher: Publisher) -> None:
    async with system.crew.client(COUNSELLOR.name) as notify, notify.stream("GET", "/api/v1/stream") as console:
        lines = console.aiter_lines()  # kept: without it the stream ends
        assert console.is_success
        await anext(lines)
        with system.stopped("routing"):
            (await system.report()).raise_for_status()
            os.kill(system.stack.pids["store"], signal.SIGSTOP)
            since = time.monotonic()
        try:
            asking = asyncio.create_task(system.keep_reporting())
            await watch.fires("InsertsFail")
            await watch.fires("ReportsRefusedByFault", job="intake")
            asking.cancel()
            assert (await notify.get("/api/v1/cases?center=jeju")).status_code == httpx.codes.FORBIDDEN
            await watch.fires("AuditRefusalsDropped")
            await watch.fires("ReceiptsCountedAlone")
            await watch.fires("ConsumerStalled", group="notify")
            await watch.fires("CasesNotStored")
            await watch.fires("AlertingJobFails", job="notify")
            await watch.fires("JobFails", job="intake")
            await watch.fires("ReportsOverdue")
            repeat = encode(
                Traffic(publisher, 1).received(synthetic=True),
                source="intake",
                time=datetime.now(UTC),
                traceparent=new_traceparent(),
            )
            await publisher.publish([repeat] * _BEHIND)
            await watch.fires("ConsumerBehind", group="analytics")
            assert "store: it runs and does not answer" in await system.said("doctor")
            await eventually(lambda: time.monotonic() - since > _LATE_S, "a step is late", seconds=2 * _LATE_S)
        finally:
            os.kill(system.stack.pids["store"], signal.SIGCONT)
        await watch.fires("AlertsLate")


async def test_an_intake_whose_store_does_not_answer_as_it_starts(system: System, watch: Watch) -> None:
    """It does none of its jobs yet, so that none of them fails, and where a load balancer asks it is sent no report."""
    await asyncio.to_thread(system.stack.hold, "intake")
    with system.stopped("store"):
        await asyncio.to_thread(system.stack.release, "intake")
        await watch.fires("ProcessNotReady", job="intake")
        assert "not ready: store" in await system.said("doctor")
        log = system.stack.log_file("intake")
        await eventually(
            lambda: "store.waiting" in log.read_text(encoding="utf-8"), "intake says that", seconds=_MINUTE
        )
    await asyncio.to_thread(system.stack.wait_ready, 240, "intake")


async def test_the_broker_is_away(system: System, watch: Watch) -> None:
    async with system.without("kafka"):
        (await system.report()).raise_for_status()
        await watch.fires("CheckFails", job="intake", check="relay.intake")
        await watch.fires("OutboxWaiting", relay="intake")
        await watch.fires("CoordinatorSilent", job="routing")
        await watch.fires("LoadsStale")
        await asyncio.to_thread(system.stack.hold, "recount")
        await asyncio.to_thread(system.stack.release, "recount")
        await watch.fires("RecountStale")
        assert "kafka: it does not run" in await system.said("doctor")


async def test_a_record_nobody_can_read(system: System, watch: Watch, publisher: Publisher) -> None:
    reports = topic_name(kafka_settings(system.stack.environment_of("intake")), REPORTS)
    await publisher.send(reports, 0, [(b"key", b"not a report", [])])
    await watch.fires("DeadLetters")
    assert "dead-letter topics, unread" in await system.said("doctor")
    await system.read_dead_letters()


async def test_a_place_that_the_tables_do_not_know(system: System, watch: Watch, publisher: Publisher) -> None:
    traffic = Traffic(publisher, seed=5)
    await traffic.send(traffic.received(division=PLACE, declined_centers=[], synthetic=False))
    await watch.fires("ReportDeadLettered")
    folder = Path(system.settings["routing"]["ROUTING_TABLES_DIR"])
    ministry.write(folder, "2027-03-01", divisions=new_division, catchments=its_home)
    assert (await asyncio.to_thread(system.ieum, "tables", str(folder)))[0] == 0
    await asyncio.to_thread(system.restart, "routing")
    assert (await asyncio.to_thread(system.ieum, "redrive", "reports"))[0] == 0
    [report_id] = traffic.reports
    await eventually(lambda: system.cases.find_one({"_id": report_id}) is not None, "it has a centre", seconds=_MINUTE)


async def test_a_run_of_records_nobody_can_read(system: System, watch: Watch) -> None:
    system.settings["analytics"]["KAFKA_DEAD_LETTER_CAP"] = "3"
    await asyncio.to_thread(system.apply)
    settings = system.stack.administrator()
    publisher = Publisher(settings)
    await publisher.start()
    await publisher.send(topic_name(settings, ALERTS), 0, [(b"key", b"not an alert", [])] * 3)
    await publisher.stop()
    await watch.fires("PartitionsBlocked", group="analytics")
    assert "3 dead letters in a row: stopped until restarted" in await system.ready("analytics")
    system.settings["analytics"].clear()
    await asyncio.to_thread(system.apply)


async def test_the_last_person_goes_off_duty_before_the_alert_is_out(system: System, watch: Watch) -> None:
    path = "/api/v1/centers/busan"
    async with system.crew.client(LEAD.name) as notify, system.without("mailbox"):
        before = (await notify.get(path)).raise_for_status().json()
        await system.case()
        nobody = {"state": "unstaffed", "staff_on_duty": 0}
        (await notify.put(f"{path}/duty", json=nobody)).raise_for_status()
        await watch.fires("NobodyOnDuty")
        staffed = {"state": before["state"], "staff_on_duty": before["staff_on_duty"]}
        (await notify.put(f"{path}/duty", json=staffed)).raise_for_status()


async def test_a_case_that_notify_cannot_read(system: System, watch: Watch) -> None:
    case = await system.case()
    with system.altered("ieum_notify", "cases", case, urgency="of_a_later_build", wake_at=datetime.now(UTC)):
        await watch.fires("CasesSkipped")
        lines = system.stack.log_file("notify").read_text(encoding="utf-8").splitlines()
        assert any("job.document_skipped" in line and case in line for line in lines)


async def test_a_report_that_cannot_be_destroyed(system: System, watch: Watch) -> None:
    report_id = await system.case()
    due = datetime.now(UTC) - timedelta(hours=2)
    with system.altered("ieum_intake", "reports", report_id, erase_at=due, intake_version="altered"):
        await watch.fires("DocumentsSkipped")
        await watch.fires("ErasureOverdue")
        lines = system.stack.log_file("intake").read_text(encoding="utf-8").splitlines()
        assert any("job.document_skipped" in line and report_id in line for line in lines)


async def test_a_report_whose_time_passes_unread(system: System, watch: Watch) -> None:
    report_id = await system.case()
    # As the judging once a day leaves it, which reads a received time that nobody can write by hand.
    with system.altered("ieum_intake", "reports", report_id, alarm="unread", alarm_since=datetime.now(UTC)):
        await watch.fires("RetentionOverdue")
        assert "the time to keep 1 reports is passing or over" in await system.said("doctor")
        async with system.crew.client(LEAD.name, "intake") as intake:
            assert report_id in (await intake.get("/erasures")).raise_for_status().text


async def test_a_decision_that_no_lead_makes(system: System, watch: Watch) -> None:
    report_id = await system.case()
    since = datetime.now(UTC) - timedelta(days=6)
    with system.altered("ieum_intake", "reports", report_id, decide_since=since):
        await watch.fires("ErasureDecisionsWait")
        assert "has waited for a lead's decision for more than five days" in await system.said("doctor")


async def test_an_erasure_register_that_cannot_be_written(system: System, watch: Watch) -> None:
    register = system.stack.settings.var / "erasures"
    aside = register.with_name("erasures-aside")
    if register.exists():
        register.rename(aside)
    register.touch()  # as a mount that is gone: nothing can be written below
    withdrawing = asyncio.create_task(system.keep_withdrawing())
    await watch.fires("ErasureRegisterFails")
    await watch.fires("ReinstatementNotNoted")
    withdrawing.cancel()
    assert "erasure_register.write_failed" in system.stack.log_file("intake").read_text(encoding="utf-8")
    register.unlink()
    if aside.exists():
        aside.rename(register)


async def test_numbers_that_were_altered(system: System, watch: Watch) -> None:
    await system.case()
    analytics = system.store["ieum_analytics"]
    [totals] = [name for name in analytics.list_collection_names() if name.endswith("totals")]
    counted = analytics[totals].find_one({"n.accepted": {"$gt": 0}})
    assert counted is not None
    analytics[totals].update_one({"_id": counted["_id"]}, {"$inc": {"n.accepted": 1}})
    await watch.fires("ReconciliationBurnsFast")
    status, said = await asyncio.to_thread(system.ieum, "rebuild")
    assert status != 0
    assert "\n1 cells differ" in said, said
    assert (await asyncio.to_thread(system.ieum, "rebuild", "--accept"))[0] == 0


async def test_a_report_whose_acceptance_was_not_read(system: System, watch: Watch) -> None:
    analytics = system.store["ieum_analytics"]
    mark = analytics["cells"].find_one({}) or {}
    facts = analytics[f"facts_{number}" if (number := mark.get("generation")) else "facts"]
    since = datetime.now(UTC) - timedelta(hours=2)
    ahead = Fact(str(uuid4()), 0, received_at=since, owner="busan", synthetic=False).to_document()
    facts.insert_one(ahead)
    try:
        await watch.fires("AcceptanceMissing")
        assert "its acceptance has not been counted" in await system.said("doctor")
    finally:
        facts.delete_one({"_id": ahead["_id"]})


async def test_a_disk_without_room(system: System, watch: Watch) -> None:
    free = shutil.disk_usage(system.stack.settings.var).free // _MEGABYTE
    system.settings["intake"]["INTAKE_DISK_ALARM_MB"] = str(4 * free)
    await asyncio.to_thread(system.apply)
    await watch.fires("DiskFilling")
    system.settings["intake"]["INTAKE_DISK_DRAFTS_MB"] = str(4 * free)
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
    status, said = await asyncio.to_thread(system.ieum, "tables", str(tables))
    assert status != 0
    assert file.name in said
    file.write_bytes(sound)
    assert (await asyncio.to_thread(system.ieum, "tables", str(tables)))[0] == 0
    await asyncio.to_thread(system.restart, "routing")


async def test_a_line_of_the_audit_that_was_altered(system: System, watch: Watch) -> None:
    lines = system.store["ieum_intake"]["audit"]
    line = lines.find_one({"_id": 1})
    assert line is not None
    lines.update_one({"_id": 1}, {"$set": {"action": "altered"}})
    await asyncio.to_thread(system.restart, "intake")
    await watch.fires("AuditBroken", job="intake")
    status, said = await asyncio.to_thread(system.ieum, "audit", "verify")
    assert status != 0
    assert "intake: altered: line 1" in said
    lines.replace_one({"_id": 1}, line)
    await asyncio.to_thread(system.restart, "intake")
    assert (await asyncio.to_thread(system.ieum, "audit", "verify"))[0] == 0
    # Twice here and three times for the disk: a process that is started again and again.
    await watch.fires("ProcessRestarting", job="intake")


async def test_a_report_that_was_changed_by_hand(system: System, watch: Watch) -> None:
    answer = (await system.report()).raise_for_status().json()
    reports = system.store["ieum_intake"]["reports"]
    reports.update_one({"_id": answer["report_id"]}, {"$set": {"intake_version": "altered"}})
    await system.status(answer["receipt"])
    await watch.fires("ReportChangedByHand")
    status, said = await asyncio.to_thread(system.ieum, "reports", "check")
    assert status != 0
    assert answer["report_id"] in said
    assert (await asyncio.to_thread(system.ieum, "reports", "sign", answer["report_id"]))[0] == 0
    assert (await asyncio.to_thread(system.ieum, "reports", "check"))[0] == 0


async def test_a_routing_record_that_intake_never_saw(system: System, watch: Watch) -> None:
    case = await system.case()
    reports = system.store["ieum_intake"]["reports"]

    def ended(*, closed: bool) -> dict[str, Any] | None:
        known = reports.find_one({"_id": case}) or {}
        ownership = known.get("progress", {}).get("ownership")
        return known if ownership is not None and (ownership["ended"] is not None) is closed else None

    before = await eventually(lambda: ended(closed=False), "intake knows the centre", seconds=_MINUTE)
    await system.does(COUNSELLOR, case, "acknowledge")
    await system.does(COUNSELLOR, case, "close", ownership=1, outcome="supported")
    await eventually(lambda: ended(closed=True), "intake knows the end", seconds=_MINUTE)
    reports.replace_one({"_id": case}, before)
    await system.does(LEAD, case, "reopen", ownership=1)
    await watch.fires("RoutingRecordMissing")
    lines = system.stack.log_file("intake").read_text(encoding="utf-8").splitlines()
    assert any("status.routing_hole" in line and case in line for line in lines)
    await asyncio.to_thread(system.restart, "intake")


async def test_a_routing_record_that_does_not_follow(system: System, watch: Watch) -> None:
    case = await system.case(critical=True)
    settings = kafka_settings(system.stack.environment_of("routing"))
    known = system.cases.find_one({"_id": case}) or {}
    await forge_end(settings, known)
    await watch.fires("PartitionsBlocked", group="notify")
    said = f"report {case}: version 9 does not follow 1 (offset"
    assert said in await system.ready("notify")
    assert said in await system.said("doctor")
    partition = partition_of(case.encode(), settings.topic_partitions)

    def alerted(report_id: str, after: int = 0) -> bool:
        return system.cases.find_one({"_id": report_id, "alert_version": {"$gt": after}}) is not None

    others, behind = set[str](), set[str]()
    while len(others) < 2 or not behind:
        report_id = (await system.report()).raise_for_status().json()["report_id"]
        same = partition_of(report_id.encode(), settings.topic_partitions) == partition
        (behind if same else others).add(report_id)
    for report_id in others:
        await eventually(partial(alerted, report_id), "other partitions go on", seconds=_MINUTE)
    await eventually(lambda: alerted(case, known["alert_version"]), "its case is escalated", seconds=4 * _MINUTE)
    await system.does(COUNSELLOR, case, "acknowledge")
    assert not any(map(alerted, behind))
    for name in ("routing", "notify", "analytics"):
        system.settings[name]["IEUM_GIVEN_UP_REPORTS"] = case
    await asyncio.to_thread(system.apply)
    await asyncio.to_thread(system.restart, "intake")
    for report_id in behind:
        await eventually(partial(alerted, report_id), "what lay behind it is alerted", seconds=_MINUTE)
    for name in ("routing", "notify", "analytics"):
        assert "does not follow" not in await system.ready(name)


async def forge_end(settings: KafkaSettings, case: dict[str, Any]) -> None:
    """Write, as who has routing's password can, that a report ended eight records later than is true."""
    forged = ReportEnded(
        report_id=case["_id"],
        version=9,
        ownership=1,
        intake_version=1,
        decided_at=datetime.now(UTC),
        cause=Cause(kind=CauseKind.REPORT, event_id="forged"),
        reason=EndReason.CLOSED,
        center_id=case["center_id"],
    )
    publisher = Publisher(settings)
    await publisher.start()
    record = encode(forged, source="routing", time=datetime.now(UTC), traceparent=new_traceparent())
    await publisher.publish([record])
    await publisher.stop()


async def test_a_signing_key_that_identity_did_not_write(system: System, watch: Watch) -> None:
    signing = system.store["ieum_identity"]["signing_keys"]
    mine = signing.find_one({})
    assert mine is not None
    signing.insert_one({**mine, "_id": "forged", "number": 99})
    await watch.fires("SigningKeysTampered")
    await watch.fires("AccountsTampered")
    signing.delete_one({"_id": "forged"})
    assert (await asyncio.to_thread(system.ieum, "keys", "rotate-signing", "--at-once"))[0] == 0


async def test_sums_that_were_told_wrong(system: System, watch: Watch) -> None:
    settings = system.stack.administrator()
    view = LoadView(1)
    follower = Follower(settings, (LOADS,), view.apply, from_start=True, clock=SystemClock())
    publisher = Publisher(settings)
    with system.stopped("routing"):  # it tells them every two seconds
        await follower.start()
        await follower.stop()
        partition, told = next(iter(view.summaries.items()))
        wrong = LoadSummarized(
            partition=partition,
            upto=told.upto,
            loads={**told.loads, "jeju": LoadTotal(open_cases=99, weighted=990)},
            summarized_at=datetime.now(UTC),
            worker="altered",
        )
        await publisher.start()
        event = encode(wrong, source="routing", time=datetime.now(UTC), traceparent=new_traceparent())
        await publisher.publish([event])
        await publisher.stop()
        await asyncio.to_thread(system.restart, "recount")
        await watch.fires("RecountDiffers")
        status, said = await asyncio.to_thread(system.ieum, "recount")
        assert status != 0
        assert f"partition {partition}, jeju: told (99" in said, said
    await asyncio.to_thread(system.stack.hold, "routing")
    shutil.rmtree(system.stack.environment_of("routing")["ROUTING_STATE_DIR"])
    await asyncio.to_thread(system.stack.release, "routing")
    await asyncio.to_thread(system.stack.wait_ready, 240, "routing")
    await eventually(lambda: system.ieum("recount")[0] == 0, "the sums are told anew", seconds=_MINUTE)
    await asyncio.to_thread(system.restart, "recount")


async def test_receipts_that_somebody_guesses(system: System, watch: Watch) -> None:
    system.settings["intake"]["INTAKE_WRONG_RECEIPTS_PER_HOUR"] = "10"
    await asyncio.to_thread(system.apply)
    env = system.stack.environment_of("intake")
    guessers = [await asyncio.to_thread(frontends.credential, env, f"guesser-{number}") for number in range(11)]
    for credential in guessers:
        await system.guess(credential, 95)  # with a hundred it would have to wait an hour
    await watch.fires("ReceiptsGuessed")
    # The hour after which it is over, in short.
    system.store["ieum_intake"]["wrong_receipts"].delete_many({})
    system.settings["intake"].clear()
    await asyncio.to_thread(system.apply)


async def test_an_upgrade_that_was_not_finished(system: System, watch: Watch) -> None:
    system.version.write_text("0.0.1", encoding="ascii")
    await asyncio.to_thread(system.restart, "recount")
    await watch.fires("VersionsDiffer")
    system.version.unlink()
    await asyncio.to_thread(system.restart, "recount")


async def test_a_call_that_cannot_be_sent(system: System, watch: Watch) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    call = Call(
        secrets.token_hex(16),
        CallState.SENDING,
        "somebody",
        "busan",
        long_ago,
        long_ago + timedelta(hours=1),
        sending_at=long_ago,
    )
    fields = {name: value for name, value in asdict(call).items() if name != "call_id"}
    calls = system.store["ieum_intake"]["calls"]
    calls.insert_one({"_id": call.call_id, **fields, "salt": b"salt" * 4, "sealed": b"of another key" * 4})
    await watch.fires("CallsNotCompleted")
    assert call.call_id in system.stack.log_file("intake").read_text(encoding="utf-8")
    calls.delete_one({"_id": call.call_id})


async def test_a_copy_of_the_keys_that_was_edited(system: System, watch: Watch) -> None:
    cache = system.stack.settings.var / "identity" / "analytics.json"
    await asyncio.to_thread(system.stack.hold, "analytics")
    cache.write_text("{}", encoding="utf-8")
    await asyncio.to_thread(system.stack.release, "analytics")
    await watch.fires("KeyDocumentsRefused", job="analytics", source="cache")


async def test_a_quarter_of_an_hour_in_which_nobody_answers(system: System, watch: Watch) -> None:
    case = await system.case(critical=True)
    async with system.crew.client(LEAD.name) as notify:
        begun = await notify.post("/drills", data={"center_id": "busan"})
        assert begun.status_code == httpx.codes.SEE_OTHER
    drill = system.store["ieum_notify"]["drills"].find_one({"over": False})
    assert drill is not None
    await eventually(lambda: system.cases.find_one({"_id": drill["report_id"]}), "the drill is a case", seconds=_MINUTE)
    with system.later(16 * _MINUTE):
        await watch.fires("DrillFailed")
        await watch.fires("OwnedToSeenBurnsFast")
        for report_id in (case, drill["report_id"]):
            await system.does(COUNSELLOR, report_id, "acknowledge")


async def test_a_front_end_that_sends_drills_by_mistake(system: System, watch: Watch) -> None:
    drill = (await system.report(drill=True)).raise_for_status().json()["report_id"]
    await watch.fires("UnannouncedDrills")
    log = system.stack.log_file("intake").read_text(encoding="utf-8")
    [said] = [line for line in log.splitlines() if "drill.unannounced" in line]
    assert drill in said
    assert frontends.PORTAL in said
    await eventually(lambda: system.cases.find_one({"_id": drill}), "the drill is a case", seconds=_MINUTE)
    async with system.crew.client(COUNSELLOR.name) as notify:
        assert (await notify.get(f"/cases/{drill}")).status_code == httpx.codes.OK
    await system.does(COUNSELLOR, drill, "acknowledge")


async def test_a_quarter_of_an_hour_and_two_months_without_kafka(system: System, watch: Watch) -> None:
    await system.case()
    facts = system.store["ieum_analytics"]["facts"]
    await eventually(lambda: facts.find_one({}) is not None, "a report is counted", seconds=_MINUTE)
    async with system.without("kafka"):
        with system.later(16 * _MINUTE, "analytics"):
            await watch.fires("NumbersFreshBurnsFast")
        with system.later(60 * _DAY, "analytics"):
            await watch.fires("ReleaseOverdue")
    released = system.store["ieum_analytics"]["register"].find({})
    assert all("W" in one["period"] for one in released), "no month that is not counted is released"


async def test_some_minutes_without_identity(system: System, watch: Watch) -> None:
    async with system.without("identity"):
        with system.later(6 * _MINUTE, "notify"):
            await watch.fires("KeysStale", job="notify")


async def test_an_intake_whose_clock_jumped_ahead(system: System, watch: Watch) -> None:
    with system.later(4 * _DAY, "intake"):
        await watch.fires("ClockApart", job="intake")
        assert "its clock is ahead of its store's by" in await system.said("doctor")
        log = system.stack.log_file("intake")
        for words in (("clock.apart",), ("job.failed", "erasures"), ("job.failed", "retention")):

            def said(words: tuple[str, ...] = words) -> bool:
                lines = log.read_text(encoding="utf-8").splitlines()
                return any(all(word in line for word in words) for line in lines)

            await eventually(said, f"the log says {words}", seconds=2 * _MINUTE)
    await watch.ends("ClockApart")


async def test_a_certificate_that_ends_in_five_days(
    system: System, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "_DAYS", 5)
    monkeypatch.setattr(certificates, "_BEGAN", timedelta(days=85))
    made = Certificates(tmp_path)
    made.ensure()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate(STORE), made.key(STORE))
    gateway = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{gateway.sockets[0].getsockname()[1]}"
    system.settings[AUDITOR] |= {"IEUM_PUBLIC_URLS": json.dumps({"notify": url}), "IEUM_TRUSTED_PROXIES": "127.0.0.1"}
    async with gateway:
        await asyncio.to_thread(system.apply)
        await watch.fires("CertificateEnding", certificate="gateway")
        await watch.fires("CertificateEndsSoon", certificate="gateway")
        assert "the certificate gateway ends in 5 days" in await system.said("doctor")
    await asyncio.to_thread(system.restart, AUDITOR)
    await watch.fires("CertificateUnseen", certificate="gateway")
    assert "certificate.not_seen" in system.stack.log_file(AUDITOR).read_text(encoding="utf-8")
    system.settings[AUDITOR].clear()
    await asyncio.to_thread(system.apply)


async def test_a_front_end_that_takes_no_callbacks_for_a_day(system: System, watch: Watch) -> None:
    portal = f"N={frontends.PORTAL}"
    status, said = await asyncio.to_thread(
        system.ieum, "client", "callback", portal, "--url", "https://front-end.invalid/ieum"
    )
    assert status == 0, said
    await asyncio.to_thread(system.restart, "intake")
    (await system.report(callback="a-visit")).raise_for_status()
    callbacks = system.store["ieum_intake"]["callbacks"]
    await eventually(lambda: callbacks.find_one({"tries": {"$gt": 0}}), "a callback was tried", seconds=_MINUTE)
    with system.later(_DAY + _MINUTE, "intake"):
        await watch.fires("CallbacksGivenUp")
        log = system.stack.log_file("intake").read_text(encoding="utf-8")
        assert any("callback.given_up" in line and frontends.PORTAL in line for line in log.splitlines())
    assert (await asyncio.to_thread(system.ieum, "client", "callback", portal, "--off"))[0] == 0


async def test_notify_may_read_its_store_and_not_write_it(system: System, watch: Watch) -> None:
    answers = [(await system.report()).raise_for_status().json() for _ in range(_DUE)]
    these = {"_id": {"$in": [answer["report_id"] for answer in answers]}}
    await eventually(lambda: system.cases.count_documents(these) == _DUE, "all are cases", seconds=_MINUTE)
    with ExitStack() as until_all_are_told:
        async with system.reading_only("notify"):
            # Whatever was told before, also while clocks were ahead, and whatever waits for a batch is due by then.
            until_all_are_told.enter_context(system.later(60 * _MINUTE, "notify"))
            await watch.fires("AlertsWaiting")
            await watch.fires("AlertingJobFails", job="notify")
            assert "alerts are due and not taken" in await system.said("doctor")
            lines = system.stack.log_file("notify").read_text(encoding="utf-8").splitlines()
            assert any("job.failed" in line and "alerts-" in line and "may not do that" in line for line in lines)
        await watch.ends("AlertsWaiting")
        await watch.ends("AlertingJobFails")


async def test_a_service_that_may_not_publish_its_anchors(
    system: System, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, security = system.stack.administrator(), system.stack.security
    assert security is not None
    passwords = security.kafka_passwords()
    rights = [acl for acl in all_acls() if (acl.principal, acl.name) != ("intake", AUDIT_ANCHORS.name)]
    with monkeypatch.context() as patch:
        patch.setattr(provision, "all_acls", lambda _: rights)
        assert len(await provision.provision(settings, passwords)) > 0
    with system.later(-11 * _MINUTE, "intake"):  # the line was written so long ago, and has waited since
        assert (await system.status("0" * 16)).status_code == httpx.codes.NOT_FOUND
        log = system.stack.log_file("intake")
        refused = ("job.failed", "audit-anchors", "TopicAuthorizationFailedError")

        def is_refused() -> bool:
            return any(all(word in line for word in refused) for line in log.read_text(encoding="utf-8").splitlines())

        await eventually(is_refused, "the anchor is refused", seconds=_MINUTE)
    await watch.fires("AuditAnchorsLate", job="intake")
    status, said = await asyncio.to_thread(system.ieum, "audit", "verify")
    assert status != 0
    assert "intake: silent" in said, said
    for name, password in passwords.items():
        (tmp_path / name).write_text(password, encoding="ascii")
    assert await asyncio.to_thread(system.provision, settings, tmp_path) == 0
    await watch.ends("AuditAnchorsLate")
    assert (await asyncio.to_thread(system.ieum, "audit", "verify"))[0] == 0


async def test_nothing_watches_any_more(system: System, watch: Watch) -> None:
    asked = ("alert", "query", "alertname=Watchdog")
    await watch.is_heard()
    with watch.without("prometheus"):
        await watch.calls_somebody()
        status, said = watch.amtool(*asked)
        assert status == 0
        assert "Watchdog" not in said, "nobody tells Alertmanager of anything"
    await watch.is_heard()
    with watch.without("prometheus-alertmanager"):
        await watch.calls_somebody()
        assert watch.amtool(*asked)[0] != 0
    await watch.is_heard()
    watch.watcher.reachable = False
    await watch.calls_somebody()
    status, said = watch.amtool(*asked)
    assert status == 0
    assert "Watchdog" in said
    assert "Notify for alerts failed" in watch.log_of("prometheus-alertmanager").read_text(encoding="utf-8")
    watch.watcher.reachable = True
    await watch.is_heard()


async def test_each_alert_is_over(system: System, watch: Watch) -> None:
    await system.read_dead_letters()
    await system.acknowledge_waiting()
    await watch.over()


def test_each_runbook_was_tried(watch: Watch) -> None:
    assert {alert.removesuffix("BurnsFast").lower() for alert in watch.tried} == {alert.runbook for alert in alerts()}
