"""Reports by residence and by first assignment: what an intruder knows of them from who is from elsewhere."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.analytics.releases.audit import Proof, prove
from services.analytics.releases.calendar import period_of
from services.analytics.releases.intruder_model import system
from services.analytics.releases.plausibility import implausible
from services.analytics.releases.release import Release, lower, of_month, of_year
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import (
    ASSIGNMENT_TABLE,
    ELSEWHERE_TABLE,
    FROM_ELSEWHERE,
    MOVES_TABLE,
    RESIDENCE_TABLE,
    TABLE_SPECS,
    WITHHELD,
    Decisions,
)
from shared.centers import TABLES
from shared.events.vocabulary import RoutingReason
from tests.unit.analytics import worlds

OWNERS = {
    **dict.fromkeys(worlds.SHARES, 0),
    **dict.fromkeys(("gyeonggi", "incheon", "gangwon", "jeonnam", "jeonbuk", "jeju", "busan", "daegu"), 30),
    **dict.fromkeys(("gwangju", "gyeongnam", "gyeongbuk", "ulsan", "chungnam", "chungbuk", "daejeon", "sejong"), 30),
    "central": 10,
}
REPORTS = sum(OWNERS.values())
ASSIGNED = {"home": REPORTS - 80, "no_home": 50, "overflow": 10, "linked": 10, "last_resort": 10}


def month(
    guests: Mapping[str, int],
    residences: Mapping[str, int],
    assignments: Mapping[str, int] = ASSIGNED,
    moves: Mapping[str, int] | None = None,
    central: int = 10,
) -> MonthCounts:
    owners = {**OWNERS, "central": central}
    away = {**dict.fromkeys(owners, 0), **guests, "central": central}
    homes = {f"none/{c}": n for c, n in away.items()} | {f"{c}/{c}": n - away[c] for c, n in owners.items()}
    crossings = {
        ELSEWHERE_TABLE: homes,
        RESIDENCE_TABLE: residences,
        ASSIGNMENT_TABLE: assignments,
        MOVES_TABLE: {"handed_on": 30, "moved_otherwise": 12} if moves is None else moves,
    }
    n = sum(owners.values())
    counts = MonthCounts("2025-01", {"2025-01-05": n}, owners, {}, {"longer": n}, {"in_care": n}, crossings)
    assert not implausible(counts)
    return counts


def released(counts: MonthCounts, coarser: Mapping[str, str] | None = None) -> list[Release]:
    """January and its year."""
    january = of_month(counts, worlds.AS_OF, "full")
    return [january, of_year("2025", [january], [counts], worlds.AS_OF, coarser or {}, {})]


def proven(counts: MonthCounts, coarser: Mapping[str, str] | None = None) -> tuple[Release, Proof]:
    entries = released(counts, coarser)
    return entries[-1], prove(system(entries), 60)


def released_with_residence(step: str) -> list[Release]:
    """A world in which 28 people live in Chungnam, whose centre owns 30 reports; three are from elsewhere."""
    return released(CHUNGNAM, {RESIDENCE_TABLE: step})


def lives(guests: Mapping[str, int], nowhere: Mapping[str, int], **more: int) -> dict[str, int]:
    """Everybody at home lives there, and so many more."""
    found = {c: n - guests.get(c, 0) + more.get(c, 0) for c, n in OWNERS.items() if c != "central"}
    return found | dict(nowhere)


GUESTS = {"gyeonggi": 10, "incheon": 8, "busan": 9, "gyeongnam": 8, "jeonbuk": 8, "daejeon": 8, "chungnam": 3}
CHUNGNAM = month(GUESTS, lives(GUESTS, {"seoul": 40, "unknown": 15, "overseas": 8}, chungnam=1))


def test_who_lives_at_a_centre_bounds_how_many_of_its_reports_are_from_elsewhere() -> None:
    """Chungnam owns 30 and 28 people live there: so two at least are from elsewhere, of whom three are hidden."""
    year, proof = proven(CHUNGNAM)
    assert f"chungnam|{FROM_ELSEWHERE}" not in year.tables[ELSEWHERE_TABLE]
    assert year.tables[RESIDENCE_TABLE]["chungnam"] == 28
    assert proof.verdict == "narrow"
    assert f"2025/{ELSEWHERE_TABLE}/chungnam|{FROM_ELSEWHERE}" in proof.cells
    assert lower({}, proof.cells, year.tables) == {RESIDENCE_TABLE: "regions"}, "what was published before stays"


def test_regions_of_residence_and_seoul_say_nothing_of_one_centre() -> None:
    year, proof = proven(CHUNGNAM, {RESIDENCE_TABLE: "regions"})
    shown = year.tables[RESIDENCE_TABLE]
    assert shown["seoul"] == 40
    assert {"gyeonggi+incheon+gangwon", "chungnam+chungbuk+daejeon+sejong"} <= shown.keys()
    assert "chungnam" not in shown
    assert proof.verdict == "open"
    assert lower({RESIDENCE_TABLE: "regions"}, [f"2025/{RESIDENCE_TABLE}/seoul"], year.tables) == {
        RESIDENCE_TABLE: WITHHELD
    }


TEN_GUESTS = dict.fromkeys(OWNERS, 10)
FEW_MOVES = {"handed_on": 6, "moved_otherwise": 5}


def test_who_is_assigned_past_a_home_and_did_not_move_is_from_elsewhere() -> None:
    """No home took 180 reports first, 170 are from elsewhere: so ten moved, and of each kind at most nine.

    Both figures of moves are hidden. What was published before stays.
    """
    assigned = {"home": 290, "no_home": 160, "overflow": 20, "linked": 10, "last_resort": 10}
    lived = lives(TEN_GUESTS, {"seoul": 105, "unknown": 31, "overseas": 16}, gwangju=9, jeonnam=9)
    counts = month(TEN_GUESTS, lived, assigned, FEW_MOVES)
    year, proof = proven(counts)
    assert year.tables[MOVES_TABLE] == {}
    assert set(proof.cells) == {f"2025/{ASSIGNMENT_TABLE}/{move}" for move in FEW_MOVES}
    coarser = lower({}, proof.cells, year.tables)
    assert coarser == {ASSIGNMENT_TABLE: WITHHELD}
    assert proven(counts, coarser)[1].verdict == "open"


def test_who_lives_where_no_home_is_stays_from_elsewhere_by_any_move() -> None:
    """161 live there and 20 were assigned by overflow, 170 are from elsewhere: so eleven moved, and at most nine each.

    Of the first decisions 136 found no home: the others of them are linked reports and the last resort.
    """
    assigned = {"home": 309, "no_home": 136, "overflow": 20, "linked": 15, "last_resort": 10}
    lived = lives(TEN_GUESTS, {"seoul": 105, "unknown": 40, "overseas": 16}, daegu=9)
    counts = month(TEN_GUESTS, lived, assigned, FEW_MOVES)
    year, proof = proven(counts)
    assert set(proof.cells) == {f"2025/{ASSIGNMENT_TABLE}/{move}" for move in FEW_MOVES}
    assert proven(counts, lower({}, proof.cells, year.tables))[1].verdict == "open"


def test_no_more_found_no_home_than_are_from_elsewhere() -> None:
    """60 were not taken at home first, 40 are from elsewhere: so 20 had a home, and those without are the small part.

    Moves say nothing of it: 42 are told.
    """
    guests = {"gyeonggi": 10, "busan": 10, "daejeon": 10}
    assigned = {"home": REPORTS - 60, "no_home": 3, "overflow": 25, "linked": 20, "last_resort": 12}
    counts = month(guests, lives(guests, {"seoul": 8}, daegu=16, ulsan=16), assigned)
    year, proof = proven(counts)
    assert year.tables[ELSEWHERE_TABLE][f"total|{FROM_ELSEWHERE}"] == 40
    assert "no_home" not in year.tables[ASSIGNMENT_TABLE]
    assert f"2025/{ASSIGNMENT_TABLE}/no_home" in proof.cells
    assert proven(counts, lower({}, proof.cells, year.tables))[1].verdict == "open"


def test_who_lives_at_a_centre_bounds_what_a_quarter_hides_in_all_its_months() -> None:
    """27 people live in Gyeongbuk, and of 18 guests six are of Seoul: 15 reports at least are its centre's.

    It owns 12 a month at most: so each of its three months may be 0, and two together, which are a quarter, may not.
    """
    owners = {**OWNERS, "gyeongbuk": 9, "ulsan": 3, "central": 0}
    n = sum(owners.values())
    homes = {f"{c}/{c}": n - 2 * (c in {"incheon", "gyeonggi", "busan"}) for c, n in owners.items()}
    homes |= {"none/incheon": 2, "busan/gyeonggi": 2, "gyeonggi/busan": 2}
    lived = {c: n - 2 * (c == "incheon") for c, n in owners.items() if c != "central"} | {"seoul": 2}
    crossings = {ELSEWHERE_TABLE: homes, RESIDENCE_TABLE: lived}
    counts = [
        MonthCounts(f"2025-{at}", {f"2025-{at}-05": n}, owners, {}, {"longer": n}, {"in_care": n}, crossings)
        for at in ("01", "02", "04")
    ]
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    assert all("gyeongbuk" not in each.tables["reports-by-center"] for each in months)
    year = of_year("2025", months, counts, worlds.AS_OF, {}, {})
    assert year.tables[RESIDENCE_TABLE]["gyeongbuk"] == 27
    cells = prove(system([*months, year]), 60).cells
    assert f"2025/{RESIDENCE_TABLE}/2025-Q1/gyeongbuk" in cells
    assert not {f"{each.period}/reports-by-center/gyeongbuk" for each in months} & {*cells}


def test_a_figure_of_moves_that_a_correction_hides_is_near_what_was_shown() -> None:
    """30 were shown first, and of the second revision nothing: so 26 to 34 moved and not 30, or fewer than ten."""
    first = released(month(GUESTS, CHUNGNAM.crossings[RESIDENCE_TABLE]))
    second = replace(first[1], tables={**first[1].tables, MOVES_TABLE: {"moved_otherwise": 12}}, revision=1)
    found = system([first[0], second], [first[1]])
    moved = f"2025/{ASSIGNMENT_TABLE}/handed_on"
    assert found.tops[moved] == 34
    ways = [way.row for choice in found.choices for way in choice.ways if moved in choice.variables()]
    assert [(row.low, row.high) for row in ways] == [(None, 9), (26, 29), (31, 34)]


def test_a_world_whose_numbers_are_large_leaves_whole() -> None:
    guests = dict.fromkeys(OWNERS, 10)
    assigned = {**ASSIGNED, "home": REPORTS - 200, "no_home": 160, "overflow": 20}
    year, proof = proven(month(guests, lives(guests, {"seoul": 100, "unknown": 40, "overseas": 30}), assigned))
    assert proof.verdict == "open"
    assert year.tables[RESIDENCE_TABLE]["overseas"] == 30
    assert year.tables[RESIDENCE_TABLE]["jeonnam-gwangju"] == 40
    assert year.tables[ASSIGNMENT_TABLE]["last_resort"] == 10


def test_every_division_has_a_residence_and_later_ones_are_unknown() -> None:
    spec = TABLE_SPECS[RESIDENCE_TABLE]
    leaves = spec.hierarchy(period_of("2025")).leaves()
    for division in (*TABLES.divisions, *TABLES.elsewhere):
        counts = MonthCounts("2025-01", {}, {}, {}, {}, crossings={RESIDENCE_TABLE: {division: 7}})
        found = spec.leaf_counts(counts) or {}
        merged = division in {"gwangju", "jeonnam"}
        assert found == {"jeonnam-gwangju" if merged else division: 7}
        assert found.keys() <= {*leaves}
    later = MonthCounts("2025-01", {}, {}, {}, {}, crossings={RESIDENCE_TABLE: {"of-later": 7, "unknown": 2}})
    assert spec.leaf_counts(later) == {"unknown": 9}


@pytest.mark.parametrize("reason", [*RoutingReason, "home_of_a_later_version", "no_home_of_a_later_version"])
def test_a_first_decision_counts_by_how_its_reason_begins(reason: str) -> None:
    source = TABLE_SPECS[ASSIGNMENT_TABLE].source
    assert isinstance(source, Decisions)
    begins = {"home_": "overflow", "no_home_": "no_home"} if reason in {*RoutingReason} else {}
    group = next((name for start, name in begins.items() if str(reason).startswith(start)), "last_resort")
    expected = str(reason) if reason in {"home", "linked"} else group
    assert source.grouped({("first", str(reason)): 3, ("later", str(reason)): 80}) == {expected: 3}
