"""Every refusal a front end may get from this API: stable code, status, and when. One table, shown as a page."""

from typing import Final, NamedTuple

from shared.web.translations import gettext_noop as n


class Known(NamedTuple):
    """One code. Codes are part of the API: never rename one, only add."""

    code: str
    status: int
    when: str
    """An English message id."""
    again: bool = False
    """Whether the same request may be tried again later, with the same key."""


PROBLEMS: Final = (
    Known("not_json", 400, n("The body is no JSON.")),
    Known("bad_request", 400, n("The request is not readable.")),
    Known("invalid_header", 400, n("An Idempotency-Key does not have the form it must have, or there are two.")),
    Known("no_credential", 401, n("There is no credential in the request.")),
    Known("wrong_credential", 401, n("The credential is wrong, or was replaced.")),
    Known("client_disabled", 403, n("The front end was disabled.")),
    Known("scope_missing", 403, n("The credential does not allow this. “detail” names the scope that is needed.")),
    Known("foreign_origin", 403, n("A browser sent this from a page that is not ours.")),
    Known("not_found", 404, n("The address has nothing.")),
    Known("unknown_receipt", 404, n("No report has this receipt, or the word does not fit. Both are answered alike.")),
    Known("unknown_code", 404, n("There is no such code for taking a report over.")),
    Known("method_not_allowed", 405, n("The address does not answer this method.")),
    Known("not_acceptable", 406, n("An answer of the wanted form is not offered.")),
    Known(
        "too_slow",
        408,
        n("The body took longer than 60 seconds and one more for each 500 bytes."),
        again=True,
    ),
    Known(
        "idempotency_conflict",
        409,
        n("The Idempotency-Key was used before, with another content. Nothing was changed."),
    ),
    Known("withdrawn", 409, n("The report was taken back: undo that first.")),
    Known("too_late", 409, n("The time for undoing a withdrawal has passed.")),
    Known(
        "not_with_this_receipt",
        409,
        n("The person harmed stands by the report; whoever reported for them cannot do this."),
    ),
    Known(
        "handed_over", 409, n("The report was handed over to the person it is about: this receipt does nothing more.")
    ),
    Known("nobody_to_hand_over_to", 409, n("Only a representative's report can be handed over.")),
    Known("code_used", 409, n("The code for taking a report over was used already.")),
    Known("code_void", 409, n("The code was made void, or a newer one was made.")),
    Known("code_expired", 409, n("The time of the code has passed.")),
    Known("too_many_messages", 409, n("There are 50 messages already.")),
    Known("too_many_amendments", 409, n("There are 20 additions already.")),
    Known("word_changed", 409, n("The word was changed a moment ago."), again=True),
    Known("word_waits", 409, n("A word was set and does not count yet. No other is taken until it is made void.")),
    Known("erased", 410, n("The report was erased. Nobody can read it or add to it.")),
    Known("too_large", 413, n("The body is larger than 64 KB. Files and pictures are never sent.")),
    Known("wrong_content_type", 415, n("The body is not application/json.")),
    Known("wrong_content_encoding", 415, n("The body is compressed. Send it as it is.")),
    Known("invalid", 422, n("Fields have to be corrected: each is named under “errors” with its reason.")),
    Known("empty", 422, n("An addition has nothing in it.")),
    Known("not_understood", 422, n("Destroying at once needs “understood”.")),
    Known("not_the_person", 422, n("Taking a report over needs “i_am_the_person”.")),
    Known("too_many_requests", 429, n("Too many in a short time. Retry-After says when."), again=True),
    Known("internal_error", 500, n("A defect of ours; the trace id finds it."), again=True),
    Known(
        "not_accepting",
        503,
        n("The report was not received. Show 1366 and 112 to the person. Retry-After says when."),
        again=True,
    ),
    Known("unavailable", 503, n("Nothing could be read or changed just now. Retry-After says when."), again=True),
)
"""In the order of their status."""

REASONS: Final = (
    Known("required", 422, n("The field is missing.")),
    Known("unknown_field", 422, n("There is no such field. “field” names it as it was sent.")),
    Known("too_long", 422, n("The text is too long.")),
    Known("too_short", 422, n("The text is too short.")),
    Known("too_many", 422, n("The list has too many entries.")),
    Known("too_few", 422, n("The list has too few entries.")),
    Known("not_allowed", 422, n("The value is none of those allowed. “allowed” lists them.")),
    Known("wrong_form", 422, n("The value does not have the expected form.")),
    Known("wrong_type", 422, n("The value is of another kind, such as a number for a text.")),
    Known("too_small", 422, n("The number is too small.")),
    Known("too_large", 422, n("The number is too large.")),
    Known("invalid", 422, n("The value does not count for another reason.")),
    Known(
        "resident_registration_number",
        422,
        n("The text holds what may be a resident registration number. The law forbids keeping one (PIPA 24-2)."),
    ),
    Known(
        "media_bytes",
        422,
        n("The text holds the bytes of a picture or file. Send its address instead."),
    ),
    Known("swelling_characters", 422, n("The text has characters that stand for whole words.")),
    Known("control_character", 422, n("The text has control characters, or line ends where only one line fits.")),
    Known(
        "not_a_web_address",
        422,
        n("This is no web address. One without https:// in front is completed; account names go to offender_handles."),
    ),
    Known("unknown_division", 422, n("There is no such province or city. “allowed” names those that are.")),
    Known("ambiguous_division", 422, n("Several places have this name. “allowed” names them.")),
    Known(
        "unknown_district",
        422,
        n("There is no such district there. “allowed” names those that are, if known."),
    ),
    Known("duplicate_field", 422, n("The field is there more than once.")),
    Known("duplicate_header", 400, n("The header is there more than once.")),
    Known("deadline_out_of_range", 422, n("The deadline lies more than five years from today.")),
    Known("nobody_and_others", 422, n("“nobody” stands beside others.")),
    Known("consent_needed", 422, n("There is a way of contact, and none of the consents is true.")),
    Known("unknown_center", 422, n("No centre has this id.")),
    Known("declines_every_center", 422, n("No centre would be left.")),
    Known("only_here", 422, n("“message_here” means only here: no other channel may be beside it.")),
    Known("needs_phone", 422, n("For this way of contact a phone number is needed.")),
    Known("needs_email", 422, n("For this way of contact an e-mail address is needed.")),
    Known("not_a_phone_number", 422, n("This is no phone number.")),
    Known("not_an_email_address", 422, n("This is no e-mail address.")),
    Known("only_for_representatives", 422, n("Only a representative's report may have this.")),
    Known(
        "idempotency_conflict",
        409,
        n("The Idempotency-Key was used before, with another content. Nothing was changed."),
    ),
)
"""Reasons of single fields, under ``errors``."""
