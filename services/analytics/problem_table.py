"""Problems that only analytics answers with, shown at ``/problems``."""

from typing import Final

from shared.web.problem_catalog import Again, DocumentedProblem
from shared.web.translations import gettext_noop as n

PROBLEMS: Final = (
    DocumentedProblem("unknown_table", 404, n("There is no such table. “detail” names those that there are.")),
    DocumentedProblem(
        "unknown_period", 404, n("Nothing was released for that period. “detail” names those that were.")
    ),
    DocumentedProblem("unknown_revision", 404, n("There is no such revision. “detail” names the newest.")),
    DocumentedProblem(
        "unknown_report", 404, n("There is no such monthly report. “detail” names those that there are.")
    ),
    DocumentedProblem("unknown_kind", 404, n("There is no such kind of period. “detail” names those that there are.")),
    DocumentedProblem("unknown_dimension", 404, n("There is no such dimension. “detail” names those that there are.")),
    DocumentedProblem(
        "unknown_status", 404, n("There is no such status of a cell. “detail” names those that there are.")
    ),
    DocumentedProblem("unknown_format", 404, n("There is no such file. A file is named period.format.")),
    DocumentedProblem("unknown_format", 406, n("This format is not offered. “detail” names those that are.")),
    DocumentedProblem("unknown_cursor", 422, n("“after” is not what a “next” said.")),
    DocumentedProblem(
        "corrected_since", 410, n("The period was corrected between two pages. Begin again, without “after”.")
    ),
    DocumentedProblem("no_font", 503, n("No font with Korean letters is installed, so no report can be printed.")),
)
ON_PAGES: Final = (
    DocumentedProblem("unknown_topic", 404, n("There is no such topic. “detail” names those that there are.")),
    DocumentedProblem("under_way", 409, n("Somebody is sending these records back at this moment."), Again.AFTER),
    DocumentedProblem("sample_gone", 410, n("There is no sample any more: real figures are released.")),
    DocumentedProblem("not_confirmed", 422, n("It was not ticked that the records were looked at.")),
    DocumentedProblem("no_audit", 503, n("This service keeps no audit here, so nothing can be sent back.")),
    DocumentedProblem("forbidden_by_kafka", 503, n("Kafka does not allow this service to write there.")),
)
"""Of pages alone."""
