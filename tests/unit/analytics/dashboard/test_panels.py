"""The dashboard's pages, read as a reader of their source would: every answer, panel and cell, and nothing hidden."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.analytics.releases.hierarchies import TOTAL
from services.analytics.releases.release import Release
from services.analytics.releases.tables import (
    BY_CENTER,
    BY_WEEK,
    HARM_TABLE,
    HARMS,
    MOVES_TABLE,
    STAFF_TABLE,
    SUPPORT_TABLE,
    TIME_TABLE,
    WITHHELD,
)
from services.analytics.releases.weekly import of_week
from shared.events.vocabulary import SupportKind
from tests.unit.analytics.paneling import PATHS, Away, Lost, Source, fetch, releases_made_up, source
from tests.unit.analytics.releases.test_published import AS_OF
from tests.unit.analytics.test_authorization import NOW, Watching


class Stopped(Watching):
    """A watch that has seen no progress for a day."""

    def stopped_since(self) -> datetime | None:
        return NOW - timedelta(days=1)


async def test_six_answers_each_with_change_definition_and_release() -> None:
    page = await source("/?period=2026-12&lang=en")
    december = next(each for each in releases_made_up() if each.period == "2026-12").tables["reports-by-center"]
    november = next(each for each in releases_made_up() if each.period == "2026-11").tables["reports-by-center"]
    assert f"{december['total']} reports" in page.texts["how-many"]
    grown = december["total"] - november["total"]
    assert f"{abs(grown)} {'more' if grown > 0 else 'fewer'} than in November 2026" in page.said("how-many")
    assert f"({100 * grown / november['total']:+.1f}%)" in page.said("how-many")
    most = max(("gyeonggi", "busan", "incheon"), key=lambda key: december[key])
    assert {"gyeonggi": "Gyeonggi", "busan": "Busan", "incheon": "Incheon"}[most] in page.texts["from-where"]
    assert "This is released by quarter" in page.said("what-kind")
    assert "See Q4 2026" in page.said("what-kind")
    assert re.search(r"\d+\.\d%", page.said("how-fast"))
    assert "points" in page.said("how-fast")
    assert "Gyeonggi" in page.said("overloaded")  # 30 of 100 reports, three people
    assert "Nothing" in page.texts["accounted"]
    for answer in ("how-many", "from-where", "what-kind", "how-fast", "overloaded"):
        assert "What is counted" in page.texts[answer]
        assert ("Released on" in page.said(answer)) == (answer != "what-kind")


@pytest.mark.parametrize("path", ["/", "/centers", "/people"])
@pytest.mark.parametrize("when", ["2026-12", "2026-Q4", "2026"])
async def test_nothing_is_drawn_that_is_not_of_the_period_in_the_title(path: str, when: str) -> None:
    """A year's total stood beside the harm types of its last quarter and the load of its last month."""
    text = await fetch(f"{path}?period={when}&lang=en")
    title = "2026" if path == "/people" else when
    selected = re.findall(r'<option value="([^"]+)" selected', text)
    assert selected == [title]
    of = re.findall(r'class="release">(?:<strong[^<]*</strong> )*([\w-]+) ·', text)
    assert {*of} == {title}
    for body in re.findall(r'<section class="panel" id="\w+".*?</section>', text, re.DOTALL):
        assert ("<svg" in body) == ('class="release"' in body)
        assert ("<svg" in body) != (">See " in body) or 'id="rules"' in body
    assert ("is shown instead of" in text) == (title != when)


async def test_what_is_of_other_periods_leads_to_the_one_that_has_it() -> None:
    text = await fetch("/centers?period=2026-Q4&lang=en")
    assert 'href="/centers?period=2026-12#load"' in text
    assert 'href="/centers?period=2026#elsewhere"' in text
    assert 'href="/?period=2026-12#overloaded"' in await fetch("/?period=2026-Q4&lang=en")


