"""Errata: a wrong release stays, a revision says why, and who has both learns no small count."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from services.analytics.releases import revise, service
from services.analytics.releases.audit import Proof, prove
from services.analytics.releases.calendar import period_of
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.errata import changed, current, revised
from services.analytics.releases.hierarchies import CENTERS, TIMES, TOTAL
from services.analytics.releases.intruder_model import Constraint, System, system
from services.analytics.releases.release import Release, of_month, of_quarter, of_year
from services.analytics.releases.suppression import MonthCounts, split
from services.analytics.releases.tables import (
    BY_CENTER,
    BY_WEEK,
    CONTACT_TABLE,
    HARM_TABLE,
    LATE_TABLE,
    STAFF_TABLE,
    TABLE_SPECS,
    TIME_TABLE,
    WITHHELD,
    Marks,
)
from shared.centers import CENTER_IDS
from shared.errors import PermanentError
from shared.store_clock import ClocksApartError
from tests.unit.analytics import worlds
from tests.unit.analytics.releases.test_audit import chosen
from tests.unit.analytics.releases.test_service import Office, Store
from tools.command import main

WHY = {"ko": "집계 오류를 바로잡았습니다.", "en": "Reports of two versions were counted twice."}
AS_OF = "2026-09-04T00:00:00Z"


def month(**centers: int) -> MonthCounts:
    own = {**dict.fromkeys(CENTERS.leaves(), 20), **centers}
    total = sum(own.values())
    return MonthCounts("2026-08", {"2026-08-05": total}, own, {}, {"within_1_hour": total}, {"in_care": total})


def released(**centers: int) -> Release:
    return of_month(month(**centers), AS_OF, "full")


def test_what_would_differ_by_a_small_count_is_not_shown_and_nor_is_anything_beside_it() -> None:
    """Three reports of Daegu's were Busan's. Both numbers beside each other, before and after, would say that."""
    first = released()
    made = revised(released(busan=23, daegu=17), [first], WHY)
    assert (made.revision, made.erratum) == (1, WHY)
    shown = made.tables[BY_CENTER]
    assert shown["total"] == first.tables[BY_CENTER]["total"]
    assert {"busan", "daegu", "gyeongnam", "busan+gyeongnam"}.isdisjoint(shown)
    assert shown["busan+gyeongnam+daegu+gyeongbuk+ulsan"] == 100
    assert shown["gyeonggi"] == 20, "another region"


def test_a_difference_of_five_and_more_is_shown_and_each_former_revision_is_looked_at() -> None:
    first = released()
    second = revised(released(busan=40, daegu=50), [first], WHY)
    assert (second.tables[BY_CENTER]["busan"], second.tables[BY_CENTER]["daegu"]) == (40, 50)
    assert changed(second, first)[0] == BY_CENTER
    third = revised(released(busan=22, daegu=68), [first, second], WHY)
    assert third.revision == 2
    assert "busan" not in third.tables[BY_CENTER], "20, and 22 once more: two"


@pytest.mark.parametrize("empty", ["--why-ko", "--why-en"])
def test_a_correction_that_does_not_say_why_begins_nothing(
    empty: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(revise, "_run", AsyncMock())
    said = {"--why-ko": "두 번 셌습니다.", "--why-en": "Counted twice.", empty: " "}
    assert main(["revise", "2026-08", *(word for pair in said.items() for word in pair)]) == 2
    assert empty in capsys.readouterr().err


def test_a_total_that_differs_by_a_small_count_is_not_released_at_all() -> None:
    made = revised(released(busan=22), [released()], WHY)
    assert (made.step, made.tables, made.months) == (WITHHELD, {}, ())


def test_the_newest_revision_stands_where_the_first_stood_and_former_ones_can_be_had() -> None:
    first, other = released(), replace(released(), period="2026-09", months=("2026-09",))
    second = revised(released(busan=40), [first], WHY)
    entries = [first, other, second]
    assert current(entries) == (second, other)
    catalogue, spec = ReleaseCatalogue(entries), TABLE_SPECS[BY_CENTER]
    table, former = catalogue.table(spec, "2026-08"), catalogue.former(spec, "2026-08", 0)
    assert former is not None
    assert [t.rows[-1].figures[0].low for t in (table, former)] == [360, 340]
    assert (table.erratum, former.erratum, former.revision) == (WHY, {}, 0)
    assert catalogue.former(spec, "2026-08", 5) is None
    assert catalogue.errata() == [second]


def test_the_proof_knows_that_a_part_may_be_hidden_for_what_it_was_before() -> None:
    """20 before and 23 now: none is below 5, and a proof that took one for it would prove too much."""
    first = released()
    made = revised(released(busan=23, daegu=17), [first], WHY)
    true = {f"2026-08/{BY_CENTER}/{key}": n for key, n in month(busan=23, daegu=17).centers.items()}

    def excluded(former: list[Release]) -> bool:
        return any(
            not chosen(each, true) for each in system([made], former).choices if true.keys() >= {*each.variables()}
        )

    assert (excluded([first]), excluded([])) == (False, True)


@pytest.mark.parametrize(("late", "verdict"), [(20, "narrow"), (None, "open")])
def test_a_difference_that_other_tables_prove_small_is_not_told(late: int | None, verdict: str) -> None:
    """60 were answered within the hour, and the correction hides how many. 45 were reached by then, 20 seen late: no
    part is below 5, so that it can only be hidden because it differs by 1 to 4."""
    before = {"within_5_min": 60, "longer": 40}
    times = split(TIMES, before)
    whole = {BY_CENTER: {TOTAL: 100}}
    first = Release("2026-08", AS_OF, "full", {**whole, TIME_TABLE: times}, ("2026-08",))
    again = replace(first, tables={**whole, TIME_TABLE: {TOTAL: 100}}, revision=1, erratum=WHY)
    seen = {LATE_TABLE: {f"{TOTAL}|seen_late": late}} if late is not None else {}
    quarter = Release("2026-Q3", AS_OF, "full", seen, ("2026-08",))
    groups = TABLE_SPECS[CONTACT_TABLE].hierarchy(period_of("2026"))
    reached = split(groups, {**dict.fromkeys(groups.leaves(), 11), "reached_1_hour": 45})
    year = Release("2026", AS_OF, "full", {CONTACT_TABLE: reached}, ("2026-08",))
    assert {"within_5_min+within_15_min+within_1_hour", TOTAL} < times.keys()
    assert (len(reached), reached[TOTAL]) == (len([*groups.nodes()]), 100)
    proof = prove(system([again, quarter, year], [first]), 30, of=["2026"])
    assert proof.verdict == verdict
    assert [cell for cell in proof.cells if cell.startswith(f"2026-08/{TIME_TABLE}/within_5_min+")] == (
        ["2026-08/acknowledgement-times/within_5_min+within_15_min+within_1_hour"] if late is not None else []
    )


def test_the_proof_knows_that_weeks_may_be_hidden_for_the_rest_that_was_left_beside_them() -> None:
    """Weeks told before the month had 40 of 140, now 45 of 147: the rest, 100 before, would differ by two."""
    parts = TABLE_SPECS[BY_WEEK].hierarchy(period_of("2026-08")).leaves()
    told = dict.fromkeys(parts[1:3], 20)
    first = Release("2026-08", AS_OF, "full", {BY_CENTER: {TOTAL: 140}, BY_WEEK: {TOTAL: 140, **told}}, ("2026-08",))
    now = dict(zip(parts, (25, 25, 20, 25, 26, 26), strict=True))
    shown = {TOTAL: sum(now.values()), **now}
    made = revised(replace(first, tables={BY_CENTER: {TOTAL: shown[TOTAL]}, BY_WEEK: shown}), [first], WHY)
    assert (shown[TOTAL], made.tables[BY_WEEK]) == (147, {TOTAL: 147})
    true = {f"2026-08/{BY_WEEK}/{week}": n for week, n in now.items()}
    found = [each for each in system([made], [first]).choices if true.keys() >= {*each.variables()}]
    assert [chosen(each, true) for each in found] == [True]


def test_a_narrow_correction_of_an_earlier_build_makes_no_later_period_coarser() -> None:
    """Of 340 reports 338 were synthesis; corrected, five are of children's material and none of any other type: 335 to
    340 are synthesis. That is out, and a year that leaves more out takes nothing of it back. But it may not say more.
    """
    month, how = released(), TABLE_SPECS[HARM_TABLE].protection
    assert isinstance(how, Marks)
    none = {*how.names} - {"synthesis", "child_material"}
    told = {f"{TOTAL}|child_material": 5, **{f"{c}|{name}": 0 for c in CENTERS.leaves() for name in none}}
    first = Release("2026-Q3", AS_OF, "full", {HARM_TABLE: {f"{TOTAL}|synthesis": 338}}, ("2026-08",))
    again = replace(first, tables={HARM_TABLE: told}, revision=1, erratum=WHY)
    before, found = (system([month, again], [month, first, again]) for _ in range(2))
    found.add("2026/critical", 340)
    children = [f"2026-Q3/{HARM_TABLE}/{c}|child_material" for c in CENTERS.leaves()]
    found.rows.append(Constraint({**dict.fromkeys(children, 1), "2026/critical": -1}, None, 0))
    cells = (f"2026-Q3/{HARM_TABLE}/{TOTAL}|synthesis",)
    assert prove(found, 60, of=["2026"]).cells == cells
    assert prove(found, 60, of=["2026"], before=lambda: before).verdict == "open"
    synthesis = {f"2026-Q3/{HARM_TABLE}/{c}|synthesis": 1 for c in CENTERS.leaves()}
    found.rows.append(Constraint(synthesis, 338, None))
    assert prove(found, 60, of=["2026"], before=lambda: before).cells == cells


def hidden_gwangju(
    year_at: str = "2026-01-04T00:01:00Z", corrected_at: str = "2026-02-04T00:00:00Z"
) -> tuple[list[Release], Release]:
    """All that was released of a year up to the correction of February; and the year corrected with its intervals.

    Gwangju is hidden in January, April and July. The year said 180 in the others, and 221 to 300 in all: so 41 at
    least in these three. February corrected hides it, too: 160 in the others, and 160 to 205 in all, leave it 0 to 4.
    """

    def counted(number: int, gwangju: int, jeonnam: int) -> MonthCounts:
        own = {**dict.fromkeys(CENTERS.leaves(), 20), "gwangju": gwangju, "jeonnam": jeonnam}
        total = sum(own.values())
        name = f"2025-{number:02d}"
        return MonthCounts(name, {f"{name}-05": total}, own, {}, {"within_1_hour": total}, {"in_care": total})

    parts = {**dict.fromkeys(range(1, 13), (20, 25)), 1: (37, 3), 4: (2, 38), 7: (3, 37)}
    before = {number: counted(number, *own) for number, own in parts.items()}
    first = {number: of_month(each, "2026-01-04T00:00:00Z", "full") for number, each in before.items()}
    year = of_year("2025", [*first.values()], [*before.values()], year_at, {}, {})
    now = {**before, 2: counted(2, 2, 43)}
    months = {**first, 2: revised(of_month(now[2], corrected_at, "full"), [first[2]], WHY)}
    made = of_year("2025", [*months.values()], [*now.values()], "2026-02-04T00:01:00Z", {}, {})
    again = revised(made, [year], WHY)
    assert [year.tables[BY_CENTER][f"gwangju{end}"] for end in (">=", "<=")] == [221, 300]
    assert [again.tables[BY_CENTER][f"gwangju{end}"] for end in (">=", "<=")] == [160, 205]
    return [*first.values(), year, months[2]], again


@pytest.mark.parametrize(
    ("year_at", "corrected_at"),
    [
        ("2026-01-04T00:01:00Z", "2026-02-04T00:00:00Z"),
        ("2026-01-03T23:59:00Z", "2026-02-04T00:00:00Z"),
        ("2026-01-04T00:01:00Z", "2026-01-04T00:00:30Z"),
    ],
    ids=["in order", "a year by a clock behind its months'", "a correction by a clock behind the year's"],
)
def test_the_proof_knows_what_a_former_year_said_of_months_that_stand(year_at: str, corrected_at: str) -> None:
    """What was released before what is a matter of the register, whatever the clocks said."""
    register, again = hidden_gwangju(year_at, corrected_at)
    months = [each for each in current(register) if each.kind == "month"]
    assert f"2025-02/{BY_CENTER}/gwangju" in prove(system([*months, again], register), 60, of=["2025"]).cells
    without = replace(again, tables={})
    assert prove(system([*months, without], register), 60, of=["2025-02"]).verdict == "open"


async def office_with_a_year() -> Office:
    office = Office()
    office.store.reports = 40
    await office.released()
    return office


def counted(reports: int) -> Any:
    store = Store()
    store.reports = reports
    return store


async def test_a_month_and_its_quarter_are_released_once_more_and_what_follows_is_made_of_them() -> None:
    office = await office_with_a_year()
    before = list(office.store.released)
    assert [each.period for each in before] == ["2026-08", "2026-09", "2026-Q3", "2026-10"]
    dry = await office.release_service.revise("2026-08", counted(50), WHY, dry=True)
    assert office.store.released == before
    found = await office.release_service.revise("2026-08", counted(50), WHY)
    assert [(each.period, each.revision, each.erratum) for each in found] == [("2026-08", 1, WHY), ("2026-Q3", 1, WHY)]
    assert [each.tables for each in dry] == [each.tables for each in found]
    assert office.store.released[:4] == before, "what was released stays"
    quarter = office.release_service.catalogue.table(TABLE_SPECS[BY_CENTER], "2026-Q3")
    assert next(row.figures[0].low for row in quarter.rows if row.key == "busan") == 90
    await office.at(datetime(2026, 12, 5, tzinfo=UTC))
    assert (await office.released())[6:] == ["2026-11"], "the months go on where they were"


async def test_a_month_is_corrected_by_no_clock_that_is_wrong() -> None:
    """Readers are told when each revision was made."""
    office = await office_with_a_year()
    before = list(office.store.released)
    office.ahead = timedelta(days=400)
    with pytest.raises(ClocksApartError):
        await office.release_service.revise("2026-08", counted(50), WHY)
    assert office.store.released == before
    office.ahead = timedelta()
    assert len(await office.release_service.revise("2026-08", counted(50), WHY)) == 2


async def test_later_proofs_know_what_former_revisions_showed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 and 40, then 43 and 37, the revision shows neither. Who does not know the first takes one for below 5."""
    office = await office_with_a_year()
    again = counted(40)
    own = await again.cells(period_of("2026-08"))
    again.cells = lambda *_: _moved(own, ("busan", 43), ("gyeongnam", 37))
    (found, *_) = await office.release_service.revise("2026-08", again, WHY)
    assert "busan" not in found.tables[BY_CENTER]
    asked: list[System] = []

    def proven(found: System, *_: Any, of: list[str], before: Callable[[], System]) -> Proof:
        asked.append(found)
        new = {name.partition("/")[0] for name in found.tops.keys() - before().tops.keys()}
        assert new == {*of}, "what it is compared with knows all but the release itself"
        return Proof("open")

    monkeypatch.setattr(service, "prove", proven)
    await office.at(datetime(2027, 1, 4, tzinfo=UTC))
    assert (await office.released())[-1] == "2026"
    true = {f"2026-08/{BY_CENTER}/{key}": n for key, n in (("busan", 43), ("gyeongnam", 37))}
    of_both = [each for each in asked[-1].choices if true.keys() == {*each.variables()}]
    assert [chosen(each, true) for each in of_both] == [True]


