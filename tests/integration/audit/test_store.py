"""The audit on the real store: several writers, one chain; what is taken away is missed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from shared import mongo
from shared.audit.chain import AuditKeys
from shared.audit.model import Entry
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.settings import StoreSettings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = AuditKeys(b"a" * 32)


def entry(number: int = 0, **more: object) -> Entry:
    return Entry(
        at=NOW,
        action="details.open",
        where="192.0.2.0/24",
        actor=f"s-{number}",
        organisation="busan",
        roles=("lead", "counsellor"),
        report_id=f"report-{number}",
        reason="first_contact",
        detail={"number": str(number)},
    )


def opened(settings: StoreSettings) -> AuditLog:
    return AuditLog(mongo.connect(settings, "intake"), KEYS, SystemClock(), "intake")


@pytest.fixture
async def log(store_settings: StoreSettings) -> AsyncIterator[AuditLog]:
    one = opened(store_settings)
    yield one
    one.lines.database.client.close()


async def kinds(log: AuditLog) -> set[str]:
    return {finding.kind for finding in await log.verify()}


async def test_four_writers_make_one_chain(store_settings: StoreSettings) -> None:
    logs = [opened(store_settings) for _ in range(4)]

    async def write(one: AuditLog, start: int) -> None:
        for number in range(start, start + 25):
            await one.append(entry(number), entry(number))

    await asyncio.gather(*(write(one, 25 * index) for index, one in enumerate(logs)))
    documents = await logs[0].lines.find({}).to_list(None)
    assert sorted(document["_id"] for document in documents) == list(range(1, 201))
    assert sorted(document["actor"] for document in documents) == sorted(f"s-{n}" for n in range(100) for _ in range(2))
    assert await logs[0].verify() == []
    head = await logs[0].head()
    assert head is not None
    assert head.seq == 200
    for one in logs:
        one.lines.database.client.close()
