"""The solver against enumeration, the knowledge it is given against the truth, and years of releases."""

import random
from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.policy.disclosure import SMALL, MonthCounts
from services.analytics.policy.knowledge import system
from services.analytics.policy.proving import prove
from services.analytics.policy.releasing import (
    CROSSINGS,
    FROM_ELSEWHERE,
    HARMS,
    LATE,
    LATE_TABLE,
    STAFF_STEP,
    STAFF_TABLE,
    WITHHELD,
    Release,
    center_counts,
    corrections,
    lower,
    of_month,
    of_quarter,
    week_counts,
)
from services.analytics.policy.system import Choice, Row, System, Way
from tests.unit.analytics import worlds

# --- the solver

_NAMES = ("a", "b", "c")
_sums = st.dictionaries(st.sampled_from(_NAMES), st.sampled_from((-1, 1, 1)), min_size=1, max_size=3)
_limits = st.integers(-2, 14)
_rows = st.builds(
    lambda of, limit, kind: Row(of, limit if kind != "high" else None, limit if kind != "low" else None),
    _sums,
    _limits,
    st.sampled_from(("low", "high", "both")),
)
_ways = st.builds(Way, _rows)
_choices = st.builds(lambda ways: Choice(tuple(ways)), st.lists(_ways, min_size=1, max_size=2))
_nested = st.builds(lambda row, then: Choice((Way(row, (then,)),)), _rows, _choices)


def holds(row: Row, world: Mapping[str, int]) -> bool:
    value = sum(k * world[name] for name, k in row.of.items())
    return (row.low is None or row.low <= value) and (row.high is None or value <= row.high)


def chosen(choice: Choice, world: Mapping[str, int]) -> bool:
    return any(holds(way.row, world) and all(chosen(then, world) for then in way.then) for way in choice.ways)


def possible(found: System, world: Mapping[str, int]) -> bool:
    return all(holds(row, world) for row in found.rows) and all(chosen(choice, world) for choice in found.choices)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_rows, max_size=3),
    st.lists(_choices | _nested, max_size=2),
    st.lists(st.integers(2, 8), min_size=3, max_size=3),
)
def test_the_solver_finds_what_enumeration_finds(rows: list[Row], choices: list[Choice], tops: list[int]) -> None:
    found = System(dict(zip(_NAMES, tops, strict=True)), rows, choices)
    cells = [dict(zip(_NAMES, values, strict=True)) for values in product(*(range(top + 1) for top in tops))]
    left = [world for world in cells if possible(found, world)]
    if not left:
        return
    known = found.known()
    narrow = {
        name
        for name in _NAMES
        if name not in known
        and (values := {world[name] for world in left})
        and any(value < SMALL for value in values)
        and not (0 in values and max(values) >= SMALL)
    }
    proof = prove(found, 30)
    assert proof.verdict in ({"narrow", "contradiction"} if narrow else {"open"})
    if proof.verdict == "narrow":
        assert set(proof.cells) == narrow


def test_a_number_is_known_whatever_the_sign_it_is_stated_with() -> None:
    assert System({"a": 9, "b": 9}, [Row({"a": 1}, 4, 4), Row({"b": -1}, -3, -3)]).known() == {"a": 4, "b": 3}


def test_no_time_is_no_proof() -> None:
    found = System({"a": 9, "b": 9}, [Row({"a": 1, "b": 1}, 9, 9)])
    assert prove(found, 30).verdict == "open"
    assert prove(found, 0).verdict == "out_of_time"


def test_the_two_leaky_releases_of_the_caution_are_not_proven() -> None:
    """Domain facts, section 4: both were brute-forced there."""
    step_of_5 = [Row({"a": 1}, 3, 7), Row({"b": 1}, 3, 7), Row({"a": 1, "b": 1}, 3, 7)]
    assert prove(System({"a": 99, "b": 99}, step_of_5), 30).cells == ("a", "b")
    below_5 = [Row({"a": 1}, 0, 4), Row({"b": 1}, 0, 4), Row({"a": 1, "b": 1}, 8, 12)]
    assert prove(System({"a": 99, "b": 99}, below_5), 30).verdict != "open"


def test_cells_of_several_counts_are_looked_at_too() -> None:
    """Each may be 0 and 5, their sum not."""
    rows = [Row({"a": 1, "b": 1, "c": 1}, 20, 20), Row({"a": 1, "b": 1}, 3, 20)]
    found = System(dict.fromkeys(_NAMES, 20), rows, sums={"a+b": {"a": 1, "b": 1}})
    assert prove(found, 30).cells == ("a+b",)


# --- the knowledge


