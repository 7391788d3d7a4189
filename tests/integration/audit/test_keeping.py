"""The audit kept two years: whole fronts go, lines are found again, and a command proves it all."""

import base64
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from shared.audit import chain, queries
from shared.audit.model import ChainEntry
from shared.audit.queries import AuditReader, Filter, UsageCount
from shared.audit.store import AuditLog
from shared.errors import TransientError
from shared.settings import StoreSettings
from tests.integration.audit.lines import KEYS, NOW, VERIFIER, cut_with_marks, entry, filled, kinds, opened
from tests.support import forking
from tests.support.clock import ManualClock


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


async def test_a_clock_that_is_years_ahead_removes_nothing(store_settings: StoreSettings) -> None:
    wrong, right = ManualClock(NOW), ManualClock(NOW)
    log = opened(store_settings, wrong, store_clock=right)
    await log.append(*(entry(number, NOW) for number in range(20)))
    await wrong.advance(timedelta(days=740).total_seconds())
    assert await log.sweep() == 0
    assert await log.anchors.get("checkpoint") is None
    await right.advance(timedelta(days=740).total_seconds())
    assert await log.sweep() == 20
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
    assert await again.anchors.get("checkpoint") is not None
    assert await again.lines.count_documents({}) == 41
    assert await again.verify() == []
    await again.sweep()
    assert [document["_id"] async for document in again.lines.find({})] == [41]
    assert await again.verify() == []
    await again.append(entry(2, clock.now()))
    assert await again.verify() == []
    for one in (log, again):
        one.lines.database.client.close()


async def test_lines_are_found_by_day_actor_outcome_and_report_and_paged(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = AuditReader(log)
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
    lengths, original = [], queries.usage_counts

    def counted(lines: Iterable[ChainEntry]) -> list[UsageCount]:
        part = list(lines)
        lengths.append(len(part))
        return original(part)

    monkeypatch.setattr(queries, "usage_counts", counted)
    await log.append(*(entry(9, NOW + timedelta(days=10)) for _ in range(50)))
    usage_counts = await reader.month("2026-11")
    assert (max(lengths), sum(lengths)) == (100, 300), "never a whole day at once, and nothing of another month"
    assert sorted((row.actor, row.done) for row in usage_counts) == [("s-0", 80), ("s-1", 80), ("s-2", 80), ("s-7", 60)]


async def verify(store: StoreSettings, *arguments: str, **settings: str) -> tuple[int, str]:
    env = {
        **os.environ,
        "MONGODB_URI": store.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store.database_prefix,
        "IEUM_AUDIT_VERIFIER_KEY": base64.b64encode(VERIFIER).decode(),
        **settings,
    }
    return await forking.run(("tools.command", "audit", "verify", "--without-topic", *arguments), env=env)


async def test_whoever_has_a_services_key_removes_no_line_behind_a_mark_before_its_time(
    log: AuditLog, store_settings: StoreSettings, tmp_path: Path
) -> None:
    await filled(log)
    head = await log.head()
    assert head is not None
    copy = tmp_path / "published"
    copy.write_text(f"intake={chain.format_anchor(head)}\n", "ascii")
    await log.append(entry(11))
    assert (await verify(store_settings, IEUM_AUDIT_ANCHORS=str(copy)))[0] == 0
    await log.anchors.keep("checkpoint", chain.sign_anchor(KEYS, "intake", "checkpoint", head.seq, head.mac, NOW))
    await log.lines.delete_many({"_id": {"$in": list(range(1, head.seq + 1))}})
    assert await log.verify() == [], "the service itself sees none of the anchors"
    code, text = await verify(store_settings, IEUM_AUDIT_ANCHORS=str(copy))
    assert code == 1
    assert "intake: removed: line 10, signed on" in text


async def test_the_command_proves_both_logs_and_fails_on_a_finding(
    log: AuditLog, store_settings: StoreSettings
) -> None:
    await filled(log)
    head = await log.head()
    assert head is not None

    async def proved(*arguments: str) -> tuple[int, str]:
        return await verify(store_settings, *arguments)

    code, text = await proved()
    assert code == 0, text
    assert "intake: 10 lines, nothing wrong" in text
    assert f"intake={chain.format_anchor(head)}" in text
    await cut_with_marks(log)
    assert (await proved("--service", "notify"))[0] == 0
    code, text = await proved("--anchor", f"intake={chain.format_anchor(head)}")
    assert code == 1
    assert "cut_off: the log ends at line 8 and once reached line 10" in text
