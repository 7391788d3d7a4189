"""Weekly figures before the first month: what they tell, together with the month, of anything that is hidden."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from services.analytics.releases import weekly
from services.analytics.releases.audit import prove
from services.analytics.releases.calendar import Period, closes_at
from services.analytics.releases.intruder_model import system
from services.analytics.releases.published import build
from services.analytics.releases.release import Release, of_month, period_of
from services.analytics.releases.suppression import MonthCounts, Shown
from services.analytics.releases.tables import BY_CENTER, BY_WEEK, TABLE_SPECS, WITHHELD
from shared.centers import CENTER_IDS
from tests.unit.analytics.releases.test_service import ALIKE, Office
from tests.unit.analytics.worlds import AS_OF

MONTH = "2027-02"
"""Its first day is a Monday and its last a Sunday: three weeks may be released before it."""
STARTS = ("2027-02-01", "2027-02-08", "2027-02-11", "2027-02-15", "2027-02-18", "2027-02-22", "2027-02-25")
"""The first week, and of each later one its first three days and the rest of it."""
UNITS = {"2027-W05": (0,), "2027-W06": (1, 2), "2027-W07": (3, 4), "2027-W08": (5, 6)}
SCALED_SMALL, SCALED_LEAST, MOST = 2, 3, 14


def days_of(world: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(STARTS, world, strict=False))


def told_by(days: Mapping[str, int], month: str, total: int | None = None) -> tuple[list[Release], Shown]:
    """The weekly releases of a month, and its table of weeks."""
    found: list[Release] = []
    for week in weekly.weeks_of(month):
        found.append(weekly.of_week(week, days, weekly.told_of(month, found), AS_OF))
    told = weekly.told_of(month, found)
    return found, weekly.table_of_month(month, sum(days.values()) if total is None else total, told) if told else {}


def worlds(length: int, most: int) -> Iterator[tuple[int, ...]]:
    """All counts that add up to no more than so many."""
    if not length:
        yield ()
        return
    for n in range(most + 1):
        yield from ((n, *rest) for rest in worlds(length - 1, most - n))


def hidden_parts(world: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Every part of the month that no figure stands for: days, weeks, and weeks beside each other."""
    for name, units in UNITS.items():
        yield name, sum(world[unit] for unit in units)
        yield from ((f"{name}:{unit}", world[unit]) for unit in units if len(units) > 1)
    yield "W07+W08", sum(world[3:])
    yield "W06+W07", sum(world[1:5])
    yield "W05+W06", sum(world[:3])


def _week(week: str, counted: tuple[int, ...], before: list[Release]) -> Release:
    key = week, counted, tuple(each.step for each in before)
    if key not in _MADE:
        _MADE[key] = weekly.of_week(week, days_of(counted), weekly.told_of(MONTH, before), AS_OF)
    return _MADE[key]


_MADE: dict[object, Release] = {}


