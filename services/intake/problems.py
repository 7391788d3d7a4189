"""Every refusal of a submission in one form for API and pages: field, stable reason, sentence, and a count."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import orjson
from prometheus_client import Counter
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.intake.retention.rules import RefusedError
from services.intake.staff_access import words as staff_words
from services.intake.submissions.facts import NotAdmittedError
from services.intake.submissions.models import Word
from services.intake.submissions.rules import ConflictError
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.web.app import FieldError, Problem
from shared.web.problems import MOST_ERRORS, field_error, from_validation, invalid
from shared.web.translations import gettext_noop

M = TypeVar("M", bound=BaseModel)

REFUSED = Counter(
    "ieum_intake_reports_refused",
    "Submissions refused, by problem code; a place that could not be resolved, by its reason.",
    ["code"],
    registry=REGISTRY,
)

RETRY_SECONDS: Final = 10
"""When to try again while the store is away; local restarts take about this long."""

_WORD: Final[TypeAdapter[str]] = TypeAdapter(Word)

_PLACES: Final = {
    "only_for_representatives": "on_behalf",
    "declines_every_center": "declined_centers",
    "needs_word": "word",
}
"""Fields that rules about several fields point at."""

_ADMISSION: Final = {
    "unknown_division": gettext_noop("There is no such province or city."),
    "ambiguous_division": gettext_noop("Several places have this name; choose one."),
    "unknown_district": gettext_noop("There is no such district in this province or city."),
    "deadline_out_of_range": gettext_noop("This is more than five years away from today. Check the year."),
    "nobody_and_others": gettext_noop("“nobody” cannot stand beside others."),
    "too_many_declined": gettext_noop(
        "With the receipt alone at most three centres can be declined, and no more of them once the place was changed. "
        "Please call 1366."
    ),
    "consent_needed": gettext_noop(
        "There is a way of contact, and nothing was agreed to. Leave the contact out, or say what was agreed to."
    ),
}


def parsed(fields: Mapping[str, Any], model: type[M]) -> M:
    """Validate the fields of a page's form as strictly as a JSON body. Raises ``Problem`` 422."""
    try:
        return model.model_validate_json(orjson.dumps(fields))
    except ValidationError as error:
        raise from_errors(error) from None


def from_errors(error: ValidationError) -> Problem:
    """The problem of a failed validation, with the rules about several fields put where a person can act."""
    found = error.errors(include_url=False, include_input=False)
    if any(entry["type"] == "json_invalid" for entry in found):
        return from_validation(found)
    fields = []
    for entry in found[:MOST_ERRORS]:
        if entry["type"] == "too_short" and any(_inside(other["loc"], entry["loc"]) for other in found):
            continue  # a list whose entries were refused is not also too short
        fields.append(field_error(entry, _PLACES.get(entry["type"], "")))
    return invalid(fields)


