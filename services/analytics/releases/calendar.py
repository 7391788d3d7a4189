"""Fixed calendar periods: months, quarters, years and ISO weeks, in Seoul's calendar.

Free date ranges do not exist, because two overlapping ranges give away what lies between them.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

from shared.clock import SEOUL, seoul_date

Kind = Literal["month", "quarter", "year", "week"]

SETTLE: Final = timedelta(days=3)
"""After a month's end, before it closes: acknowledgements and corrections of its last days still come in."""

_FORMS: Final[dict[Kind, re.Pattern[str]]] = {
    "month": re.compile(r"(20\d\d)-(0[1-9]|1[0-2])"),
    "quarter": re.compile(r"(20\d\d)-Q([1-4])"),
    "year": re.compile(r"(20\d\d)"),
    "week": re.compile(r"(20\d\d)-W(0[1-9]|[1-4]\d|5[0-3])"),
}

_KEPT: Final = 2048
"""Periods held ready: twenty years of every kind, under a megabyte."""
_MONTHS: Final[dict[Kind, int]] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of whole days. ``months`` are the months whose publications it is made of."""

    name: str
    kind: Kind
    first: date
    last: date

    @property
    def months(self) -> tuple[str, ...]:
        """The months it touches, as ``YYYY-MM``."""
        start, end = 12 * self.first.year + self.first.month - 1, 12 * self.last.year + self.last.month - 1
        return tuple(f"{month // 12}-{month % 12 + 1:02d}" for month in range(start, end + 1))

    @property
    def whole_months(self) -> bool:
        """Whether it begins and ends with a month."""
        return self.kind != "week"


@lru_cache(maxsize=_KEPT)
def parse(text: str) -> Period | None:
    """The period a text names, or None where it names none."""
    for kind, form in _FORMS.items():
        if (match := form.fullmatch(text)) is not None:
            return _make(text, kind, int(match[1]), int(match[2]) if kind != "year" else 1)
    return None


def _make(text: str, kind: Kind, year: int, number: int) -> Period | None:
    if kind == "week":
        try:
            first = date.fromisocalendar(year, number, 1)
        except ValueError:  # a year of 52 weeks has no week 53
            return None
        return Period(text, kind, first, first + timedelta(days=6))
    length = _MONTHS[kind]
    first_month, last_month = length * (number - 1) + 1, length * number
    return Period(text, kind, date(year, first_month, 1), date(year, last_month, monthrange(year, last_month)[1]))


def running(now: datetime, kind: Kind) -> Period:
    """The period of this kind that ``now`` lies in."""
    day = seoul_date(now)
    if kind == "week":
        year, week, _ = day.isocalendar()
        return period_of(f"{year}-W{week:02d}")
    names = {"month": f"{day:%Y-%m}", "quarter": f"{day.year}-Q{(day.month + 2) // 3}", "year": f"{day.year}"}
    return period_of(names[kind])


def period_of(name: str) -> Period:
    """A period known to exist by its name."""
    found = parse(name)
    if found is None:
        raise ValueError(f"not a period: {name}")
    return found


def closes_at(month: str) -> datetime:
    """The moment from which a month, or a week, may be closed: its end in Seoul, and the time to settle."""
    last = period_of(month).last
    return datetime(last.year, last.month, last.day, tzinfo=SEOUL) + timedelta(days=1) + SETTLE


def after(month: str) -> str:
    """The month after a month."""
    return f"{period_of(month).last + timedelta(days=1):%Y-%m}"


def quarter_of(month: str) -> str:
    """The quarter a month is in."""
    year, number = month.split("-")
    return f"{year}-Q{(int(number) + 2) // 3}"


def ending_with(month: str) -> list[str]:
    """The longer periods whose last month it is, the quarter before the year."""
    longer = quarter_of(month), month[:4]
    return [name for name in longer if period_of(name).last == period_of(month).last]


def days_of_month(month: str, now: datetime) -> list[str]:
    """The days of a month that have begun, as ``YYYY-MM-DD``."""
    period = period_of(month)
    until = min(period.last, seoul_date(now))
    return [(period.first + timedelta(days=n)).isoformat() for n in range((until - period.first).days + 1)]


@dataclass(frozen=True, slots=True)
class Coming:
    """A release that is announced. ``not_before``: it waits until everything of its months is counted."""

    period: Period
    not_before: datetime


def calendar(month: str, number: int) -> list[Coming]:
    """Return what is released with so many months from ``month`` on, in order; quarters with their last month."""
    found: list[Coming] = []
    for _ in range(number):
        found += [Coming(period_of(name), closes_at(month)) for name in (month, *ending_with(month))]
        month = after(month)
    return found
