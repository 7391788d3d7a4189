"""Answers of the pages and the API while the store is away."""

from typing import Final

from shared.web.problems import Problem
from shared.web.translations import gettext_noop

_NO_ANSWER: Final = gettext_noop(
    "The store does not answer. If you were changing something, look whether it was saved before you try again."
)


def unavailable() -> Problem:
    """The 503 of a store that does not answer."""
    return Problem(503, "unavailable", _NO_ANSWER, retry_after=2)
