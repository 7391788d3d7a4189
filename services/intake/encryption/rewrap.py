"""Wraps every report's key with the current master key: ``ieum keys rewrap-reports``.

Intake goes on running.

Before it, every intake must have been restarted with the new master key first and the old one among the retired.
After it has ended with 0, the old one may be destroyed, backups included: until then it opens every report.
"""

import asyncio
import sys
from collections import Counter
from typing import Final

from services.intake.encryption.repository import Rewrapped, Wrappings
from services.intake.settings import IntakeSettings
from shared import log, mongo, process
from shared.audit.model import SYSTEM, AuditEntry, AuditOutcome
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock
from shared.encryption import Keyring
from shared.errors import TransientError
from shared.key_setting import key_bytes
from shared.progress import Progress, silent
from shared.settings import StoreSettings, load

ACTION: Final = "keys.rotate"
_NOT_DONE: Final = 1


def main(progress: Progress) -> int:
    """0: all are wrapped with the current key; 1: some are not; 75: the store does not answer (run it again)."""
    settings, store = load(IntakeSettings), load(StoreSettings)
    log.configure("intake-rotate", settings.log_level)
    try:
        return asyncio.run(rotate(settings, store, SystemClock(), progress))
    except TransientError as error:
        sys.stderr.write(f"{error}; run it again, it goes on where it was\n")
        return process.EXIT_AWAY


async def rotate(settings: IntakeSettings, store: StoreSettings, clock: Clock, progress: Progress = silent) -> int:
    """Count, wrap anew, count again; says all of it on standard output."""
    keyring = Keyring([key_bytes(key) for key in (settings.master_key, *settings.retired_master_keys)])
    database = mongo.connect(store, "intake")
    wrappings = Wrappings(database)
    audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
    before = await wrappings.count()
    print(_table("before", before, keyring), flush=True)
    unknown = [key_id for key_id in before if not keyring.knows(key_id)]
    if unknown:
        await _noted(audit, clock, AuditOutcome.REFUSED, unknown=str(len(unknown)))
        print(f"refused: no setting holds the master key {', '.join(sorted(unknown))}; nothing was changed", flush=True)
        return _NOT_DONE
    await _noted(audit, clock, AuditOutcome.DONE, step="begun", to=keyring.current)
    last, total = Rewrapped(), before.total() - before[keyring.current]
    async for so_far in wrappings.rewrap(keyring):
        last = so_far
        progress(so_far.done, total)
    print(f"{last.done} wrapped anew", flush=True)
    after = await wrappings.count()
    left = sum(after.values()) - after[keyring.current]
    await _noted(audit, clock, AuditOutcome.DONE, step="ended", done=str(last.done), left=str(left))
    print(_table("after", after, keyring), flush=True)
    for report_id in last.broken:
        print(f"does not open: {report_id}", flush=True)
    if left:
        print(
            "not done: is an intake still running with the old master key first? Restart it and run this again",
            flush=True,
        )
    return _NOT_DONE if left else 0


async def _noted(audit: AuditLog, clock: Clock, outcome: AuditOutcome, **detail: str) -> None:
    at = clock.now()
    await audit.append(AuditEntry(at=at, action=ACTION, where="command", actor=SYSTEM, outcome=outcome, detail=detail))


def _table(when: str, counts: Counter[str], keyring: Keyring) -> str:
    rows = [
        f"{when}: {key_id} {'(current)' if key_id == keyring.current else '(retired)'}: {counts[key_id]}"
        for key_id in sorted({*counts, keyring.current})
    ]
    return "\n".join(rows)