def test_no_part_of_the_month_is_narrowed_by_weeks_and_month_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every world of a month there is, at thresholds scaled down: who knows the rules finds each hidden part open."""
    monkeypatch.setattr(weekly, "SMALL", SCALED_SMALL)
    monkeypatch.setattr(weekly, "LEAST", SCALED_LEAST)
    possible: dict[object, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    several = 0
    for world in worlds(7, MOST):
        weeks: list[Release] = []
        for week, counted in (("2027-W05", 2), ("2027-W06", 4), ("2027-W07", 6)):
            weeks.append(_week(week, world[:counted], weeks))
        told = weekly.told_of(MONTH, weeks)
        month = weekly.table_of_month(MONTH, sum(world), told) if told else {}
        if not told or (not month and sum(s["total"] for s in told) + SCALED_LEAST + SCALED_SMALL > MOST):
            continue  # split as every month; or worlds with more reports would look the same
        observed = tuple(sorted(month.items())) or tuple(key for shown in told for key in shown.items())
        several += len(told) > 1
        for part, n in hidden_parts(world):
            possible[observed][part].add(n)
    assert len(possible) > 70
    assert several > 100
    for seen, parts in possible.items():
        for part, values in parts.items():
            large = min(values) >= SCALED_SMALL
            assert large or (0 in values and max(values) >= SCALED_SMALL), (seen, part, sorted(values))


def a_month(name: str, by_day: int) -> MonthCounts:
    period = period_of(name)
    days = {
        (period.first + timedelta(days=n)).isoformat(): by_day for n in range((period.last - period.first).days + 1)
    }
    total = sum(days.values())
    centers = {**dict.fromkeys(CENTER_IDS, 0), "busan": total}
    return MonthCounts(
        name, days, centers, {c: {"other": n} for c, n in centers.items()}, {"longer": total}, {"in_care": total}
    )


def test_a_week_is_told_alone_or_with_those_before_it_and_the_month_keeps_it() -> None:
    days = {
        "2026-11-01": 4,
        "2026-11-04": 12,
        "2026-11-13": 30,
        "2026-11-16": 11,
        "2026-11-20": 9,
        "2026-11-24": 10,
        "2026-11-30": 12,
    }
    found, month = told_by(days, "2026-11")
    assert [each.period for each in found] == ["2026-W44", "2026-W45", "2026-W46", "2026-W47", "2026-W48"]
    assert found[0].step == found[1].step == WITHHELD  # four reports; nothing in the three days after the second
    assert found[2].tables == {BY_WEEK: {"total": 46, "2026-W44+2026-W45+2026-W46": 46}}
    assert found[3].tables == {BY_WEEK: {"total": 20, "2026-W47": 20}}
    assert found[4].step == WITHHELD  # ten, of which everybody knows that they came in its first three days
    assert month == {"total": 88, "2026-W44+2026-W45+2026-W46": 46, "2026-W47": 20, "2026-W48+2026-W49": 22}
    counts = MonthCounts("2026-11", days, {"busan": 88}, {}, {}, {})
    release = of_month(counts, AS_OF, "full", month)
    table = build(TABLE_SPECS[BY_WEEK], period_of("2026-11"), [release])
    assert {row.key: row.figures[0].low for row in table.rows if not row.figures[0].hidden} == dict(month)
    assert {row.key for row in table.rows if row.figures[0].hidden} == {
        *("2026-W44", "2026-W45", "2026-W46", "2026-W48", "2026-W49")
    }
    own = build(TABLE_SPECS[BY_WEEK], period_of("2026-W46"), found)
    assert [(row.key, row.figures[0].low, table.level(row)) for row in own.rows][-2:] == [
        ("2026-W44+2026-W45+2026-W46", 46, "group"),
        ("total", 46, "total"),
    ]
    assert own.coverage == (0, 0)
    assert not own.partial


def test_what_is_counted_late_differs_from_nothing() -> None:
    """The second figure takes in what the first missed; the rest of the month does so too."""
    days = dict.fromkeys(week_days("2026-11"), 5)
    first = weekly.of_week("2026-W45", days, [], AS_OF)
    assert first.tables[BY_WEEK]["total"] == 8 * 5
    days["2026-11-03"] += 2
    second = weekly.of_week("2026-W46", days, [first.tables[BY_WEEK]], AS_OF)
    assert second.tables[BY_WEEK] == {"total": 37, "2026-W46": 37}


def week_days(month: str) -> list[str]:
    return [*a_month(month, 1).days]


@pytest.mark.parametrize(("last_days", "proven"), [(0, False), (2, False), (40, True)])
def test_the_audit_knows_of_the_weeks(last_days: int, *, proven: bool) -> None:
    """Known: the week after the last figure has ten or more. With twelve left, what came then would be 0 to 2."""
    days = {"2026-11-03": 40, "2026-11-10": 12, "2026-11-25": last_days}
    found, month = told_by(days, "2026-11")
    assert weekly.told_of("2026-11", found)[0] == {"total": 40, "2026-W44+2026-W45": 40}
    assert (month != {}) == proven
    rest = "2026-W46+2026-W47+2026-W48+2026-W49"
    given = {"total": 52 + last_days, "2026-W44+2026-W45": 40, rest: 12 + last_days}
    release = Release("2026-11", AS_OF, "full", {BY_CENTER: {"total": 52 + last_days}, BY_WEEK: given}, ("2026-11",))
    verdict = prove(system([*found, release]), 60, of=["2026-11"]).verdict
    assert (verdict == "open") == proven


async def test_until_the_first_month_weeks_are_released_in_order_and_afterwards_none() -> None:
    office = Weekly()
    await office.at(datetime(2026, 8, 19, 14, 59, tzinfo=UTC))
    assert await office.released() == ["2026-W31", "2026-W32"]
    coming = ["2026-W33", "2026-W34", "2026-W35", "2026-08"]
    assert [each.period.name for each in office.publications.calendar()][:4] == coming
    assert await office.publications.periods("month") == []
    await office.at(datetime(2026, 8, 19, 15, 0, tzinfo=UTC))
    assert (await office.released())[2:] == ["2026-W33"]
    for period in coming[1:]:
        await office.at(closes_at(period))
        await office.released()
    assert [each.period for each in office.store.released][3:] == coming[1:]
    assert office.store.released[-2].step == WITHHELD  # three reports in the days after it
    assert office.store.released[-1].tables[BY_WEEK] == {
        "total": 30 * Weekly.A_DAY + 3,
        "2026-W31": 2 * Weekly.A_DAY,
        **dict.fromkeys(("2026-W32", "2026-W33", "2026-W34"), 7 * Weekly.A_DAY),
        "2026-W35+2026-W36": 7 * Weekly.A_DAY + 3,
    }
    await office.at(closes_at("2026-W37"))
    assert len(await office.released()) == 6
    assert office.publications.calendar()[0].period.name == "2026-09"


async def test_a_month_of_which_no_week_was_released_splits_as_every_month() -> None:
    office = Weekly()
    await office.at(closes_at("2026-08"))
    assert await office.released() == ["2026-08"]
    assert office.store.released[0].tables[BY_WEEK] == {"total": 30 * Weekly.A_DAY + 3}


class Weekly(Office):
    """August: five reports a day at each centre, and three in all on its last day, a Monday."""

    A_DAY = 5 * len(CENTER_IDS)

    def __init__(self) -> None:
        super().__init__()
        self.store.reports = 5
        self.store.cells = self._cells  # type: ignore[method-assign]  # the store is not asked
        self.store.first_day = self._first_day  # type: ignore[method-assign]  # the store is not asked
        self.store.counts = self._counts  # type: ignore[method-assign]  # the store is not asked
        self.store.seen_within_target = self._seen  # type: ignore[method-assign]  # the store is not asked

    async def released(self) -> list[str]:
        await self.publications.release_due()
        return [entry.period for entry in self.store.released]

    async def _first_day(self) -> date:
        return date(2026, 8, 1)

    async def _counts(self, period: Period, dimensions: tuple[str, ...]) -> dict[tuple[str, ...], int]:
        assert period.name == "2026-08"
        centers = {c: 30 * 5 + 3 * (c == "busan") for c in CENTER_IDS}
        if "center" in dimensions:
            return {(c, c): n for c, n in centers.items()}
        return {ALIKE[dimensions]: sum(centers.values())}

    async def _seen(self, period: Period) -> dict[str, tuple[int, int]]:
        del period
        return dict.fromkeys(CENTER_IDS, (140, 150))

    async def _cells(self, first: str, last: str) -> dict[str, Counter[str]]:
        day, end = date.fromisoformat(first), date.fromisoformat(min(last, f"{period_of(first[:7]).last}"))
        found = {}
        while day <= end:
            own = {"busan": 3} if day == date(2026, 8, 31) else dict.fromkeys(CENTER_IDS, 5)
            cells = {f"reports|{c}|{h}": n for c, n in own.items() for h in ("all", "other", "synthesis")}
            found[day.isoformat()] = Counter({**cells, "ack|0": sum(own.values())})
            day += timedelta(days=1)
        return found


def test_a_week_across_new_year_belongs_to_the_month_it_ends_in() -> None:
    assert weekly.weeks_of("2027-01")[0] == "2026-W53"
    assert weekly.month_of("2026-W53") == "2027-01"
    days = dict.fromkeys(week_days("2027-01"), 9)
    found, month = told_by(days, "2027-01")
    assert found[0].year == 2027
    assert found[0].tables == {BY_WEEK: {"total": 27, "2026-W53": 27}}
    assert sum(n for key, n in month.items() if key != "total") == month["total"] == 31 * 9
    assert "2026-W53" not in weekly.weeks_of("2026-12")


def test_an_erratum_keeps_the_weeks_together_that_were_told_together() -> None:
    told: list[Shown] = [{"total": 40, "2026-W44+2026-W45": 40}, {"total": 35, "2026-W46": 35}]
    again = weekly.counted_again(told, dict.fromkeys(week_days("2026-11"), 6))
    assert again == [{"total": 48, "2026-W44+2026-W45": 48}, {"total": 42, "2026-W46": 42}]
