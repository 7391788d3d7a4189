"""The audit on the real store: several writers, one chain; what is taken away is missed."""

import asyncio
import base64
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared import mongo
from shared.audit import chain
from shared.audit.chain import AuditKeys
from shared.audit.model import Entry, Finding
from shared.audit.reading import Filter, Reader
from shared.audit.store import AuditLog
from shared.clock import Clock, ManualClock, SystemClock
from shared.errors import TransientError
from shared.settings import StoreSettings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = AuditKeys(b"a" * 32)


def entry(number: int = 0, at: datetime = NOW) -> Entry:
    return Entry(
        at=at,
        action="details.open",
        where="192.0.2.0/24",
        actor=f"s-{number}",
        organisation="busan",
        roles=("lead", "counsellor"),
        report_id=f"report-{number}",
        reason="first_contact",
        detail={"number": str(number)},
    )


def opened(settings: StoreSettings, clock: Clock | None = None) -> AuditLog:
    return AuditLog(mongo.connect(settings, "intake"), KEYS, clock or SystemClock(), "intake")


@pytest.fixture
async def log(store_settings: StoreSettings) -> AsyncIterator[AuditLog]:
    one = opened(store_settings)
    yield one
    one.lines.database.client.close()


def kinds(findings: list[Finding]) -> set[str]:
    return {finding.kind for finding in findings}


async def filled(log: AuditLog, count: int = 10) -> None:
    for number in range(count):
        await log.append(entry(number))


async def test_four_writers_make_one_chain(store_settings: StoreSettings) -> None:
    logs = [opened(store_settings) for _ in range(4)]

    async def write(one: AuditLog, start: int, size: int) -> None:
        for number in range(start, start + 25):
            await one.append(*(entry(number) for _ in range(size)))

    # Groups of several sizes: of two that meet, one may find only some of its numbers taken.
    await asyncio.gather(*(write(one, 25 * index, index + 1) for index, one in enumerate(logs)))
    documents = await logs[0].lines.find({}).to_list(None)
    assert sorted(document["_id"] for document in documents) == list(range(1, 251))
    wanted = [f"s-{number}" for number in range(100) for _ in range(number // 25 + 1)]
    assert sorted(document["actor"] for document in documents) == sorted(wanted)
    assert await logs[0].verify() == []
    head = await logs[0].head()
    assert head is not None
    assert head.seq == 250
    for one in logs:
        one.lines.database.client.close()


async def test_processes_that_are_killed_leave_a_whole_chain_with_all_they_were_promised(
    store_settings: StoreSettings, log: AuditLog
) -> None:
    env = {
        **os.environ,
        "MONGODB_URI": store_settings.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store_settings.database_prefix,
    }
    command = (sys.executable, "-m", "tests.integration.audit.writer")
    processes = [
        await asyncio.create_subprocess_exec(*command, name, "90", env=env, stdout=asyncio.subprocess.PIPE)
        for name in "abcd"
    ]
    promised: list[str] = []

    async def follow(process: asyncio.subprocess.Process, kill_after: int) -> None:
        assert process.stdout is not None
        count = 0
        async for text in process.stdout:
            promised.append(text.decode().strip())
            count += 1
            if count == kill_after:
                process.send_signal(signal.SIGKILL)
        await process.wait()

    await asyncio.gather(*(follow(process, 20 + 25 * index) for index, process in enumerate(processes)))
    assert processes[0].returncode == -signal.SIGKILL
    assert processes[3].returncode == 0
    assert await log.verify() == []
    written = [document["actor"] async for document in log.lines.find({})]
    assert set(promised) <= set(written)
    assert len(written) == len(set(written)), "a line was written twice"
    await log.append(entry())
    assert await log.verify() == []


async def _alter(log: AuditLog) -> None:
    await log.lines.update_one({"_id": 4}, {"$set": {"actor": "s-9"}})


async def _hide(log: AuditLog) -> None:
    await log.lines.update_one({"_id": 4}, {"$set": {"note": "smuggled in"}})


async def _remove(log: AuditLog) -> None:
    await log.lines.delete_one({"_id": 4})


async def _remove_first(log: AuditLog) -> None:
    await log.lines.delete_many({"_id": {"$in": [1, 2]}})


async def _reorder(log: AuditLog) -> None:
    fourth, fifth = [await log.lines.find_one({"_id": number}) for number in (4, 5)]
    assert fourth is not None
    assert fifth is not None
    await log.lines.replace_one({"_id": 4}, {**fifth, "_id": 4})
    await log.lines.replace_one({"_id": 5}, {**fourth, "_id": 5})


async def _forge(log: AuditLog) -> None:
    last = await log.lines.find_one({"_id": 10})
    assert last is not None
    [line] = chain.link(AuditKeys(b"x" * 32), "intake", [entry(77)], 10, last["mac"])
    await log.lines.insert_one({**last, "_id": 11, "actor": "s-77", "previous": last["mac"], "mac": line.mac})


async def _cut(log: AuditLog) -> None:
    await log.lines.delete_many({"_id": {"$in": [9, 10]}})


async def _cut_with_marks(log: AuditLog) -> None:
    await _cut(log)
    await log.marks.collection.delete_many({})


async def _empty(log: AuditLog) -> None:
    await log.lines.delete_many({"_id": {"$in": list(range(1, 11))}})


async def _claim_a_sweep(log: AuditLog) -> None:
    await log.lines.delete_many({"_id": {"$in": [1, 2]}})
    second = chain.link(KEYS, "intake", [entry(0), entry(1)], 0, chain.START)[1]
    forged = chain.mark(AuditKeys(b"x" * 32), "intake", "checkpoint", 2, second.mac, NOW)
    await log.marks.keep("checkpoint", forged)


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (_alter, "altered"),
        (_hide, "foreign"),
        (_remove, "removed"),
        (_remove_first, "removed"),
        (_reorder, "altered"),
        (_forge, "altered"),
        (_cut, "cut_off"),
        (_cut_with_marks, "no_mark"),
        (_empty, "cut_off"),
        (_claim_a_sweep, "bad_mark"),
    ],
)
async def test_tampering_is_found(log: AuditLog, tamper: Callable[[AuditLog], Awaitable[None]], kind: str) -> None:
    await filled(log)
    assert await log.verify() == []
    await tamper(log)
    assert kind in kinds(await log.verify())


