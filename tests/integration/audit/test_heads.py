"""Whoever has the store alone can neither empty the log nor bring an older state of it back unseen."""

import asyncio
import base64
from pathlib import Path

import pytest

from shared import mongo
from shared.audit.store import BEGUN, AuditLog, begin
from shared.clock import SystemClock
from shared.mongo import Document
from shared.settings import StoreSettings
from tests.integration.audit.lines import KEYS, VERIFIER, entry, filled, kinds
from tools.command import main


@pytest.fixture
def proven(store_settings: StoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Proof":
    monkeypatch.setenv("MONGODB_URI", store_settings.uri.get_secret_value())
    monkeypatch.setenv("MONGODB_DATABASE_PREFIX", store_settings.database_prefix)
    monkeypatch.setenv("IEUM_AUDIT_VERIFIER_KEY", base64.b64encode(VERIFIER).decode())
    return Proof(tmp_path / "seen")


class Proof:
    """The command, with its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def __call__(self, folder: Path | None = None) -> int:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("IEUM_AUDIT_HEADS", str(folder or self.folder))
            return await asyncio.to_thread(main, ["audit", "verify", "--without-topic", "--service", "intake"])


def log_of(settings: StoreSettings, heads: Path | None = None) -> AuditLog:
    return AuditLog(mongo.connect(settings, "intake"), KEYS, SystemClock(), "intake", heads)


async def state(log: AuditLog) -> list[list[Document]]:
    return [await one.find({}).to_list(None) for one in (log.lines, log.anchors.collection)]


async def restore(log: AuditLog, documents: list[list[Document]]) -> None:
    for one, kept in zip((log.lines, log.anchors.collection), documents, strict=True):
        await one.delete_many({})
        if kept:
            await one.insert_many(kept)


async def test_the_command_remembers_what_it_saw(store_settings: StoreSettings, proven: Proof) -> None:
    log = log_of(store_settings)
    await filled(log, 5)
    older = await state(log)
    await log.append(entry(9), entry(10))
    assert await proven() == 0
    newer = await state(log)
    nothing: list[list[Document]] = [[], []]
    for number, forged in enumerate((older, nothing)):
        await restore(log, forged)
        assert await proven(proven.folder / str(number)) == 0, "only what was seen before tells"
        assert await proven() == 1
        assert await proven() == 1, "a finding replaces nothing"
    await restore(log, newer)
    assert await proven() == 0


async def test_a_running_service_vouches_outside_the_store_and_a_new_start_takes_nothing_back(
    store_settings: StoreSettings, tmp_path: Path, proven: Proof
) -> None:
    log = log_of(store_settings, tmp_path)
    await filled(log, 5)
    older = await state(log)
    await log.append(entry(9), entry(10))
    await restore(log, older)
    assert kinds(await log_of(store_settings, tmp_path).verify()) == {"cut_off"}
    again = log_of(store_settings, tmp_path)
    await again.append(*(entry(number) for number in range(20, 30)))
    assert kinds(await again.verify()) == {"rewritten"}
    assert await proven(tmp_path) == 1


async def test_a_service_that_was_used_has_a_line(store_settings: StoreSettings) -> None:
    for name in ("reports", "accounts"):
        log = log_of(store_settings)
        assert await log.verify() == []
        await begin(log)
        await begin(log)
        assert [line["action"] for line in await log.lines.find({}).to_list(None)] == [BEGUN]
        await log.lines.database[name].insert_one({"_id": "one"})
        assert await log.verify() == []
        await restore(log, [[], []])
        assert kinds(await log.verify()) == {"emptied"}
        await begin(log_of(store_settings))
        assert kinds(await log.verify()) == {"emptied"}, "nothing that looks like a beginning"
        await log.lines.database[name].delete_many({})
