"""The solver against enumeration, the knowledge it is given against the truth, and years of releases."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import highspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.releases import solver
from services.analytics.releases.audit import prove
from services.analytics.releases.calendar import quarter_of
from services.analytics.releases.intruder_model import Choice, Constraint, Corrected, System, Way, system
from services.analytics.releases.release import Release, lower, of_month, of_quarter, of_year
from services.analytics.releases.suppression import SMALL, MonthCounts
from services.analytics.releases.tables import (
    ASSIGNMENT_TABLE,
    BULLETIN,
    BY_CENTER,
    CLOSED,
    CONTACT_TABLE,
    FROM_ELSEWHERE,
    HARM_TABLE,
    HARMS,
    LATE,
    LATE_TABLE,
    MOVED_IN,
    MOVED_OUT,
    MOVES_TABLE,
    STAFF_TABLE,
    TABLE_SPECS,
    URGENCY_TABLE,
    WITHHELD,
    Marks,
    Split,
    added,
    center_counts,
    week_counts,
)
from tests.unit.analytics import worlds

# --- the solver

_NAMES = ("a", "b", "c")
_sums = st.dictionaries(st.sampled_from(_NAMES), st.sampled_from((-1, 1, 1)), min_size=1, max_size=3)
_limits = st.integers(-2, 14)
_rows = st.builds(
    lambda of, limit, kind: Constraint(of, limit if kind != "high" else None, limit if kind != "low" else None),
    _sums,
    _limits,
    st.sampled_from(("low", "high", "both")),
)
_ways = st.builds(Way, _rows)
_choices = st.builds(lambda ways: Choice(tuple(ways)), st.lists(_ways, min_size=1, max_size=2))
_corrected = st.builds(
    lambda of, before: Corrected(dict.fromkeys(of, 1), tuple(before)),
    st.sets(st.sampled_from(_NAMES), min_size=1),
    st.lists(st.integers(0, 14), min_size=1, max_size=2),
)
_CELL = "a cell that a correction hides"
_nested = st.builds(lambda row, then: Choice((Way(row, (then,)),)), _rows, _choices)


def holds(row: Constraint, world: Mapping[str, int]) -> bool:
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
    st.none() | _corrected,
)
def test_the_solver_finds_what_enumeration_finds(
    rows: list[Constraint], choices: list[Choice], tops: list[int], corrected: Corrected | None
) -> None:
    found = System(dict(zip(_NAMES, tops, strict=True)), rows, choices)
    if corrected is not None:
        found.corrected[_CELL] = corrected
    cells = [dict(zip(_NAMES, values, strict=True)) for values in product(*(range(top + 1) for top in tops))]
    left = [world for world in cells if possible(found, world)]
    if not left:
        assert prove(found, 30).verdict == "contradiction"
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
    if corrected is not None and not corrected.of.keys() <= known.keys():
        sums = {sum(world[name] for name in corrected.of) for world in left}
        differences = [{abs(n - before) for n in sums} for before in corrected.before]
        if any(max(each) < SMALL and max(each) > 0 for each in differences):
            narrow.add(_CELL)
    proof = prove(found, 30)
    assert proof.verdict == ("narrow" if narrow else "open")
    assert set(proof.cells) == narrow


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_rows, min_size=1, max_size=3),
    st.lists(_rows, max_size=2),
    st.lists(st.integers(2, 8), min_size=3, max_size=3),
    st.none() | _corrected,
)
def test_a_release_answers_for_what_was_possible_before_it(
    rows: list[Constraint], more: list[Constraint], tops: list[int], corrected: Corrected | None
) -> None:
    """Of a count: 0, 1 to 4 each, 5 and more; of a difference from a former number: each below 5, 5 and more."""
    given_then = {_CELL: corrected} if corrected is not None else {}
    then = System(dict(zip(_NAMES, tops, strict=True)), rows, corrected=given_then)
    now = replace(then, rows=[*rows, *more])
    cells = [dict(zip(_NAMES, values, strict=True)) for values in product(*(range(top + 1) for top in tops))]

    def could_be(found: System, cell: str) -> set[tuple[int, int]]:
        left = [world for world in cells if possible(found, world)]
        if cell in _NAMES:
            return {(0, min(world[cell], SMALL)) for world in left}
        own = found.corrected[cell]
        return {
            (before, min(abs(by), SMALL) * (1 if abs(by) >= SMALL or by > 0 else -1))
            for world in left
            for before in own.before
            for by in (sum(world[name] for name in own.of) - before,)
        }

    proof = prove(now, 30, before=lambda: then)
    if prove(now, 30).verdict == "contradiction":
        assert proof.verdict == "contradiction"
        return
    assert set(proof.cells) == {cell for cell in prove(now, 30).cells if could_be(then, cell) - could_be(now, cell)}
    assert proof.verdict == ("narrow" if proof.cells else "open")


def test_a_cell_of_several_counts_that_was_as_narrow_before_is_not_found() -> None:
    """By the name that the release gives it; with an assumption that the releases of before contradict."""
    rows = [Constraint({"a": 1, "b": 1}, 3, 20), Constraint({"a": 1}, None, -1, assumed=True)]
    then = System(dict.fromkeys(_NAMES, 20), rows)
    now = replace(then, sums={"2026/a+b": {"a": 1, "b": 1}})
    assert prove(now, 30).cells == ("2026/a+b",)
    assert prove(now, 30, before=lambda: then).verdict == "open"
    assert prove(replace(now, rows=[*rows, Constraint({"a": 1, "b": 1}, 4, 20)]), 30, before=lambda: then).cells
    assert prove(now, 30, before=lambda: System({"a": 20})).cells, "b was not heard of before"
    known = replace(then, rows=[*rows, Constraint({"b": 1}, 3, 3)])
    assert prove(now, 30, before=lambda: known).cells, "what was known before cannot be unknown now"


def test_no_time_to_look_at_what_was_before_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    then = System({"a": 9, "b": 9}, [Constraint({"a": 1, "b": 1}, 9, 9), Constraint({"a": 1}, 1, 8)])
    assert prove(then, 30, before=lambda: then).verdict == "open"
    monkeypatch.setattr(solver.Block, "possible", lambda *_: None)
    assert prove(then, 30, before=lambda: then).verdict == "out_of_time"


def test_a_count_above_the_most_it_can_be_is_a_contradiction() -> None:
    assert prove(System({"a": 2}, [Constraint({"a": 1}, 3, None)]), 30).verdict == "contradiction"


def test_releases_that_no_counts_agree_with_are_a_contradiction() -> None:
    """Everything is impossible there: what cannot be 0 is not large for that."""
    rows = [Constraint({"a": 1, "b": 1}, 10, 10), Constraint({"a": 1, "b": 1}, 12, 12)]
    assert prove(System({"a": 20, "b": 20}, rows), 30).verdict == "contradiction"


def test_known_numbers_that_contradict_each_other_are_a_contradiction() -> None:
    """No unknown is left in them, so no block holds them."""
    stated = [Constraint({"2026/t/a": 1}, 7, 7), Constraint({"2026/t/b": 1}, 8, 8)]
    sums = Constraint({"2026/t/a": 1, "2026/t/b": 1}, 16, 16)
    hidden = Choice((Way(Constraint({"2026/t/a": 1}, None, 4)), Way(Constraint({"2026/t/b": 1}, None, 4))))
    tops = {"2026/t/a": 20, "2026/t/b": 20}
    for found in (System(tops, [*stated, sums]), System(tops, stated, [hidden])):
        proof = prove(found, 30, of=["2026"])
        assert (proof.verdict, proof.cells) == ("contradiction", ("2026/t/a", "2026/t/b"))
        assert prove(found, 30, of=["2027"]).verdict == "open", "it is another release's"
    settled = Choice((Way(Constraint({"2026/t/a": 1}, 5, None)),))
    assert prove(System(tops, stated, [settled]), 30).verdict == "open"


def test_an_assumption_that_is_contradicted_hides_no_narrow_cell() -> None:
    rows = [Constraint({"a": 1}, None, 2), Constraint({"a": 1, "b": 1}, 10, 10)]
    assumed = Constraint({"a": 1}, 5, None, assumed=True)
    for known in (rows, [*rows, assumed]):
        assert prove(System({"a": 20, "b": 20}, known), 30).cells == ("a",)


def test_an_assumption_that_makes_every_cell_narrow_is_held_against_them() -> None:
    found = System({"a": 9}, [Constraint({"a": 1}, 0, 9), Constraint({"a": 1}, 1, 3, assumed=True)])
    assert prove(found, 30).cells == ("a",)


def test_no_time_is_no_proof() -> None:
    found = System({"a": 9, "b": 9}, [Constraint({"a": 1, "b": 1}, 9, 9)])
    assert prove(found, 30).verdict == "open"
    assert prove(found, 0).verdict == "out_of_time"


def test_a_world_found_as_time_ran_out_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the search ends between the first world and a better one; where none was found it is no answer."""
    monkeypatch.setattr(highspy.Highs, "getModelStatus", lambda _: highspy.HighsModelStatus.kTimeLimit)
    found = System({"a": 9, "b": 9}, [Constraint({"a": 1, "b": 1}, 9, 9)])
    assert prove(found, 30).verdict == "open"
    found.rows.append(Constraint({"a": 1}, 1, None))
    assert prove(found, 30).verdict == "out_of_time"


