"""Finds the case of a receipt for staff of the centre that has it; to everybody else there is none."""

from typing import Final

from services.intake.audit_recorder import AuditRecorder
from services.intake.caller import Caller
from services.intake.concurrency import KeyedLocks
from services.intake.encryption.receipt_issuer import ReceiptIssuer
from services.intake.problems import unavailable_to_staff
from services.intake.rate_limits.receipts import ReceiptRateLimiter
from services.intake.rate_limits.wrong_receipts import WrongReceipts
from services.intake.reports import documents, receipt_numbers
from services.intake.reports.repository import ReportRepository
from services.intake.retention import rules as retention_rules
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.translations import gettext_noop

_ACTION: Final = "cases.find"
_NONE: Final = gettext_noop("No case that you may read has this receipt number. Please check the 16 digits.")
_WAIT: Final = gettext_noop("Too many numbers were tried. Please wait a little.")


class StaffLookup:
    """Looks receipts up. Each look is on record; who tries many numbers is slowed down like everybody."""

    def __init__(
        self,
        reports: ReportRepository,
        receipts: ReceiptIssuer,
        gate: ReceiptRateLimiter,
        wrong_receipts: WrongReceipts,
        recorder: AuditRecorder,
    ) -> None:
        """``gate`` and ``wrong_receipts`` count wrong numbers, by who types them."""
        self._reports = reports
        self._receipts = receipts
        self._gate = gate
        self._wrong_receipts = wrong_receipts
        self._recorder = recorder
        self._turns = KeyedLocks()

    async def find(self, where: str, principal: Principal, typed: str) -> str:
        """The report's id. Raises ``Problem``: 404 where there is none that they may read, 429, 503."""
        # One after the other: of many asked at once each would be looked up before the first is counted.
        async with self._turns.of(principal.subject):
            return await self._find(where, principal, typed)

    async def _find(self, where: str, principal: Principal, typed: str) -> str:
        tried = f"staff {principal.subject}"
        caller = Caller(where, operator=principal)
        wait = max(self._gate.wait_for(tried, caller), self._wrong_receipts.wait(caller))
        if wait:
            raise Problem(429, "too_many_requests", _WAIT, retry_after=wait)
        receipt = receipt_numbers.read(typed)
        try:
            found = await self._reports.of_receipt(self._receipts.hashes(receipt or f"none {typed.strip()}"))
            owned = documents.progress_of(found).ownership if found is not None else None
            gone = found is None or retention_rules.lifecycle_of(found).erased_at is not None
            if found is None or gone or owned is None or not principal.may(Action.CASES_READ, owned.center_id):
                self._gate.was_wrong(caller, tried)
                self._wrong_receipts.count(caller)
                self._recorder.staff_refused(
                    where, principal, _ACTION, found["_id"] if found else "", "unknown_receipt"
                )
                raise Problem(404, "unknown_receipt", _NONE)
            await self._recorder.by_staff(where, principal, _ACTION, found["_id"], "receipt")
        except TransientError:
            raise unavailable_to_staff() from None
        report_id: str = found["_id"]
        return report_id
