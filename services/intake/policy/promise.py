"""By when a person of a centre should have seen a report, so that whoever waits can hold us to it. Pure.

The spans are this project's own. They are longer than the ladder of alerts takes to reach everybody who could answer,
and do not follow who is on duty: what is missed is missed, whatever the reason.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from services.intake.model.report import Progress, Standing, State
from shared.events.vocabulary import Urgency

SEEN_WITHIN: Final[Mapping[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(hours=1),
    Urgency.HIGH: timedelta(hours=24),
    Urgency.NORMAL: timedelta(hours=72),
}


def expected_by(urgency: Urgency, standing: Standing, progress: Progress) -> datetime | None:
    """Until when somebody should have seen it; None once somebody has, or where no more than receipt is told.

    Moving to another centre does not move the time while nobody has seen it anywhere.
    """
    if standing.limited or standing.state not in {State.RECEIVED, State.ASSIGNED}:
        return None
    begun = standing.received_at
    if progress.first_seen_at is not None and standing.assigned_at is not None:
        begun = standing.assigned_at
    return begun + SEEN_WITHIN[urgency]