def test_the_two_leaky_releases_of_the_caution_are_not_proven() -> None:
    """Domain facts, section 4: both were brute-forced there."""
    step_of_5 = [Constraint({"a": 1}, 3, 7), Constraint({"b": 1}, 3, 7), Constraint({"a": 1, "b": 1}, 3, 7)]
    assert prove(System({"a": 99, "b": 99}, step_of_5), 30).cells == ("a", "b")
    below_5 = [Constraint({"a": 1}, 0, 4), Constraint({"b": 1}, 0, 4), Constraint({"a": 1, "b": 1}, 8, 12)]
    assert prove(System({"a": 99, "b": 99}, below_5), 30).verdict != "open"


def test_cells_of_several_counts_are_looked_at_too() -> None:
    """Each may be 0 and 5, their sum not."""
    rows = [Constraint({"a": 1, "b": 1, "c": 1}, 20, 20), Constraint({"a": 1, "b": 1}, 3, 20)]
    found = System(dict.fromkeys(_NAMES, 20), rows, sums={"a+b": {"a": 1, "b": 1}})
    assert prove(found, 30).cells == ("a+b",)


def test_only_a_count_that_is_stated_itself_is_taken_as_known() -> None:
    assert prove(System({"a": 9}, [Constraint({"a": 1}, 3, 3)]), 30).checked == 0
    assert prove(System({"a": 9}, [Constraint({"a": -1}, -3, -3)]), 30).cells == ("a",)
    assert prove(System({"a": 9}, [Constraint({"a": 1}, 3, 4)]), 30).cells == ("a",)


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
            f"{release.period}/{HARM_TABLE}/{center}|{harm}": sum(month.harms[center][harm] for month in months)
            for center in months[0].harms
            for harm in HARMS
        }
        late = {
            f"{release.period}/{LATE_TABLE}/{center}|{LATE}": sum(m.centers[center] - m.seen[center] for m in months)
            for center in months[0].seen
        }
        return harms | late
    found: dict[str, int] = {}
    before, now = worlds.before_and_now(months)
    for report_id, was in before.items():
        if was.owner != now[report_id].owner:
            for cell in (f"{MOVED_OUT}/{was.owner}", f"{MOVED_IN}/{now[report_id].owner}"):
                found[f"{release.period}/{cell}"] = found.get(f"{release.period}/{cell}", 0) + 1
    moves = [month.crossings.get(MOVES_TABLE, {}) for month in months]
    found |= {f"{release.period}/{ASSIGNMENT_TABLE}/{figure}": n for figure, n in added(moves).items()}
    for name in release.tables.keys() - BULLETIN:
        spec = TABLE_SPECS[name]
        for month in months:
            if isinstance(spec.protection, Marks):
                by_mark = spec.mark_counts(month) or {}
                own = {f"{at}|{mark}": n for mark, row in by_mark.items() for at, n in row.items()}
            else:
                own = dict(spec.leaf_counts(month) or {}) if isinstance(spec.protection, Split) else {}
            for key, n in own.items():
                found[f"{release.period}/{name}/{key}"] = found.get(f"{release.period}/{name}/{key}", 0) + n
    return found


