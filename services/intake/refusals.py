"""Every refusal of a submission in one form for API and pages: field, stable reason, sentence, and a count."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter
from pydantic import ValidationError

from services.intake.model.submission import Submission
from services.intake.policy.admission import NotAdmittedError
from services.intake.policy.lodging import ConflictError
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.web.app import FieldError, Problem
from shared.web.problems import MOST_ERRORS, from_validation
from shared.web.reasons import field_name, reason_and_detail
from shared.web.translations import gettext_noop

REFUSED = Counter("intake_reports_refused", "Submissions refused, by problem code.", ["code"], registry=REGISTRY)

RETRY_SECONDS: Final = 10
"""When to try again while the store is away; local restarts take about this long."""

_PLACES: Final = {
    "needs_phone": "contact.phone",
    "needs_email": "contact.email",
    "only_for_representatives": "on_behalf",
    "declines_every_center": "declined_centers",
}
"""Fields that rules about several fields point at."""

_ADMISSION: Final = {
    "unknown_division": gettext_noop("There is no such province or city."),
    "ambiguous_division": gettext_noop("Several places have this name; choose one."),
    "unknown_district": gettext_noop("There is no such district in this province or city."),
}


def read_submission(body: bytes) -> Submission:
    """The submission in a JSON body. Raises ``Problem``: 400 ``not_json`` or 422 ``invalid``."""
    try:
        return Submission.model_validate_json(body)
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
        reason, detail = reason_and_detail(entry)
        place = _PLACES.get(reason) or field_name(entry["loc"])
        fields.append(FieldError(field=place, reason=reason, detail=detail))
    return invalid(fields)


def _inside(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def invalid(fields: Sequence[FieldError]) -> Problem:
    """422 with the fields to correct."""
    return Problem(
        422, "invalid", gettext_noop("Correct the fields named under “errors” and send again."), errors=fields
    )


def from_admission(error: NotAdmittedError) -> Problem:
    """422 for a place that does not exist or has several meanings, with the values that would do."""
    return Problem(
        422,
        "invalid",
        gettext_noop("Correct the field named under “errors”. Values that would do: %(choices)s."),
        errors=[FieldError(field=error.field, reason=error.reason, detail=_ADMISSION[error.reason])],
        values={"choices": ", ".join(error.choices)},
    )


def counted(error: Problem | NotAdmittedError | ConflictError | TransientError) -> Problem:
    """The problem of a report that could not be lodged, counted by its code."""
    problem = of(error)
    REFUSED.labels(problem.code).inc()
    return problem


def of(error: Problem | NotAdmittedError | ConflictError | TransientError) -> Problem:
    """The problem of a report that could not be lodged."""
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
