"""Weeks told before any month: what they tell, together with the month, of anything that is hidden."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.analytics.counting.models import CountedReport
from services.analytics.releases import release as rules
from services.analytics.releases import suppression, weekly
from services.analytics.releases.audit import prove
from services.analytics.releases.calendar import Period, closes_at, period_of
from services.analytics.releases.errata import revised
from services.analytics.releases.hierarchies import TOTAL, whole
from services.analytics.releases.intruder_model import system
from services.analytics.releases.published import build
from services.analytics.releases.release import Release, beside, of_month, told_weeks
from services.analytics.releases.suppression import MonthCounts, Shown, split
from services.analytics.releases.tables import BY_CENTER, BY_WEEK, FIRST_WEEKS, TABLE_SPECS, WITHHELD
from shared.centers import CENTER_IDS
from shared.errors import PermanentError
from tests.unit.analytics.releases.test_service import ALIKE, Office
from tests.unit.analytics.worlds import AS_OF, weeks_before

PARTS = ("first", "second", "third", "fourth", "fifth")
"""Of a month: the second and the third may be told before it."""
SMALL, LEAST, LEAST_OF_WEEK, MOST = 2, 3, 5, 17
Publication = tuple[tuple[str, int], ...]


def worlds(length: int, most: int) -> Iterator[tuple[int, ...]]:
    """All counts that add up to no more than so many."""
    if not length:
        yield ()
        return
    for n in range(most + 1):
        yield from ((n, *rest) for rest in worlds(length - 1, most - n))


def hidden_runs(counts: Mapping[str, int], shown: Shown) -> Iterator[tuple[tuple[str, ...], int]]:
    """What is hidden between any two days, added up: weeks beside each other, without those that are shown."""
    for start in range(len(PARTS)):
        for end in range(start + 1, len(PARTS) + 1):
            run = tuple(part for part in PARTS[start:end] if part not in shown)
            if run:
                yield run, sum(counts[part] for part in run)


def test_no_part_of_a_month_is_narrowed_by_weeks_and_month_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every world of a month there is, at thresholds scaled down: who knows the rules finds each hidden part open."""
    monkeypatch.setattr(suppression, "SMALL", SMALL)
    monkeypatch.setattr(suppression, "LEAST", LEAST)
    monkeypatch.setattr(rules, "LEAST", LEAST)
    monkeypatch.setattr(rules, "LEAST_OF_WEEK", LEAST_OF_WEEK)
    possible: dict[tuple[Publication, Publication], dict[tuple[str, ...], set[int]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for world in worlds(len(PARTS), MOST):
        counts = dict(zip(PARTS, world, strict=True))
        before = {part: counts[part] if counts[part] >= LEAST_OF_WEEK else None for part in PARTS[1:3]}
        told = {part: n for part, n in before.items() if n is not None}
        shown = split(whole(*PARTS), counts)
        month = beside(before, shown)
        if not month and sum(told.values()) + LEAST > MOST:
            continue  # not all worlds of this publication are among these
        for run, n in hidden_runs(counts, {**month, **told}):
            possible[tuple(told.items()), tuple(month.items())][run].add(n)
    kinds = {(len(weeks), len(rest)) for weeks, rest in possible}
    assert {(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 3)} <= kinds
    assert len(possible) > 150
    for seen, runs in possible.items():
        for parts, values in runs.items():
            large = min(values) >= SMALL
            assert large or (0 in values and max(values) >= SMALL), (seen, parts, sorted(values))


def test_whole_weeks_are_told_but_for_the_first_of_a_month_and_its_last_two() -> None:
    assert weekly.weeks_of("2026-11") == ("2026-W45", "2026-W46", "2026-W47")  # Sunday the 1st to Monday the 30th
    assert weekly.weeks_of("2027-02") == ("2027-W06",)  # of four whole ones
    for number in range(12 * 20):
        month = f"{2026 + number // 12}-{number % 12 + 1:02d}"
        period = period_of(month)
        for week in map(period_of, weekly.weeks_of(month)):
            assert period.first < week.first
            assert week.last + timedelta(days=7) < period.last
            assert week.name[:4] == month[:4], "its releases are proven with those of its month's year"


def of_days(name: str, days: Mapping[str, int]) -> MonthCounts:
    total = sum(days.values())
    centers = {**dict.fromkeys(CENTER_IDS, 0), "busan": total}
    return MonthCounts(
        name, days, centers, {c: {"other": n} for c, n in centers.items()}, {"longer": total}, {"in_care": total}
    )


def november(**by_day: int) -> MonthCounts:
    """A month with so many reports on its days; the keyword is the day, as ``on_3``."""
    return of_days("2026-11", {f"2026-11-{int(day[3:]):02d}": n for day, n in by_day.items()})


def released(counts: MonthCounts, weeks: Sequence[Release]) -> Release:
    return of_month(counts, AS_OF, "full", weekly.before(counts.month, weeks))


def test_a_week_is_told_from_twenty_on_and_the_month_keeps_it() -> None:
    counts = november(on_1=4, on_4=20, on_12=19, on_17=40, on_24=30, on_30=12)
    weeks = weeks_before(counts)
    assert [each.tables for each in weeks] == [
        {FIRST_WEEKS: {TOTAL: 20, "2026-W45": 20}},
        {},
        {FIRST_WEEKS: {TOTAL: 40, "2026-W47": 40}},
    ]
    month = released(counts, weeks)
    assert month.tables[BY_WEEK] == {TOTAL: 125, "2026-W45": 20, "2026-W47": 40}
    table = build(TABLE_SPECS[BY_WEEK], period_of("2026-11"), [month])
    assert [row.figures[0].low for row in table.rows] == [None, 20, None, 40, None, None, 125]
    own = build(TABLE_SPECS[FIRST_WEEKS], period_of("2026-W45"), [weeks[0]])
    assert [(row.key, row.figures[0].low) for row in own.rows] == [("2026-W45", 20), (TOTAL, 20)]
    assert (own.coverage, own.partial) == ((0, 0), False)


def test_a_month_of_large_weeks_shows_them_all() -> None:
    counts = november(on_1=5, on_4=20, on_12=19, on_17=40, on_24=30, on_30=12)
    assert len(released(counts, weeks_before(counts)).tables[BY_WEEK]) == 1 + 6


def test_what_is_counted_late_stands_in_the_rest_and_differs_from_nothing() -> None:
    counts = november(on_1=5, on_4=20, on_12=19, on_17=40, on_24=30, on_30=12)
    weeks = weeks_before(counts)
    late = replace(counts, days={**counts.days, "2026-11-05": 2}, centers={**counts.centers, "busan": 128})
    assert released(late, weeks).tables[BY_WEEK] == {TOTAL: 128, "2026-W45": 20, "2026-W47": 40}


def test_a_week_that_had_too_few_is_not_shown_with_enough_beside_one_that_was_told() -> None:
    """Nor is the month held up by it: the proof knows that such a week has fewer."""
    counts = november(on_1=5, on_4=20, on_12=19, on_17=40, on_24=30, on_30=12)
    weeks = weeks_before(counts)
    late = replace(counts, days={**counts.days, "2026-11-12": 21}, centers={**counts.centers, "busan": 128})
    month = released(late, weeks)
    assert month.tables[BY_WEEK] == {TOTAL: 128, "2026-W45": 20, "2026-W47": 40}
    assert prove(system([*weeks, month]), 60, of=["2026-11"]).verdict == "open"


def test_a_month_of_which_hardly_anything_is_left_is_not_released() -> None:
    """Its reports turned out to be a drill's, after their week was told."""
    counts = november(on_4=20)
    drill = replace(counts, days={"2026-11-04": 3}, centers={"busan": 3})
    assert released(drill, weeks_before(counts)).step == WITHHELD


@pytest.mark.parametrize(("rest", "leaves"), [(0, False), (9, False), (10, True)])
def test_a_month_of_which_too_few_are_left_is_not_released(rest: int, *, leaves: bool) -> None:
    counts = november(on_4=40, on_25=rest)
    assert (released(counts, weeks_before(counts)).step != WITHHELD) == leaves


def test_the_audit_knows_of_the_weeks() -> None:
    """A month that says its total though three reports are left of it: found; and one that splits what is silent."""
    counts = november(on_4=40, on_25=3)
    weeks = weeks_before(counts)
    assert weekly.before("2026-11", weeks) == {"2026-W45": 40, "2026-W46": None, "2026-W47": None}
    shown: Shown = {TOTAL: 43, "2026-W45": 40}
    month = Release("2026-11", AS_OF, "full", {BY_CENTER: {TOTAL: 43}, BY_WEEK: shown}, ("2026-11",))
    proof = prove(system([*weeks, month]), 60, of=["2026-11"])
    assert proof.verdict == "narrow"
    assert {cell.rpartition("/")[2] for cell in proof.cells} >= {"2026-W44", "2026-W46", "2026-W48", "2026-W49"}
    fine = released(november(on_4=40, on_25=12), weeks)
    assert prove(system([*weeks, fine]), 60, of=["2026-11"]).verdict == "open"


def test_the_audit_knows_that_a_week_was_not_told_for_having_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were all weeks told but one that has at most 19: of 22 in it and another, three or more are the other's."""
    monkeypatch.setattr(weekly, "weeks_of", lambda _: tuple(f"2026-W{week}" for week in (44, 45, 46, 48, 49)))
    told = {f"2026-W{week}": 20 for week in (44, 45, 48, 49)}
    weeks = [weekly.of_week(week, told.get(week, 0), AS_OF) for week in weekly.weeks_of("2026-11")]
    shown: Shown = {TOTAL: 102, **told}
    month = Release("2026-11", AS_OF, "full", {BY_CENTER: {TOTAL: 102}, BY_WEEK: shown}, ("2026-11",))
    proof = prove(system([*weeks, month]), 60, of=["2026-11"])
    assert (proof.verdict, [cell.rpartition("/")[2] for cell in proof.cells]) == ("narrow", ["2026-W47"])


def test_an_erratum_hides_a_week_that_it_would_change_by_a_small_count() -> None:
    counts = november(on_1=5, on_4=20, on_12=19, on_17=40, on_24=30, on_30=12)
    weeks = weeks_before(counts)
    first = released(counts, weeks)
    again = replace(counts, days={**counts.days, "2026-11-04": 22, "2026-11-25": 8}, centers={"busan": 136})
    made = revised(of_month(again, AS_OF, "full"), [first], {"en": "Counted twice."})
    assert made.tables[BY_WEEK] == {TOTAL: 136}
    assert prove(system([*weeks, made], [first]), 60, of=["2026-11"]).verdict == "open"


def test_an_erratum_hides_weeks_whose_rest_it_would_change_by_a_small_count() -> None:
    """The month said 125, of which 20 and 40 were told before: it said that the rest is 65. Now it would be 66."""
    counts = november(on_1=4, on_4=20, on_12=19, on_17=40, on_24=30, on_30=12)
    first = released(counts, weeks_before(counts))
    assert first.tables[BY_WEEK] == {TOTAL: 125, "2026-W45": 20, "2026-W47": 40}
    again = replace(counts, days={**counts.days, "2026-11-01": 5, "2026-11-04": 25}, centers={"busan": 131})
    why = {"en": "Counted twice."}
    assert revised(of_month(again, AS_OF, "full"), [first], why).tables[BY_WEEK] == {TOTAL: 131}
    more = replace(counts, days={**counts.days, "2026-11-01": 9, "2026-11-04": 25}, centers={"busan": 135})
    assert len(revised(of_month(more, AS_OF, "full"), [first], why).tables[BY_WEEK]) == 1 + 6


class Weekly(Office):
    """August 2026, Saturday the 1st to Monday the 31st: so many reports a day at each centre."""

    def __init__(self, each: int = 5) -> None:
        super().__init__()
        self.store.reports = self.each = each
        self.few: dict[str, int] = {"2026-08-31": 3}
        """Days with another number of reports, all of them Busan's."""
        self.store.cells = self._cells  # type: ignore[method-assign]  # a store of its own days
        self.store.first_day = self._first_day  # type: ignore[method-assign]  # a store of its own days
        self.store.counts = self._counts  # type: ignore[method-assign]  # a store of its own days
        self.store.reasons = self._reasons  # type: ignore[method-assign]  # a store of its own days
        self.store.seen_within_target = self._seen  # type: ignore[method-assign]  # a store of its own days
        self.store.counted_reports = self._reports  # type: ignore[method-assign,assignment]  # a store of its own days

    async def _first_day(self) -> date:
        return date(2026, 8, 1)

    def _by_center(self, period: Period) -> dict[str, dict[str, int]]:
        length = (period.last - period.first).days + 1
        days = ((period.first + timedelta(days=n)).isoformat() for n in range(length))
        usual = dict.fromkeys(CENTER_IDS, self.each)
        return {each: {"busan": self.few[each]} if each in self.few else usual for each in days}

    async def _counts(self, period: Period, dimensions: tuple[str, ...]) -> dict[tuple[str, ...], int]:
        centers: Counter[str] = Counter()
        for own in self._by_center(period).values():
            centers.update(own)
        if "center" in dimensions:
            return {(c, c): n for c, n in centers.items()}
        return {ALIKE[dimensions]: centers.total()}

    async def _reasons(self, period: Period) -> dict[tuple[str, str], int]:
        return {("first", "home"): sum((await self._counts(period, ("urgency",))).values())}

    async def _seen(self, period: Period) -> dict[str, tuple[int, int]]:
        return {center: (n - 10, n) for (center, _), n in (await self._counts(period, ("center", "center"))).items()}

    async def _reports(self, months: list[str]) -> dict[str, CountedReport]:
        counts = (await self._counts(period_of(*months), ("center", "center"))).items()
        return {f"{c}-{n}": CountedReport(c, "in_care", ("other",)) for (c, _), many in counts for n in range(many)}

    async def _cells(self, period: Period) -> dict[str, Counter[str]]:
        found = {}
        for day, own in self._by_center(period).items():
            cells = {f"reports|{c}|{h}": n for c, n in own.items() for h in ("all", "other", "synthesis")}
            found[day] = Counter({**cells, "ack|0": sum(own.values())})
        return found


A_WEEK = 7 * 5 * len(CENTER_IDS)


async def test_until_the_first_month_weeks_are_told_in_order_and_afterwards_none() -> None:
    office = Weekly()
    await office.at(datetime(2026, 8, 19, 14, 59, tzinfo=UTC))
    office.few |= {f"2026-08-{day:02d}": day % 2 for day in range(3, 10)}
    assert await office.released() == []
    assert [entry.period for entry in office.store.released] == ["2026-W32"]
    assert office.store.released[0].step == WITHHELD, "four reports"
    coming = ["2026-W33", "2026-W34", "2026-08"]
    await office.at(datetime(2026, 8, 19, 15, 0, tzinfo=UTC))
    await office.released()
    assert office.store.released[1].tables == {FIRST_WEEKS: {TOTAL: A_WEEK, "2026-W33": A_WEEK}}
    for period in coming[1:]:
        await office.at(closes_at(period))
        await office.released()
    assert [entry.period for entry in office.store.released][1:] == coming
    shown = office.store.released[-1].tables[BY_WEEK]
    assert {key: n for key, n in shown.items() if key != TOTAL} == {"2026-W33": A_WEEK, "2026-W34": A_WEEK}
    await office.at(closes_at("2026-W38"))
    await office.released()
    assert len(office.store.released) == 4
    assert office.release_service.calendar()[0].period.name == "2026-09"


async def test_a_month_that_is_due_at_once_tells_no_weeks_before() -> None:
    office = Weekly()
    await office.at(closes_at("2026-08"))
    assert await office.released() == ["2026-08"]
    assert office.store.released[0].tables[BY_WEEK] == {TOTAL: 30 * 5 * len(CENTER_IDS) + 3}


async def test_an_erratum_that_would_tell_a_small_rest_is_refused() -> None:
    """Once more counted, 395 of Busan's reports were others': what is left beside the weeks would be five."""
    office = Weekly()
    await office.at(closes_at("2026-W34"))
    await office.released()
    await office.at(closes_at("2026-08"))
    assert await office.released() == ["2026-08"]
    told = sum(told_weeks(weekly.before("2026-08", office.store.released)).values())
    office.few = {f"2026-08-{day:02d}": 0 for day in (1, 2, *range(24, 32))} | {"2026-08-31": 5}
    reader = office.release_service._reader
    with pytest.raises(PermanentError, match="left of it without the weeks"):
        await office.release_service.revise("2026-08", reader, {"en": "Counted twice."})
    assert told == 3 * A_WEEK
