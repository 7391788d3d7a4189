"""Problems only this API answers a front end with: stable code, status, meaning. One table, shown at ``/problems``.

What every service may answer with stands in ``shared.web.problem_catalog``.
"""

from typing import Final

from services.intake.phone.words import REFUSALS as CALL_REFUSALS
from services.intake.retention.service import REFUSALS as ERASURE_REFUSALS
from services.intake.staff_access.words import NOT_WRITTEN
from services.intake.staff_access.words import REFUSALS as DETAILS_REFUSALS
from shared.web.problem_catalog import Again, DocumentedProblem, DocumentedReason, from_words
from shared.web.translations import gettext_noop as n

PROBLEMS: Final = (
    DocumentedProblem(
        "invalid_header",
        400,
        n("A header (Idempotency-Key, Ieum-Callback, Ieum-Visitor) could not be used: “errors” says which and why."),
    ),
    DocumentedProblem("no_credential", 401, n("There is no credential in the request.")),
    DocumentedProblem("wrong_credential", 401, n("The credential is wrong, or was replaced.")),
    DocumentedProblem("client_disabled", 403, n("The front end was disabled.")),
    DocumentedProblem(
        "scope_missing", 403, n("The credential does not allow this. “detail” names the scope that is needed.")
    ),
    DocumentedProblem(
        "drills_only",
        403,
        n(
            "The credential has “reports:drill” and the report is no drill. Nothing was received: show 1366 and 112 if "
            "a person sent it."
        ),
    ),
    DocumentedProblem(
        "unknown_receipt", 404, n("No report has this receipt, or the word does not fit. Both are answered alike.")
    ),
    DocumentedProblem("unknown_code", 404, n("There is no such code for taking a report over.")),
    DocumentedProblem(
        "idempotency_conflict",
        409,
        n("The Idempotency-Key was used before, with another content. Nothing was changed."),
    ),
    DocumentedProblem("withdrawn", 409, n("The report was withdrawn: undo that first.")),
    DocumentedProblem("too_late", 409, n("The time for undoing a withdrawal has passed.")),
    DocumentedProblem(
        "not_with_this_receipt",
        409,
        n("The person harmed stands by the report; whoever reported for them cannot do this."),
    ),
    DocumentedProblem(
        "handed_over", 409, n("The report was handed over to the person it is about: this receipt does nothing more.")
    ),
    DocumentedProblem("nobody_to_hand_over_to", 409, n("Only a representative's report can be handed over.")),
    DocumentedProblem("code_used", 409, n("The code for taking a report over was used already.")),
    DocumentedProblem("code_void", 409, n("The code was made void, or a newer one was made.")),
    DocumentedProblem("code_expired", 409, n("The time of the code has passed.")),
    DocumentedProblem("too_many_messages", 409, n("There are 50 messages already.")),
    DocumentedProblem("too_many_amendments", 409, n("There are 20 additions already.")),
    DocumentedProblem("word_changed", 409, n("The word was changed a moment ago."), Again.FRESH),
    DocumentedProblem(
        "word_waits", 409, n("A word was set and does not count yet. No other is taken until it is made void.")
    ),
    DocumentedProblem("erased", 410, n("The report was destroyed. Nobody can read it or add to it.")),
    DocumentedProblem("empty", 422, n("An addition has nothing in it.")),
    DocumentedProblem("not_understood", 422, n("Destroying at once needs “understood”.")),
    DocumentedProblem("not_the_person", 422, n("Taking a report over needs “i_am_the_person”.")),
    DocumentedProblem(
        "report_not_authentic",
        500,
        n("What is stored of the report did not pass a check, and is closed until a person has looked. Show 1366."),
    ),
    DocumentedProblem(
        "not_accepting",
        503,
        n("The report was not received. Show 1366 and 112 to the person. Retry-After says when."),
        Again.AFTER,
    ),
)
"""In the order of their status."""

ON_PAGES: Final = (
    *from_words(DETAILS_REFUSALS),
    *from_words(NOT_WRITTEN),
    *from_words(CALL_REFUSALS),
    *from_words(ERASURE_REFUSALS),
    DocumentedProblem("unknown_report", 404, n("There is no such report.")),
    DocumentedProblem("no_room", 503, n("There is no room for new calls. Reports are still taken."), Again.AFTER),
)
"""Of pages alone."""

REASONS: Final = (
    DocumentedReason(
        "resident_registration_number",
        n("The text holds what may be a resident registration number. The law forbids keeping one (PIPA 24-2)."),
    ),
    DocumentedReason(
        "media_bytes",
        n("The text holds the bytes of a picture or file. Send its address instead."),
    ),
    DocumentedReason("swelling_characters", n("The text has characters that stand for whole words.")),
    DocumentedReason("control_character", n("The text has control characters, or line ends where only one line fits.")),
    DocumentedReason(
        "not_a_web_address",
        n("This is no web address. One without https:// in front is completed; account names go to offender_handles."),
    ),
    DocumentedReason("unknown_division", n("There is no such province or city. “allowed” names those that are.")),
    DocumentedReason("ambiguous_division", n("Several places have this name. “allowed” names them.")),
    DocumentedReason(
        "unknown_district",
        n("There is no such district there. “allowed” names those that are, if known."),
    ),
    DocumentedReason("duplicate_header", n("The header is there more than once.")),
    DocumentedReason("deadline_out_of_range", n("The deadline lies more than five years from today.")),
    DocumentedReason("nobody_and_others", n("“nobody” stands beside others.")),
    DocumentedReason("consent_needed", n("There is a way of contact, and none of the consents is true.")),
    DocumentedReason("unknown_center", n("No centre has this id.")),
    DocumentedReason("declines_every_center", n("No centre would be left.")),
    DocumentedReason(
        "too_many_declined",
        n(
            "An addition without a word that was set with the report declines more than three centres, or any where "
            "such an addition changed the place."
        ),
    ),
    DocumentedReason("only_here", n("“message_here” means only here: no other channel may be beside it.")),
    DocumentedReason("needs_phone", n("For this way of contact a phone number is needed.")),
    DocumentedReason("needs_email", n("For this way of contact an e-mail address is needed.")),
    DocumentedReason("not_a_phone_number", n("This is no phone number.")),
    DocumentedReason("not_an_email_address", n("This is no e-mail address.")),
    DocumentedReason("only_for_representatives", n("Only a representative's report may have this.")),
    DocumentedReason("needs_word", n("“word_for_status” is true, and no word is set.")),
    DocumentedReason(
        "idempotency_conflict",
        n("The Idempotency-Key was used before, with another content. Nothing was changed."),
    ),
    DocumentedReason("drills_only", n("“synthetic” must be true with this credential.")),
)
"""Reasons of single fields, under ``errors``."""
