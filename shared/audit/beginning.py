"""The first line of a log, written before there is anything else, so that a log without lines tells something."""

from typing import Final

from shared.audit.marks import CHECKPOINT, HEAD
from shared.audit.model import SYSTEM, Entry
from shared.audit.proving import end_of, used
from shared.audit.store import AuditLog

BEGUN: Final = "audit.begun"


async def begin(log: AuditLog) -> None:
    """Write it, where nothing was ever written and the service is new. Raises ``TransientError``.

    Where the service was used before, lines are missing: then nothing is written that would look like a beginning.
    """
    if await end_of(log.lines) or await log.marks.get(HEAD) or await log.marks.get(CHECKPOINT):
        return
    if not await used(log.lines):
        await log.append(Entry(at=log.clock.now(), action=BEGUN, where=log.service, actor=SYSTEM))
