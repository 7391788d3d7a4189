"""A made-up year, released, fetched from the interface and the pages, and attacked; the same with a bug planted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.analytics.exports import parquet, report_content, table_files
from services.analytics.exports.csvw import as_csvw
from services.analytics.exports.observations import Observation, observations
from services.analytics.releases import published, weekly
from services.analytics.releases.errata import revised
from services.analytics.releases.hierarchies import CENTERS, TOTAL
from services.analytics.releases.release import Release, of_month
from services.analytics.releases.suppression import MonthCounts, joined
from services.analytics.releases.tables import BY_WEEK, LATE, LATE_TABLE
from tests.disclosure.publishing import fetched, released
from tests.unit.analytics.releases.test_errata import WHY, hidden_gwangju
from tests.unit.analytics.releases.test_errata import released as corrected
from tests.unit.analytics.releases.test_residence import released_with_residence
from tests.unit.analytics.worlds import AS_OF, weeks_before
from tools.disclosure_attack.__main__ import Result, attack

pytestmark = pytest.mark.timeout(480)


@pytest.fixture(scope="module")
def year() -> tuple[list[Release], dict[str, MonthCounts]]:
    entries: list[Release] = []
    counts: dict[str, MonthCounts] = {}
    for release, proof, so_far in released([2026], 28.0, seed=3, first_weeks=True):
        assert proof.verdict == "open"
        entries.append(release)
        counts = so_far
    return entries, counts


def half(entries: Sequence[Release]) -> list[Release]:
    """The first half of the year with its quarters: enough for a planted bug to be found in."""
    return [entry for entry in entries if max(entry.months, default="") <= "2026-06"]


async def attacked(entries: Sequence[Release], folder: Path, *, exact: bool = True) -> Result:
    files = await fetched(entries, folder)
    assert files > 15 * len(entries)
    return attack(folder, exact=exact)


async def test_nothing_that_was_released_is_undone(
    year: tuple[list[Release], dict[str, MonthCounts]], tmp_path: Path
) -> None:
    result = await attacked(year[0], tmp_path)
    assert result.failed, (result.leaked, result.strays)
    assert (result.narrowed, result.unsure) == ((), 0)
    assert result.cells > 300
    small = [n for month in year[1].values() for n in month.centers.values() if 0 < n < 5]
    assert len(small) >= 5, "nothing was there to be found"


def first_month(**by_day: int) -> MonthCounts:
    """November 2026 with so many reports on its days; the keyword is the day, as ``on_3``."""
    days = {f"2026-11-{int(day[3:]):02d}": n for day, n in by_day.items()}
    total = sum(days.values())
    return MonthCounts("2026-11", days, {"busan": total}, {}, {"longer": total}, {"in_care": total})


async def test_weeks_before_the_first_month_are_not_undone_by_it(tmp_path: Path) -> None:
    """One week of three was not told; with no month yet, and with the month beside them."""
    counts = first_month(on_1=2, on_4=31, on_12=3, on_17=26, on_24=9, on_30=1)
    weeks = weeks_before(counts)
    month = of_month(counts, AS_OF, "whole", weekly.before("2026-11", weeks))
    assert month.tables[BY_WEEK] == {"total": 72, "2026-W45": 31, "2026-W47": 26}
    for name, entries, hidden in (("weeks", weeks, 0), ("month", [*weeks, month], 4)):
        await fetched(entries, tmp_path / name)
        result = attack(tmp_path / name)
        assert result.failed, (result.leaked, result.strays)
        assert (result.narrowed, result.unsure) == ((), 0)
        assert result.cells >= hidden


async def test_a_month_that_tells_a_small_rest_beside_its_weeks_is_undone(tmp_path: Path) -> None:
    """The planted bug: the month says its total although three reports are left of it without the weeks."""
    counts = first_month(on_4=31, on_17=26, on_24=3)
    shown = {"total": 60, "2026-W45": 31, "2026-W47": 26}
    made = of_month(counts, AS_OF, "whole")
    month = replace(made, tables={**made.tables, BY_WEEK: shown})
    await fetched([*weeks_before(counts), month], tmp_path)
    narrowed = {(bound.cell.row, bound.low, bound.high) for bound in attack(tmp_path).narrowed}
    assert {("2026-W44", 0, 3), ("2026-W46", 0, 3), ("2026-W48", 0, 3), ("2026-W49", 0, 3)} <= narrowed


async def test_a_correction_is_not_undone_by_what_stood_there_before(tmp_path: Path) -> None:
    """Three reports of Daegu's were Busan's, and seven of Incheon's Gyeonggi's; as it is, and with nothing left out."""
    first, made = corrected(), corrected(busan=23, daegu=17, gyeonggi=27, incheon=13)
    small = {"busan reports: 20 and 23", "daegu reports: 20 and 17"}
    for second, told in ((revised(made, [first], WHY), set()), (replace(made, revision=1, erratum=WHY), small)):
        folder = tmp_path / str(len(told))
        await fetched([first, second], folder)
        strays = {f"{stray.label}: {stray.text}" for stray in attack(folder, exact=False).strays}
        assert strays & small == told
        assert bool(strays) is bool(told)


async def test_what_a_year_said_before_its_correction_is_known(tmp_path: Path) -> None:
    """The planted bug: the corrected year has intervals although, with those of before, Gwangju's are 0 to 4."""
    register, again = hidden_gwangju()
    for name, year, found in (("bug", again, [(0, 4)]), ("without", replace(again, tables={}), [])):
        await fetched([*register, year], tmp_path / name)
        narrowed = [each for each in attack(tmp_path / name).narrowed if each.cell.period == "2025-02"]
        assert [(each.low, each.high) for each in narrowed if each.cell.row == "gwangju"] == found


