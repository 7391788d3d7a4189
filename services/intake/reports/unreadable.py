"""Stored reports that this build cannot read: named in the log, counted, and left out, so that the others go on."""

from prometheus_client import Counter

from shared import log as logs
from shared.metrics import REGISTRY
from shared.process import told_of

_log = logs.get(__name__)

UNREADABLE = Counter(
    "intake_reports_unreadable",
    "Times a stored report could not be read and was left out, by job or page.",
    ["job"],
    registry=REGISTRY,
)


def leave_out(job: str, report_id: str, error: Exception) -> None:
    """Log and count one report that ``job`` cannot read. The text of an error that is not ours is not logged."""
    UNREADABLE.labels(job).inc()
    _log.error("report.unreadable", job=job, report_id=report_id, **told_of(error))
