"""Problems that only routing answers with, shown at ``/problems``."""

from typing import Final

from shared.web.problem_catalog import Again, DocumentedProblem
from shared.web.translations import gettext_noop as n

PROBLEMS: Final = (
    DocumentedProblem("no_such_decision", 404, n("No decision about this report is known yet."), Again.LATER),
    DocumentedProblem("too_many_streams", 429, n("One person has as many live streams open as one may."), Again.AFTER),
    DocumentedProblem(
        "too_many_streams", 503, n("This process has as many live streams open as it takes."), Again.AFTER
    ),
    DocumentedProblem("store_away", 503, n("The store does not answer. Reports are routed all the same."), Again.AFTER),
)
