"""The attack finds what is planted: were it blind, a quiet attack would mean nothing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.disclosure_attack.__main__ import attack, main
from tools.disclosure_attack.gathering import Published, Said, Stray, every_stray
from tools.disclosure_attack.reasoning import Bound, problem
from tools.disclosure_attack.solving import ContradictionError, bounds

Figure = int | None | tuple[int, int]


def figure(value: Figure) -> dict[str, Any]:
    if value is None:
        return {"hidden": True}
    return {"value": value} if isinstance(value, int) else {"low": value[0], "high": value[1]}


def table(
    folder: Path,
    name: str,
    period: str,
    rows: Mapping[str, Figure | list[Figure]],
    *,
    months: list[str] | None = None,
    columns: tuple[str, ...] = ("reports",),
    together: Mapping[str, list[str]] | None = None,
) -> None:
    """A table as the interface gives it, in both languages; the last row is the total."""
    lines = []
    for key, values in rows.items():
        figures = values if isinstance(values, list) else [values]
        line = {"key": key, "label": key.title(), "figures": [figure(value) for value in figures]}
        lines.append(line | ({"together": together[key]} if together and key in together else {}))
    body = {
        "name": name,
        "period": period,
        "months": months or [period],
        "columns": [{"key": column, "label": column} for column in columns],
        "rows": lines,
        "protection": {"coarser": {}},
    }
    path = folder / "tables" / name / f"{period}.en.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body), encoding="utf-8")


def former(folder: Path, name: str, period: str, revision: int) -> None:
    """What stands under a period now was said by an earlier revision."""
    path = folder / "former" / name / f"{period}.{revision}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    (folder / "tables" / name / f"{period}.en.json").rename(path)


def known(folder: Path) -> dict[tuple[str, str, str], tuple[int, int]]:
    return {(b.cell.period, b.cell.row, b.cell.column): (b.low, b.high) for b in attack(folder).leaked}


@pytest.mark.parametrize(("now", "told"), [(12, "a reports: 15 and 12"), (20, ""), (15, "")])
def test_two_revisions_that_differ_by_a_small_count_are_told(tmp_path: Path, now: int, told: str) -> None:
    table(tmp_path, "reports-by-center", "2025-01", {"a": 15, "b": 30, "total": 45})
    former(tmp_path, "reports-by-center", "2025-01", 0)
    table(tmp_path, "reports-by-center", "2025-01", {"a": now, "b": 80, "total": 80 + now})
    result = attack(tmp_path)
    assert [f"{stray.label}: {stray.text}" for stray in result.strays] == ([told] if told else [])
    assert result.failed is not bool(told)


def test_the_tenth_revision_comes_after_the_ninth(tmp_path: Path) -> None:
    for revision, reports in ((9, 15), (10, 12)):
        table(tmp_path, "reports-by-center", "2025-01", {"a": reports, "b": 30 * revision, "total": 999})
        former(tmp_path, "reports-by-center", "2025-01", revision)
    table(tmp_path, "reports-by-center", "2025-01", {"a": 40, "b": 80, "total": 120})
    [stray] = [one for one in attack(tmp_path).strays if one.label.startswith("a ")]
    assert (stray.source, stray.text) == ("2025-01.9.json", "15 and 12")


def test_parts_of_one_revision_beside_their_sum_in_the_other_are_told(tmp_path: Path) -> None:
    """15 and 30 before, 48 together now: three were wrong."""
    table(tmp_path, "reports-by-center", "2025-01", {"a": 15, "b": 30, "c": 20, "total": 65})
    former(tmp_path, "reports-by-center", "2025-01", 0)
    rows: dict[str, Figure | list[Figure]] = {"a": None, "b": None, "c": 80, "a+b": 48, "total": 128}
    table(tmp_path, "reports-by-center", "2025-01", rows, together={"a+b": ["a", "b"]})
    assert [f"{stray.label}: {stray.text}" for stray in attack(tmp_path).strays] == ["a+b reports: 45 and 48"]


def test_what_the_rules_leave_is_not_undone(tmp_path: Path) -> None:
    rows: dict[str, Figure | list[Figure]] = {"a": None, "b": None, "c": 30, "a+b": 24, "total": 54}
    table(tmp_path, "reports-by-center", "2025-01", rows, together={"a+b": ["a", "b"]})
    assert attack(tmp_path).failed
    assert attack(tmp_path).cells == 2
    assert main([str(tmp_path)]) == 0


def test_the_caution_3_3_6_rounded_to_fives_is_undone(tmp_path: Path) -> None:
    table(tmp_path, "reports-by-center", "2025-01", {"a": (3, 7), "b": (3, 7), "total": (3, 7)})
    assert known(tmp_path) == {("2025-01", "a", "reports"): (3, 4), ("2025-01", "b", "reports"): (3, 4)}
    assert main([str(tmp_path)]) == 1


def test_the_caution_4_4_8_hidden_below_5_beside_a_rounded_total_is_undone(tmp_path: Path) -> None:
    table(tmp_path, "reports-by-center", "2025-01", {"a": (0, 4), "b": (0, 4), "total": (8, 12)})
    assert known(tmp_path) == {("2025-01", "a", "reports"): (4, 4), ("2025-01", "b", "reports"): (4, 4)}


def test_a_total_over_one_hidden_cell_is_undone(tmp_path: Path) -> None:
    table(tmp_path, "reports-by-center", "2025-01", {"a": None, "b": 20, "total": 23})
    assert known(tmp_path) == {("2025-01", "a", "reports"): (3, 3)}


def test_a_region_that_one_quarter_hides_is_undone_by_a_year_that_shows_its_centres(tmp_path: Path) -> None:
    """Ten in winter, eight and five in the whole year: three in spring, though no quarter shows a centre."""
    name, columns = "reports-by-center-and-harm", ("reports", "x", "other")
    for quarter, months, x in (("2025-Q1", ["2025-01"], 10), ("2025-Q2", ["2025-04"], None)):
        region: dict[str, Figure | list[Figure]] = {"a+b": [40, x, 40], "total": [40, x, 40]}
        table(tmp_path, name, quarter, region, months=months, columns=columns, together={"a+b": ["a", "b"]})
    year: dict[str, Figure | list[Figure]] = {"a": [40, 8, 40], "b": [40, 5, 40], "total": [80, 13, 80]}
    table(tmp_path, name, "2025", year, months=["2025-01", "2025-04"], columns=columns)
    found = known(tmp_path)
    assert {row: found[place] for place in found for row in place[1:2]} == {"a+b": (3, 3), "total": (3, 3)}
    table(
        tmp_path,
        name,
        "2025",
        {**year, "a": [40, None, 40], "b": [40, None, 40], "total": [80, None, 80]},
        months=["2025-01", "2025-04"],
        columns=columns,
    )
    assert attack(tmp_path).failed


def test_totals_before_hiding_are_undone_over_time(tmp_path: Path) -> None:
    """The planted bug: the quarter is summed from true counts, so that of Sejong's three months each is 1 to 4."""
    rows: dict[str, Figure | list[Figure]] = {"daejeon": None, "sejong": None, "daejeon+sejong": 53, "total": 53}
    for month in ("2025-01", "2025-02", "2025-03"):
        table(tmp_path, "reports-by-center", month, rows, together={"daejeon+sejong": ["daejeon", "sejong"]})
    months = ["2025-01", "2025-02", "2025-03"]
    assert attack(tmp_path).failed
    table(tmp_path, "reports-by-center", "2025-Q1", {"daejeon": 150, "sejong": 9, "total": 159}, months=months)
    assert {period for period, row, _ in known(tmp_path) if row == "sejong"} == set(months)


