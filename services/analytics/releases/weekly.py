"""Weekly figures until the first month is released: how many reports came in, nationwide. Pure.

A month's total is published later, so no week may tell by subtraction what is left of the month, nor what is left of
the week after it. A week is released three days after its end, and only if it has `LEAST` reports and the days since
then have `LEAST` too. So of the next figure everybody knows that its first days have `LEAST`: it needs `SMALL` more. A
week that has fewer is told together with the next one. Each figure is what was counted since the one before, so that
what is counted late differs from nothing.

The month then keeps these figures and says all that is left of it as one number: to split anew by the counts of its
weeks would tell, of weeks that are known to be large, that another one is small. If next to nothing followed the last
figure, what followed would be known from the total, and the month is not released.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from services.analytics.releases.calendar import SETTLE, Period
from services.analytics.releases.hierarchies import TOTAL, joined_key, members, week_of, weeks
from services.analytics.releases.release import Release, period_of
from services.analytics.releases.suppression import LEAST, SMALL, Shown
from services.analytics.releases.tables import BY_WEEK, WITHHELD

Days = Mapping[str, int]
"""Reports by day, as ``2026-11-24``."""
_DAY: Final = timedelta(days=1)


def weeks_of(month: str) -> tuple[str, ...]:
    """The weeks that may be released before a month: those that end in it, and not with it."""
    period = period_of(month)
    return tuple(name for name in _all_weeks(period) if period_of(name).last < period.last)


def month_of(week: str) -> str:
    """The month a week is released in: the one it ends in."""
    return f"{period_of(week).last:%Y-%m}"


def days_needed(week: str) -> tuple[str, str]:
    """From the first day of its month to the last day that must have been counted before a week leaves."""
    month, last = period_of(month_of(week)), period_of(week).last + SETTLE
    return month.first.isoformat(), min(last, month.last).isoformat()


def of_week(week: str, days: Days, told: Sequence[Shown], as_of: str) -> Release:
    """Release a week, with those before it that were not told. ``told``: what was released of its month before."""
    first, until = days_needed(week)
    last = period_of(week).last
    here = _between(days, first, last.isoformat()) - _sum(told)
    since = _between(days, (last + _DAY).isoformat(), until)
    if here < (LEAST + SMALL if told else LEAST) or since < LEAST:
        return Release(week, as_of, WITHHELD)
    left = [name for name in _left(month_of(week), told) if name <= week]
    return Release(week, as_of, "full", {BY_WEEK: {TOTAL: here, joined_key(left): here}})


def table_of_month(month: str, total: int, told: Sequence[Shown]) -> Shown:
    """The month's table of weeks: what was released of it, and the rest. Empty where the total would tell of a few."""
    rest, left, last = total - _sum(told), _left(month, told), period_of(month).last
    ends = period_of(left[0]).first - _DAY
    if rest < (LEAST + SMALL + 1 if last > ends + SETTLE else LEAST):
        return {}  # below it, too, what followed the first days may be `SMALL`: that a month is missing tells nothing
    parts = {key: n for shown in told for key, n in shown.items() if key != TOTAL}
    return {TOTAL: total, **parts, joined_key(left): rest}


def keys_of_month(month: str, told: Sequence[Shown]) -> list[str]:
    """The keys of that table, in the order of the weeks."""
    return [*(key for shown in told for key in shown if key != TOTAL), joined_key(_left(month, told))]


def told_of(month: str, releases: Sequence[Release]) -> list[Shown]:
    """What the weekly releases of a month say, oldest first."""
    names = weeks_of(month)
    return [release.tables[BY_WEEK] for release in releases if release.period in names and release.tables]


def counted_again(told: Sequence[Shown], days: Days) -> list[Shown]:
    """The same weeks with corrected counts, for an erratum of their month."""
    by_week: dict[str, int] = {}
    for day, n in days.items():
        by_week[week_of(day)] = by_week.get(week_of(day), 0) + n
    parts = [
        {key: sum(by_week.get(week, 0) for week in members(key)) for key in shown if key != TOTAL} for shown in told
    ]
    return [{TOTAL: sum(part.values()), **part} for part in parts]


def _between(days: Days, first: str, last: str) -> int:
    return sum(n for day, n in days.items() if first <= day <= last)


def _sum(told: Sequence[Shown]) -> int:
    return sum(shown[TOTAL] for shown in told)


def _all_weeks(month: Period) -> tuple[str, ...]:
    return weeks(month.first, month.last).leaves()


def _left(month: str, told: Sequence[Shown]) -> list[str]:
    """The month's weeks that no figure stands for yet."""
    known = {week for shown in told for key in shown if key != TOTAL for week in members(key)}
    return [week for week in _all_weeks(period_of(month)) if week not in known]
