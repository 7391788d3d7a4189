"""Answers of the pages and the API while the store is away."""

from shared.web.problems import Problem
from shared.web.translations import gettext_noop


def unavailable() -> Problem:
    """The 503 of a store that does not answer."""
    return Problem(503, "unavailable", gettext_noop("The store does not answer. Please try again."), retry_after=2)
