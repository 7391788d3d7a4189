"""A flood of refusals fills neither the audit nor the queue of what must be written."""

import asyncio
import threading
from datetime import UTC, datetime
from unittest.mock import MagicMock

import pytest

from shared.audit import store
from shared.audit.chain import AuditKeys
from shared.audit.model import Anchor, AuditEntry, AuditOutcome, ChainFinding
from shared.audit.store import LOST, RATE_LIMITED, AuditLog
from shared.errors import TransientError
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def refusal(where: str = "192.0.2.0/24", actor: str | None = None) -> AuditEntry:
    return AuditEntry(at=NOW, action="details.open", where=where, outcome=AuditOutcome.REFUSED, actor=actor)


class Slow(AuditLog):
    """A log whose store answers when it is let."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(MagicMock(), AuditKeys(b"a" * 32), clock, "intake", None)
        self.answers = asyncio.Event()
        self.written: list[AuditEntry] = []

    async def _write(self, entries: list[AuditEntry]) -> None:
        await self.answers.wait()
        self.written += entries


async def test_a_network_nobody_knows_gets_thirty_lines_a_minute_and_the_rest_is_counted() -> None:
    clock = ManualClock(NOW)
    log = Slow(clock)
    log.answers.set()
    before = RATE_LIMITED._value.get()
    for _ in range(200):
        log.note(refusal())
    log.note(refusal("198.51.100.0/24"))
    for _ in range(40):
        log.note(refusal(actor="s-1"))
    await log.settle()
    assert [
        sum(entry.where == where and entry.actor is None for entry in log.written)
        for where in ("192.0.2.0/24", "198.51.100.0/24")
    ] == [30, 1]
    assert sum(entry.actor == "s-1" for entry in log.written) == 40
    assert RATE_LIMITED._value.get() - before == 170
    await clock.advance(60)
    for _ in range(200):
        log.note(refusal(actor="client:known"), rate_limited=True)
    await log.settle()
    assert sum(entry.actor == "client:known" for entry in log.written) == 30


async def test_refusals_are_dropped_long_before_anything_is_refused_for_want_of_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "_WAITING", 20)
    monkeypatch.setattr(store, "_NOTES", 10)
    log = Slow(ManualClock(NOW))
    before = LOST._value.get()
    for _ in range(50):
        log.note(refusal(actor="s-1"))
    assert LOST._value.get() - before == 40
    appended = [asyncio.create_task(log.append(refusal(actor="reporter"))) for _ in range(10)]
    await asyncio.sleep(0)
    log.note(refusal(actor="s-2"))
    log.answers.set()
    await asyncio.gather(*appended)
    await log.settle()
    assert [entry.actor for entry in log.written].count("reporter") == 10
    assert [entry.actor for entry in log.written].count("s-1") == 10
    assert "s-2" not in {entry.actor for entry in log.written}


async def test_a_disk_of_heads_that_hangs_stops_neither_the_process_nor_what_is_audited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    awake, kept = threading.Event(), []

    def keep(head: Anchor) -> None:
        awake.wait(5)
        kept.append(head.seq)

    monkeypatch.setattr(store, "HEADS_WITHIN_S", 0.05)
    log = AuditLog(MagicMock(), AuditKeys(b"a" * 32), ManualClock(NOW), "intake", None)
    monkeypatch.setattr(log.heads, "keep", keep)
    try:
        for seq in (1, 2, 3):
            await log._keep_outside(Anchor(seq, "0" * 64, NOW, "signature"))
        assert kept == []
    finally:
        awake.set()
    assert log._heads_kept is not None
    await log._heads_kept
    await log._keep_outside(Anchor(4, "0" * 64, NOW, "signature"))
    assert kept == [1, 4]


async def test_a_disk_of_heads_that_hangs_does_not_hold_up_the_loop_of_a_process_that_verifies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readers: list[int] = []

    def all_heads() -> list[Anchor]:
        readers.append(threading.get_ident())
        return []

    async def nothing_wrong(*_: object) -> list[ChainFinding]:
        return []

    log = AuditLog(MagicMock(), AuditKeys(b"a" * 32), ManualClock(NOW), "intake", None)
    monkeypatch.setattr(log.heads, "all", all_heads)
    monkeypatch.setattr(store, "verify_chain", nothing_wrong)
    assert await log.verify() == []
    assert [reader == threading.get_ident() for reader in readers] == [False]


async def test_heads_that_cannot_be_read_are_told_like_a_store_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page of the monthly check answers that nothing could be read; it was an error of ours."""
    log = AuditLog(MagicMock(), AuditKeys(b"a" * 32), ManualClock(NOW), "intake", None)
    monkeypatch.setattr(log.heads, "all", MagicMock(side_effect=PermissionError(13, "Permission denied", "a.heads")))
    with pytest.raises(TransientError, match="Permission denied"):
        await log.verify_and_keep()


async def test_what_a_verification_finds_is_in_the_gauge_by_which_somebody_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [[ChainFinding("altered", 1, "line 1 was altered or forged")], []]

    async def verified(*_: object) -> list[ChainFinding]:
        return answers.pop(0)

    log = AuditLog(MagicMock(), AuditKeys(b"a" * 32), ManualClock(NOW), "intake", None)
    monkeypatch.setattr(log, "verify", verified)
    for found in (1, 0):
        assert len((await log.verify_and_keep()).findings) == found
        assert REGISTRY.get_sample_value("ieum_audit_findings") == found
