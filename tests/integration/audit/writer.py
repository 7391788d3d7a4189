"""A process that appends to an audit and says what was acknowledged; for tests that kill it."""

import asyncio
import sys
from datetime import UTC, datetime

from shared import log as logs
from shared import mongo
from shared.audit.model import AuditEntry
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.settings import StoreSettings, load
from tests.integration.audit.lines import KEYS


async def write(name: str, count: int) -> None:
    log = AuditLog(mongo.connect(load(StoreSettings), "intake"), KEYS, SystemClock(), "intake", None)

    async def one(number: int) -> None:
        await log.append(AuditEntry(at=datetime.now(UTC), action="x", where="test", actor=f"{name}-{number}"))
        sys.stdout.write(f"{name}-{number}\n")
        sys.stdout.flush()

    for start in range(0, count, 3):
        await asyncio.gather(*(one(number) for number in range(start, min(start + 3, count))))


if __name__ == "__main__":
    logs.configure("writer", "WARNING")
    asyncio.run(write(sys.argv[1], int(sys.argv[2])))
