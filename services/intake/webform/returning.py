"""Link a report to an earlier one whose receipt the reporter gives.

The receipt is asked for as the status page asks: with the same answers, as slowly and as seldom, so that nothing is to
be learned here that is not told there. What leaves intake is the id of the earlier report, among the linked ones.
"""

from typing import Final, NamedTuple

from services.intake.caller import Caller
from services.intake.receipts.authentication import ReceiptAuthenticator
from services.intake.receipts.forms import RECEIPT_CHARS
from services.intake.receipts.models import ReceiptQuestion
from services.intake.reports import documents
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.reports.documents import Document
from services.intake.reports.lifecycle import Access
from services.intake.retention import rules as retention_rules
from services.intake.webform.form import FieldProblem
from shared.web.app import Problem
from shared.web.form_body import Typed
from shared.web.translations import gettext_noop as n

CONTROL: Final = "earlier_receipt"
_UNKNOWN: Final = n(
    "No report has this receipt number, or its status needs a word. Please check the 16 digits. If you chose that the "
    "status needs your word, leave this empty: this report is taken all the same."
)
"""Alike for both: it tells nobody whether there is such a report."""
_TAKEN_BACK: Final = n("That report was withdrawn, so this one stands by itself. Please leave this empty.")
_HANDED_OVER: Final = n(
    "That report was handed over to the person it is about, so this one stands by itself. Please leave this empty."
)
_DRILL: Final = n("That report was a drill, so this one stands by itself. Please leave this empty.")
_CLOSED: Final = n(
    "That report is closed until somebody has looked at it, so this one stands by itself. Please leave this empty."
)
_LATER: Final = frozenset({"too_many_requests", "unavailable"})
"""Refusals that say nothing about the receipt."""


class EarlierReport(NamedTuple):
    """The earlier report, or what is wrong with its receipt; neither where none was given."""

    report_id: str | None = None
    problem: FieldProblem | None = None
    later: bool = False
    """The problem is not the receipt's: it could not be asked just now."""


class Returning:
    """Finds the earlier report of somebody who reports again."""

    def __init__(self, authenticator: ReceiptAuthenticator) -> None:
        """``authenticator`` say whose receipt it is."""
        self._authenticator = authenticator

    async def known(self, caller: Caller, typed: Typed) -> EarlierReport:
        """The report whose receipt was typed."""
        receipt = typed.one(CONTROL).strip()[:RECEIPT_CHARS]
        if not receipt:
            return EarlierReport()
        try:
            found = await self._authenticator.authenticate(
                ReceiptQuestion(receipt=receipt), caller, "receipts.link", guarded=False
            )
        except Problem as problem:
            said = _UNKNOWN if problem.code == "unknown_receipt" else str(problem.detail)
            return EarlierReport(problem=FieldProblem(CONTROL, said), later=problem.code in _LATER)
        except ReportNotAuthenticError:
            # The earlier report is refused, told of and looked at. The new one must not be lost for it.
            return EarlierReport(problem=FieldProblem(CONTROL, _CLOSED), later=True)
        wrong = _not_linked(found)
        return EarlierReport(problem=FieldProblem(CONTROL, wrong)) if wrong else EarlierReport(report_id=found["_id"])


def _not_linked(found: Document) -> str:
    """Why a new report is not linked to the one that was found; empty if it is."""
    if "_id" not in found:
        return _HANDED_OVER
    if retention_rules.report_access(found) is not Access.OPEN:
        return _TAKEN_BACK
    # The form takes no drills, and what was made up says nothing about a real report.
    return _DRILL if documents.facts_in(found).synthetic else ""
