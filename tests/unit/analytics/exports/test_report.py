"""The monthly report: two pages that say what the tables say, the same each time, and none without Korean letters."""

import asyncio
import io
import json
import threading
from dataclasses import replace
from datetime import datetime

import pytest
from pypdf import PdfReader

from services.analytics.exports import report
from services.analytics.exports.report import NoFontError, typeset
from services.analytics.exports.report_content import map_svg
from services.analytics.exports.report_content import report as content
from services.analytics.releases.hierarchies import CENTERS, TOTAL
from services.analytics.releases.published import build, exists
from services.analytics.releases.release import of_month, of_quarter
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import BY_CENTER, HARM_TABLE, TABLE_SPECS, TIME_TABLE
from shared.web.korea import MERGER, divisions_map
from tests.support.waiting import eventually
from tests.unit.analytics.exports.test_api import get, numbers
from tests.unit.analytics.releases.test_published import made, period, some_counts, some_releases
from tests.unit.analytics.test_authorization import NOW, House

_MERGED_NAME = next(shape.name_ko for shape in divisions_map(MERGER).shapes if shape.slug == "jeonnam-gwangju")


async def test_the_monthly_report_is_two_pages_and_the_same_each_time() -> None:
    first, second = (await get("/api/v1/monthly/2026-12.pdf")), (await get("/api/v1/monthly/2026-12.pdf"))
    assert first.content == second.content, "two processes make the same bytes"
    reader = PdfReader(io.BytesIO(first.content))
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert len(reader.pages) == 2
    assert "2026년 12월" in text
    assert "372건" in text
    assert "앞 달과 같습니다" in text
    assert "대전 + 세종 + 중앙 16" in text
    assert "세종 비공개" in text
    assert "12.1.~12.6. (6일)" in text, "a week that the month cuts says so"
    assert "12.7.~12.13. " in text
    shown = {n for (_, _), n in numbers(made("reports-by-center", "2026-12")).items() if n is not None}
    assert all(str(n) in text for n in shown)


@pytest.mark.parametrize("step", ["full", "regions", "whole"])
def test_the_report_is_two_pages_on_every_step_of_the_ladder(step: str) -> None:
    counts = [some_counts(month) for month in ("2026-09", "2026-10")]
    months = [of_month(each, "2026-11-04T00:00:00Z", step) for each in counts]
    tables = {d.name: build(d, period("2026-10"), months) for d in TABLE_SPECS.values() if exists(d, months[1])}
    before = build(TABLE_SPECS["reports-by-center"], period("2026-09"), months)
    data = content(tables, [before] * 11, None, str, str)
    reader = PdfReader(io.BytesIO(typeset(json.dumps(data), NOW)))
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert len(reader.pages) == 2
    assert ("따로 공개하지 않는 곳: " in text) == (step != "full")
    assert "372건" in text


@pytest.mark.parametrize(("month", "slugs"), [("2026-06", {"gwangju", "jeonnam"}), ("2026-07", {"jeonnam-gwangju"})])
def test_the_map_of_the_report_has_the_borders_of_its_month(month: str, slugs: set[str]) -> None:
    release = of_month(some_counts(month), "2026-08-04T00:00:00Z", "full")
    table = build(TABLE_SPECS["reports-by-center"], period(month), [release])
    drawn = map_svg(table)
    names = {"gwangju": ">광주<", "jeonnam": ">전남<", "jeonnam-gwangju": f">{_MERGED_NAME}<"}
    assert {slug for slug, name in names.items() if name in drawn} == slugs
    merged = next(shape for shape in divisions_map(MERGER).shapes if shape.slug == "jeonnam-gwangju")
    hatched = f'<path d="{merged.path}" fill="url(#hidden)"'
    assert hatched not in drawn, "what stands there together is shown"
    assert (merged.path in drawn) == (month >= "2026-07")


