"""Closed reports and first contact: of how many they are, and what an intruder knows of them from other tables."""

from dataclasses import replace

from services.analytics.releases.audit import Proof, prove
from services.analytics.releases.hierarchies import TIMES as ACKNOWLEDGED
from services.analytics.releases.intruder_model import system
from services.analytics.releases.plausibility import implausible
from services.analytics.releases.release import Release, lower, of_month, of_quarter, of_year
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import (
    CLOSED,
    CLOSED_TABLE,
    CLOSING_TABLE,
    CLOSING_TIME_TABLE,
    CONTACT_TABLE,
    CONTACTS,
    LATE,
    LATE_TABLE,
    TIME_TABLE,
    URGENCY_TABLE,
    WITHHELD,
)
from tests.unit.analytics import worlds

REPORTS = 115
REASONS = {"supported": 40, "referred": 10, "no_contact": 8, "not_in_scope": 7, "duplicate": 6, "unknown": 9}
TIMES = {"closed_1_day": 11, "closed_3_days": 20, "closed_1_week": 15, "closed_2_weeks": 15, "closed_later": 10}
SOON = dict.fromkeys([*CONTACTS.groups, CONTACTS.longer, CONTACTS.unmeasured], 0) | {"reached_1_hour": REPORTS}


def counted(
    *,
    closed: int = 80,
    reasons: dict[str, int] | None = None,
    times: dict[str, int] | None = None,
    by_center: dict[str, int] | None = None,
    withdrawn: int = 10,
) -> MonthCounts:
    """A month of 115 reports, 100 of them in one region."""
    centers = {**dict.fromkeys(worlds.SHARES, 0), "gyeonggi": 100, "daejeon": 5, "gwangju": 5, "busan": 5}
    ends = {"in_care": REPORTS - closed - withdrawn, "closed": closed, "withdrawn": withdrawn}
    crossings = {
        CLOSING_TABLE: {**(reasons or REASONS), "in_care": ends["in_care"], "withdrawn": withdrawn},
        CLOSING_TIME_TABLE: times or {**TIMES, "closed_unknown": 9},
        CLOSED_TABLE: by_center or {"gyeonggi": closed},
    }
    days = {"2025-01-05": REPORTS}
    return MonthCounts("2025-01", days, centers, {}, {"longer": REPORTS}, ends, crossings)


def year_of(counts: MonthCounts) -> tuple[Release, Proof]:
    """The year of that month alone, and its proof."""
    month = of_month(counts, worlds.AS_OF, "full")
    year = of_year("2025", [month], [counts], worlds.AS_OF, {}, {})
    return year, prove(system([month, year]), 60, of=["2025"])


def test_tables_of_closed_reports_add_up_to_what_the_months_state_as_closed() -> None:
    year, proof = year_of(counted())
    assert proof.verdict == "open"
    assert {name: year.tables[name]["total"] for name in (CLOSING_TABLE, CLOSING_TIME_TABLE)} == {
        CLOSING_TABLE: 80,
        CLOSING_TIME_TABLE: 80,
    }
    assert year.tables[CLOSING_TABLE]["unknown"] == 9


def test_where_a_month_hides_how_many_are_closed_its_year_has_no_table_of_them() -> None:
    """Three were withdrawn: with the closed ones they are 83, and no more is said."""
    year, proof = year_of(counted(withdrawn=3))
    assert proof.verdict == "open"
    assert not {CLOSING_TABLE, CLOSING_TIME_TABLE, CLOSED_TABLE} & year.tables.keys()


def test_a_month_closed_before_they_were_counted_leaves_the_year_without_them() -> None:
    year, proof = year_of(replace(counted(), crossings={}))
    assert proof.verdict == "open"
    assert not {CLOSING_TABLE, CLOSING_TIME_TABLE, CLOSED_TABLE, CONTACT_TABLE} & year.tables.keys()


def test_who_has_no_time_of_closing_has_no_reason_either() -> None:
    """Of 8 two are duplicates and six have no known reason: the times say six."""
    reasons = {**REASONS, "supported": 47, "duplicate": 2, "unknown": 6}
    year, proof = year_of(counted(reasons=reasons, times={**TIMES, "closed_later": 13, "closed_unknown": 6}))
    assert year.tables[CLOSING_TIME_TABLE]["closed_unknown"] == 6
    assert year.tables[CLOSING_TABLE]["duplicate+unknown"] == 8
    assert "duplicate" not in year.tables[CLOSING_TABLE]
    assert proof.verdict == "narrow"
    assert f"2025/{CLOSING_TABLE}/duplicate" in proof.cells
    assert (lower({}, proof.cells, year.tables) or {})[CLOSING_TABLE] == WITHHELD


