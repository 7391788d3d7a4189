"""Every refusal a front end may get from this API: stable code, status, and when. One table, shown as a page."""

from typing import Final, NamedTuple

from shared.web.translations import gettext_noop as n


class DocumentedCode(NamedTuple):
    """One code. Codes are part of the API: never rename one, only add."""

    code: str
    status: int
    when: str
    """An English message id."""
    again: bool = False
    """Whether the same request may be tried again later, with the same key."""


PROBLEMS: Final = (
    DocumentedCode("not_json", 400, n("The body is no JSON.")),
    DocumentedCode("bad_request", 400, n("The request is not readable.")),
    DocumentedCode(
        "invalid_header", 400, n("An Idempotency-Key does not have the form it must have, or there are two.")
    ),
    DocumentedCode("no_credential", 401, n("There is no credential in the request.")),
    DocumentedCode("wrong_credential", 401, n("The credential is wrong, or was replaced.")),
    DocumentedCode("client_disabled", 403, n("The front end was disabled.")),
    DocumentedCode(
        "scope_missing", 403, n("The credential does not allow this. “detail” names the scope that is needed.")
    ),
    DocumentedCode("foreign_origin", 403, n("A browser sent this from a page that is not ours.")),
    DocumentedCode("not_found", 404, n("The address has nothing.")),
    DocumentedCode(
        "unknown_receipt", 404, n("No report has this receipt, or the word does not fit. Both are answered alike.")
    ),
    DocumentedCode("unknown_code", 404, n("There is no such code for taking a report over.")),
    DocumentedCode("method_not_allowed", 405, n("The address does not answer this method.")),
    DocumentedCode("not_acceptable", 406, n("An answer of the wanted form is not offered.")),
    DocumentedCode(
        "too_slow",
        408,
        n("The body took longer than 60 seconds and one more for each 500 bytes."),
        again=True,
    ),
    DocumentedCode(
        "idempotency_conflict",
        409,
        n("The Idempotency-Key was used before, with another content. Nothing was changed."),
    ),
    DocumentedCode("withdrawn", 409, n("The report was taken back: undo that first.")),
    DocumentedCode("too_late", 409, n("The time for undoing a withdrawal has passed.")),
    DocumentedCode(
        "not_with_this_receipt",
        409,
        n("The person harmed stands by the report; whoever reported for them cannot do this."),
    ),
    DocumentedCode(
        "handed_over", 409, n("The report was handed over to the person it is about: this receipt does nothing more.")
    ),
    DocumentedCode("nobody_to_hand_over_to", 409, n("Only a representative's report can be handed over.")),
    DocumentedCode("code_used", 409, n("The code for taking a report over was used already.")),
    DocumentedCode("code_void", 409, n("The code was made void, or a newer one was made.")),
    DocumentedCode("code_expired", 409, n("The time of the code has passed.")),
    DocumentedCode("too_many_messages", 409, n("There are 50 messages already.")),
    DocumentedCode("too_many_amendments", 409, n("There are 20 additions already.")),
    DocumentedCode("word_changed", 409, n("The word was changed a moment ago."), again=True),
    DocumentedCode(
        "word_waits", 409, n("A word was set and does not count yet. No other is taken until it is made void.")
    ),
    DocumentedCode("erased", 410, n("The report was erased. Nobody can read it or add to it.")),
    DocumentedCode("too_large", 413, n("The body is larger than 64 KB. Files and pictures are never sent.")),
    DocumentedCode("wrong_content_type", 415, n("The body is not application/json.")),
    DocumentedCode("wrong_content_encoding", 415, n("The body is compressed. Send it as it is.")),
    DocumentedCode("invalid", 422, n("Fields have to be corrected: each is named under “errors” with its reason.")),
    DocumentedCode("empty", 422, n("An addition has nothing in it.")),
    DocumentedCode("not_understood", 422, n("Destroying at once needs “understood”.")),
    DocumentedCode("not_the_person", 422, n("Taking a report over needs “i_am_the_person”.")),
    DocumentedCode("too_many_requests", 429, n("Too many in a short time. Retry-After says when."), again=True),
    DocumentedCode("internal_error", 500, n("A defect of ours; the trace id finds it."), again=True),
    DocumentedCode(
        "report_not_authentic",
        500,
        n("What is stored of the report did not pass a check, and is closed until a person has looked. Show 1366."),
    ),
    DocumentedCode(
        "not_accepting",
        503,
        n("The report was not received. Show 1366 and 112 to the person. Retry-After says when."),
        again=True,
    ),
    DocumentedCode(
        "unavailable", 503, n("Nothing could be read or changed just now. Retry-After says when."), again=True
    ),
)
"""In the order of their status."""