@pytest.mark.parametrize(("first", "said"), [(11, "2026-Q4 (3개월 중 2개월)"), (10, "2026-Q4")])
def test_a_quarter_of_which_a_month_is_missing_says_so(first: int, said: str) -> None:
    counts = [some_counts(f"2026-{month}") for month in range(first, 13)]
    months = [of_month(each, "2027-01-04T00:00:00Z", "full") for each in counts]
    releases = [*months, of_quarter("2026-Q4", months, counts, "2027-01-04T00:00:00Z", {})]
    tables = {d.name: build(d, period("2026-12"), releases) for d in TABLE_SPECS.values() if exists(d, months[-1])}
    assert content(tables, [], build(TABLE_SPECS[HARM_TABLE], period("2026-Q4"), releases), str, str)["quarter"] == said


def test_a_month_is_compared_with_the_one_before_it_and_with_no_earlier_one() -> None:
    """Of September nothing could be told: August is not the month before October."""
    months = [of_month(some_counts(f"2026-{n}"), "2026-11-04T00:00:00Z", "full") for n in ("08", "09", "10")]
    tables = {d.name: build(d, period("2026-10"), months) for d in TABLE_SPECS.values() if exists(d, months[-1])}
    august, september = (build(TABLE_SPECS[BY_CENTER], period(f"2026-{n}"), months) for n in ("08", "09"))
    before = [content(tables, earlier, None, str, str)["before"] for earlier in ([august, september], [august], [])]
    assert before == [372, None, None]
    begun = content(tables, [september], None, str, str, begun_within="2026-09")
    assert begun["before"] is None, "counting may have begun within September"


@pytest.mark.parametrize("begun", [True, False])
def test_a_week_and_a_month_that_counting_may_have_begun_within_say_so(*, begun: bool) -> None:
    """As on the dashboard: 2026-W42 has fewer reports than the weeks after it for that alone."""
    month = of_month(some_counts("2026-10"), "2026-11-04T00:00:00Z", "full")
    tables = {d.name: build(d, period("2026-10"), [month]) for d in TABLE_SPECS.values() if exists(d, month)}
    within = {"begun_within": "2026-10", "begun_within_week": "2026-W42"} if begun else {}
    data = content(tables, [], None, str, str, **within)
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(typeset(json.dumps(data), NOW))).pages)
    said = (
        "10.12.~10.18. *",
        "2026-10 *",
        "* 이 주 중간에 집계를 시작했을 수 있습니다.",
        "* 이 달 중간에 집계를 시작했을 수",
    )
    assert [each in text for each in said] == [begun] * len(said)


def test_the_share_seen_within_an_hour_is_the_one_of_the_dashboard() -> None:
    """23 of 80 are 28.75 %: 28.8, though a computer that multiplies by 100 finds a little less."""
    month = of_month(some_counts("2026-10"), "2026-11-04T00:00:00Z", "full")
    month = replace(month, tables={**month.tables, TIME_TABLE: {"within_1_hour": 23, "within_4_hours": 57, TOTAL: 80}})
    tables = {d.name: build(d, period("2026-10"), [month]) for d in TABLE_SPECS.values() if exists(d, month)}
    (first, _) = PdfReader(io.BytesIO(typeset(json.dumps(content(tables, [], None, str, str)), NOW))).pages
    assert "28.8%" in first.extract_text()


def test_a_report_with_long_corrections_counts_all_its_pages() -> None:
    month = of_month(some_counts("2026-10"), "2026-11-04T00:00:00Z", "full")
    month = replace(
        month, revision=1, erratum={"ko": "두 번 센 신고가 있어 바로잡았습니다. " * 60, "en": "Counted twice."}
    )
    tables = {d.name: build(d, period("2026-10"), [month]) for d in TABLE_SPECS.values() if exists(d, month)}
    reader = PdfReader(io.BytesIO(typeset(json.dumps(content(tables, [], None, str, str)), NOW)))
    pages = [page.extract_text() for page in reader.pages]
    assert len(pages) > 2
    assert all(f"{number} / {len(pages)}" in text for number, text in enumerate(pages, 1))