async def test_percent_are_rounded_once() -> None:
    """3 of 868 are 0.3456 %: 0.3. Rounded before, to 0.35, it would be 0.4, and the monthly report would say 0.3."""
    totals = {"2026-11": 868, "2026-12": 865}
    releases = [
        replace(each, tables={**each.tables, BY_CENTER: {**each.tables[BY_CENTER], "total": totals[each.period]}})
        if each.period in totals
        else each
        for each in releases_made_up()
    ]
    page = Source(await fetch("/?period=2026-12&lang=en", releases=releases))
    assert "3 fewer than in November 2026 (-0.3%)" in page.said("how-many")


async def test_the_share_that_no_number_states_is_rounded_once() -> None:
    """2 of 58 are 3.448 %: 3.4. Rounded before, to 3.45, it would be 3.5."""
    releases = [
        replace(each, tables={**each.tables, BY_CENTER: {"busan": 56, TOTAL: 58}}) if each.period == "2026-12" else each
        for each in releases_made_up()
    ]
    page = Source(await fetch("/?period=2026-12&lang=en", releases=releases))
    assert "16 of 17 numbers are hidden (94.1%); 3.4% of what is counted stands there." in page.said("rules")


async def test_a_centre_is_named_the_one_with_most_only_where_no_other_can_have_as_many() -> None:
    page = await source("/?period=2026&lang=en")
    assert "Most are at the centre Gyeonggi" in page.said("where")
    doubtful = [
        replace(each, tables={**each.tables, BY_CENTER: {**each.tables[BY_CENTER], "jeju>=": 3000, "jeju<=": 3010}})
        if each.period == "2026"
        else each
        for each in releases_made_up()
    ]
    page = await source("/?period=2026&lang=en", releases=doubtful)
    assert "Among the most are at the centre Gyeonggi" in page.said("where")
    assert "not known" in page.texts["from-where"]
    assert "Gyeonggi" not in page.said("from-where")


async def test_the_centre_with_most_may_be_told_by_two_limits_and_then_has_no_share() -> None:
    limits = {"gyeonggi>=": 3000, "gyeonggi<=": 3010}
    held = [
        replace(each, tables={**each.tables, BY_CENTER: {**each.tables[BY_CENTER], **limits}})
        if each.period == "2026"
        else each
        for each in releases_made_up()
    ]
    page = await source("/?period=2026&lang=en", releases=held)
    assert "3,000–3,010 reports" in page.texts["from-where"]


async def test_what_protection_costs_a_year_counts_its_intervals() -> None:
    said = (await source("/?period=2026&lang=en")).said("rules")
    assert re.search(r"numbers are hidden \(\d+\.\d%\), \d+ are said as two limits; of \d+\.\d% of what is", said)


@pytest.mark.parametrize(
    ("watch", "said", "looked"),
    [
        (Watching(), 'stat-value">Nothing', True),
        (Lost(), 'stat-value alarm">Something', True),
        (Away(), 'stat-value">Cannot be said now', False),
    ],
)
async def test_whether_all_is_accounted_for_is_a_word_and_no_number(watch: Watching, said: str, looked: bool) -> None:
    """Nor is it hatched, as numbers are that are known and hidden."""
    html = await fetch("/?lang=en", watch=watch)
    page = Source(html)
    assert said in html
    assert ("Looked at just now" in page.said("accounted")) == looked
    assert not re.search(r"\d", page.said("accounted"))


async def test_without_a_period_before_there_is_no_change_and_beside_a_hidden_number_no_comparison() -> None:
    assert "than in" not in (await source("/?period=2025-10&lang=en")).said("how-many")
    entries = [each for each in releases_made_up() if each.period in {"2025-10", "2025-11"}]
    few = {**entries[0].tables, "acknowledgement-times": {"total": 99}}
    held = [Release("2025-10", AS_OF, "full", few, ("2025-10",)), entries[1]]
    page = await source("/?period=2025-11&lang=en", releases=held)
    assert "No comparison with October 2025: a number is hidden or only said as two limits." in page.said("how-fast")
    korean = await source("/?period=2025-11&lang=ko", releases=held)
    assert "직전 기간(2025년 10월)과 비교할 수 없습니다." in korean.said("how-fast"), "월와 is no Korean"
    assert "Released with the quarter, once its last month is." in page.said("what-kind")