def _inside(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def from_admission(error: NotAdmittedError) -> Problem:
    """422 for what the tables, the day or several fields together do not allow, with the values that would do."""
    choices = list(error.choices)
    fields = [FieldError(field=error.field, reason=error.reason, detail=_ADMISSION[error.reason], allowed=choices)]
    if not choices:
        return invalid(fields)
    return Problem(
        422,
        "invalid",
        gettext_noop("Correct the field named under “errors”. Values that would do: %(choices)s."),
        errors=fields,
        values={"choices": ", ".join(choices)},
    )


def counted(error: Problem | NotAdmittedError | ConflictError | TransientError) -> Problem:
    """The problem of a report that could not be accepted, counted by its code, or by what was wrong with its place."""
    problem = of(error)
    REFUSED.labels(error.reason if isinstance(error, NotAdmittedError) else problem.code).inc()
    return problem


def of(error: Problem | NotAdmittedError | ConflictError | TransientError) -> Problem:
    """The problem of a report that could not be accepted."""
    match error:
        case Problem():
            return error
        case NotAdmittedError():
            return from_admission(error)
        case ConflictError():
            return Problem(
                409,
                "idempotency_conflict",
                gettext_noop("This Idempotency-Key was used for a report with another content."),
                errors=[
                    FieldError(
                        field="Idempotency-Key",
                        reason="idempotency_conflict",
                        detail=gettext_noop("Use a new key for a new report."),
                    )
                ],
            )
        case _:
            return away()


_STEPS: Final[dict[str, tuple[int, str]]] = {
    "erased": (410, gettext_noop("This report was destroyed. Nobody can read it or add to it any more.")),
    "withdrawn": (409, gettext_noop("This report was withdrawn. Undo that first, or make a new report.")),
    "too_late": (409, gettext_noop("The time for undoing the withdrawal has passed.")),
    "not_understood": (
        422,
        gettext_noop("What is destroyed never comes back. Say that you understand this, or go back without doing it."),
    ),
    "not_with_this_receipt": (
        409,
        gettext_noop(
            "This is no longer possible with the receipt of somebody who reported for another person. The person it is "
            "about can call 1366."
        ),
    ),
    "not_the_person": (422, gettext_noop("Say that the report is about you, or leave this page.")),
    "handed_over": (
        409,
        gettext_noop(
            "This report was handed over to the person it is about. This receipt number can no longer change anything."
        ),
    ),
    "nobody_to_hand_over_to": (
        409,
        gettext_noop("Only a report that was made for somebody else, by a person close to them, can be handed over."),
    ),
    "code_used": (
        409,
        gettext_noop(
            "This code was used already. If that was not you, call 1366 and say so: somebody else may have taken the "
            "report over. They see no more than before until the centre has spoken with the person it is about."
        ),
    ),
    "code_void": (409, gettext_noop("This code was made void. Ask for a new one, or call 1366.")),
    "code_expired": (409, gettext_noop("The time of this code has passed. Ask for a new one, or call 1366.")),
    "too_many_messages": (409, gettext_noop("There are 50 messages already. Please call 1366 and talk to someone.")),
    "too_many_amendments": (409, gettext_noop("There are 20 additions already. Please leave a message instead.")),
    "word_changed": (409, gettext_noop("The word was changed a moment ago. Please try again.")),
    "word_waits": (
        409,
        gettext_noop(
            "A word was set before and does not count yet. If it was you, there is nothing to do. If not, make that "
            "word void on the status page, then set your own."
        ),
    ),
    "idempotency_conflict": (409, gettext_noop("This Idempotency-Key was used for something else. Use a new one.")),
}
"""Messages for steps that are not possible now."""


def of_step(error: RefusedError) -> Problem:
    """The problem of a step that is not possible now."""
    status, detail = _STEPS[error.code]
    return Problem(status, error.code, detail)


def nothing_said() -> Problem:
    """422 for an amendment without anything in it."""
    return Problem(422, "empty", gettext_noop("Nothing was added. Fill in at least one field."))


def required(field: str) -> FieldError:
    """A field that was left empty and must not be."""
    return FieldError(field=field, reason="required", detail=gettext_noop("This field is required."))


def fit_word(word: str | None) -> str:
    """A word that may be set. Raises ``Problem`` 422 otherwise."""
    if word is None:
        raise invalid([required("word")])
    try:
        return _WORD.validate_python(word)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise invalid([field_error(entry, "word") for entry in found]) from None


def drills_only() -> Problem:
    """403: a real report came with a credential for trying it out. Says what a person can do now."""
    return Problem(
        403,
        "drills_only",
        gettext_noop(
            "The report was not received: this credential is for trying it out, with “synthetic” true. If you need "
            "help, call 1366 (24 hours); in danger call 112."
        ),
        errors=[
            FieldError(
                field="synthetic",
                reason="drills_only",
                detail=gettext_noop("Only drills may be sent with this credential."),
            )
        ],
    )


def away() -> Problem:
    """503: the report was not taken. Says what a person can do now."""
    return Problem(
        503,
        "not_accepting",
        gettext_noop(
            "The report was not received. Please try again in a moment, or call 1366 (24 hours); in danger call 112."
        ),
        retry_after=RETRY_SECONDS,
    )


def not_authentic() -> Problem:
    """500: what is stored of the report is not what was written. Says what a person can do now."""
    return Problem(
        500,
        "report_not_authentic",
        gettext_noop(
            "This report did not pass a check and is closed until somebody has looked at it. Nothing was changed. "
            "Please call 1366."
        ),
    )


def unavailable() -> Problem:
    """503: nothing could be read or changed. Says what a person can do now."""
    return Problem(
        503,
        "unavailable",
        gettext_noop(
            "This is not possible just now, and nothing was changed. Your report is safe. Please try again in a moment."
        ),
        retry_after=RETRY_SECONDS,
    )


def uncertain() -> Problem:
    """503: the store did not answer a change with a receipt; only its reply may be lost. Says what they can do now."""
    return Problem(
        503,
        "unavailable",
        gettext_noop(
            "We cannot tell just now whether this was done. Your report is safe. Please try again in a moment."
        ),
        retry_after=RETRY_SECONDS,
    )


def unavailable_to_staff() -> Problem:
    """503 for staff: the store does not answer, and what they changed may have been kept all the same."""
    return Problem(503, "unavailable", staff_words.STORE_AWAY, retry_after=RETRY_SECONDS)