def test_the_largest_centre_is_named_as_such_only_where_no_hidden_one_can_have_more() -> None:
    own = {**dict.fromkeys(CENTERS.leaves(), 8), "busan": 9}
    hidden = {**own, "gyeonggi": 80, "incheon": 2, "gangwon": 2}
    said = [_printed(centers) for centers in (own, hidden)]
    assert "가장 많은 곳은 busan(9건)입니다." in said[0]
    assert "따로 공개한 곳 가운데 가장 많은 곳은 busan(9건)입니다." not in said[0]
    assert "따로 공개한 곳 가운데 가장 많은 곳은 busan(9건)입니다." in said[1]


def _printed(centers: dict[str, int]) -> str:
    total = sum(centers.values())
    counts = MonthCounts("2026-10", {"2026-10-05": total}, centers, {}, {"longer": total}, {"in_care": total})
    month = of_month(counts, "2026-11-04T00:00:00Z", "full")
    tables = {d.name: build(d, period("2026-10"), [month]) for d in TABLE_SPECS.values() if exists(d, month)}
    reader = PdfReader(io.BytesIO(typeset(json.dumps(content(tables, [], None, str, str)), NOW)))
    return reader.pages[0].extract_text().replace("\n", " ")


def test_without_a_korean_font_it_says_so() -> None:
    with pytest.raises(NoFontError, match="no font with Korean letters"):
        typeset("{}", NOW, families=("A family nobody has",))


class Press:
    """In place of typst: remembers what it printed, each of a kilobyte, and waits to be told to go on."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.at_once = self.most_at_once = 0
        self.free = threading.Event()

    def __call__(self, data: str, as_of: datetime) -> bytes:
        del as_of
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.printed.append(json.loads(data)["title"])
        assert self.free.wait(20)
        self.at_once -= 1
        return data[:1].encode() * 1024


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Press:
    press = Press()
    monkeypatch.setattr(report, "typeset", press)
    return press


async def test_however_many_ask_at_once_it_is_made_once_and_one_at_a_time(press: Press) -> None:
    house = House()
    reader = house.staff.bearer("ministry", "analyst")
    asked = [asyncio.create_task(house.get(f"/api/v1/monthly/2026-{n}.pdf", reader)) for n in (10, 10, 11, 10, 11)]
    await eventually(lambda: bool(press.printed))
    press.free.set()
    answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert sorted(press.printed) == ["2026년 10월", "2026년 11월"]
    assert press.most_at_once == 1
    assert (await house.get("/api/v1/monthly/2026-10.pdf", reader)).status_code == 200
    assert len(press.printed) == 2, "it is held"


async def test_a_report_is_made_again_when_a_month_before_it_is_corrected(press: Press) -> None:
    press.free.set()
    first = next(each for each in some_releases() if each.period == "2026-10")
    house = House()
    reader = house.staff.bearer("ministry", "analyst")
    assert (await house.get("/api/v1/monthly/2026-11.pdf", reader)).status_code == 200
    house.store.released.append(replace(first, revision=1, erratum={"ko": "까닭", "en": "why"}))
    await house.release_service.release_due()
    assert (await house.get("/api/v1/monthly/2026-11.pdf", reader)).status_code == 200
    assert press.printed == ["2026년 11월"] * 2


async def test_what_somebody_waited_for_in_vain_is_not_begun_again(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "LIMIT_S", 0.01)
    house = House()
    reader = house.staff.bearer("ministry", "analyst")
    assert [(await house.get("/api/v1/monthly/2026-10.pdf", reader)).status_code for _ in range(3)] == [503] * 3
    monkeypatch.setattr(report, "LIMIT_S", 20)
    press.free.set()
    assert (await house.get("/api/v1/monthly/2026-10.pdf", reader)).status_code == 200
    assert press.printed == ["2026년 10월"]


async def test_what_is_held_is_bounded_and_who_was_not_asked_for_longest_goes(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "KEPT_BYTES", 2 * 1024)
    press.free.set()
    house = House()
    reader = house.staff.bearer("ministry", "analyst")
    for month in (10, 11, 10, 12, 10, 11):
        assert (await house.get(f"/api/v1/monthly/2026-{month}.pdf", reader)).status_code == 200
    assert press.printed == ["2026년 10월", "2026년 11월", "2026년 12월", "2026년 11월"]
