"""Metrics of calls. No label names an operator, an organisation or a call."""

from typing import Final

from prometheus_client import Counter, Histogram

from services.intake.phone.models import CallEnding
from shared.metrics import REGISTRY

_ENDED: Final = Counter("ieum_intake_calls_ended", "Calls ended, by how.", ["reason"], registry=REGISTRY)
ENDED: Final = {how: _ENDED.labels(how.value) for how in CallEnding}
FINISHED: Final = Counter(
    "ieum_intake_calls_completed_by_job", "Calls found half sent and sent by the service itself.", registry=REGISTRY
)
NOT_FINISHED: Final = Counter(
    "ieum_intake_call_completion_failures",
    "Attempts of the service to send or end a call that failed because of that call alone.",
    registry=REGISTRY,
)
TO_RECEIPT: Final = Histogram(
    "ieum_intake_call_to_receipt_seconds",
    "Seconds from the begin of a call to its receipt.",
    buckets=(60, 120, 180, 300, 420, 600, 900, 1200, 1800, 2700, 3600),
    registry=REGISTRY,
)