@pytest.mark.parametrize(("per_day", "crossings"), [pytest.param(1.0, False, marks=pytest.mark.thorough), (28.0, True)])
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
    assert {n % 10 for name, table in tables for n in table.values() if name == STAFF_TABLE} == {0}
    assert LATE_TABLE in {name for name, _ in tables}


def test_what_the_solver_is_told_of_marks_is_true_for_any_marks() -> None:
    """Whatever share of a centre's reports carries a mark; the first is carried by all."""
    rnd = random.Random(5)
    months = [of_month(worlds.month(f"2025-0{n}", 12, rnd, crossings=False), worlds.AS_OF, "full") for n in (1, 2, 3)]
    counts = [worlds.month(month.period, 0.1, rnd, crossings=False) for month in months]
    reports = [
        {key: n for key, n in shown.items() if "+" not in key}
        for shown in (m.tables["reports-by-center"] for m in months)
    ]
    leaves = {center: [shown.get(center, 0) for shown in reports] for center in counts[0].harms}
    for _ in range(200):
        parts = [
            replace(
                each,
                harms={
                    center: {
                        harm: n[at] if harm == HARMS[0] else rnd.randint(0, n[at]) if rnd.random() < 0.8 else n[at]
                        for harm in HARMS
                    }
                    for center, n in leaves.items()
                },
            )
            for at, each in enumerate(counts)
        ]
        release = of_quarter("2025-Q1", months, parts, worlds.AS_OF, {})
        found = system([*months, release])
        true = truth(release, {each.month: each for each in parts})
        world = {name: true.get(name, 0) for name in found.tops if name.startswith("2025-Q1")}
        choices = [choice for choice in found.choices if set(choice.variables()) <= world.keys()]
        assert choices
        assert [choice for choice in choices if not chosen(choice, world)] == []


