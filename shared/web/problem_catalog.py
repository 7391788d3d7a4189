"""Every problem that any service may answer with: stable code, status, meaning, and whether to try again.

Each service has a table of its own beside this one. ``/problems`` shows both, the type of a problem document leads
there, and the OpenAPI document takes its answers from them.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from shared.web.translations import gettext_noop as n


class Again(StrEnum):
    """Whether the same request may be sent again."""

    NO = "no"
    """Something has to be changed first."""
    LATER = "later"
    """Later, and later each time."""
    AFTER = "after"
    """After the seconds of ``Retry-After``."""
    FRESH = "fresh"
    """After loading anew what it is about."""


AGAIN_WORDS: Final = {
    Again.NO: n("no: something has to be changed first"),
    Again.LATER: n("yes, waiting longer each time"),
    Again.AFTER: n("yes, after the seconds that Retry-After says"),
    Again.FRESH: n("after loading it anew"),
}


class DocumentedProblem(NamedTuple):
    """One code. Codes are part of the API: never rename one, only add."""

    code: str
    status: int
    when: str
    """An English message id."""
    again: Again = Again.NO


class DocumentedReason(NamedTuple):
    """Why one field was refused, under ``errors``. Part of the API as well."""

    code: str
    when: str
    """An English message id."""


INTERNAL_ERROR: Final = DocumentedProblem(
    "internal_error", 500, n("A defect of ours; the trace id finds it."), Again.LATER
)
UNAVAILABLE: Final = DocumentedProblem(
    "unavailable", 503, n("Nothing could be read or changed just now. Retry-After says when."), Again.AFTER
)
SHARED: Final = (
    DocumentedProblem("bad_request", 400, n("The request is not readable.")),
    DocumentedProblem("not_json", 400, n("The body is no JSON.")),
    DocumentedProblem("foreign_origin", 403, n("A browser sent this from a page that is not ours.")),
    DocumentedProblem("not_found", 404, n("The address has nothing.")),
    DocumentedProblem("method_not_allowed", 405, n("The address does not answer this method.")),
    DocumentedProblem("not_acceptable", 406, n("An answer of the wanted form is not offered.")),
    DocumentedProblem(
        "too_slow", 408, n("The body took longer than 60 seconds and one more for each 500 bytes."), Again.LATER
    ),
    DocumentedProblem("too_large", 413, n("The body is larger than 64 KB. Files and pictures are never sent.")),
    DocumentedProblem("wrong_content_type", 415, n("The body is not application/json.")),
    DocumentedProblem("wrong_content_encoding", 415, n("The body is compressed. Send it as it is.")),
    DocumentedProblem("invalid", 422, n("Fields have to be corrected: each is named under “errors” with its reason.")),
    DocumentedProblem("too_many_requests", 429, n("Too many in a short time. Retry-After says when."), Again.AFTER),
    INTERNAL_ERROR,
    UNAVAILABLE,
)
"""Of every service."""

STAFF: Final = (
    DocumentedProblem("not_signed_in", 401, n("There is no sign-in, or it is over. Sign in again, or renew it.")),
    DocumentedProblem(
        "step_up_needed",
        401,
        n("The second factor was shown too long ago. Show it again at identity, then repeat this."),
    ),
    DocumentedProblem("not_allowed", 403, n("The role at the organisation does not allow this, or it is not theirs.")),
)
"""Of every route for staff."""

ON_PAGES: Final = (
    DocumentedProblem("not_a_form", 400, n("The form could not be read.")),
    DocumentedProblem("audit_unavailable", 503, n("The audit does not answer just now."), Again.AFTER),
)
"""Of pages alone."""

REASONS: Final = (
    DocumentedReason("required", n("The field is missing.")),
    DocumentedReason("unknown_field", n("There is no such field. “field” names it as it was sent.")),
    DocumentedReason("too_long", n("The text is too long.")),
    DocumentedReason("too_short", n("The text is too short.")),
    DocumentedReason("too_many", n("The list has too many entries.")),
    DocumentedReason("too_few", n("The list has too few entries.")),
    DocumentedReason("not_allowed", n("The value is none of those allowed. “allowed” lists them.")),
    DocumentedReason("wrong_form", n("The value does not have the expected form.")),
    DocumentedReason("wrong_type", n("The value is of another kind, such as a number for a text.")),
    DocumentedReason("too_small", n("The number is too small.")),
    DocumentedReason("too_large", n("The number is too large.")),
    DocumentedReason("invalid", n("The value does not count for another reason.")),
    DocumentedReason("duplicate_field", n("The field is there more than once.")),
)
"""Of single fields, in every service."""


def from_words(words: Mapping[Any, tuple[int, str]]) -> tuple[DocumentedProblem, ...]:
    """Problems of pages whose words say what they mean."""
    again = {429: Again.AFTER, 503: Again.AFTER}
    return tuple(
        DocumentedProblem(str(code), status, said, again.get(status, Again.NO))
        for code, (status, said) in words.items()
    )


def in_order(*tables: Sequence[DocumentedProblem]) -> tuple[DocumentedProblem, ...]:
    """Several tables as one, by status and code, each problem once. A later table words it for its service."""
    found = {(one.status, one.code): one for table in tables for one in table}
    return tuple(found[key] for key in sorted(found))