async def _moved(cells: Any, *to: tuple[str, int]) -> Any:
    moved = {f"reports|{c}|{harm}": n for c, n in to for harm in ("all", "other", "synthesis")}
    return {day: Counter({**of_day, **moved}) for day, of_day in cells.items()}


def test_the_proof_knows_that_a_mark_may_be_hidden_for_what_it_was_before() -> None:
    counts = [worlds.month(f"2025-0{n}", 28, random.Random(n), crossings=False) for n in (1, 2, 3)]
    months = [of_month(each, AS_OF, "full") for each in counts]
    own = {**counts[0].harms["gyeonggi"], "synthesis": counts[0].harms["gyeonggi"]["synthesis"] - 2}
    mended = [replace(counts[0], harms={**counts[0].harms, "gyeonggi": own}), *counts[1:]]
    first, new = (of_quarter("2025-Q1", months, each, AS_OF, {}) for each in (counts, mended))
    made = revised(new, [first], WHY)
    assert not [key for key in made.tables[HARM_TABLE] if key.endswith("|synthesis")]
    true = {
        f"2025-Q1/{HARM_TABLE}/{c}|synthesis": sum(each.harms[c]["synthesis"] for each in mended)
        for c in CENTERS.leaves()
    }

    def excluded(former: list[Release]) -> bool:
        choices = [each for each in system([*months, made], former).choices if {*each.variables()} <= true.keys()]
        assert choices
        return not all(chosen(each, true) for each in choices)

    assert (excluded([first]), excluded([])) == (False, True)