def test_harm_types_of_a_later_build_hold_up_no_quarter() -> None:
    """Of each centre's 90 reports at most 66 carry a mark; the others name only what this build does not know."""
    counts = [
        MonthCounts(
            name,
            {},
            dict.fromkeys(worlds.SHARES, 30),
            {center: dict.fromkeys(HARMS, 2) for center in worlds.SHARES},
            {},
            {},
        )
        for name in ("2025-01", "2025-02", "2025-03")
    ]
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    quarter = of_quarter("2025-Q1", months, counts, worlds.AS_OF, {})
    shown = [n for key, n in quarter.tables[HARM_TABLE].items() if key.startswith("gyeonggi+incheon+gangwon|")]
    assert (shown, 6 * len(HARMS) < 90) == ([3 * 6] * len(HARMS), True)
    assert prove(system([*months, quarter]), 60, of=["2025-Q1"]).verdict == "open"


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
    found.rows.append(Constraint({**sejong, **central}, 9, 9))
    assert set(prove(found, 30).cells) >= {
        "2025-01/reports-by-center/sejong+central",
        "2025-02/reports-by-center/sejong+central",
    }


# --- the ladder and the bulletin


def test_the_ladder_goes_down_for_what_is_narrow_and_ends() -> None:
    step: dict[str, str] | None = {}
    taken = []
    for _ in range(9):
        step = lower(step or {}, ["2025-Q1/reports-by-center-and-harm/daejeon|other"])
        taken.append(step)
        if step is None:
            break
    assert taken == [{"other": "regions"}, {"other": "whole"}, {"other": WITHHELD}, None]
    assert lower({}, ["2025-01/reports-by-center/busan"]) == dict.fromkeys(
        (*HARMS, CLOSED, FROM_ELSEWHERE, LATE), "regions"
    )


