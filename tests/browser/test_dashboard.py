"""The dashboard in a real browser: both languages, small screens, no script, accessible, and nothing given away."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.dashboard_site import Site, apart, leaving, signed_in, site_of
from tests.browser.helpers import VIOLATIONS
from tests.browser.reading import Page
from tests.browser.two_months import CLOSED, NEIGHBOUR, SECRET
from tests.integration.analytics.worker import STAFF
from tests.support.waiting import DEADLINE_S, eventually_blocking
from tools.disclosure_attack.__main__ import attack
from tools.disclosure_attack.gathering import collect
from tools.local.engines import Running

pytestmark = [pytest.mark.browser, pytest.mark.engines, pytest.mark.timeout(480)]


PAGES = ("/", "/centers", "/people", "/trends")


@pytest.fixture(scope="module")
def site(engines: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of(engines, tmp_path_factory.mktemp("dashboard")) as found:
        yield found


WORDS = {
    "ko": ("신고가 몇 건 들어왔습니까?", "비공개", "확정", "대전 + 세종 + 중앙"),
    "en": ("How many reports came in?", "hidden", "Final", "Daejeon + Sejong + Central"),
}
QUESTIONS = ("how-many", "from-where", "what-kind", "how-fast", "overloaded", "accounted")
PANELS = {
    "/": (*QUESTIONS, "where", "what", "when", "weeks"),
    "/centers": ("seen", "load", "elsewhere", "alerts"),
    "/people": ("age", "role", "relationship", "platform", "support"),
    "/trends": ("persons", "cases", "months", "harms"),
}


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_the_dashboard_answers_its_questions_without_script(browser: Browser, site: Site, lang: str) -> None:
    page = signed_in(browser, site, f"/?period={site.closed}", lang=lang)
    question, hidden, final, together = WORDS[lang]
    assert page.locator("html").get_attribute("lang") == lang
    text = page.locator("main").inner_text()
    assert question in text
    assert together in text
    assert final in text
    assert str(sum(CLOSED.values())) in text
    assert hidden in text
    assert page.locator("svg.chart").count() >= 2
    assert page.locator("svg.map[role=img]").count() == 1
    hidden_places = page.locator("svg.map[role=img] g.map-place.hidden").all()
    assert {place.get_attribute("data-place") for place in hidden_places} == {"daejeon", "sejong"}

    def nothing_is_missing() -> bool:  # one look in vain is said, too
        page.reload()
        return page.locator("#accounted .stat-value").inner_text() == {"ko": "없음", "en": "Nothing"}[lang]

    eventually_blocking(nothing_is_missing, "nothing is unaccounted for")


@pytest.mark.parametrize(("lang", "width"), [("ko", 360), ("en", 1280)])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_its_panels_and_fits(browser: Browser, site: Site, lang: str, width: int, path: str) -> None:
    page = signed_in(browser, site, f"{path}?period={site.closed}", width=width, lang=lang)
    for anchor in PANELS[path]:
        box = page.locator(f"#{anchor}")
        assert box.count() == 1, anchor
        assert box.locator("h2").inner_text().endswith("?")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in page.locator("svg.chart").all():
        beyond = chart.evaluate(
            "e => Math.max(...[...e.querySelectorAll('text')].map(t => t.getBoundingClientRect().right))"
        )
        assert beyond <= width, "a chart's words run out of the page"
    assert page.locator('nav.sections [aria-current="page"]').count() == 1


def test_pages_are_walked_and_opened_by_keyboard_and_keep_the_period(browser: Browser, site: Site) -> None:
    page = signed_in(browser, site, f"/?period={site.closed}", lang="en")
    page.locator("nav.sections a").nth(1).focus()
    with leaving(page, f"**/centers?period={site.closed}"):
        page.keyboard.press("Enter")
    first = page.locator("#seen summary")
    first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#seen details .definition").is_visible()
    page.locator("#period").focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    with leaving(page, f"**/centers?period={site.quarter}"):
        page.keyboard.press("Enter")


def test_published_years_are_read_from_the_store(browser: Browser, site: Site) -> None:
    page = signed_in(browser, site, f"/trends?period={site.closed}", lang="en")
    lines = page.locator("#persons tbody tr")
    assert lines.first.inner_text().split("\t") == ["2018", "1,315 / 2,379", "sources disagree"]
    assert page.locator("#persons .chart-unknown").count() >= 1
    assert page.locator("#persons .chart-open").count() == 1


@pytest.mark.parametrize("scheme", ["dark", "forced"])
def test_charts_follow_dark_mode_and_forced_colours(browser: Browser, site: Site, scheme: str) -> None:
    def fills(**how: Any) -> tuple[str, str]:
        page = signed_in(browser, site, f"/?period={site.closed}", **how)
        bar, label = page.locator(".chart-bar").first, page.locator(".chart-label").first
        style = "e => getComputedStyle(e).fill"
        found = str(bar.evaluate(style)), str(label.evaluate(style))
        page.context.close()
        return found

    light = fills(color_scheme="light")
    other = fills(color_scheme="dark") if scheme == "dark" else fills(forced_colors="active")
    assert other[0] != light[0], "the bar keeps its colour"
    assert scheme == "forced" or other[1] != light[1]


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("path", ["/", "/operations"])
def test_the_pages_are_accessible(browser: Browser, site: Site, lang: str, path: str) -> None:
    """Without a period; ``test_dashboard_year`` has axe look at the pages when every panel has its table."""
    broken: list[str] = []
    page = signed_in(browser, site, path, role="auditor", script=True, lang=lang, errors=broken)
    results = Axe().run(page, options=VIOLATIONS)
    assert results.violations_count == 0, results.generate_report()
    assert "%(" not in page.content(), "a text without its number"
    assert broken == []  # among them: anything the content policy refused


def api(site: Site, path: str, **headers: str) -> httpx.Response:
    return httpx.get(
        f"{site.url}{path}", headers={**STAFF.bearer("ministry", "analyst"), **headers}, timeout=DEADLINE_S
    )


def all_tables(site: Site) -> list[tuple[str, str]]:
    listed = api(site, "/api/v1/tables").json()
    return [(table["name"], period) for table in listed["tables"] for period in table["periods"]]


def test_hidden_counts_appear_nowhere(browser: Browser, site: Site) -> None:
    small = {"1", "2", "3", "4", str(NEIGHBOUR)}
    page = signed_in(browser, site)
    for path in PAGES:
        for period in (site.closed, site.quarter):
            page.goto(f"{path}?period={period}")
            source = page.content()
            shown = re.findall(r"<(?:td|text|p|dd|strong)[^>]*>\s*([\d,]+)\s*</", source)
            assert path == "/people" or str(sum(CLOSED.values())) in shown
            assert small & set(shown) == set()
            assert small & set(Page(source).unseen) == set()
            assert re.search(r"(세종|Sejong|대전|Daejeon)[^<+]{0,3}:\s*\d", source) is None
            assert page.locator("#period option").all_inner_texts() == [site.closed, site.quarter]
            for label in ("세종", "대전", "중앙"):
                row_of = f'tr:has(th[scope=row]:text-is("{label}"))'
                cells = page.locator(f"{row_of} td:not(#load td:nth-child(3))").all()  # hours on duty are no reports
                assert {cell.text_content() for cell in cells} <= {"비공개", "알 수 없음"}
    for name, period in all_tables(site):
        body = api(site, f"/api/v1/tables/{name}?period={period}").json()
        figures = [figure for row in body["rows"] for figure in row["figures"]]
        assert not [f for f in figures if f.get("value", 0) in {1, 2, 3, 4, NEIGHBOUR}]
        text = api(site, f"/api/v1/tables/{name}?period={period}&format=csv").text.removeprefix("\ufeff")
        keys = [column["key"] for column in body["columns"]]
        assert [line for line in csv.DictReader(io.StringIO(text)) if small & {line[key] for key in keys}] == []


def row(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return next(list(row["figures"]) for row in body["rows"] if row["key"] == key)


def test_the_closed_month_is_exact_where_it_is_shown(site: Site) -> None:
    body = api(site, f"/api/v1/tables/reports-by-center?period={site.closed}").json()
    assert row(body, "busan") == [{"value": CLOSED["busan"]}]
    assert row(body, "total") == [{"value": sum(CLOSED.values())}]
    assert row(body, "sejong") == row(body, "daejeon") == row(body, "central") == [{"hidden": True}]
    assert row(body, "daejeon+sejong+central") == [{"value": NEIGHBOUR + SECRET}]
    assert body["protection"]["hidden"] == 3
    assert body["derived"]["per_100000"] > 0


def test_the_running_month_is_not_there(site: Site) -> None:
    listed = api(site, "/api/v1/tables").json()
    assert not [table["name"] for table in listed["tables"] if site.running in table["periods"]]
    assert datetime.fromisoformat(listed["next_release_from"]) > datetime.now(UTC) - timedelta(days=35)
    costs = api(site, "/api/v1/protection").json()["tables"]
    assert next(each for each in costs if each["name"] == "reports-by-center")["hidden"] >= 3


def test_everything_published_is_attacked_in_vain(site: Site, tmp_path: Path) -> None:
    async def fetched() -> int:
        headers = STAFF.bearer("ministry", "analyst")
        async with httpx.AsyncClient(base_url=site.url, headers=headers, timeout=DEADLINE_S) as client:
            return await collect(client, tmp_path)

    assert apart(fetched()) > 10
    result = attack(tmp_path)
    assert result.failed
    assert result.cells >= 3


def test_an_unchanged_table_is_not_sent_again(site: Site) -> None:
    path = f"/api/v1/tables/reports-by-center?period={site.closed}"
    first = api(site, path, Accept="text/csv")
    assert first.headers["content-type"].startswith("text/csv")
    again = api(site, path, **{"Accept": "text/csv", "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status", "code", "named"),
    [
        ("/api/v1/tables/nothing", 404, "unknown_table", "reports-by-center"),
        ("/api/v1/tables/reports-by-center?period=2026-11-24", 404, "unknown_period", "20"),
        ("/api/v1/tables/reports-by-center?period=1999-Q1", 404, "unknown_period", "20"),
        ("/api/v1/tables/reports-by-week?format=xml", 406, "unknown_format", "csv"),
    ],
)
def test_a_refusal_names_what_there_is(site: Site, path: str, status: int, code: str, named: str) -> None:
    answer = api(site, path, **{"Accept-Language": "en"})
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["code"]) == (status, code)
    assert named in body["detail"]


def test_nothing_without_signing_in(site: Site) -> None:
    for path in ("/api/v1/tables", "/api/v1/tables/reports-by-center", "/api/v1/reconciliation"):
        assert httpx.get(f"{site.url}{path}", timeout=DEADLINE_S).status_code == 401
    # Notify signs people in; it then sends them back here.
    asked = httpx.get(f"{site.url}/operations", timeout=DEADLINE_S).headers["location"]
    assert asked.startswith("http://127.0.0.1:8006/session?next=")


def test_an_analyst_sees_tables_and_not_the_running_of_the_system(site: Site) -> None:
    assert api(site, "/api/v1/tables").status_code == 200
    assert api(site, "/api/v1/reconciliation").status_code == 403
    assert api(site, "/operations").status_code == 403


def test_the_operations_page_says_that_all_is_accounted_for(browser: Browser, site: Site) -> None:
    page = signed_in(browser, site, "/operations", role="auditor", width=360)
    assert page.locator(".verdict.good").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