async def test_provinces_of_residence_beside_hidden_numbers_from_elsewhere_are_undone(tmp_path: Path) -> None:
    """The planted bug: all provinces are told although a centre owns two more than live there, three from elsewhere."""
    results = {}
    for step in ("full", "regions"):
        await fetched(released_with_residence(step), tmp_path / step)
        results[step] = attack(tmp_path / step)
    found = [*results["full"].leaked, *results["full"].narrowed]
    assert [bound.low for bound in found if bound.cell.row == "chungnam"] == [2]
    assert results["regions"].cells > 20
    assert (results["regions"].narrowed, results["regions"].unsure) == ((), 0)
    assert results["regions"].failed


async def test_totals_computed_before_hiding_are_undone(
    year: tuple[list[Release], dict[str, MonthCounts]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: quarters and years by centre are summed from true counts and hidden afterwards."""
    entries, counts = half(year[0]), year[1]

    def before_hiding(release_service: Sequence[Mapping[str, int]]) -> dict[str, int]:
        shown = joined(release_service)
        months = [entry for entry in entries if entry.tables.get("reports-by-center") in release_service]
        if len(months) < len(release_service) or len(months) == 1:
            return shown
        centers = {key: sum(counts[m.period].centers[key] for m in months) for key in CENTERS.leaves()}
        return {**shown, **{key: n for key, n in centers.items() if n >= 5 and TOTAL in shown}}

    monkeypatch.setattr(published, "joined", before_hiding)
    result = await attacked(entries, tmp_path, exact=False)
    leaked = {(bound.cell.period, bound.cell.row) for bound in result.leaked}
    assert leaked
    assert {row for _, row in leaked} <= set(CENTERS.leaves())
    for period, row in leaked & {(month, row) for month in counts for row in CENTERS.leaves()}:
        assert 0 < counts[period].centers[row] < 5, "what it says it found is true"


def leaking_parquet(monkeypatch: pytest.MonkeyPatch) -> str:
    def leaky(table: published.Table) -> Iterator[Observation]:
        return (
            replace(cell, value=3) if cell.row == "sejong" and cell.value is None else cell
            for cell in observations(table)
        )

    monkeypatch.setattr(parquet, "observations", leaky)
    return "reports-by-center central"  # in what both have together, which is shown


def two_kinds_of_hidden(monkeypatch: pytest.MonkeyPatch) -> str:
    def told_apart(cell: Observation) -> str:
        return "shown" if cell.value is not None else "primary" if cell.row == "sejong" else "complementary"

    monkeypatch.setattr(Observation, "status", property(told_apart))
    return "hidden: complementary, primary"


def a_number_in_a_description(monkeypatch: pytest.MonkeyPatch) -> str:
    def counted(*given: Any) -> dict[str, Any]:
        return {**as_csvw(*given), "dc:extent": {"hidden rows": 3}}

    monkeypatch.setattr(table_files, "as_csvw", counted)
    return "description: 3"


def true_counts_in_the_report(monkeypatch: pytest.MonkeyPatch) -> str:
    real = report_content._rows

    def filled(*given: Any) -> list[dict[str, Any]]:
        return [{**row, "value": 4 if row["value"] is None else row["value"]} for row in real(*given)]

    monkeypatch.setattr(report_content, "_rows", filled)
    return "세종: 4"


@pytest.mark.parametrize(
    "plant", [leaking_parquet, two_kinds_of_hidden, a_number_in_a_description, true_counts_in_the_report]
)
async def test_a_leak_in_any_form_of_file_is_found(
    plant: Any, year: tuple[list[Release], dict[str, MonthCounts]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = plant(monkeypatch)
    await fetched([entry for entry in year[0] if entry.months][:3], tmp_path)
    result = attack(tmp_path, exact=False)
    found = {f"{bound.cell.table} {bound.cell.row}" for bound in result.leaked}
    found |= {f"{stray.label}: {stray.text}" for stray in result.strays}
    assert not result.failed
    assert expected in found


async def test_seen_late_with_only_the_small_ones_hidden_is_undone(
    year: tuple[list[Release], dict[str, MonthCounts]], tmp_path: Path
) -> None:
    """The planted bug: of a region every centre's number of 5 and more is shown, and so the one that is not follows."""
    entries, counts = half(year[0]), year[1]
    few = {"sejong": 3, "central": 0}
    planted = []
    for entry in entries:
        release = entry
        if LATE_TABLE in entry.tables:
            months = [counts[month] for month in entry.months]
            late = {c: sum(m.centers[c] - m.seen[c] for m in months) for c in CENTERS.leaves()} | few
            everywhere = {f"{center}|{LATE}": n for center, n in late.items() if n >= 5}
            wholes = {
                f"{node.key}|{LATE}": sum(late[key] for key in node.leaves()) for node in CENTERS.nodes() if node.parts
            }
            shown = {**entry.tables[LATE_TABLE], **everywhere, **wholes}
            release = replace(entry, tables={**entry.tables, LATE_TABLE: shown})
        planted.append(release)
    result = await attacked(planted, tmp_path)
    found = [bound for bound in (*result.leaked, *result.narrowed) if bound.cell.table == LATE_TABLE]
    sejong = [(bound.low, bound.high) for bound in found if bound.cell.row == "sejong"]
    assert [high for _, high in sejong if high < 5], "three of them were there to be found"
    assert all(low <= few["sejong"] <= high for low, high in sejong), "what it says it found is true"