def test_the_centres_of_the_regions_with_narrow_cells_go_before_those_of_all() -> None:
    shown = {"busan+gyeongnam|other": 20, "daegu|other": 9, "gyeonggi|other": 30, "gyeonggi|synthesis": 30}
    narrow = ["2025-Q1/reports-by-center-and-harm/gyeonggi|other", "2025/reports-by-center-and-harm/sejong|other"]
    region = {"gyeonggi+incheon+gangwon|other": "regions"}
    assert lower({}, narrow, {HARM_TABLE: shown}) == region
    left = {key: n for key, n in shown.items() if key != "gyeonggi|other"}
    assert lower(region, narrow, {HARM_TABLE: left}) == {**region, "other": "regions"}


def harms_of(number: int, **by_center: int) -> MonthCounts:
    """A month of 40 reports at each centre, 10 at Sejong and none at the desk; each harm type of every second one.

    Of illegal filming as many as said.
    """
    centers = {**dict.fromkeys(worlds.SHARES, 40), "sejong": 10, "central": 0}
    harms = {
        c: {**dict.fromkeys(HARMS, n // 2), "illegal_filming": by_center.get(c, n // 2)} for c, n in centers.items()
    }
    name = f"2025-{number:02d}"
    return MonthCounts(name, {}, centers, harms, {}, {})


def year_of_quarters(counts: Sequence[MonthCounts], coarser: Mapping[str, str]) -> tuple[list[Release], Release]:
    """Quarters, each of one month, and their year without intervals, which bound Sejong's harm types, too."""
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    quarters = [
        of_quarter(quarter_of(month.period), [month], [each], worlds.AS_OF, {})
        for month, each in zip(months, counts, strict=True)
    ]
    return [*months, *quarters], of_year(
        "2025", months, counts, worlds.AS_OF, {**coarser, BY_CENTER: WITHHELD}, {}, quarters
    )


def test_a_year_says_nothing_of_a_region_that_only_some_quarters_show() -> None:
    """A region had three of illegal filming in autumn: less three quarters, the year would tell."""
    few = {"gyeonggi": 1, "incheon": 1, "gangwon": 1}
    counts = [harms_of(1), harms_of(4), harms_of(7), harms_of(10, **few)]
    entries, year = year_of_quarters(counts, {})
    assert {key for key in year.tables[HARM_TABLE] if key.endswith("|illegal_filming")} == {"total|illegal_filming"}
    assert prove(system([*entries, year]), 60, of=["2025"]).verdict == "open"
    region = "gyeonggi+incheon+gangwon|illegal_filming"
    n = sum(entry.tables[HARM_TABLE].get(region, 3) for entry in entries if entry.kind == "quarter")
    planted = replace(year, tables={**year.tables, HARM_TABLE: {**year.tables[HARM_TABLE], region: n}})
    proof = prove(system([*entries, planted]), 60, of=["2025"])
    assert proof.verdict != "open"


def test_a_year_tells_centres_that_no_quarter_does_unless_a_quarter_follows() -> None:
    """Gyeonggi's region had 34 in winter, and its other centres 32 in the whole year: two of these are Gyeonggi's."""
    counts = [harms_of(1), harms_of(4), harms_of(7), harms_of(10)]
    entries, year = year_of_quarters(counts, {})
    assert year.tables[HARM_TABLE]["gyeonggi|illegal_filming"] == 80
    assert prove(system([*entries, year]), 60, of=["2025"]).verdict == "open"
    few = {"incheon": 4, "gangwon": 4}
    counts = [harms_of(number, gyeonggi=gyeonggi, **few) for number, gyeonggi in ((1, 26), (4, 5), (7, 5), (10, 5))]
    entries, year = year_of_quarters(counts, {})
    assert year.tables[HARM_TABLE]["gyeonggi|illegal_filming"] == 41
    proof = prove(system([*entries, year]), 60, of=["2025"])
    assert proof.cells == ("2025-Q1/reports-by-center-and-harm/gyeonggi|illegal_filming",), "at least 34 - 32 are its"
    coarser = lower({}, proof.cells, year.tables) or {}
    assert coarser == {"gyeonggi+incheon+gangwon|illegal_filming": "regions"}
    entries, year = year_of_quarters(counts, coarser)
    assert "gyeonggi|illegal_filming" not in year.tables[HARM_TABLE]
    assert "busan|illegal_filming" in year.tables[HARM_TABLE]
    assert prove(system([*entries, year]), 60, of=["2025"]).verdict == "open"


def test_where_marks_help_no_further_the_tables_of_the_year_alone_go_before_the_year_does() -> None:
    """Only cells of a quarter are narrow, and no name says which of the year's tables narrows them."""
    step: dict[str, str] | None = {}
    taken = []
    while step is not None:
        step = lower(
            step,
            ["2025-Q1/reports-seen-late/total|seen_late"],
            {each: {} for each in (URGENCY_TABLE, CONTACT_TABLE, LATE_TABLE)},
        )
        taken.append(step)
    gone = {LATE: WITHHELD, URGENCY_TABLE: WITHHELD, CONTACT_TABLE: WITHHELD}
    assert taken == [{LATE: "regions"}, {LATE: "whole"}, {LATE: WITHHELD}, gone, None]


def test_a_lower_step_shows_less() -> None:
    rnd = random.Random(3)
    counts = [worlds.month(f"2025-0{n}", 28, rnd, crossings=False) for n in (1, 2, 3)]
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]

    def keys(step: str) -> set[str]:
        table = of_quarter("2025-Q1", months, counts, worlds.AS_OF, {LATE: step}).tables[LATE_TABLE]
        return {key for key in table if key.endswith(f"|{LATE}")}

    assert keys("full") > keys("regions") > keys("whole") > keys(WITHHELD) == set()
    centers = [of_month(counts[0], worlds.AS_OF, step).tables["reports-by-center"] for step in ("regions", "whole")]
    assert [len(shown) for shown in centers] == [5, 1]


def test_a_table_that_comes_to_another_total_is_left_out() -> None:
    """The difference would be published: three reports that no time group counted, two of an unheard-of gender."""
    counts = worlds.month("2025-01", 28, random.Random(3))
    less = replace(counts, times={**counts.times, "within_5_min": counts.times["within_5_min"] - 3})
    month = of_month(less, worlds.AS_OF, "full")
    assert month.tables["acknowledgement-times"] == {}
    assert month.tables["reports-by-outcome"]["total"] == counts.total
    name = "reports-by-age-and-gender"
    ages = dict(counts.crossings[name])
    whole = replace(counts, crossings={name: ages})
    assert of_year("2025", [month], [whole], worlds.AS_OF, {}, {}).tables[name]["total"] == counts.total
    odd = replace(counts, crossings={name: {**ages, "19_24/female": ages["19_24/female"] - 2, "19_24/unheard_of": 2}})
    assert name not in of_year("2025", [month], [odd], worlds.AS_OF, {}, {}).tables