def truth(release: Release, counts: Mapping[str, MonthCounts]) -> dict[str, int]:
    """The true number of every unknown a release speaks of, by its name in the system."""
    months = [counts[month] for month in release.months]
    if not months:
        return {}
    if release.kind == "month":
        lines = {
            "reports-by-week": week_counts(months[0]),
            "reports-by-center": center_counts(months[0].centers),
            "acknowledgement-times": months[0].times,
            "reports-by-outcome": months[0].ends,
        }
        return {f"{release.period}/{name}/{key}": n for name, line in lines.items() for key, n in line.items()}
    if release.kind == "quarter":
        harms = {
            f"{release.period}/harms/{center}|{harm}": sum(month.harms[center][harm] for month in months)
            for center in months[0].harms
            for harm in HARMS
        }
        late = {
            f"{release.period}/late/{center}|{LATE}": sum(m.centers[center] - m.seen[center] for m in months)
            for center in months[0].seen
        }
        return harms | late
    found: dict[str, int] = {}
    for name in release.tables.keys() & CROSSINGS.keys():
        for month in months:
            for key, n in month.crossings[name].items():
                home, _, owner = key.partition("/")
                leaf = {"reports-from-elsewhere": f"{owner}|{FROM_ELSEWHERE}", "support-given": f"total|{key}"}.get(
                    name, key
                )
                if name != "reports-from-elsewhere" or home != owner:
                    found[f"{release.period}/{name}/{leaf}"] = found.get(f"{release.period}/{name}/{leaf}", 0) + n
    return found


@pytest.mark.parametrize(("per_day", "crossings"), [(1.0, False), (28.0, True)])
def test_a_year_leaves_and_what_the_solver_is_told_is_true(per_day: float, crossings: bool) -> None:
    entries: list[Release] = []
    true: dict[str, int] = {}
    for release, proof, counts in worlds.year_of(2025, per_day, random.Random(7), crossings=crossings):
        assert proof.verdict == "open"
        entries.append(release)
        true |= truth(release, counts)
    found = system(entries)
    world = {name: true.get(name, 0) for name in found.tops}
    assert len(entries) == 12 + 4 + 1
    assert [row for row in found.rows if not holds(row, world)] == []
    assert [choice for choice in found.choices if not chosen(choice, world)] == []
    assert all(world[name] <= top for name, top in found.tops.items())
    tables = [(name, table) for entry in entries for name, table in entry.tables.items()]
    assert not [n for name, table in tables for n in table.values() if n < SMALL and name != STAFF_TABLE]
    assert {n % STAFF_STEP for name, table in tables for n in table.values() if name == STAFF_TABLE} == {0}
    assert LATE_TABLE in {name for name, _ in tables}


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
    both = [row for row in system([*months, quarter]).rows if {quick, f"2025-Q1/late/busan|{LATE}"} <= {*row.of}]
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


def test_a_quarter_that_would_tell_of_its_months_is_not_proven() -> None:
    """A planted bug: Sejong's quarter is summed before hiding, 3 + 3 + 3, so each month is 1 to 4."""
    entries = []
    for name in ("2025-01", "2025-02", "2025-03"):
        centers = {**dict.fromkeys(worlds.SHARES, 30), "sejong": 3, "central": 0}
        harms = {center: {harm: min(n, 9) for harm in HARMS} for center, n in centers.items()}
        counts = MonthCounts(name, {}, centers, harms, {}, {})
        entries.append(of_month(counts, worlds.AS_OF, "full"))
    found = system(entries)
    assert prove(found, 30).verdict == "open"
    sejong = {f"{entry.period}/reports-by-center/sejong": 1 for entry in entries}
    central = {name.replace("sejong", "central"): 1 for name in sejong}
    found.rows.append(Row({**sejong, **central}, 9, 9))
    assert set(prove(found, 30).cells) >= {
        "2025-01/reports-by-center/sejong+central",
        "2025-02/reports-by-center/sejong+central",
    }


# --- the ladder and the bulletin


def test_the_ladder_goes_down_for_what_is_narrow_and_ends() -> None:
    step: dict[str, str] | None = {}
    taken = []
    for _ in range(9):
        step = lower(step or {}, ["2025-Q1/harms/daejeon|other"])
        taken.append(step)
        if step is None:
            break
    assert taken == [{"other": "regions"}, {"other": "whole"}, {"other": WITHHELD}, None]
    assert lower({}, ["2025-01/reports-by-center/busan"]) == dict.fromkeys((*HARMS, FROM_ELSEWHERE, LATE), "regions")


def test_a_lower_step_shows_less() -> None:
    rnd = random.Random(3)
    counts = [worlds.month(f"2025-0{n}", 28, rnd, crossings=False) for n in (1, 2, 3)]
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    name = "reports-by-center-and-harm"

    def keys(step: str) -> set[str]:
        table = of_quarter("2025-Q1", months, counts, worlds.AS_OF, {"illegal_filming": step}).tables[name]
        return {key for key in table if key.endswith("|illegal_filming")}

    assert keys("full") > keys("regions") > keys("whole") > keys(WITHHELD) == set()
    centers = [of_month(counts[0], worlds.AS_OF, step).tables["reports-by-center"] for step in ("regions", "whole")]
    assert [len(shown) for shown in centers] == [5, 1]


def test_the_bulletin_says_how_far_off_the_months_were_from_ten_on() -> None:
    before = MonthCounts("2025-01", {}, {"busan": 50, "ulsan": 30}, {}, {})
    moved = MonthCounts("2025-01", {}, {"busan": 39, "ulsan": 41}, {}, {})
    more = MonthCounts("2025-01", {}, {"busan": 62, "ulsan": 30}, {}, {})
    assert corrections([before], [moved]) == {"moved": 11}
    assert corrections([before], [more]) == {"reports": 12}
    assert corrections([before, before], [before, more]) == {"reports": 12}
    assert corrections([before], [before]) == {}
