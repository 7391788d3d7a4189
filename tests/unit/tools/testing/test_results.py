"""What is read from pytest's file, and what is printed of it."""

from pathlib import Path

from tools.testing.results import Outcome, Results, table

CASES = [
    ("test_a", "test_one", 0.5, ""),
    ("test_a", "test_two", 7.25, '<failure message="not 1">trace</failure>'),
    ("test_b", "test_three", 0, '<skipped message="left out: no Chromium">x</skipped>'),
    ("test_b", "test_four", 0, '<skipped message="not on this system">x</skipped>'),
    ("test_b", "test_five", 0, '<error message="no broker">x</error>'),
]
XML = "".join(
    f'<testcase classname="tests.unit.{module}" name="{name}" time="{seconds}">{inside}</testcase>'
    for module, name, seconds, inside in CASES
)


def test_states_reasons_and_what_was_left_out(tmp_path: Path) -> None:
    file = tmp_path / "test.xml"
    file.write_text(f"<testsuites><testsuite>{XML}</testsuite></testsuites>", encoding="utf-8")
    results = Results.read("test", 12.3, 20.0, 1, file)
    assert [o.state for o in results.outcomes] == ["passed", "failed", "skipped", "skipped", "error"]
    assert [o.name for o in results.failed()] == ["tests/unit/test_a.py::test_two", "tests/unit/test_b.py::test_five"]
    assert [o.reason for o in results.left_out()] == ["left out: no Chromium"]


def test_a_run_that_wrote_nothing_has_no_outcomes(tmp_path: Path) -> None:
    assert Results.read("test", 0.1, 0.0, 4, tmp_path / "missing.xml").outcomes == []


def test_the_table_has_a_line_a_target_and_the_slowest_tests_of_all(tmp_path: Path) -> None:
    files = [tmp_path / "test.json", tmp_path / "test-all.json", tmp_path / "never-ran.json"]
    Results("test", 61.04, 110.5, 0, [Outcome("a.py::one", 2.0, "passed")]).write(files[0])
    Results("test-all", 600, 1000, 1, [Outcome("b.py::two", 30.0, "failed")]).write(files[1])
    said = table(files).splitlines()
    assert said[1].split() == ["test", "61.0", "110.5", "1", "0", "0", "0"]
    assert said[2].split() == ["test-all", "600", "1000", "0", "1", "0", "1"]
    assert [line.split()[-1] for line in said[-2:]] == ["b.py::two", "a.py::one"]