async def test_a_head_noted_down_elsewhere_finds_a_tail_cut_off_together_with_everything_here(
    log: AuditLog, store_settings: StoreSettings
) -> None:
    await filled(log)
    noted = await log.head()
    assert noted is not None
    await _cut_with_marks(log)
    again = opened(store_settings)
    await again.append(entry(50))  # somebody goes on, and makes a new head
    assert await again.verify() == []
    assert kinds(await again.verify([noted])) == {"cut_off"}
    await again.append(entry(51), entry(52))
    assert kinds(await again.verify([noted])) == {"rewritten"}
    again.lines.database.client.close()


async def test_what_was_cut_off_stays_missed_when_a_process_starts_anew_and_writes_past_it(
    log: AuditLog, store_settings: StoreSettings
) -> None:
    await filled(log)
    await _cut(log)
    again = opened(store_settings)
    await again.append(*(entry(number) for number in range(20)))
    assert kinds(await again.verify()) == {"rewritten"}
    again.lines.database.client.close()


async def test_after_a_failure_of_the_store_it_goes_on_without_a_gap_or_a_fork(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(log, 2)
    original = log._insert

    async def written_and_not_told(lines: object) -> int:
        await original(lines)  # type: ignore[arg-type]  # handed on
        raise TransientError("store: NetworkTimeout")

    with monkeypatch.context() as patch:
        patch.setattr(log, "_insert", written_and_not_told)
        with pytest.raises(TransientError):
            await log.append(entry(7))
    await log.append(entry(8))
    assert [document["actor"] async for document in log.lines.find({})] == ["s-0", "s-1", "s-7", "s-8"]
    assert await log.verify() == []


async def test_only_whole_fronts_older_than_two_years_go(store_settings: StoreSettings) -> None:
    clock = ManualClock(NOW)
    log = opened(store_settings, clock)
    await log.append(*(entry(number, clock.now()) for number in range(130)))
    await clock.advance(timedelta(days=400).total_seconds())
    await log.append(*(entry(number, clock.now()) for number in range(20)))
    assert await log.sweep() == 0
    await clock.advance(timedelta(days=332).total_seconds())
    await log.append(entry(999, NOW))  # an old time in a new place: not at the front
    assert await log.sweep() == 130
    assert await log.lines.count_documents({}) == 21
    assert await log.verify() == []
    assert await log.sweep() == 0
    await log.lines.delete_one({"_id": 131})
    assert kinds(await log.verify()) == {"removed"}
    await clock.advance(timedelta(days=800).total_seconds())
    assert await log.sweep() == 0, "nothing behind a hole may go: it is evidence"
    log.lines.database.client.close()


async def test_a_sweep_that_was_killed_between_its_mark_and_its_work_is_finished_later(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOW)
    log = opened(store_settings, clock)
    await log.append(*(entry(number, clock.now()) for number in range(40)))
    await clock.advance(timedelta(days=740).total_seconds())
    await log.append(entry(1, clock.now()))

    async def killed(seq: int) -> int:
        if seq:
            raise TransientError("killed")
        return 0

    monkeypatch.setattr(log, "_remove_down_from", killed)
    with pytest.raises(TransientError):
        await log.sweep()
    again = opened(store_settings, clock)
    assert await again.marks.get("checkpoint") is not None
    assert await again.lines.count_documents({}) == 41
    assert await again.verify() == []
    await again.sweep()
    assert [document["_id"] async for document in again.lines.find({})] == [41]
    assert await again.verify() == []
    await again.append(entry(2, clock.now()))
    assert await again.verify() == []
    for one in (log, again):
        one.lines.database.client.close()


async def test_lines_are_found_by_day_actor_outcome_and_report_and_paged(log: AuditLog) -> None:
    reader = Reader(log)
    for number in range(3):
        await log.append(*(entry(number, NOW + timedelta(days=number)) for _ in range(80)))
    page, further = await reader.page(Filter(report=KEYS.reference("report-1")))
    assert (len(page), {line.actor for line in page}, further) == (80, {"s-1"}, None)
    page, further = await reader.page(Filter(day="2026-11-24"))
    assert (len(page), page[0].seq, further) == (80, 80, None)
    await log.append(*(entry(7, NOW) for _ in range(60)))
    page, further = await reader.page(Filter(day="2026-11-24"))
    assert (len(page), page[0].seq, further) == (100, 300, page[-1].seq)
    rest, end = await reader.page(Filter(day="2026-11-24", before=further))
    assert (len(rest), end) == (40, None)
    assert len((await reader.page(Filter(day="2026-11-24", actor="s-7")))[0]) == 60
    assert (await reader.page(Filter(day="2026-11-24", outcome="refused")))[0] == []
    sums = await reader.month("2026-11")
    assert sorted((row.actor, row.done) for row in sums) == [("s-0", 80), ("s-1", 80), ("s-2", 80), ("s-7", 60)]


async def test_the_command_proves_both_logs_and_fails_on_a_finding(
    log: AuditLog, store_settings: StoreSettings
) -> None:
    await filled(log)
    head = await log.head()
    assert head is not None
    env = {
        **os.environ,
        "MONGODB_URI": store_settings.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store_settings.database_prefix,
        "IEUM_AUDIT_KEY": base64.b64encode(b"a" * 32).decode(),
    }

    async def proved(*arguments: str) -> tuple[int | None, str]:
        command = (sys.executable, "-m", "shared.audit", "verify", *arguments)
        process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()

    code, text = await proved()
    assert code == 0, text
    assert "intake: 10 lines, nothing wrong" in text
    assert f"intake={chain.shown(head)}" in text
    await _cut_with_marks(log)
    assert (await proved("--service", "notify"))[0] == 0
    code, text = await proved("--anchor", f"intake={chain.shown(head)}")
    assert code == 1
    assert "cut_off: the log ends at line 8 and once reached line 10" in text
