"""The words of the auditor's pages: what codes mean to a person."""

from typing import Final

from shared.web.translations import gettext_noop as n

ACTIONS: Final[dict[str, str]] = {
    "own_account": n("Own account"),
    "cases.list": n("List of cases"),
    "cases.read": n("Case read"),
    "cases.acknowledge": n("Case acknowledged"),
    "cases.assign": n("Case assigned"),
    "cases.record": n("Contact or support recorded"),
    "cases.close": n("Case closed"),
    "cases.reopen": n("Case reopened"),
    "transfers.offer": n("Transfer offered or recalled"),
    "transfers.answer": n("Transfer answered"),
    "details.open": n("Details opened"),
    "details.confirm": n("Confirmation by the person harmed recorded"),
    "details.ticket": n("Ticket for details given"),
    "erasures.read": n("Erasures read"),
    "erasures.decide": n("Erasure decided"),
    "erasures.destroy": n("Key destroyed"),
    "centers.read": n("Centres read"),
    "centers.duty": n("Duty changed"),
    "centers.close": n("Centre closed or opened"),
    "decisions.read": n("Decisions read"),
    "dead.read": n("Unreadable records read"),
    "tables.read": n("Tables read"),
    "operations.read": n("Operations read"),
    "audit.read": n("Audit read"),
    "audit.check": n("Audit checked"),
    "accounts.manage": n("Accounts managed"),
    "accounts.release": n("Account released"),
    "account.release": n("Account released"),
    "clients.manage": n("Front ends managed"),
    "front_end": n("Front end turned away"),
    "keys.rotate": n("Master key replaced"),
    "receipts.read": n("Receipt asked for"),
    "receipts.word": n("Own word set"),
    "receipts.message": n("Message left"),
    "receipts.amend": n("Report amended"),
    "receipts.withdraw": n("Report withdrawn"),
    "receipts.reinstate": n("Withdrawal undone"),
    "sign_in": n("Sign-in"),
    "sign_out": n("Sign-out"),
}
"""Known actions. One that is missing is shown as its code."""

REASONS: Final[dict[str, str]] = {
    "first_contact": n("First contact"),
    "follow_up": n("Follow-up"),
    "deletion_support": n("Deletion support"),
    "message": n("A message to read"),
    "handover": n("Handover"),
    "erasure": n("Erasure"),
    "not_allowed": n("Role does not allow it"),
    "not_signed_in": n("Not signed in"),
    "ticket_invalid": n("Ticket does not count"),
    "ticket_used": n("Ticket used before"),
    "ticket_expired": n("Ticket expired"),
    "owner_changed": n("Another centre owns it"),
    "owner_not_known_yet": n("Owner not known yet"),
    "withdrawn": n("Withdrawn"),
    "erased": n("Erased"),
    "unknown_report": n("No such report"),
    "not_opened": n("Sealed parts did not open"),
    "no_credential": n("No credential"),
    "wrong_credential": n("Wrong credential"),
    "client_disabled": n("Front end is disabled"),
    "scope_missing": n("Scope missing"),
    "unknown_receipt": n("No such receipt"),
    "wrong_word": n("Wrong word"),
    "requester_asks": n("The person asks for it"),
    "victim_agrees": n("The person harmed agrees"),
    "victim_objects": n("The person harmed objects"),
    "investigation": n("Asked for by an investigating agency"),
    "child_material_law": n("Child sexual exploitation material"),
    "not_credible_request": n("Doubt about the request"),
    "at_once": n("Withdrawn, and confirmed twice"),
    "decided": n("Decided by a lead"),
    "retention": n("Time of keeping has passed"),
    "phone": n("By phone"),
    "email": n("By e-mail"),
    "in_person": n("In person"),
    "too_late": n("Too late to undo"),
    "not_understood": n("Not confirmed a second time"),
    "not_with_this_receipt": n("Not with the receipt of whoever reported"),
    "too_many_messages": n("Too many messages"),
    "too_many_amendments": n("Too many additions"),
    "word_changed": n("Word changed meanwhile"),
    "idempotency_conflict": n("Key used for something else"),
    "invalid": n("Fields to correct"),
    "no_open_decision": n("Nothing to decide"),
    "wrong_category": n("Line of the table does not fit"),
    "wrong_reason": n("Reason does not fit"),
    "nothing_to_confirm": n("Nothing to confirm"),
    "day": n("Lines of a day"),
    "report": n("Lines about a report"),
    "actor": n("Lines of an account"),
    "month": n("Sums of a month"),
}
MINISTRY_NAME: Final = n("Ministry")
OUTCOMES: Final[dict[str, str]] = {"done": n("done"), "refused": n("refused")}

FINDINGS: Final[dict[str, str]] = {
    "altered": n("Line %(seq)s was altered or forged."),
    "removed": n("Lines are missing from line %(seq)s on."),
    "moved": n("Line %(seq)s does not follow the line before it."),
    "cut_off": n("The end of the log was cut off at line %(seq)s."),
    "rewritten": n("Line %(seq)s is not the one that was once vouched for."),
    "bad_mark": n("A signed place of the chain was forged (line %(seq)s)."),
    "no_mark": n("The signed end of the chain is missing."),
    "foreign": n("There is something in the log that is no line."),
}
"""Kinds of findings; ``seq`` is a line's number."""

NO_MONTH: Final = n("This is not a month that can be checked: it must be over or running, as in 2026-11.")
NO_REPORT: Final = n("This is not a report number.")
NO_DAY: Final = n("This is not a day, as in 2026-11-24.")
NOT_WRITTEN: Final = n("The audit cannot be written just now, so nothing is shown. Please try again in a moment.")
NOT_READ: Final = n("The audit cannot be read just now, since the store does not answer. Please try again in a moment.")