@pytest.mark.parametrize(
    ("asked", "places", "merged"), [("2026-06", 17, False), ("2026-07", 16, True), ("2026-Q2", 17, False)]
)
async def test_the_map_has_the_divisions_of_the_period(asked: str, places: int, merged: bool) -> None:
    text = await fetch(f"/?period={asked}&lang=en")
    drawn = set(re.findall(r'<g class="map-place [^"]*" data-place="([a-z-]+)"', text))
    assert len(drawn) == places
    assert ("jeonnam-gwangju" in drawn) == merged
    assert ("16 divisions" in text) == merged
    filled = set(re.findall(r'<g class="map-place level-\d" data-place="([a-z-]+)"', text))
    assert {"jeonnam-gwangju"} <= filled if merged else {"gwangju", "jeonnam"} <= filled
    shown = next(each for each in releases_made_up() if each.period == "2026-07").tables["reports-by-center"]
    if merged:
        assert re.search(rf">[^<]*: {shown['gwangju'] + shown['jeonnam']}</title>", text)


async def test_weeks_are_told_by_their_days_and_only_whole_ones_are_compared() -> None:
    page = await source("/?period=2026-12&lang=en")
    weeks = next(each for each in releases_made_up() if each.period == "2026-12").tables["reports-by-week"]
    assert page.line("weeks", "2026-W49 (1 Dec–6 Dec, 6 days)") == [str(weeks["2026-W49"])]
    assert page.line("weeks", "2026-W50 (7 Dec–13 Dec)") == [str(weeks["2026-W50"])]
    whole = [weeks[f"2026-W{number}"] for number in (50, 51, 52)]
    assert f"Between {min(whole)} reports" in page.said("weeks")
    assert f"and {max(whole)} (" in page.said("weeks")
    assert f"{weeks['total']} reports in all." in page.said("weeks")
    assert "12.28.~12.31., 4일" in (await source("/?period=2026-12&lang=ko")).said("weeks")


async def test_of_a_week_that_an_uncounted_month_cuts_only_the_counted_days_are_told() -> None:
    """Of a quarter whose first month is not counted the first week is its one day in the second month."""
    counted = ("2026-11", "2026-12")
    held = [each for each in releases_made_up() if each.period in counted]
    quarter = next(each for each in releases_made_up() if each.period == "2026-Q4")
    page = await source("/?period=2026-Q4&lang=en", releases=[*held, replace(quarter, months=counted)])
    first = held[0].tables[BY_WEEK]["2026-W44"]
    assert page.line("weeks", "2026-W44 (1 Nov)") == [str(first)]
    assert f"Between {first} reports" not in page.said("weeks")
    both = sum(each.tables[BY_WEEK]["2026-W49"] for each in held)
    assert page.line("weeks", "2026-W49 (30 Nov–6 Dec)") == [str(both)]


async def test_a_week_that_counting_may_have_begun_within_says_so_and_is_not_compared() -> None:
    """June 2026 begins with a Monday: its first week looks whole, and a system that began on Thursday counts it too."""
    june = next(each for each in releases_made_up() if each.period == "2026-06")
    few = {**june.tables[BY_WEEK], "2026-W23": 11}
    first = replace(june, tables={**june.tables, BY_WEEK: few})
    page = await source("/?period=2026-06&lang=en", releases=[first])
    assert page.line("weeks", "2026-W23 (1 Jun–7 Jun), counting may have begun within it") == ["11"]
    assert "Between 11 reports" not in page.said("weeks")
    assert page.line("weeks", "2026-W24 (8 Jun–14 Jun)") == [str(few["2026-W24"])]
    may = next(each for each in releases_made_up() if each.period == "2026-05")
    page = await source("/?period=2026-06&lang=en", releases=[may, first])
    assert page.line("weeks", "2026-W23 (1 Jun–7 Jun)") == ["11"]
    assert "Between 11 reports" in page.said("weeks")
    hidden = replace(may, tables={**may.tables, BY_WEEK: {TOTAL: may.tables[BY_WEEK][TOTAL]}})
    for unseen in (hidden, Release("2026-05", AS_OF, WITHHELD)):
        page = await source("/?period=2026-06&lang=en", releases=[unseen, first])
        assert page.line("weeks", "2026-W23 (1 Jun–7 Jun)") == ["11"], "counting had begun in May"
        assert "Between 11 reports" in page.said("weeks")