def test_overlapping_tables_are_undone(tmp_path: Path) -> None:
    """A total hidden in one table stands in another of the same month."""
    table(tmp_path, "reports-by-center", "2025-01", {"a": 20, "b": 30, "total": 50})
    table(tmp_path, "reports-by-outcome", "2025-01", {"in_care": 48, "closed": None, "total": None})
    assert known(tmp_path) == {("2025-01", "closed", "reports"): (2, 2)}


def test_marks_that_every_report_must_have_one_of_are_undone(tmp_path: Path) -> None:
    name, columns = "reports-by-center-and-harm", ("reports", "filming", "other")
    table(tmp_path, name, "2025-Q1", {"a": [20, 17, None], "total": [20, 17, None]}, columns=columns)
    found = {bound.cell.row: bound for bound in attack(tmp_path).narrowed}
    assert (found["a"].low, found["a"].high) == (3, 20)
    table(tmp_path, name, "2025-Q1", {"a": [20, 17, (0, 4)], "total": [20, 17, None]}, columns=columns)
    assert known(tmp_path)["2025-Q1", "a", "other"] == (3, 4)


def of_homes(folder: Path, *, away: Figure, moves: Mapping[str, Figure], nowhere: int | None = None) -> None:
    """A year of 90 reports: who is from elsewhere, was assigned why, moved, and perhaps lives where no centre is."""
    table(folder, "reports-by-center", "2025", {"busan": 80, "central": 10, "total": 90})
    elsewhere: dict[str, Figure | list[Figure]] = {"busan": [80, None], "central": [10, 10], "total": [90, away]}
    table(folder, "reports-from-elsewhere", "2025", elsewhere, columns=("reports", "from_elsewhere"))
    assigned = {"home": 40, "overflow": 15, "no_home": 15, "linked": 10, "last_resort": 10, "total": 90}
    table(folder, "reports-by-assignment", "2025", assigned)
    table(folder, "moves-between-centers", "2025", {**moves, "total": None}, columns=("moves",))
    if nowhere is not None:
        lived = {"busan": None, "jeonnam-gwangju": None, "seoul": nowhere, "overseas": 0, "unknown": 0, "total": 90}
        table(folder, "reports-by-residence", "2025", lived)


