"""What the reading side answers, beside what the cells of a recount add up to."""

from collections import Counter
from datetime import timedelta

import pytest

from services.analytics.counting.aggregate import Histogram
from services.analytics.counting.reader import CountReader
from services.analytics.releases.calendar import Period, parse
from tests.integration.analytics.recount import Recounted
from tests.unit.analytics import events as make
from tests.unit.analytics.histories import DAYS

BUCKET_BOUNDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800]
BUCKET_BOUNDS += [259200, 604800, 1209600, 2592000, 5184000, 7776000, 15552000, 31536000, 10**12]


async def answers_are(reader: CountReader, again: Recounted) -> None:
    """What the reading side says of periods is what the recount's cells add up to."""
    year = period("2026")
    assert await reader.counts(year, ("harm", "center")) == summed_up(again, "2026", "center+harm", (1, 0), "all")
    assert await reader.counts(year, ("gender",)) == summed_up(again, "2026", "age_band+gender", (1,))
    assert await reader.counts(year, ("support",)) == summed_up(again, "2026", "support", (0,))
    quarter: Counter[tuple[str, ...]] = Counter()
    for month in ("2026-10", "2026-11", "2026-12"):
        quarter.update(summed_up(again, month, "home+center", (0, 1)))
    assert await reader.counts(period("2026-Q4"), ("home", "center")) == quarter
    week = {
        (day,): n
        for (day, cell), n in again.days.items()
        if "2026-10-05" <= day <= "2026-10-11" and cell == "stage|counted"
    }
    assert week
    assert await reader.counts(period("2026-W41"), ("day",)) == week
    assert await reader.counts(period("2026-W41"), ()) == {(): sum(week.values())}
    for measure in ("waiting", "closing"):
        buckets: Counter[int] = Counter()
        for cell, n in months_of(again, "2026").items():
            if cell.startswith(f"time|{measure}|"):
                buckets[int(cell.rpartition("|")[2])] += n
        assert await reader.times(year, measure) == Histogram.of(buckets) != Histogram()
    targets = {"critical": 3600, "high": 86400, "normal": 259200}
    within: Counter[str] = Counter()
    for cell, n in months_of(again, "2026").items():
        kind, *values = cell.split("|")
        if kind == "time" and values[0] == "waiting" and BUCKET_BOUNDS[int(values[3])] <= targets[values[2]]:
            within[values[1]] += n
    reports = summed_up(again, "2026", "center+harm", (0, 1))
    assert await reader.seen_within_target(year) == {
        center: (within[center], n) for (center, harm), n in reports.items() if harm == "all"
    }
    figures, reasons = await reader.figures(year), await reader.reasons(year)
    assert figures["transfers"] == reasons["later", "transfer_accepted"] > 0
    now = make.START - timedelta(days=DAYS)
    on_duty = await reader.hours_on_duty(year, now)
    assert on_duty == {
        cell.removeprefix("staff|"): n / 3_600_000
        for cell, n in months_of(again, "2026").items()
        if cell.startswith("staff|")
    }
    async with reader.snapshot() as view:
        assert await view.offsets() == await reader.offsets()
        assert await view.counts(year, ()) == await reader.counts(year, ())
    with pytest.raises(ValueError, match="counted are"):
        await reader.counts(year, ("center", "gender"))
    with pytest.raises(ValueError, match="kept by month"):
        await reader.times(period("2026-W41"), "waiting")


def months_of(again: Recounted, start: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for (month, cell), n in again.months.items():
        if month.startswith(start):
            found[cell] += n
    return found


def summed_up(
    again: Recounted, start: str, cube: str, places: tuple[int, ...], left_out: str = ""
) -> dict[tuple[str, ...], int]:
    """The cells of one cube in the months that start so, by the values at these places."""
    found: Counter[tuple[str, ...]] = Counter()
    for cell, n in months_of(again, start).items():
        name, *values = cell.split("|")
        if name == cube and values[-1] != left_out:
            found[tuple(values[place] for place in places)] += n
    return dict(found)


def period(name: str) -> Period:
    found = parse(name)
    assert found is not None
    return found
