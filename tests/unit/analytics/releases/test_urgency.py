"""Reports by urgency: what an intruder knows of them from other tables and from intake's published rule."""

from dataclasses import replace

from services.analytics.releases.audit import Proof, prove
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import BETWEEN, Release, lower, of_month, of_quarter, of_year
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import (
    AGE_GENDER_TABLE,
    GENDER_TABLE,
    HARM_TABLE,
    HARMS,
    URGENCY_TABLE,
    WITHHELD,
)
from shared.events.vocabulary import AgeBand, Gender, HarmType
from tests.unit.analytics import worlds

SIX_OF_EACH = {f"{age.value}/{gender.value}": 6 for age in AgeBand for gender in Gender}
CHILDREN = 6 * len(Gender)
REPORTS = sum(SIX_OF_EACH.values())


def proven(*, critical: int, high: int, assumed: bool = True) -> tuple[Release, Proof]:
    """A year of one month in which 24 reports concern children. ``assumed``: False takes intake's rule as certain."""
    centers = {**dict.fromkeys(worlds.SHARES, 0), "gyeonggi": REPORTS}
    crossings = {
        AGE_GENDER_TABLE: SIX_OF_EACH,
        GENDER_TABLE: {gender.value: 6 * len(AgeBand) for gender in Gender},
        URGENCY_TABLE: {"critical": critical, "high": high, "normal": REPORTS - critical - high},
    }
    harms = {center: dict.fromkeys(HARMS, n) for center, n in centers.items()}
    counts = MonthCounts(
        "2025-01", {"2025-01-05": REPORTS}, centers, harms, {"longer": REPORTS}, {"in_care": REPORTS}, crossings
    )
    month = of_month(counts, worlds.AS_OF, "full")
    year = of_year("2025", [month], [counts], worlds.AS_OF, {}, {})
    found = system([month, year])
    if not assumed:
        found.rows = [replace(row, assumed=False) for row in found.rows]
    return year, prove(found, 60, of=["2025"])


def test_a_few_of_high_urgency_beside_as_many_critical_as_children_are_found() -> None:
    """24 children are shown, and 27 reports that are critical or high: so no more than 3 are high."""
    year, proof = proven(critical=CHILDREN, high=3)
    assert year.tables[URGENCY_TABLE] == {"total": REPORTS, "normal": REPORTS - 27, "high+critical": 27}
    assert proof.verdict == "narrow"
    assert f"2025/{URGENCY_TABLE}/high" in proof.cells
    assert (lower({}, proof.cells, year.tables) or {})[URGENCY_TABLE] == WITHHELD


def test_enough_of_each_urgency_leave() -> None:
    year, proof = proven(critical=CHILDREN, high=30)
    assert year.tables[URGENCY_TABLE]["critical"] == CHILDREN
    assert proof.verdict == "open"


def test_what_reports_contradict_is_not_held_against_them() -> None:
    """An older rule did not make every child's report critical: the release leaves all the same."""
    year, proof = proven(critical=4, high=3)
    assert year.tables[URGENCY_TABLE]["high+critical"] == 7
    assert proof.verdict == "open"
    assert proven(critical=4, high=3, assumed=False)[1].verdict == "contradiction"


def test_as_many_critical_as_a_year_shows_do_not_narrow_the_children_a_quarter_hides() -> None:
    """The quarter hides three reports of material of children, nationwide; 30 critical ones would say: at most 30.

    All of the year's numbers are shown, so nothing of its own is unknown: what they bound is looked at all the same.
    """
    centers = {**dict.fromkeys(worlds.SHARES, 0), "gyeonggi": 40, "daejeon": 40, "gwangju": 40, "busan": 40}
    harms = {c: {**dict.fromkeys(HARMS, 0), HARMS[0]: n // 2, HARMS[1]: n - n // 2} for c, n in centers.items()}
    for center in ("gyeonggi", "daejeon", "busan"):
        harms[center][HarmType.CHILD_MATERIAL] = 1
    counts = MonthCounts(
        "2025-01",
        {"2025-01-05": 160},
        centers,
        harms,
        {"longer": 160},
        {"in_care": 160},
        {URGENCY_TABLE: {"normal": 90, "high": 40, "critical": 30}},
    )
    month = of_month(counts, worlds.AS_OF, "full")
    quarter = of_quarter("2025-Q1", [month], [counts], worlds.AS_OF, {})
    assert prove(system([month, quarter]), 60, of=["2025-Q1"]).verdict == "open"
    hidden = f"total{BETWEEN}{HarmType.CHILD_MATERIAL}"
    assert hidden not in quarter.tables[HARM_TABLE]
    year = of_year("2025", [month], [counts], worlds.AS_OF, {}, {})
    assert year.tables[URGENCY_TABLE]["critical"] == 30
    proof = prove(system([month, quarter, year]), 60, of=["2025"])
    assert proof.verdict == "narrow"
    assert f"2025-Q1/{HARM_TABLE}/{hidden}" in proof.cells
    coarser = lower({}, proof.cells, year.tables) or {}
    assert coarser == {URGENCY_TABLE: WITHHELD}
    year = of_year("2025", [month], [counts], worlds.AS_OF, coarser, {})
    assert prove(system([month, quarter, year]), 60).verdict == "open"