REASONS: Final = (
    DocumentedCode("required", 422, n("The field is missing.")),
    DocumentedCode("unknown_field", 422, n("There is no such field. “field” names it as it was sent.")),
    DocumentedCode("too_long", 422, n("The text is too long.")),
    DocumentedCode("too_short", 422, n("The text is too short.")),
    DocumentedCode("too_many", 422, n("The list has too many entries.")),
    DocumentedCode("too_few", 422, n("The list has too few entries.")),
    DocumentedCode("not_allowed", 422, n("The value is none of those allowed. “allowed” lists them.")),
    DocumentedCode("wrong_form", 422, n("The value does not have the expected form.")),
    DocumentedCode("wrong_type", 422, n("The value is of another kind, such as a number for a text.")),
    DocumentedCode("too_small", 422, n("The number is too small.")),
    DocumentedCode("too_large", 422, n("The number is too large.")),
    DocumentedCode("invalid", 422, n("The value does not count for another reason.")),
    DocumentedCode(
        "resident_registration_number",
        422,
        n("The text holds what may be a resident registration number. The law forbids keeping one (PIPA 24-2)."),
    ),
    DocumentedCode(
        "media_bytes",
        422,
        n("The text holds the bytes of a picture or file. Send its address instead."),
    ),
    DocumentedCode("swelling_characters", 422, n("The text has characters that stand for whole words.")),
    DocumentedCode(
        "control_character", 422, n("The text has control characters, or line ends where only one line fits.")
    ),
    DocumentedCode(
        "not_a_web_address",
        422,
        n("This is no web address. One without https:// in front is completed; account names go to offender_handles."),
    ),
    DocumentedCode("unknown_division", 422, n("There is no such province or city. “allowed” names those that are.")),
    DocumentedCode("ambiguous_division", 422, n("Several places have this name. “allowed” names them.")),
    DocumentedCode(
        "unknown_district",
        422,
        n("There is no such district there. “allowed” names those that are, if known."),
    ),
    DocumentedCode("duplicate_field", 422, n("The field is there more than once.")),
    DocumentedCode("duplicate_header", 400, n("The header is there more than once.")),
    DocumentedCode("deadline_out_of_range", 422, n("The deadline lies more than five years from today.")),
    DocumentedCode("nobody_and_others", 422, n("“nobody” stands beside others.")),
    DocumentedCode("consent_needed", 422, n("There is a way of contact, and none of the consents is true.")),
    DocumentedCode("unknown_center", 422, n("No centre has this id.")),
    DocumentedCode("declines_every_center", 422, n("No centre would be left.")),
    DocumentedCode("only_here", 422, n("“message_here” means only here: no other channel may be beside it.")),
    DocumentedCode("needs_phone", 422, n("For this way of contact a phone number is needed.")),
    DocumentedCode("needs_email", 422, n("For this way of contact an e-mail address is needed.")),
    DocumentedCode("not_a_phone_number", 422, n("This is no phone number.")),
    DocumentedCode("not_an_email_address", 422, n("This is no e-mail address.")),
    DocumentedCode("only_for_representatives", 422, n("Only a representative's report may have this.")),
    DocumentedCode(
        "idempotency_conflict",
        409,
        n("The Idempotency-Key was used before, with another content. Nothing was changed."),
    ),
)
"""Reasons of single fields, under ``errors``."""