@pytest.mark.parametrize(("nowhere", "least"), [(30, {}), (36, {"handed_on": 2, "moved_otherwise": 2})])
def test_moves_are_undone_by_who_lives_where_no_home_is(tmp_path: Path, nowhere: int, least: Mapping[str, int]) -> None:
    """With 15 assigned by overflow, who are others, they are eleven more than are from elsewhere: so eleven moved."""
    moves: dict[str, Figure] = {"handed_on": None, "moved_otherwise": None}
    of_homes(tmp_path, away=40, moves=moves, nowhere=nowhere)
    assert {b.cell.row: b.low for b in attack(tmp_path).narrowed if b.cell.row in moves and b.low} == least


def test_who_had_no_home_is_from_elsewhere_wherever_they_moved(tmp_path: Path) -> None:
    """15 had none when they were assigned first: that at most 14 are from elsewhere contradicts it."""
    moves: dict[str, Figure] = {"handed_on": 30, "moved_otherwise": 30}
    of_homes(tmp_path, away=(10, 15), moves=moves)
    attack(tmp_path)
    of_homes(tmp_path, away=(10, 14), moves=moves)
    with pytest.raises(ContradictionError):
        attack(tmp_path)


def test_a_csv_that_says_more_than_the_json_counts(tmp_path: Path) -> None:
    table(tmp_path, "reports-by-center", "2025-01", {"a": None, "b": None, "c": 30, "total": 54})
    csv = (
        "center,label,reports,period,as_of\na,A,*,2025-01,t\nb,B,22,2025-01,t\nc,C,30,2025-01,t\ntotal,T,54,2025-01,t\n"
    )
    (tmp_path / "tables/reports-by-center/2025-01.en.csv").write_text(csv, encoding="utf-8")
    assert known(tmp_path) == {("2025-01", "a", "reports"): (2, 2)}


def test_sources_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    table(tmp_path, "reports-by-center", "2025-01", {"a": None, "b": None, "c": 30, "total": 20})
    with pytest.raises(ContradictionError, match="2025-01"):
        attack(tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "<table><tr><th>A</th><td>3</td></tr></table>",
        "<svg><g><text>A</text><rect width='6%'/><text>3 reports</text></g></svg>",
        "<svg><g><title>A: 3</title></g></svg>",
        "<svg><desc>A: 3</desc></svg>",
        "<table><tr data-n='A: 3'><th>A</th></tr></table>",
        "<table><tr><th>A</th><td data-n='3'>hidden</td></tr></table>",
        "<svg><g aria-label='A: 3'></g></svg>",
        "<svg><g><text>A</text><rect width='6%'/></g><g><text>B</text><rect width='2.5%'/></g></svg>",
    ],
)
def test_a_hidden_number_in_a_page_is_found(tmp_path: Path, source: str) -> None:
    table(tmp_path, "reports-by-center", "2025-01", {"a": None, "b": None, "c": 30, "total": 54})
    (tmp_path / "pages").mkdir()
    page = tmp_path / "pages" / "2025-01.en.html"
    page.write_text("<table><tr><th>C</th><td>30</td></tr><tr><th>A</th><td>hidden</td></tr></table>", encoding="utf-8")
    assert every_stray(tmp_path) == []
    page.write_text(source, encoding="utf-8")
    assert {stray.label for stray in every_stray(tmp_path)} >= {"A"}
    assert isinstance(attack(tmp_path).strays[0], Stray)
    assert not attack(tmp_path).failed


def test_quick_and_exact_agree_on_what_is_open() -> None:
    shape = Published("reports-by-center", "2025-01", ("2025-01",), ("reports",), ("a", "b"), {}, "total", False, {})
    found = problem([shape], [Said(cell, 9, 9, "") for cell in [b.cell for b in _totals(shape)]])
    quick = {bound.cell: bound for bound in bounds(found, exact=False)}
    exact = list(bounds(found, exact=True))
    assert {bound.cell.row for bound in exact} == {"a", "b"}
    for bound in exact:
        assert (bound.low, bound.high) == (0, 9)
        assert not quick[bound.cell].leaked
        assert bound.low <= quick[bound.cell].low <= quick[bound.cell].high <= bound.high


def test_of_what_was_counted_again_none_need_be_below_five() -> None:
    """14 and 20 before, 17 and 17 now: hidden for the difference. That one of them is below 5 does not follow."""
    shape = Published("reports-by-center", "2025-01", ("2025-01",), ("reports",), ("a", "b"), {}, "total", False, {})
    small = [problem([each], []).small for each in (shape, replace(shape, revised=True))]
    assert [len(each) for each in small] == [1, 0]


def _totals(shape: Published) -> list[Bound]:
    return [bound for bound in bounds(problem([shape], []), exact=False) if bound.cell.row == shape.total]
