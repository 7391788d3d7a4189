"""Reads the submission a call means, with everything that is wrong with it."""

from datetime import datetime

from services.intake import problems as refusals
from services.intake.phone import forms as call_forms
from services.intake.phone.models import Assent
from services.intake.submissions.facts import NotAdmittedError, examine
from services.intake.submissions.models import Submission
from services.intake.webform import form
from services.intake.webform.form import FieldProblem
from shared.web.form_body import Typed
from shared.web.problems import Problem


def read(
    typed: Typed, assent: Assent | None, now: datetime, *, frozen: bool = False
) -> tuple[Submission | None, list[FieldProblem]]:
    """The submission, or None, and what to say about which field. The same model and rules as for the web form.

    ``frozen``: it is to be sent as it is, so the texts need not be those that this build reads aloud.
    """
    raw, problems = call_forms.submission_of(typed, assent)
    if not frozen:
        problems = problems + call_forms.problems_of_assent(typed)
    try:
        submission = refusals.parsed(raw, Submission)
    except Problem as found:
        return None, problems + form.problems_of(((e.field, e.reason) for e in found.errors), typed)
    try:
        examine(submission, now)
    except NotAdmittedError as error:
        return None, problems + form.problems_of([(error.field, error.reason)])
    return (None if problems else submission), problems