async def test_the_first_week_told_before_any_month_says_that_counting_may_have_begun_within_it() -> None:
    told = [of_week(f"2026-W{number}", n, AS_OF) for number, n in ((45, 12), (46, 25), (47, 90))]
    page = await source("/?lang=en", releases=told)
    assert page.line("first-weeks", "2026-W46 (9 Nov–15 Nov), counting may have begun within it") == ["25"]
    assert page.line("first-weeks", "2026-W47 (16 Nov–22 Nov)") == ["90"]
    page = await source("/?lang=ko", releases=told[:2])
    assert "2026-W46(11.9.~11.15.), 이 주 중간에 집계를 시작했을 수 있음: 25건." in page.said("first-weeks")


async def test_a_years_weeks_stand_under_their_quarters() -> None:
    page = await source("/?period=2026&lang=en")
    assert [text for text in page.texts["weeks"] if text.startswith("Q")] == [f"Q{n} 2026" for n in range(1, 5)]
    assert len(page.rows["weeks"]) == 1 + 53 + 1


async def test_groups_of_times_say_where_they_begin() -> None:
    page = await source("/?period=2026-12&lang=en")
    times = next(each for each in releases_made_up() if each.period == "2026-12").tables["acknowledgement-times"]
    assert page.line("when", "5 to 15 minutes") == [str(times["within_15_min"])]
    assert re.search(
        r"Half of the reports wait up to \w+ \w+; \d+\.\d% are answered within an hour\.", page.said("when")
    )


@pytest.mark.parametrize(
    ("path", "panels"),
    [
        ("/?period=2026-12", ("when", "weeks", "outcome")),
        ("/?period=2026-Q4", ("what", "when", "weeks", "outcome")),
        ("/centers?period=2026-Q4", ("seen",)),
        ("/centers?period=2026-12", ("alerts",)),
        ("/trends?period=2026-12", ("months",)),
    ],
)
async def test_panels_say_how_their_figure_changed(path: str, panels: tuple[str, ...]) -> None:
    page = await source(f"{path}&lang=en")
    for panel in panels:
        assert re.search(r"than in (November|Q3) 2026|The same as in|No comparison with", page.said(panel)), panel


async def test_who_was_overloaded_the_month_before_is_told() -> None:
    for path, place in (("/centers", "load"), ("/", "overloaded")):
        page = await source(f"{path}?period=2026-12&lang=en")
        assert "In November 2026, of those known then: Gyeonggi" in page.said(place)
    first = [each for each in releases_made_up() if each.period == "2025-10"]
    assert "of those known then" not in (await source("/centers?lang=en", releases=first)).said("load")


async def test_bands_of_the_map_grow_with_the_months() -> None:
    assert "25–49" in await fetch("/?period=2026-11&lang=en")
    assert "75–149" in await fetch("/?period=2026-Q4&lang=en")


# --- centre by centre


async def test_seen_in_time_by_centre_stands_as_a_share_beside_its_numbers() -> None:
    page = await source("/centers?period=2026-Q4&lang=en")
    quarter = next(each for each in releases_made_up() if each.period == "2026-Q4").tables["reports-seen-late"]
    reports, late, share = page.line("seen", "Gyeonggi")
    assert int(late) == quarter["gyeonggi|seen_late"]
    assert share == f"{100 * (1 - int(late) / int(reports.replace(',', ''))):.1f}%"
    assert page.line("seen", "Sejong")[1:] == ["hidden", "hidden"]
    lowest = min(float(row[3][:-1]) for row in page.rows["seen"] if row[3:] and row[3].endswith("%"))
    assert f"{lowest:.1f}%" in page.said("seen")


