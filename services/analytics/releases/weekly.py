"""Weekly figures until a first month is released: how many reports came in, nationwide. Pure.

The month's total is published later, so together they tell what is left of the month without the weeks that were told.
Of that rest nothing may follow but its sum:

- Only whole weeks of the month are told, and neither its first week nor its last two, whole or cut. So the rest always
  has a part before and two after the weeks that this rule may be silent of. Each part may be 0, for another holds all.
- A week is told from `LEAST_OF_WEEK` on. Silence says that it has 0 to 19: it may be 0, and may be 5 or more.
- A month whose rest is below 10 is not released (``release.of_month``), as no total below 10 is.
- The month keeps what was told and never counts such a week again: what was counted late stands in the rest. It shows
  no week with 20 and more either that it was silent of: how many came late would follow from the two.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from services.analytics.releases.calendar import Coming, closes_at, period_of
from services.analytics.releases.hierarchies import TOTAL, weeks
from services.analytics.releases.release import Release
from services.analytics.releases.suppression import LEAST_OF_WEEK
from services.analytics.releases.tables import FIRST_WEEKS, WITHHELD

_WHOLE: Final = timedelta(days=6)


def weeks_of(month: str) -> tuple[str, ...]:
    """The weeks that may be told before a month."""
    period = period_of(month)
    inner = weeks(period.first, period.last).leaves()[1:-2]
    return tuple(week for week in inner if period_of(week).last - period_of(week).first == _WHOLE)


def of_week(week: str, reports: int, as_of: str) -> Release:
    """A week's release; empty where it has too few reports."""
    if reports < LEAST_OF_WEEK:
        return Release(week, as_of, WITHHELD)
    return Release(week, as_of, "full", {FIRST_WEEKS: {TOTAL: reports, week: reports}})


def before(month: str, releases: Iterable[Release]) -> dict[str, int | None]:
    """What a month's weeks were told to have before it; None of one that had too few reports to be told."""
    names = weeks_of(month)
    return {
        each.period: each.tables[FIRST_WEEKS][TOTAL] if each.tables else None
        for each in releases
        if each.period in names
    }


def coming(month: str, releases: Iterable[Release]) -> list[Coming]:
    """A month's weeks that are still to be told; none once any month was released."""
    done = {each.period for each in releases}
    if any(each.kind == "month" and each.months for each in releases):
        return []
    return [Coming(period_of(week), closes_at(week)) for week in weeks_of(month) if week not in done]