async def test_the_bulletin_compares_with_what_a_correction_says() -> None:
    """Busan's reports of August were counted at Gyeongnam. Corrected, they stand where they are and moved nowhere."""
    office = Office()
    office.store.reports = 40
    office.store.owners = {"busan": "gyeongnam"}
    await office.released()
    office.store.owners = {}
    await office.release_service.revise("2026-08", counted(50), WHY)
    assert {owner.owner for owner in office.store.reports_kept["2026-08"].values()} >= {"busan"}
    await office.at(datetime(2027, 1, 4, tzinfo=UTC))
    assert (await office.released())[-1] == "2026"
    year = office.store.released[-1]
    assert year.tables["corrections"] == {"gone": 10 * len(CENTER_IDS), "moved_on": 2 * 40}, "September and October"


async def test_a_correction_leaves_out_hours_that_cannot_be_as_a_month_does() -> None:
    office = await office_with_a_year()
    again = counted(50)
    typed = 50 * 24 * 31 + 1.0
    again.hours_on_duty = AsyncMock(return_value={**dict.fromkeys(CENTER_IDS, 480.0), "busan": typed})
    month, _ = await office.release_service.revise("2026-08", again, WHY)
    assert STAFF_TABLE not in month.tables


async def test_what_does_not_differ_is_not_released_once_more() -> None:
    office = await office_with_a_year()
    with pytest.raises(PermanentError, match="nothing to correct"):
        await office.release_service.revise("2026-08", counted(40), WHY)
    with pytest.raises(PermanentError, match="2026-07 is not released; there are: 2026-08"):
        await office.release_service.revise("2026-07", counted(50), WHY)
