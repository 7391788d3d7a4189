"""The audit on the real store: several writers, one chain; what is taken away is missed."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import pytest

from shared.audit import chain
from shared.audit.chain import AuditKeys
from shared.audit.store import AuditLog
from shared.errors import TransientError
from shared.settings import StoreSettings
from tests.integration.audit.lines import KEYS, NOW, cut, cut_with_marks, entry, filled, kinds, opened


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
    # Those that are killed have more to write than they live for: how far they are by then, this process cannot say.
    counts = {"a": "1000000", "b": "1000000", "c": "1000000", "d": "90"}
    processes = [
        await asyncio.create_subprocess_exec(*command, name, count, env=env, stdout=asyncio.subprocess.PIPE)
        for name, count in counts.items()
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
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * 3 + [0]
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


async def _empty(log: AuditLog) -> None:
    await log.lines.delete_many({"_id": {"$in": list(range(1, 11))}})


async def _add_what_has_no_number(log: AuditLog) -> None:
    await log.lines.insert_one({"_id": "behind all numbers"})


async def _add_what_is_no_number_of_a_line(log: AuditLog) -> None:
    await log.lines.insert_many([{"_id": 1000.5}, {"_id": 2**60}])


async def _claim_a_sweep(log: AuditLog) -> None:
    await log.lines.delete_many({"_id": {"$in": [1, 2]}})
    second = chain.link(KEYS, "intake", [entry(0), entry(1)], 0, chain.START)[1]
    forged = chain.sign_anchor(AuditKeys(b"x" * 32), "intake", "checkpoint", 2, second.mac, NOW)
    await log.anchors.keep("checkpoint", forged)


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (_alter, "altered"),
        (_hide, "foreign"),
        (_remove, "removed"),
        (_remove_first, "removed"),
        (_reorder, "altered"),
        (_forge, "altered"),
        (cut, "cut_off"),
        (cut_with_marks, "no_mark"),
        (_empty, "cut_off"),
        (_add_what_has_no_number, "foreign"),
        (_add_what_is_no_number_of_a_line, "foreign"),
        (_claim_a_sweep, "bad_mark"),
    ],
)
async def test_tampering_is_found(log: AuditLog, tamper: Callable[[AuditLog], Awaitable[None]], kind: str) -> None:
    await filled(log)
    assert await log.verify() == []
    await tamper(log)
    assert kind in kinds(await log.verify())


async def test_what_is_no_line_keeps_no_line_from_being_verified(log: AuditLog) -> None:
    await filled(log)
    await log.lines.insert_many([{"_id": "behind all numbers"}, {"_id": 1000.5}, {"_id": 2**60}])
    assert kinds(await log.verify()) == {"foreign"}


async def test_a_head_noted_down_elsewhere_finds_a_tail_cut_off_together_with_everything_here(
    log: AuditLog, store_settings: StoreSettings
) -> None:
    await filled(log)
    noted = await log.head()
    assert noted is not None
    await cut_with_marks(log)
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
    await cut(log)
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
