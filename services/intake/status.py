"""Telling a reporter the truth about their report, to whoever holds the receipt and nobody else."""

from typing import Final

from prometheus_client import Counter

from services.intake import projection
from services.intake.gate import StatusGate
from services.intake.model import receipts
from services.intake.model.report import CenterName, StatusAnswer
from services.intake.policy import lodging
from services.intake.policy.lodging import LodgingKeys
from services.intake.refusals import RETRY_SECONDS
from services.intake.store.reports import Found, Reports
from shared.centers import center
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.web.app import Problem
from shared.web.translations import gettext_noop

QUESTIONS: Final = Counter("intake_status_questions", "Receipts asked for, by answer.", ["answer"], registry=REGISTRY)


class StatusDesk:
    """Answers receipts."""

    def __init__(self, reports: Reports, keys: LodgingKeys, gate: StatusGate) -> None:
        """``gate`` limits how often one network may ask."""
        self._reports = reports
        self._keys = keys
        self._gate = gate

    async def answer(self, typed: str, host: str | None) -> StatusAnswer:
        """Where the report stands. Raises ``Problem``: 404 ``unknown_receipt``, 429 ``too_many_requests``, 503."""
        wait = self._gate.wait(host)
        if wait:
            QUESTIONS.labels("too_many").inc()
            raise Problem(
                429,
                "too_many_requests",
                gettext_noop("Too many questions from this network. Please wait a little, or call 1366."),
                retry_after=wait,
            )
        found = await self._find(typed)
        if found is None:
            self._gate.was_wrong(host)
            QUESTIONS.labels("unknown").inc()
            raise Problem(
                404,
                "unknown_receipt",
                gettext_noop("No report has this receipt number. Please check the 16 digits."),
            )
        QUESTIONS.labels("known").inc()
        return _told(found)

    async def _find(self, typed: str) -> Found | None:
        # A mistyped receipt is looked up too, as something that cannot exist: both answers take the same way.
        receipt = receipts.read(typed) or "no receipt"
        try:
            return await self._reports.by_receipt(lodging.receipt_hash(self._keys, receipt))
        except TransientError:
            raise Problem(
                503,
                "unavailable",
                gettext_noop("The status cannot be read just now. Your report is safe. Please try again in a moment."),
                retry_after=RETRY_SECONDS,
            ) from None


def _told(found: Found) -> StatusAnswer:
    standing = projection.standing(found.document["received_at"], found.progress)
    name = None
    if standing.center_id is not None:
        owner = center(standing.center_id)
        name = CenterName(id=owner.id, name_ko=owner.name_ko, name_en=owner.name_en)
    return StatusAnswer(center=name, **standing.model_dump(exclude={"center_id"}))
