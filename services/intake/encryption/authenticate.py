"""Checks or signs what steers reports: ``ieum reports check``, ``ieum reports sign REPORT``.

Intake goes on running. ``check`` names each that is not as intake wrote it, and ends with 1 if there is one. What was
changed is signed by its name alone, by somebody who has looked at it. Each is in the audit. All of it
goes for front ends too, which are named ``client:ID``.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from services.intake.clients.authentication import ClientAuthentication
from services.intake.clients.repository import ClientRepository
from services.intake.encryption.keys import keys_of
from services.intake.encryption.repository import Signatures
from services.intake.reports.authentication import ReportAuthentication
from services.intake.settings import IntakeSettings
from shared import log, mongo, process
from shared.audit.model import SYSTEM, AuditEntry, AuditOutcome
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock
from shared.errors import TransientError
from shared.settings import StoreSettings, load

ACTION: Final = "reports.sign"
CLIENT_ACTION: Final = "clients.sign"
_CLIENT: Final = "client:"
_LEFT: Final = 1


def main(signed: Sequence[str] | None) -> int:
    """Check everything, or sign what is named. 0: all are as intake wrote them; 1: some are not; 75: no answer."""
    settings, store = load(IntakeSettings), load(StoreSettings)
    log.configure("intake-authenticate", settings.log_level)
    try:
        return asyncio.run(run(settings, store, SystemClock(), signed))
    except TransientError as error:
        sys.stderr.write(f"{error}; run it again\n")
        return process.EXIT_AWAY


async def run(settings: IntakeSettings, store: StoreSettings, clock: Clock, wanted: Sequence[str] | None) -> int:
    """Name all that are not as intake wrote them; of those that are wanted, sign them."""
    keys = keys_of(settings)
    authentication = ReportAuthentication(keys.reports, lambda _report_id, _part: None)
    database = mongo.connect(store, "intake")
    audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
    signatures = Signatures(database, authentication)
    clients = ClientRepository(database, ClientAuthentication(keys.client_authentication, lambda _client_id: None))
    reports_wanted = wanted and [one for one in wanted if not one.startswith(_CLIENT)]
    clients_wanted = wanted and [one.removeprefix(_CLIENT) for one in wanted if one.startswith(_CLIENT)]
    reports_read = clients_read = found = signed = 0
    async for document, authentic in signatures.examined(reports_wanted):
        reports_read += 1
        if authentic:
            continue
        found += 1
        print(f"CHANGED: {document['_id']}", flush=True)
        if wanted:
            await _noted(audit, clock, document["_id"])
            signed += await signatures.sign(document)
    async for document, authentic in clients.examined(clients_wanted):
        clients_read += 1
        if authentic:
            continue
        found += 1
        print(f"CHANGED: {_CLIENT}{document['_id']}", flush=True)
        if wanted:
            await _noted(audit, clock, None, client=document["_id"])
            signed += await clients.sign(document)
    read = f"{reports_read} reports and {clients_read} front ends"
    print(f"of {read}, {found} are not as intake wrote them, {signed} signed", flush=True)
    return _LEFT if found > signed else 0


async def _noted(audit: AuditLog, clock: Clock, report_id: str | None, **detail: str) -> None:
    await audit.append(
        AuditEntry(
            at=clock.now(),
            action=CLIENT_ACTION if report_id is None else ACTION,
            where="command",
            actor=SYSTEM,
            outcome=AuditOutcome.DONE,
            report_id=report_id,
            detail=detail,
        )
    )
