"""A centre's own numbers, month by month: true counts, for its own staff only. Pure.

Nothing is hidden here, because whoever reads it may open every one of these cases. Everybody else reads the ministry's
tables, which pass disclosure control.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Final

from services.notify.cases.models import SEOUL
from shared.events.vocabulary import EndReason, HarmType

MONTHS: Final = 12
"""How far back the page goes, the running month included."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What of a case is counted."""

    received_at: datetime
    harm_types: tuple[HarmType, ...]
    acknowledged_at: datetime | None
    contacted_at: datetime | None
    ended: EndReason | None


@dataclass(slots=True)
class Month:
    """Reports received in a month of Korea's calendar that the centre owns now."""

    name: str
    """``2026-11``."""
    reports: int = 0
    answered: int = 0
    reached: int = 0
    closed: int = 0
    withdrawn: int = 0
    harms: Counter[HarmType] = field(default_factory=Counter)
    """A report counts once in each of its kinds."""
    waits: list[float] = field(default_factory=list)
    """Seconds from the report to this centre's answer, of those that were answered."""

    @property
    def half_answered_within(self) -> float | None:
        """The middle of those times, in seconds; None where nobody has answered any."""
        return median(self.waits) if self.waits else None


def first_month(now: datetime) -> datetime:
    """The first moment that counts."""
    local = now.astimezone(SEOUL)
    months = local.year * 12 + local.month - MONTHS
    return local.replace(year=months // 12, month=months % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


def by_month(cases: Iterable[Counted], now: datetime) -> list[Month]:
    """Every month of the span, the running one first; one without reports is there with zeros."""
    begin = first_month(now)
    names = [
        f"{(begin.year * 12 + begin.month - 1 + n) // 12}-{(begin.month - 1 + n) % 12 + 1:02}" for n in range(MONTHS)
    ]
    found = {name: Month(name) for name in reversed(names)}
    for case in cases:
        month = found.get(f"{case.received_at.astimezone(SEOUL):%Y-%m}")
        if month is not None:
            _count(month, case)
    return list(found.values())


def _count(month: Month, case: Counted) -> None:
    month.reports += 1
    month.harms.update(case.harm_types)
    month.reached += case.contacted_at is not None
    month.closed += case.ended is EndReason.CLOSED
    month.withdrawn += case.ended is EndReason.WITHDRAWN
    if case.acknowledged_at is not None:
        month.answered += 1
        month.waits.append(max(0.0, (case.acknowledged_at - case.received_at).total_seconds()))


def kinds(months: Iterable[Month]) -> list[tuple[HarmType, int]]:
    """Reports of all months by kind of harm, the most frequent first; kinds without any are left out."""
    total: Counter[HarmType] = Counter()
    for month in months:
        total.update(month.harms)
    return sorted(total.items(), key=lambda one: (-one[1], one[0]))