async def test_load_is_told_in_bands_and_not_where_reports_are_hidden() -> None:
    page = await source("/centers?period=2026-12&lang=en")
    reports, hours, band = page.line("load", "Gyeonggi")
    assert (int(reports) >= 40 * 3, hours, band) == (True, "480", "overloaded (40 or more)")
    assert page.line("load", "Sejong") == ["hidden", "480", "not known"]
    assert "The highest load is “overloaded (40 or more)”: Gyeonggi." in page.said("load")


async def test_where_no_load_is_known_nobody_is_not_said_to_be_overloaded_nor_that_none_is() -> None:
    """No centre told who was on duty: the numbers of reports alone say nothing of load."""
    held = [
        replace(each, tables={**each.tables, STAFF_TABLE: dict.fromkeys(each.tables[STAFF_TABLE], 0)})
        if STAFF_TABLE in each.tables
        else each
        for each in releases_made_up()
    ]
    page = await source("/?period=2026-12&lang=en", releases=held)
    assert "Known for 0 of 17 desks" in page.said("overloaded")
    assert "not known" in page.texts["overloaded"]
    assert "Nobody" not in page.said("overloaded")


async def test_help_away_from_home_and_alerts_are_told() -> None:
    page = await source("/centers?period=2026&lang=en")
    year = next(each for each in releases_made_up() if each.period == "2026").tables["reports-from-elsewhere"]
    assert page.line("elsewhere", "Busan")[1] == str(year["busan|from_elsewhere"])
    page = await source("/centers?period=2026-12&lang=en")
    alerts = next(each for each in releases_made_up() if each.period == "2026-12").tables["alert-outcomes"]
    assert page.line("alerts", "Taken by a channel") == [str(alerts["alerts_sent"])]
    assert page.line("alerts", "Failed") == [str(alerts.get("alerts_failed", "hidden"))]


async def test_what_no_release_holds_says_when_it_comes() -> None:
    first = [each for each in releases_made_up() if each.period == "2025-10"]
    people = await source("/people?period=2025-10&lang=en", releases=first)
    assert "Released with the year" in people.said("age")
    centers = await source("/centers?period=2025-10&lang=en", releases=first)
    assert "Released with the quarter" in centers.said("seen")
    tables = {k: v for k, v in first[0].tables.items() if k not in {"alert-outcomes", "staff-on-duty"}}
    bare = Release("2025-10", AS_OF, "full", tables, ("2025-10",))
    page = await source("/centers?period=2025-10&lang=en", releases=[bare])
    assert "Not in any release yet" in page.said("load")
    assert "Not in any release yet" in (await source("/?lang=en", releases=[bare])).said("overloaded")


# --- people


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_people_by_every_yearly_table(lang: str) -> None:
    page = await source(f"/people?period=2026&lang={lang}")
    year = next(each for each in releases_made_up() if each.period == "2026").tables
    label = {"ko": "30대, 여성", "en": "30 to 39, Female"}[lang]
    assert page.line("age", label) == [f"{year['reports-by-age-and-gender']['30s/female']:,}"]
    assert page.line("role", {"ko": "대리인, 전화", "en": "A representative, Phone"}[lang]) == [
        str(year["reports-by-role-and-channel"]["representative/phone"])
    ]
    assert page.line("relationship", {"ko": "가족", "en": "Family"}[lang])
    assert page.line("support", {"ko": "법률 지원", "en": "Legal help"}[lang])
    for panel in ("age", "role", "relationship", "platform", "support"):
        assert "2026 ·" in page.said(panel)


async def test_what_is_shown_together_only_has_one_bar() -> None:
    year = next(each for each in releases_made_up() if each.period == "2026")
    ages = {
        k: n for k, n in year.tables["reports-by-age-and-gender"].items() if k not in ("14_18/female", "30s/female")
    }
    held = [
        Release("2026", AS_OF, "full", {**year.tables, "reports-by-age-and-gender": ages}, year.months)
        if each is year
        else each
        for each in releases_made_up()
    ]
    page = await source("/people?period=2026&lang=en", releases=held)
    assert page.line("age", "30 to 39, Female") == ["hidden"]
    assert page.line("age", "14 to 18, Female + 30 to 39, Female") == [f"{ages['14_18/female+30s/female']:,}"]
    assert "together" in page.texts["age"]
    assert page.texts["age"].count("19 to 24") == 1, "one heading for all genders of an age"


