"""Read the forms of a receipt's pages, and place messages beside the controls they are about."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, TypeVar

from pydantic import BaseModel

from services.intake import problems
from services.intake.receipts import words as receipt_words
from services.intake.webform import form
from services.intake.webform.form import FieldProblem
from shared.web.app import Problem
from shared.web.form_body import Typed

M = TypeVar("M", bound=BaseModel)

RECEIPT_CHARS: Final = 60
_WORD_CHARS: Final = 200
_MINUTE: Final = timedelta(minutes=1)


def asked(model: type[M], typed: Typed, **more: object) -> M:
    """Read receipt and passphrase. Raises ``Problem`` 422."""
    receipt, word = typed.one("receipt")[:RECEIPT_CHARS], typed.one("word")[:_WORD_CHARS]
    return problems.parsed({"receipt": receipt, "word": word, **more}, model)


def errors(problem: Problem | None, typed: Typed, *, otherwise: str = "receipt") -> list[FieldProblem]:
    """Return messages by control; ``otherwise`` is the one for those about no control."""
    if problem is None:
        return []
    if problem.errors:
        return form.problems_of(((e.field, e.reason) for e in problem.errors), typed)
    return [FieldProblem(receipt_words.PLACES.get(problem.code, otherwise), str(problem.detail))]


def again_at(problem: Problem | None, now: datetime) -> datetime | None:
    """Return from when a receipt may be tried again; None where nobody has to wait for longer than a minute."""
    if problem is None or problem.status_code != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    wait = timedelta(seconds=int((problem.headers or {}).get("Retry-After", 0)))
    return now + wait + _MINUTE if wait > _MINUTE else None  # shown without its seconds
