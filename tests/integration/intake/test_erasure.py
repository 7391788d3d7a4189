"""Withdrawal, second thoughts and the death of a key, on the real store and bus."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
import pytest

from services.intake.reports import documents
from services.intake.reports.erasure_register import ErasureRegister
from services.intake.reports.repository import TOMBSTONE
from services.intake.reports.waiting_period import WAIT
from shared.encryption import DataKey, Keyring, WrappedKey
from shared.errors import PermanentError, TransientError
from tests.integration.intake.harness import LEAST, IntakeHarness, new_key
from tests.integration.intake.holding import (
    PERSONAL,
    Holder,
    audit_of,
    erased,
    holder,
    nothing_pending,
    owned,
    routed,
    sample,
)
from tests.support.clock import JumpClock
from tests.support.waiting import eventually

# They move its clock.
pytestmark = pytest.mark.own_service

KEYRING = Keyring([b"m" * 32])


@pytest.fixture
def clock() -> JumpClock:
    return JumpClock()


async def test_a_withdrawal_seals_at_once_and_the_key_dies_after_72_hours(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness, word="umbrella")
    await owned(someone, seen=True)
    before = sample("ieum_intake_withdrawals_total"), sample("ieum_intake_keys_destroyed_total", cause="withdrawn")
    told = await someone.done("withdraw", word="umbrella")
    assert (told["state"], told["erasure"]) == ("withdrawn", "planned")
    assert told["undo_until"] == told["erase_at"]
    [*_, event] = await someone.published()
    assert (event["intake_version"], "withdrawn_at" in event) == (2, True)
    again = await someone.done("withdraw", word="umbrella")
    assert again == told
    assert len(await someone.published()) == 2
    for what, body in (("messages", {"text": "x"}), ("amend", {"narrative": "x"})):
        refused = await someone.post(what, word="umbrella", **body)
        assert (refused.status_code, refused.json()["code"]) == (409, "withdrawn")

    clock.jump(hours=71, minutes=59)
    await harness.intake.erasure_job.minute()
    assert not await erased(someone)
    clock.jump(minutes=2)
    late = await someone.post("reinstate", word="umbrella")
    assert (late.status_code, late.json()["code"]) == (409, "too_late")
    await harness.intake.erasure_job.minute()
    assert await erased(someone)
    stone = await someone.stored()
    assert set(stone) <= {*TOMBSTONE, "changes", "life"}
    assert set(stone["life"]) == {"special", "decisions", "by_other", "withdrawal", "erased_at"}
    assert not stone["life"]["special"]
    assert not stone["life"]["decisions"]
    told = await harness.status(someone.receipt)
    assert (told["state"], told["erasure"]) == ("erased", "erased")
    assert "center" not in told
    gone = await someone.post("messages", text="x")
    assert (gone.status_code, gone.json()["code"]) == (410, "erased")
    lines = await audit_of(harness, someone.report_id)
    assert ("receipts.withdraw", "done", None) in lines
    assert ("erasures.destroy", "done", "withdrawn") in lines
    assert ("receipts.message", "refused", "erased") in lines
    after = sample("ieum_intake_withdrawals_total"), sample("ieum_intake_keys_destroyed_total", cause="withdrawn")
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
    assert await harness.intake.audit.verify() == []


async def test_nothing_kept_opens_the_sealed_bytes_of_an_erased_report(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone, other = await holder(harness, word="umbrella"), await holder(harness)
    await someone.done("messages", word="umbrella", text="one more thing")
    await someone.done("amend", word="umbrella", narrative="and another")
    backup = await someone.stored()
    opened = documents.opened(backup, KEYRING)
    assert {"narrative", "contact", "message:1", "narrative:3"} <= set(opened)
    await someone.done("withdraw", word="umbrella", at_once=True, understood=True)
    assert await erased(someone)

    # Everything that is still in the store, of this report and any other, and every key there is.
    kept = await everything(harness)
    wrapped = backup["sealed"]["key"]
    assert wrapped not in b"".join(bson.encode(document) for document in kept)
    candidates = {bytes(blob) for document in kept for blob in _byte_strings(document)}
    keys = [b"m" * 32, b"r" * 32, b"s" * 32, b"a" * 32]
    other_key = KEYRING.unwrap_key(other.report_id, _wrapped(await other.stored()))
    tried = 0
    for name, blob in backup["sealed"]["fields"].items():
        with pytest.raises(PermanentError):
            other_key.decrypt(name, bytes(blob))
        for key in itertools.chain(keys, (c for c in candidates if len(c) == 32)):
            with pytest.raises(PermanentError):
                DataKey(someone.report_id, key).decrypt(name, bytes(blob))
            tried += 1
    for blob in candidates:
        with pytest.raises(PermanentError):
            KEYRING.unwrap_key(someone.report_id, WrappedKey(KEYRING.current, blob))
    assert tried
    assert candidates
    # The proof that the attempt is a real one: with what was destroyed it opens.
    assert documents.opened(backup, KEYRING) == opened


async def test_second_thoughts_open_it_again(harness: IntakeHarness, clock: JumpClock) -> None:
    someone = await holder(harness)
    await owned(someone, seen=True)
    await someone.done("withdraw")
    clock.jump(hours=71)
    told = await someone.done("reinstate")
    assert (told["state"], "erase_at" in told, "withdrawn_at" in told) == ("seen", False, False)
    assert await someone.done("reinstate") == told
    [_, withdrawn, reinstated] = await someone.published()
    assert [e["intake_version"] for e in (withdrawn, reinstated)] == [2, 3]
    assert "reinstated_at" in reinstated
    clock.jump(hours=80)
    await harness.intake.erasure_job.minute()
    assert not await erased(someone)
    await someone.done("messages", text="still here")
    told = await someone.done("withdraw")
    assert told["state"] == "withdrawn"
    assert [event["intake_version"] for event in await someone.published()] == [1, 2, 3, 4, 5]


async def test_a_start_withdraws_again_what_a_restored_store_forgot_and_nothing_that_was_undone_since(
    harness: IntakeHarness, clock: JumpClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = harness.intake.reports
    ours, others = ErasureRegister(tmp_path, b"k" * 32), ErasureRegister(None, b"k" * 32)
    monkeypatch.setattr(reports, "register", ours)
    someone = await holder(harness)
    backup = await someone.stored()
    await someone.done("withdraw")
    monkeypatch.setattr(reports, "register", others)  # another process of intake, whose register is elsewhere
    await someone.done("reinstate")
    clock.jump(hours=80)
    monkeypatch.setattr(reports, "register", ours)
    done = await harness.intake.replay.run()
    assert (done.withdrawn, done.erased, done.left) == ([], [], [])
    assert (await harness.status(someone.receipt))["state"] != "withdrawn"

    await harness.collection.replace_one({"_id": someone.report_id}, backup)
    done = await harness.intake.replay.run()
    assert (done.withdrawn, done.erased, done.left) == ([someone.report_id], [], [])
    await harness.intake.erasure_job.minute()
    told = await harness.status(someone.receipt)
    assert (told["state"], told["erasure"]) == ("withdrawn", "planned"), "with time for second thoughts"
    assert (await harness.intake.replay.run()).withdrawn == []


async def test_at_once_needs_to_be_understood_and_may_come_later(harness: IntakeHarness) -> None:
    someone, later = await holder(harness, word="umbrella"), await holder(harness, word="umbrella")
    refused = await someone.post("withdraw", word="umbrella", at_once=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "not_understood")
    assert "withdrawal" not in ((await someone.stored()).get("life") or {})
    told = await someone.done("withdraw", word="umbrella", at_once=True, understood=True)
    assert told["state"] == "erased"
    assert [event["intake_version"] for event in await someone.published()] == [1, 2]
    assert (await someone.done("withdraw"))["state"] == "erased"

    await later.done("withdraw", word="umbrella")
    told = await later.done("withdraw", word="umbrella", at_once=True, understood=True)
    assert told["state"] == "erased"
    assert (await later.post("reinstate")).json()["code"] == "erased"
    assert [event["intake_version"] for event in await later.published()] == [1, 2]


async def test_with_a_receipt_alone_destruction_at_once_waits_a_day_and_can_be_cancelled(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    someone = await holder(harness)
    told = await someone.done("withdraw", at_once=True, understood=True)
    assert (told["state"], told["erasure"]) == ("withdrawn", "planned")
    assert told["destroy_asked_at"] == told["since"]
    assert told["erase_at"] == told["undo_until"]
    assert datetime.fromisoformat(told["erase_at"]) == datetime.fromisoformat(told["since"]) + WAIT
    assert await harness.status(someone.receipt) == told, "who looks is told as well"
    clock.jump(hours=23)
    await harness.intake.erasure_job.minute()
    back = await someone.done("reinstate")
    assert (back["state"], "destroy_asked_at" in back) == ("received", False)
    clock.jump(hours=48)
    await harness.intake.erasure_job.minute()
    assert not await erased(someone)

    await someone.done("withdraw", at_once=True, understood=True)
    clock.jump(hours=24, minutes=1)
    await harness.intake.erasure_job.minute()
    assert await erased(someone)


async def test_a_repeated_lodging_does_not_bring_an_erased_report_back(harness: IntakeHarness) -> None:
    key = new_key()
    body = {**LEAST, **PERSONAL, "word": "umbrella"}
    someone = Holder(harness, (await harness.lodge(body, key=key)).json())
    await someone.done("withdraw", word="umbrella", at_once=True, understood=True)
    again = await harness.lodge(body, key=key)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_conflict")
    assert await erased(someone)
    assert await harness.collection.count_documents({}) == 1


async def test_fifty_changes_at_once_leave_one_story_that_all_readers_agree_on(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    calls = [("messages", {"text": f"{n}"}) for n in range(20)]
    calls += [("amend", {"narrative": f"{n}"}) for n in range(12)]
    calls += [("withdraw", {}) for _ in range(9)] + [("reinstate", {}) for _ in range(9)]
    random.Random(4).shuffle(calls)
    answers = await asyncio.gather(*(someone.post(what, **body) for what, body in calls))
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    stored = await someone.stored()
    events = await someone.published()
    assert [event["intake_version"] for event in events] == list(range(1, stored["intake_version"] + 1))
    kinds = [
        next(k for k in ("withdrawn_at", "reinstated_at", "left_at", "amended_at", "received_at") if k in e)
        for e in events
    ]
    ends = [kind for kind in kinds if kind in {"withdrawn_at", "reinstated_at"}]
    assert ends == (["withdrawn_at", "reinstated_at"] * 10)[: len(ends)]
    standing = False
    for kind in kinds:
        standing = {"withdrawn_at": True, "reinstated_at": False}.get(kind, standing)
        assert not (standing and kind in {"left_at", "amended_at"}), kinds
    accepted = sum(answer.status_code == 201 for answer in answers)
    assert accepted == len(stored.get("messages", [])) + len(stored.get("amendments", []))
    assert (stored["life"]["withdrawal"] is not None) == standing


async def test_late_news_do_not_fill_a_tombstone(harness: IntakeHarness) -> None:
    someone, other = await holder(harness, word="umbrella"), await holder(harness)
    document = await someone.stored()
    await someone.done("withdraw", word="umbrella", at_once=True, understood=True)
    stone = await someone.stored()
    await harness.publish([routed(document, "busan", document["received_at"])])
    await owned(other, "busan")
    await eventually(lambda: nothing_pending(harness))
    # A worker that had read the report before it went, and writes what it made of that.
    late = await someone.stored()
    with pytest.raises(TransientError):
        await harness.intake.reports._write_progress(
            {someone.report_id: document},
            lambda _, known: known.model_copy(update={"first_seen_at": document["received_at"]}),
            harness.intake.relay,
        )
    assert await someone.stored() == late
    after = await someone.stored()
    assert {k: v for k, v in after.items() if "outbox" not in k} == {
        k: v for k, v in stone.items() if "outbox" not in k
    }


def _wrapped(document: dict[str, Any]) -> WrappedKey:
    return WrappedKey(document["sealed"]["key_id"], bytes(document["sealed"]["key"]))


async def everything(harness: IntakeHarness) -> list[dict[str, Any]]:
    database = harness.collection.database
    names = await database.list_collection_names()
    assert {"reports", "audit", "jobs"} <= set(names)
    return [document for name in names for document in await database[name].find({}).to_list(None)]


def _byte_strings(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _byte_strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _byte_strings(inner)
