"""The yearly bulletin: reports are compared one by one, and what it says narrows nothing that was released."""

import random
from dataclasses import replace

from services.analytics.counting.models import CountedReport
from services.analytics.releases.audit import prove
from services.analytics.releases.hierarchies import CENTERS
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import lower, of_month, of_year
from services.analytics.releases.revisions import bulletin, from_counts
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import MOVED_IN, MOVED_OUT, WITHHELD
from tests.unit.analytics import worlds


def reports(
    number: int, center: str, start: int = 0, outcome: str = "in_care", harm: str = "other"
) -> dict[str, CountedReport]:
    return {f"r-{n}": CountedReport(center, outcome, (harm,)) for n in range(start, start + number)}


def test_moves_there_and_back_both_count() -> None:
    """30 went from Busan to Ulsan and 14 the other way; as the difference of counts that was 16."""
    before = {**reports(50, "busan"), **reports(30, "ulsan", 50)}
    now = {**before, **reports(30, "ulsan"), **reports(14, "busan", 50)}
    found = bulletin(before, now)
    assert found["corrections"] == {"moved_on": 44}
    assert (found[MOVED_OUT]["total"], found[MOVED_IN]["total"]) == (44, 44)


def test_other_outcomes_and_harm_types_and_reports_that_came_and_went_are_told_apart() -> None:
    before = {**reports(40, "busan"), **reports(12, "jeju", 40)}
    now = {**reports(11, "busan", 0, "supported"), **reports(29, "busan", 11), **reports(15, "busan", 100)}
    now |= reports(10, "busan", 30, harm="synthesis")
    assert bulletin(before, now)["corrections"] == {"came": 15, "gone": 12, "outcome_changed": 11, "harm_changed": 10}


def test_fewer_than_ten_are_not_told() -> None:
    assert bulletin(reports(9, "busan"), reports(9, "ulsan")) == {"corrections": {}, MOVED_OUT: {}, MOVED_IN: {}}


def test_a_month_closed_before_its_reports_were_kept_tells_what_its_counts_do() -> None:
    before = MonthCounts("2025-01", {}, {"busan": 50, "ulsan": 30}, {}, {})
    moved = MonthCounts("2025-01", {}, {"busan": 39, "ulsan": 41}, {}, {})
    more = MonthCounts("2025-01", {}, {"busan": 62, "ulsan": 30}, {}, {})
    assert from_counts([before], [moved]) == {"corrections": {"moved": 11}}
    assert from_counts([before, before], [before, more]) == {"corrections": {"reports": 12}}
    assert from_counts([before], [before]) == {"corrections": {}}


def test_a_bulletin_that_narrows_a_hidden_month_is_withheld() -> None:
    """January hid how Sejong and the central desk share ten. Twelve left Sejong, five of them are February's."""
    counts = []
    for name, sejong in (("2025-01", 8), ("2025-02", 5)):
        month = worlds.month(name, 28, random.Random(3), crossings=False)  # they are of the centres it had before
        rest = month.centers["gyeonggi"] + month.centers["sejong"] - 10
        centers = {**month.centers, "sejong": sejong, "central": 10 - sejong, "gyeonggi": rest}
        counts.append(replace(month, centers=centers))
    months = [of_month(month, worlds.AS_OF, "full") for month in counts]
    assert ["sejong" in month.tables["reports-by-center"] for month in months] == [False, True]
    left = dict.fromkeys(CENTERS.leaves(), 10) | {"sejong": 12, "central": 5}
    shown = {node.key: sum(left[key] for key in node.leaves()) for node in CENTERS.nodes()}
    year = of_year("2025", months, counts, worlds.AS_OF, {}, {MOVED_OUT: shown})
    proof = prove(system([*months, year]), 60, of=["2025"])
    assert proof.verdict == "narrow"
    assert "2025-01/reports-by-center/central" in proof.cells
    coarser = lower({}, proof.cells, year.tables)
    assert coarser == {MOVED_OUT: WITHHELD}
    year = of_year("2025", months, counts, worlds.AS_OF, coarser, {MOVED_OUT: shown})
    assert MOVED_OUT not in year.tables
    assert prove(system([*months, year]), 60, of=["2025"]).verdict == "open"
