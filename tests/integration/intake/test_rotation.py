"""A new master key while reports keep coming, cut off in the middle; every report opens before, during and after."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from services.intake.encryption import rewrap as rotate
from services.intake.encryption.repository import Rewrapped, Wrappings
from services.intake.reports import documents
from shared.audit.anchors import HeadFile
from shared.clock import SystemClock
from shared.encryption import Keyring, key_id
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import LEAST, IntakeHarness, running, secret, settings
from tests.support.waiting import DEADLINE_S, eventually

OLD, NEW = b"m" * 32, b"n" * 32
REPORTS = 300


def environment(store: StoreSettings, *, retired: bool = True) -> dict[str, str]:
    keys = {
        "INTAKE_MASTER_KEY": secret("n"),
        "INTAKE_RECEIPT_KEY": secret("r"),
        "INTAKE_SIGNING_KEY": secret("s"),
        "INTAKE_LINK_KEY": secret("l"),
        "INTAKE_AUDIT_KEY": secret("a"),
        "IEUM_TICKET_KEY": secret("t"),
    }
    given = {name: value.get_secret_value() for name, value in keys.items()}
    if retired:
        given["INTAKE_RETIRED_MASTER_KEYS"] = f'["{secret("m").get_secret_value()}"]'
    return {
        **os.environ,
        **given,
        "MONGODB_URI": store.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store.database_prefix,
    }


KILLED = """
import os, signal
from services.intake.encryption.rewrap import main
main(lambda done, total: os.kill(os.getpid(), signal.SIGKILL))
"""
"""The command, killed right after its first batch: a kill from outside may come when it has long ended."""


REWRAP = ("-m", "tools.command", "keys", "rewrap-reports")


async def command(
    store: StoreSettings,
    *,
    retired: bool = True,
    how: Sequence[str] = REWRAP,
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *how,
        env=environment(store, retired=retired),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def lodge(harness: IntakeHarness, numbers: Sequence[int]) -> None:
    for start in range(0, len(numbers), 50):
        some = numbers[start : start + 50]
        answers = await asyncio.gather(*(harness.lodge({**LEAST, "narrative": f"story {n}"}) for n in some))
        assert {answer.status_code for answer in answers} == {202}


async def stories(harness: IntakeHarness, keyring: Keyring) -> list[str]:
    return sorted([documents.opened(d, keyring)["narrative"] async for d in harness.collection.find({})])


@pytest_asyncio.fixture(loop_scope="module")
async def harness(bus_settings: KafkaSettings, store_settings: StoreSettings) -> AsyncIterator[IntakeHarness]:
    """An intake with the new key first, over reports that were wrapped with the old one."""
    async with running(bus_settings, store_settings) as before:
        await lodge(before, range(REPORTS))
    async with running(
        bus_settings, store_settings, retired_master_keys=(secret("m"),), master_key=secret("n")
    ) as after:
        yield after


async def test_killed_in_the_middle_and_run_again_while_reports_are_lodged(
    harness: IntakeHarness, store_settings: StoreSettings
) -> None:
    wrappings = Wrappings(harness.collection.database)
    assert await wrappings.count() == {key_id(OLD): REPORTS}
    lodging = asyncio.create_task(lodge(harness, range(REPORTS, REPORTS + 200)))
    first = await command(store_settings, how=("-c", KILLED))
    _, wrong = await asyncio.wait_for(first.communicate(), DEADLINE_S)
    assert first.returncode == -signal.SIGKILL, wrong.decode()
    between = await wrappings.count()
    assert between[key_id(OLD)] > 0, "it was not killed in the middle"
    assert between[key_id(NEW)] >= 100
    both = Keyring([NEW, OLD])
    opened = await stories(harness, both)
    assert set(opened) >= {f"story {n}" for n in range(REPORTS)}
    second = await command(store_settings)
    printed, wrong = await second.communicate()
    await lodging
    assert second.returncode == 0, (printed + wrong).decode()
    assert f"after: {key_id(NEW)} (current)" in printed.decode()
    assert await wrappings.count() == {key_id(NEW): REPORTS + 200}
    assert await stories(harness, Keyring([NEW])) == sorted(f"story {n}" for n in range(REPORTS + 200))
    assert await harness.intake.audit.verify() == []


async def test_an_unknown_key_stops_it_before_anything_is_changed(
    harness: IntakeHarness, store_settings: StoreSettings
) -> None:
    done = await command(store_settings, retired=False)
    printed, wrong = await done.communicate()
    assert done.returncode == 1, (printed + wrong).decode()
    assert f"no setting holds the master key {key_id(OLD)}" in printed.decode()
    assert await Wrappings(harness.collection.database).count() == {key_id(OLD): REPORTS}


async def test_a_destroyed_report_stays_destroyed_and_a_moved_key_is_named(
    harness: IntakeHarness, store_settings: StoreSettings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first, second, third = await harness.collection.find({}).to_list(3)
    await harness.collection.replace_one({"_id": first["_id"]}, {"_id": first["_id"], "receipt_hash": "x"})
    await harness.collection.update_one({"_id": second["_id"]}, {"$set": {"sealed.key": third["sealed"]["key"]}})
    with_both = settings(retired_master_keys=(secret("m"),), master_key=secret("n"), IEUM_AUDIT_HEADS=tmp_path)
    assert await rotate.rotate(with_both, store_settings, SystemClock()) == 1
    vouched = [head.seq for head in HeadFile(tmp_path, harness.collection.database.name).all()]
    assert vouched == [(await harness.intake.audit.end())[0]], "its lines could be cut off unseen"
    printed = capsys.readouterr().out
    assert f"does not open: {second['_id']}" in printed
    assert await harness.collection.find_one({"_id": first["_id"]}) == {"_id": first["_id"], "receipt_hash": "x"}
    assert await Wrappings(harness.collection.database).count() == {key_id(NEW): REPORTS - 2, key_id(OLD): 1}


async def test_a_report_that_dies_while_its_key_is_wrapped_anew_stays_dead(harness: IntakeHarness) -> None:
    wrappings = Wrappings(harness.collection.database)
    stone = {"receipt_hash": "x"}

    async for _ in wrappings.rewrap(Keyring([NEW, OLD])):
        break  # the first hundred are done; the rest is read in this state
    left = [document async for document in wrappings._all() if document["sealed"]["key_id"] == key_id(OLD)][:50]
    await harness.collection.replace_one({"_id": left[0]["_id"]}, {"_id": left[0]["_id"], **stone})
    so_far = Rewrapped()
    await wrappings._write(Keyring([NEW, OLD]), left, so_far)
    assert (so_far.done, so_far.passed) == (49, 1)
    assert await harness.collection.find_one({"_id": left[0]["_id"]}) == {"_id": left[0]["_id"], **stone}


async def test_a_running_intake_opens_both(harness: IntakeHarness, store_settings: StoreSettings) -> None:
    await lodge(harness, [REPORTS])
    assert await Wrappings(harness.collection.database).count() == {key_id(OLD): REPORTS, key_id(NEW): 1}

    async def published() -> bool:
        return not await harness.collection.count_documents({"outbox": {"$exists": True}})

    await eventually(published)
    assert len(await stories(harness, Keyring([NEW, OLD]))) == REPORTS + 1
