"""Reports seen late: what of them is shown, and what the solver knows of them from the times."""

from collections.abc import Mapping
from dataclasses import replace

from services.analytics.releases.audit import prove
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import Release, of_month, of_quarter
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import HARMS, LATE, LATE_TABLE, WITHHELD
from tests.unit.analytics import worlds


def of_three_months(
    *, quick: int, seen: Mapping[str, int], reports: Mapping[str, int]
) -> tuple[list[Release], list[MonthCounts]]:
    """Months of which only owner, time to acknowledgement and seen in time matter."""
    counts = []
    for name in ("2025-01", "2025-02", "2025-03"):
        n = sum(reports.values())
        times = {"within_5_min": quick, "within_4_hours": n - quick}
        harms = {center: dict.fromkeys(HARMS, count) for center, count in reports.items()}
        counts.append(MonthCounts(name, {f"{name}-05": n}, reports, harms, times, {"in_care": n}, {}, seen))
    return [of_month(each, worlds.AS_OF, "full") for each in counts], counts


def test_whoever_was_acknowledged_within_the_hour_was_not_late_and_the_solver_knows() -> None:
    reports = dict.fromkeys(worlds.SHARES, 20)
    months, counts = of_three_months(quick=100, seen=dict.fromkeys(reports, 12), reports=reports)
    quarter = of_quarter("2025-Q1", months, counts, worlds.AS_OF, {})
    quick = "2025-02/acknowledgement-times/within_1_hour"
    both = [
        row for row in system([*months, quarter]).rows if {quick, f"2025-Q1/{LATE_TABLE}/busan|{LATE}"} <= {*row.of}
    ]
    assert [(set(row.of.values()), row.low, row.high) for row in both] == [({1}, None, 3 * 17 * 20)]
    assert quarter.tables[LATE_TABLE][f"busan|{LATE}"] == 24


def test_seen_late_is_shown_where_enough_were_and_enough_were_not() -> None:
    reports = dict.fromkeys(worlds.SHARES, 20)
    seen = {**dict.fromkeys(reports, 15), "busan": 20, "jeju": 1}
    months, counts = of_three_months(quick=40, seen=seen, reports=reports)
    quarter = of_quarter("2025-Q1", months, counts, worlds.AS_OF, {})
    shown = quarter.tables[LATE_TABLE]
    assert f"busan|{LATE}" not in shown
    assert f"ulsan|{LATE}" not in shown  # parts of a place all or none
    assert f"jeju|{LATE}" not in shown
    assert shown[f"chungnam|{LATE}"] == 15
    assert shown[f"total|{LATE}"] == 3 * (15 * 5 + 19)
    assert prove(system([*months, quarter]), 60).verdict == "open"
    assert of_quarter("2025-Q1", months, counts, worlds.AS_OF, {LATE: WITHHELD}).tables[LATE_TABLE] == {}


def test_a_quarter_whose_times_contradict_each_other_goes_without_seen_late() -> None:
    reports = dict.fromkeys(worlds.SHARES, 20)
    for quick, there in ((12 * 17, True), (12 * 17 + 1, False)):
        months, counts = of_three_months(quick=quick, seen=dict.fromkeys(reports, 12), reports=reports)
        assert (LATE_TABLE in of_quarter("2025-Q1", months, counts, worlds.AS_OF, {}).tables) == there


def test_a_month_without_its_times_tells_the_solver_nothing_of_them() -> None:
    """Its times came to another total than its centres, so they were left out; the quarter leaves all the same."""
    reports = dict.fromkeys(worlds.SHARES, 20)
    months, counts = of_three_months(quick=100, seen=dict.fromkeys(reports, 12), reports=reports)
    counts[1] = replace(counts[1], times={"within_5_min": 100, "within_4_hours": 17 * 20 - 99})
    months[1] = of_month(counts[1], worlds.AS_OF, "full")
    assert months[1].tables["acknowledgement-times"] == {}
    quarter = of_quarter("2025-Q1", months, counts, worlds.AS_OF, {})
    assert LATE_TABLE in quarter.tables
    found = system([*months, quarter])
    assert prove(found, 60, of=["2025-Q1"]).verdict == "open"
    quick = {f"2025-0{n}/acknowledgement-times/within_5_min" for n in (1, 2, 3)}
    named = {name for row in found.rows if f"2025-Q1/{LATE_TABLE}/busan|{LATE}" in row.of for name in quick & {*row.of}}
    assert named == quick - {"2025-02/acknowledgement-times/within_5_min"}
