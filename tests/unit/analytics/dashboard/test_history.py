"""Published figures: every bad row named, unknown and conflicting ones kept as such, units never mixed."""

from pathlib import Path

import pytest

import services.analytics
from services.analytics.dashboard.history import COLUMNS, BadRowsError, Point, national, read, series
from services.analytics.dashboard.load_history import main, result_lines

FILE = Path(services.analytics.__file__).parent / "data" / "published-figures.csv"
GOOD = "2020,national,victims,total,피해자,victims,4973,persons,,confirmed,https://x,"


def file(*rows: str) -> str:
    return "\r\n".join([",".join(COLUMNS), *rows]) + "\r\n"


def faults(*rows: str) -> list[tuple[int, str]]:
    with pytest.raises(BadRowsError) as refused:
        read(file(*rows))
    return list(refused.value.faults)


def test_the_figures_of_the_project_are_taken_whole() -> None:
    rows = read(FILE.read_text(encoding="utf-8"))
    assert len(rows) == 202
    victims = [r for r in rows if (r.metric, r.dimension, r.scope[:8]) == ("victims_supported", "total", "national")]
    points = series(victims, until=2026)
    assert [(p.year, p.state, p.values) for p in points] == [
        (2018, "conflict", (1315.0, 2379.0)),
        (2019, "known", (2087.0,)),
        (2020, "known", (4973.0,)),
        (2021, "known", (6952.0,)),
        (2022, "known", (7979.0,)),
        (2023, "known", (8983.0,)),
        (2024, "known", (10305.0,)),
        (2025, "unknown", ()),
        (2026, "unknown", ()),
    ]
    assert points[0].sources[1] == "https://m.view.nate.com/tech/view/266878"
    lines = result_lines(rows, 0)
    assert "202 figures from 2018 to 2026" in lines
    assert sum(": conflict: " in line for line in lines) == 8
    assert sum(": not found: " in line for line in lines) == 3


def test_a_year_nobody_printed_is_unknown_and_a_span_belongs_to_no_year() -> None:
    later = GOOD.replace("2020,", "2022,")
    span = GOOD.replace("2020,", "2018..2024-09,")
    assert series(read(file(GOOD, later, span)), until=2022) == [
        Point(2020, "known", (4973.0,), ("https://x",)),
        Point(2021, "unknown"),
        Point(2022, "known", (4973.0,), ("https://x",)),
    ]
    assert series(read(file(span)), until=2022) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("2020,", "20x0,", "year '20x0' is neither a year nor a span"),
        ("2020,", "2017,", "before 2018"),
        (",national,", ",,", "scope is missing"),
        (",victims,total", ",Victims!,total", "metric 'Victims!' is not a word in small letters"),
        (",total,", ",to tal,", "dimension 'to tal'"),
        ("4973", "many", "value 'many' is not a number"),
        ("4973", "-1", "value '-1' is not a number from 0"),
        ("4973", "NaN", "value 'NaN' is not a number from 0"),
        ("4973", "10.5", "no whole number of persons"),
        ("persons", "people", "unit 'people' is not one of persons, cases"),
        (",,confirmed", ",101,confirmed", "share_pct 101 is not a percentage"),
        ("confirmed", "sure", "status 'sure' is not one of confirmed, derived"),
        ("confirmed", "not found", "not found, but there is a figure"),
        ("4973,persons,,", ",persons,,", "confirmed, but neither value nor share_pct is there"),
        ("https://x", "-", "a figure needs a category and a source"),
        ("https://x,", "https://x", "11 fields, 12 are due"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_reason(old: str, new: str, reason: str) -> None:
    assert old in GOOD
    found = faults(GOOD, GOOD.replace(old, new, 1).replace("2020,", "2021,"))
    assert [line for line, _ in found] == [3]
    assert reason in found[0][1]


def test_every_bad_row_is_listed_and_not_only_the_first() -> None:
    bad = GOOD.replace("4973", "many")
    assert [line for line, _ in faults(bad, GOOD, bad)] == [2, 4]


def test_prints_that_disagree_must_say_so() -> None:
    other = GOOD.replace("4973", "5000")
    assert faults(GOOD, other) == [(3, "disagrees with line 2: both must have status conflict")]
    assert faults(GOOD, GOOD) == [(3, "says the same as line 2")]
    both = [row.replace("confirmed", "conflict") for row in (GOOD, other)]
    assert series(read(file(*both)), until=2020)[0].values == (4973.0, 5000.0)
    cases = other.replace("persons", "cases")
    assert len(read(file(GOOD, cases))) == 2, "another unit is another figure"


def test_a_conflict_with_one_print_shows_as_conflict() -> None:
    assert series(read(file(GOOD.replace("confirmed", "conflict"))), until=2020)[0].state == "conflict"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the columns are not year,scope"),
        ("a,b\n", "the columns are not year,scope"),
        (file(), "there is no figure in it"),
        (file('2020,"a"b,c'), "not CSV"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadRowsError, match=reason):
        read(text)


def test_the_command_says_what_it_did_not_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(file(GOOD.replace("4973", "many")), encoding="utf-8")
    assert main(path) == 1
    assert f"{path}:2: value 'many' is not a number\n1 bad rows; nothing was loaded\n" == capsys.readouterr().err
    assert main(tmp_path / "none.csv") == 75
    path.write_bytes(b"\xff\xfe")
    assert main(path) == 75
    assert "cannot be read" in capsys.readouterr().err


def test_the_national_series_is_of_one_metric_and_one_unit() -> None:
    rows = read(FILE.read_text(encoding="utf-8"))
    cases = national(rows, "support_cases", "cases", until=2025)
    assert [(p.year, p.state) for p in cases if p.state != "known"] == [
        (2021, "unknown"),
        (2024, "conflict"),
        (2025, "unknown"),
    ]
    assert cases[0].values == (33921.0,)
    assert national(rows, "support_cases", "persons", until=2025) == []