# --- over time


@pytest.mark.parametrize(
    ("lang", "disagree", "nothing"), [("ko", "출처마다 다름", "미확인"), ("en", "sources disagree", "not found")]
)
async def test_published_years_show_what_is_unknown_and_what_disagrees(lang: str, disagree: str, nothing: str) -> None:
    text = await fetch(f"/trends?period=2026-12&lang={lang}")
    page = Source(text)
    assert page.line("persons", "2018") == ["1,315 / 2,379", disagree]
    assert page.line("persons", "2019") == [nothing, nothing]
    assert page.line("persons", "2025") == [nothing, nothing]
    chart = text[text.index('aria-labelledby="persons-chart-title') :].partition("</svg>")[0]
    assert chart.count("chart-unknown") == 6  # 2019 and 2021 to 2025
    assert chart.count("chart-open") == 1  # between 1,315 and 2,379
    assert not page.rows.get("cases")


async def test_the_months_named_least_and_most_were_counted_from_their_beginning() -> None:
    """Counting began on the 20th of the first month, so its twelve reports are no quiet month."""
    first, *others = [each for each in releases_made_up() if each.kind == "month"]
    part = {**first.tables, BY_CENTER: {"total": 12}, BY_WEEK: {"total": 12}}
    page = await source("/trends?period=2025-12&lang=en", releases=[replace(first, tables=part), *others])
    assert page.line("months", "2025-10") == ["12"]
    assert "Between 12 reports" not in page.said("months")
    alone = await source("/trends?period=2025-10&lang=en", releases=[replace(first, tables=part)])
    assert "October 2025: 12 reports." in alone.said("months")


async def test_persons_and_reports_have_their_own_panels_and_say_what_they_count() -> None:
    page = await source("/trends?period=2026-12&lang=en")
    assert "Not reports" in page.said("persons")
    assert "Not persons" in page.said("months")
    assert len(page.rows["months"]) == 1 + 13
    december = next(each for each in releases_made_up() if each.period == "2026-12").tables["reports-by-center"]
    assert page.line("months", "2026-12") == [f"{december['total']:,}"]


async def test_without_the_store_or_without_figures_the_page_still_stands() -> None:
    assert "Cannot be read now." in (await source("/trends?lang=en", printed=None)).said("persons")
    assert "No published figures are loaded." in (await source("/trends?lang=en", printed=())).said("persons")


