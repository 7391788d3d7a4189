"""Quiet hours: what is not urgent waits in them, and never past the hour named. Pure."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from services.notify.cases.models import SEOUL
from shared.events.vocabulary import Urgency


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours in Seoul in which what is not urgent waits; ``start`` is in, ``end`` is out; may span midnight."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "QuietHours | None":
        """From ``22:00-07:00``, or None for ``off``. ValueError says what is wrong."""
        if text.strip().lower() == "off":
            return None
        first, dash, last = text.partition("-")
        if not dash:
            raise ValueError("expected HH:MM-HH:MM or off")
        start, end = time.fromisoformat(first.strip()), time.fromisoformat(last.strip())
        if start == end:
            raise ValueError("start and end are the same")
        return cls(start, end)

    def end_of(self, moment: datetime) -> datetime | None:
        """When the quiet hours around ``moment`` end, or None if it is not in them."""
        local = moment.astimezone(SEOUL)
        clock = local.time().replace(tzinfo=None)
        spans_midnight = self.start > self.end
        inside = (clock >= self.start or clock < self.end) if spans_midnight else self.start <= clock < self.end
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if spans_midnight and clock >= self.start else 0)
        return datetime.combine(day, self.end, SEOUL).astimezone(moment.tzinfo)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the deployment decides about alerting."""

    quiet: QuietHours | None = None

    def hold(self, moment: datetime, urgency: Urgency) -> datetime:
        """``moment``, or the end of the quiet hours it falls in where it can wait."""
        if self.quiet is None or urgency is not Urgency.NORMAL:
            return moment
        return self.quiet.end_of(moment) or moment
