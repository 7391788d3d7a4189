"""Reads the submission a call means, with everything that is wrong with it."""

from datetime import datetime

import orjson
from pydantic import ValidationError

from services.intake import refusals
from services.intake.model.call import Assent
from services.intake.model.submission import Submission
from services.intake.policy.admission import NotAdmittedError, examine
from services.intake.rendering import calls, form
from services.intake.rendering.form import FieldProblem, Typed


def read(typed: Typed, assent: Assent | None, now: datetime) -> tuple[Submission | None, list[FieldProblem]]:
    """The submission, or None, and what to say about which field. The same model and rules as for the web form."""
    raw, problems = calls.submission_of(typed, assent)
    try:
        submission = Submission.model_validate_json(orjson.dumps(raw))
    except ValidationError as error:
        found = refusals.from_errors(error)
        return None, problems + form.problems_of(((e.field, e.reason) for e in found.errors), typed)
    try:
        examine(submission, now)
    except NotAdmittedError as error:
        return None, problems + form.problems_of([(error.field, error.reason)])
    return (None if problems else submission), problems