async def test_harm_types_stand_by_quarter_and_hidden_ones_are_marked_and_hatched() -> None:
    quarter = next(each for each in releases_made_up() if each.period == "2026-Q3")
    table = {k: n for k, n in quarter.tables["reports-by-center-and-harm"].items() if k != "total|other"}
    held = [
        Release("2026-Q3", AS_OF, "full", {**quarter.tables, "reports-by-center-and-harm": table}, quarter.months)
        if each is quarter
        else each
        for each in releases_made_up()
    ]
    text = await fetch("/trends?period=2026-Q4&lang=en", releases=held)
    page = Source(text)
    assert page.rows["harms"][0][1:] == ["2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]
    assert page.line("harms", "Other")[3] == "hidden"
    chart = text[text.index('aria-labelledby="harms-chart-title') :]
    other = re.search(r'<g><text class="chart-label"[^>]*>Other</text>(.*?)</g>', chart)
    assert other is not None
    assert other[1].count("chart-open") == 1
    assert re.findall(r"chart-hidden[^>]*>([^<]*)<", other[1]) == ["*"]


# --- all pages


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_every_panel_has_question_sentence_picture_table_definition_and_release(path: str, lang: str) -> None:
    texts = [await fetch(f"{path}?period={when}&lang={lang}") for when in ("2026-12", "2026-Q4", "2026")]
    text = "".join(texts)
    panels = [
        each for one in texts for each in re.findall(r'<section class="panel" id="\w+".*?</section>', one, re.DOTALL)
    ]
    pictured = [body for body in panels if "<svg" in body]
    assert len({re.findall(r'id="(\w+)"', body)[0] for body in pictured}) >= 4
    for body in panels:
        if body not in pictured and 'class="sentence"' in body and "?period=" in body:  # of another period
            continue
        if 'id="cases"' in body:  # nothing was loaded of it
            continue
        assert body.count('class="sentence"') == 1
        assert re.search(r'<svg class="(chart|map)\b', body)
        assert "<caption>" in body
        assert 'class="definition"' in body
        assert 'id="persons"' in body or "<time datetime=" in body
    assert "%(" not in text
    assert not re.search(r"[a-z]+_[a-z_]+</", text), "a key in place of a word"
    if lang == "ko":
        assert not re.search(r"<h2[^>]*>[A-Za-z ,?]+</h2>", text)
        assert not re.search("[0-9]%[가-힣]", text), "a particle would begin a line"


HIDDEN_NUMBERS = {"1", "2", "3", "4"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("when", ["2026-11", "2026-Q4", "2026"])
async def test_every_hidden_cell_is_hidden_wherever_it_stands(path: str, when: str) -> None:
    text = await fetch(f"{path}?period={when}&lang=en")
    numbers = re.findall(r"<(?:td|text|p|dd|strong)[^>]*>\s*([\d,]+)\s*</", text)
    assert numbers
    assert not HIDDEN_NUMBERS & set(numbers)
    hidden = re.findall(r'<td class="num suppressed">([^<]*)</td>', text)
    assert set(hidden) <= {"hidden", "not known"}
    boxes = set(re.findall(r'class="chart-open"[^>]*width="([\d.]+)%"', text))
    assert boxes <= {"6.0"} or path == "/trends", "all hidden bars are alike"
    drawn = re.compile(r"(rect|text|g|path) (data-(?!place)|aria-label$|style)")
    assert not [name for name in Source(text).attributes if drawn.match(name)]


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_released_pages_say_since_when_counting_has_stood_still(lang: str) -> None:
    said = {"ko": "집계가 멈췄습니다", "en": "Counting has stood still since"}[lang]
    for watch, told in ((Stopped(), True), (Watching(), False)):
        page = await fetch(f"/centers?lang={lang}", watch=watch)
        assert (said in page) is told


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_before_the_first_month_too_it_is_said_that_counting_has_stood_still(lang: str) -> None:
    said = {"ko": "집계가 멈췄습니다", "en": "Counting has stood still since"}[lang]
    for watch, told in ((Stopped(), True), (Watching(), False)):
        page = await fetch(f"/?lang={lang}", releases=(), watch=watch)
        assert (said in page) is told


@pytest.mark.parametrize(
    ("lang", "said"), [("ko", "2026년 10월 통계의 공개가 늦어지고 있습니다"), ("en", "October 2026 is late")]
)
async def test_a_month_that_should_have_been_released_is_said_to_be_late(lang: str, said: str) -> None:
    """It is 24 November: October was due on the 4th, November is not yet."""
    months = [each for each in releases_made_up() if each.kind == "month"]
    until = {last: [each for each in months if each.period <= last] for last in ("2026-09", "2026-10")}
    assert said in await fetch(f"/centers?lang={lang}", releases=until["2026-09"])
    stopped = await fetch(f"/centers?lang={lang}", releases=until["2026-09"], watch=Stopped())
    assert said not in stopped, "why it is late is said already"
    due = await fetch(f"/centers?lang={lang}", releases=until["2026-10"])
    assert {"ko": "늦어지고", "en": "is late"}[lang] not in due


@pytest.mark.parametrize(("lang", "said"), [("ko", "정정"), ("en", "Corrected")])
async def test_every_figure_of_a_corrected_release_says_so_and_none_of_another_period(lang: str, said: str) -> None:
    """October was corrected, and the quarter with it: December was not."""
    why = {"ko": "두 번 셌습니다.", "en": "Counted twice."}
    held = [replace(e, revision=1, erratum=why) if e.period == "2026-Q4" else e for e in releases_made_up()]
    for period, corrected in (("2026-Q4", True), ("2026-12", False)):
        page = await source(f"/?period={period}&lang={lang}", releases=held)
        for panel in ("what-kind", "what", "how-many", "when"):
            assert (said in page.texts[panel]) is corrected


async def test_shares_that_are_the_same_to_the_tenth_are_said_to_be_the_same() -> None:
    """3,001 of 5,000 and 3,000: 60.0 % both. A difference of 0.0 points is none."""
    pair = {"2026-11": 3000, "2026-12": 3001}
    held = [
        replace(each, tables={**each.tables, TIME_TABLE: times_of(pair[each.period])}) if each.period in pair else each
        for each in releases_made_up()
    ]
    page = await source("/?period=2026-12&lang=en", releases=held)
    assert "60.0%" in page.texts["how-fast"]
    assert "The same as in November 2026." in page.said("how-fast")


def times_of(within: int) -> dict[str, int]:
    return {
        "total": 5000,
        "within_5_min+within_15_min+within_1_hour": within,
        "within_4_hours+within_12_hours+within_1_day+within_3_days+longer+unanswered": 5000 - within,
    }


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_a_page_of_a_part_of_a_period_says_so_and_compares_nothing(lang: str) -> None:
    kept = [each for each in releases_made_up() if each.period != "2026-01"]
    held = [replace(e, months=tuple(m for m in e.months if m != "2026-01")) for e in kept]
    said = {"ko": "3개월 중 2개월", "en": "2 of 3 months"}[lang]
    page = await source(f"/?period=2026-Q1&lang={lang}", releases=held)
    text = " ".join(" ".join(each) for each in page.texts.values())
    assert said in text
    assert not re.search("[▲▼]", page.said("how-many"))
    whole = await source(f"/?period=2026-Q2&lang={lang}", releases=held)
    assert said not in whole.said("how-many")
    assert not re.search("[▲▼]", whole.said("how-many")), "the quarter before is not whole"


async def test_what_is_most_frequent_is_not_known_where_what_nearly_all_have_may_be_hidden() -> None:
    """Counselling that all but four were given is hidden, as is what fewer than five were given."""
    given = dict.fromkeys((f"total|{kind}" for kind in SupportKind), 20) | {"total|deletion": 80}
    nearly_all = {key: n for key, n in given.items() if key != "total|counselling"}

    async def said(path: str, panel: str, table: str, shown: Mapping[str, int]) -> str:
        entries = [
            replace(each, tables={**each.tables, table: shown}) if table in each.tables else each
            for each in releases_made_up()
        ]
        period = "2026" if path == "/people" else "2026-Q4"
        return (await source(f"{path}?period={period}&lang=en", releases=entries)).said(panel)

    assert "The most frequent is “Deletion support” with 80" in await said("/people", "support", SUPPORT_TABLE, given)
    doubtful = await said("/people", "support", SUPPORT_TABLE, nearly_all)
    assert "Among the most frequent is “Deletion support” with 80" in doubtful
    harms = dict.fromkeys((f"total|{harm}" for harm in HARMS), 20) | {"total|synthesis": 80}
    hidden = {key: n for key, n in harms.items() if key != "total|distribution"}
    for panel in ("what", "what-kind"):
        assert "Among the most frequent" not in await said("/", panel, HARM_TABLE, harms)
        assert "Among the most frequent" in await said("/", panel, HARM_TABLE, hidden)


async def test_moves_are_said_to_be_moves_and_not_reports() -> None:
    page = await source("/centers?period=2026&lang=en")
    most = next(n for n in page.line("moves", "Handed on"))
    assert f"The most frequent is “Handed on”: {most} times." in page.said("moves")
    assert "reports." not in page.said("moves").partition("What is counted")[0]
    few = [
        replace(each, tables={**each.tables, MOVES_TABLE: {}}) if MOVES_TABLE in each.tables else each
        for each in releases_made_up()
    ]
    hidden = await source("/centers?period=2026&lang=en", releases=few)
    assert "There are not enough moves to be shown." in hidden.said("moves")