def test_how_many_are_closed_says_of_a_large_place_that_some_are_there() -> None:
    """All other places have 15 reports and 17 are closed: at least two are closed at the largest."""
    reasons = {"supported": 17}
    year, proof = year_of(counted(closed=17, reasons=reasons, times={"closed_1_week": 17}, by_center={"gyeonggi": 17}))
    assert not year.tables[CLOSED_TABLE]
    assert proof.verdict == "narrow"
    assert {cell.partition("|")[2] for cell in proof.cells} == {CLOSED}


def followed(
    crossings: dict[str, dict[str, int]], times: dict[str, int], in_time: int, closed: int = 0
) -> tuple[MonthCounts, Release, Release]:
    """A month of 160 reports at four centres, released, and its quarter's table of those seen late alone."""
    centers = {**dict.fromkeys(worlds.SHARES, 0), "gyeonggi": 40, "daejeon": 40, "gwangju": 40, "busan": 40}
    seen = {center: in_time for center, n in centers.items() if n}
    ends = {"in_care": 150 - closed, "closed": closed, "withdrawn": 10}
    times = {**dict.fromkeys(ACKNOWLEDGED.leaves(), 0), **times}
    counts = MonthCounts("2025-01", {"2025-01-05": 160}, centers, {}, times, ends, crossings, seen=seen)
    assert not implausible(counts)
    month = of_month(counts, worlds.AS_OF, "full")
    quarter = of_quarter("2025-Q1", [month], [counts], worlds.AS_OF, {})
    return counts, month, replace(quarter, tables={LATE_TABLE: quarter.tables[LATE_TABLE]})


def released(counts: MonthCounts, month: Release, *quarters: Release) -> tuple[Release, list[Proof]]:
    """The year as the service makes it, and all its proofs."""
    coarser: dict[str, str] = {}
    proofs: list[Proof] = []
    while True:
        year = of_year("2025", [month], [counts], worlds.AS_OF, coarser, {})
        proofs.append(prove(system([month, *quarters, year]), 60, of=["2025"]))
        if proofs[-1].verdict != "narrow":
            return year, proofs
        lowered = lower(coarser, proofs[-1].cells, year.tables)
        assert lowered is not None
        coarser = lowered


def without_times(month: Release) -> Release:
    """The month as if it told nothing of when its reports were acknowledged; with it other rows say the same."""
    return replace(month, tables={name: shown for name, shown in month.tables.items() if name != TIME_TABLE})


def test_what_a_year_shows_of_contact_does_not_narrow_who_was_seen_late_in_a_hidden_quarter() -> None:
    """The quarter hides that 4 were seen late; 57 reached after a day and 6 critical would say: at most 63.

    All of the year's numbers are shown, so nothing of its own is unknown: what they bound is looked at all the same.
    """
    crossings = {
        CONTACT_TABLE: {**SOON, "reached_1_hour": 0, "reached_1_day": 103, "reached_3_days": 20, "reached_1_week": 10}
        | {"reached_later": 7, "not_reached": 20},
        URGENCY_TABLE: {"normal": 119, "high": 35, "critical": 6},
    }
    times = {"within_1_hour": 3, "within_4_hours": 60, "within_12_hours": 20, "within_1_day": 20}
    times |= {"within_3_days": 47, "longer": 5, "unanswered": 5}
    counts, month, quarter = followed(crossings, times, in_time=39)
    assert not quarter.tables[LATE_TABLE]
    assert prove(system([month, quarter]), 60).verdict == "open"
    year, proofs = released(counts, month, quarter)
    assert [proof.verdict for proof in proofs] == ["narrow", "open"]
    assert f"2025-Q1/{LATE_TABLE}/total|{LATE}" in proofs[0].cells
    assert year.coarser == {CONTACT_TABLE: WITHHELD}, "and nothing else is"
    assert prove(system([month, quarter, year]), 60).verdict == "open", "nor is anything that was released before"


