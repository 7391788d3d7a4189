"""What the tests of the audit share: lines, a log, and what somebody with the store alone may do to it."""

from datetime import UTC, datetime
from unittest import mock

from shared import mongo
from shared.audit.chain import AuditKeys, service_secret
from shared.audit.model import AuditEntry, ChainFinding
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock
from shared.settings import StoreSettings
from tests.support.clock import store_time_by

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
VERIFIER = b"a" * 32
KEYS = AuditKeys(service_secret(VERIFIER, "intake"))


def entry(number: int = 0, at: datetime = NOW) -> AuditEntry:
    return AuditEntry(
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


def opened(settings: StoreSettings, clock: Clock | None = None, *, store_clock: Clock | None = None) -> AuditLog:
    """``store_clock``: the store's, where it is not to go by ``clock`` too."""
    clock = clock or SystemClock()
    with mock.patch.object(mongo, "store_time", store_time_by(store_clock or clock)):
        return AuditLog(mongo.connect(settings, "intake"), KEYS, clock, "intake", None)


def kinds(findings: list[ChainFinding]) -> set[str]:
    return {finding.kind for finding in findings}


async def filled(log: AuditLog, count: int = 10) -> None:
    for number in range(count):
        await log.append(entry(number))


async def cut(log: AuditLog) -> None:
    await log.lines.delete_many({"_id": {"$in": [9, 10]}})


async def cut_with_marks(log: AuditLog) -> None:
    await cut(log)
    await log.anchors.collection.delete_many({})
