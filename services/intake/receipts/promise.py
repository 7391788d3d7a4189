"""By when a person of a centre should have seen a report, so that whoever waits can hold us to it. Pure.

The spans are this project's own, longer than escalation takes to reach everybody who could answer. They
follow who is on duty: where somebody is, or comes on duty, the shorter span counts from then; the longer one counts
whatever happens. So a promise may come nearer while a person waits, and never moves away: what is missed is missed.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services.intake.reports.models import Progress, ReportStatus, State
from shared.clock import SEOUL
from shared.events.vocabulary import Urgency

ON_DUTY: Final[Mapping[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(hours=1),
    Urgency.HIGH: timedelta(hours=4),
    Urgency.NORMAL: timedelta(hours=24),
}
"""From when somebody is on duty at the centre."""
AT_THE_LATEST: Final[Mapping[Urgency, timedelta]] = {
    Urgency.CRITICAL: timedelta(hours=1),
    Urgency.HIGH: timedelta(hours=24),
    Urgency.NORMAL: timedelta(hours=72),
}
"""With or without staff on duty: leads and the central desk are alerted at all hours and see to critical ones."""

FirstOnDuty = Callable[[str, datetime], datetime | None]
"""The first time from a moment on at which a centre had somebody on duty; None where that is not known."""


class DutyCoverage(StrEnum):
    """Where people are on duty at one moment."""

    EVERYWHERE = "everywhere"
    SOMEWHERE = "somewhere"
    UNKNOWN = "unknown"
    """If no one is on duty anywhere, or nothing is known: promise only what always holds."""


class PartOfDay(StrEnum):
    """A time of day in Korea, as people say it."""

    NIGHT = "night"
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


class Outlook(NamedTuple):
    """The promise before anything is typed, whichever centre it will be."""

    now: datetime
    part: PartOfDay
    duty: DutyCoverage
    by: Mapping[Urgency, datetime]

    @property
    def clock(self) -> str:
        """The time in Korea."""
        return f"{self.now.astimezone(SEOUL):%H:%M}"


def expected_by(
    urgency: Urgency, status: ReportStatus, progress: Progress, first_on_duty: FirstOnDuty
) -> datetime | None:
    """Until when somebody should have seen it; None once somebody at the present centre has.

    Moving to another centre does not move the time while nobody has seen it anywhere. Whoever reported for somebody
    else learns of no move, and so of no time of the next centre's.
    """
    seen_here = bool(status.stays) and status.stays[-1].seen_at is not None
    if seen_here or status.state not in {State.RECEIVED, State.ASSIGNED, State.MOVED}:
        return None
    begun, center_id = status.received_at, progress.first_center_id or status.center_id
    if status.seen_at is not None and status.moved_at is not None:
        begun, center_id = status.moved_at, status.center_id
    on_duty = first_on_duty(center_id, begun) if center_id is not None else None
    return promised(urgency, begun, on_duty)


def promised(urgency: Urgency, begun: datetime, on_duty: datetime | None) -> datetime:
    """The time that is promised for a report that began to wait at ``begun``."""
    latest = begun + AT_THE_LATEST[urgency]
    return latest if on_duty is None else min(latest, on_duty + ON_DUTY[urgency])


def outlook(staffed: Collection[bool], now: datetime) -> Outlook:
    """Return the promise at this moment. ``staffed``: for every centre, whether staff are known to be on duty."""
    everywhere = bool(staffed) and all(staffed)
    duty = DutyCoverage.EVERYWHERE if everywhere else DutyCoverage.SOMEWHERE if any(staffed) else DutyCoverage.UNKNOWN
    by = {urgency: promised(urgency, now, now if everywhere else None) for urgency in Urgency}
    return Outlook(now, part_of_day(now), duty, by)


_PARTS: Final = ((6, PartOfDay.NIGHT), (12, PartOfDay.MORNING), (18, PartOfDay.AFTERNOON), (22, PartOfDay.EVENING))
"""The hour in Korea at which each ends."""


def part_of_day(moment: datetime) -> PartOfDay:
    """Name the part of the day as people in Korea do."""
    hour = moment.astimezone(SEOUL).hour
    return next((part for until, part in _PARTS if hour < until), PartOfDay.NIGHT)