def test_who_was_reached_within_the_hour_was_not_seen_late() -> None:
    """100 were seen late and 60 reached within the hour, of 160: with 3 more in the day, these would be known."""
    crossings = {
        CONTACT_TABLE: {"reached_1_hour": 60, "reached_1_day": 3, "reached_3_days": 40, "reached_1_week": 20}
        | {"reached_later": 7, "not_reached": 30},
        URGENCY_TABLE: {"normal": 60, "high": 40, "critical": 60},
    }
    times = {"within_5_min": 20, "within_15_min": 20, "within_1_hour": 20, "within_4_hours": 30}
    times |= {"within_3_days": 20, "longer": 25, "unanswered": 25}
    counts, month, quarter = followed(crossings, times, in_time=15)
    year, proofs = released(counts, month, quarter)
    assert f"2025/{CONTACT_TABLE}/reached_1_day" in proofs[0].cells
    first = of_year("2025", [month], [counts], worlds.AS_OF, {}, {})
    alone = prove(system([without_times(month), quarter, first]), 60, of=["2025"])
    assert f"2025/{CONTACT_TABLE}/reached_1_day" in alone.cells
    assert year.coarser[CONTACT_TABLE] == WITHHELD
    assert proofs[-1].verdict == "open"


def test_no_more_are_closed_within_a_day_than_were_acknowledged_by_then() -> None:
    """40 were acknowledged within the hour and 3 after it; 42 were closed within a day: so at least 2 were after it."""
    crossings = {
        CLOSING_TABLE: {"supported": 60, "in_care": 90, "withdrawn": 10},
        CLOSING_TIME_TABLE: {**dict.fromkeys(TIMES, 0), "closed_unknown": 0}
        | {"closed_1_day": 42, "closed_3_days": 10, "closed_1_week": 8},
        CLOSED_TABLE: {"gyeonggi": 15, "daejeon": 15, "gwangju": 15, "busan": 15},
    }
    times = {"within_5_min": 10, "within_15_min": 10, "within_1_hour": 20, "within_4_hours": 3}
    times |= {"within_3_days": 60, "longer": 30, "unanswered": 27}
    counts, month, _ = followed(crossings, times, in_time=40, closed=60)
    year, proofs = released(counts, month)
    assert "2025-01/acknowledgement-times/within_4_hours+within_12_hours+within_1_day" in proofs[0].cells
    assert year.coarser == {CLOSING_TIME_TABLE: WITHHELD}
    assert proofs[-1].verdict == "open"


def test_who_was_seen_late_and_reached_within_a_day_was_critical() -> None:
    """140 were seen late and 20 reached after a day: 120 at least are critical, of 124 that are so or high.

    The month tells nothing of when they were acknowledged.
    """
    crossings = {
        CONTACT_TABLE: {**SOON, "reached_1_hour": 15, "reached_1_day": 125, "reached_3_days": 20},
        URGENCY_TABLE: {"normal": 36, "high": 3, "critical": 121},
    }
    times = {"within_1_hour": 20, "within_1_day": 120, "within_3_days": 20}
    counts, month, quarter = followed(crossings, times, in_time=5)
    assert quarter.tables[LATE_TABLE][f"total|{LATE}"] == 140
    year = of_year("2025", [month], [counts], worlds.AS_OF, {}, {})
    assert year.tables[URGENCY_TABLE] == {"total": 160, "normal": 36, "high+critical": 124}
    proof = prove(system([without_times(month), quarter, year]), 60, of=["2025"])
    assert proof.verdict == "narrow"
    assert f"2025/{URGENCY_TABLE}/high" in proof.cells


def test_no_more_are_reached_within_a_day_than_were_acknowledged_by_then() -> None:
    """40 were acknowledged within the hour and 3 after it; 42 were reached within a day: at least 2 were after it."""
    crossings = {
        CONTACT_TABLE: {"reached_1_hour": 35, "reached_1_day": 7, "reached_3_days": 60, "reached_1_week": 20}
        | {"reached_later": 8, "not_reached": 30},
    }
    times = {"within_5_min": 10, "within_15_min": 10, "within_1_hour": 20, "within_4_hours": 3}
    times |= {"within_3_days": 60, "longer": 30, "unanswered": 27}
    counts, month, _ = followed(crossings, times, in_time=40)
    year, proofs = released(counts, month)
    assert "2025-01/acknowledgement-times/within_4_hours+within_12_hours+within_1_day" in proofs[0].cells
    assert year.coarser == {CONTACT_TABLE: WITHHELD}
    assert proofs[-1].verdict == "open"
