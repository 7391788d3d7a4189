"""The dashboard when every table is out: nothing overlaps, hidden looks hidden, all is said in both languages."""

import io
import unicodedata
from collections.abc import Iterator
from itertools import chain, cycle
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from pypdf import PdfReader

from tests.browser.dashboard_site import Site, signed_in
from tests.browser.helpers import VIOLATIONS
from tests.browser.made_up_year import PAGES, made_up_year
from tests.browser.reading import Page
from tests.support.waiting import DEADLINE_S

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]
HERE = Path(__file__).parent
MOST_ROWS = 40
"""That surely fit on a sheet; the weeks of a year may end on the next."""
LOOKING, FOCUS = ((HERE / name).read_text() for name in ("looking.js", "focus.js"))
WORDS = """all => all.map(panel => [
  ["h2", ".sentence", "caption"].map(part => panel.querySelector(part).innerText),
  [...panel.querySelectorAll("tbody th, p.definition time")].map(e => e.innerText)])"""
"""Of each panel: its heading, sentence and caption; its rows and the day it was released."""
PLAIN = """() => {
  const plain = new CSSStyleSheet();
  plain.replaceSync("* { background-image: none !important }");
  document.adoptedStyleSheets = [plain];
}"""
"""Without hatching, which is a picture for each cell in a PDF: 13 MB of them beside the text that is read."""


@pytest.fixture(scope="module")
def year() -> Iterator[Site]:
    with made_up_year() as site:
        yield site


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("path", [*PAGES, "/dictionary", "/protection"])
def test_nothing_runs_out_of_the_page_into_something_else_or_apart(
    browser: Browser, year: Site, path: str, lang: str
) -> None:
    page = signed_in(browser, year, path, lang=lang)
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(LOOKING) == []


@pytest.mark.parametrize("path", PAGES)
def test_what_is_hidden_is_hatched_in_tables_charts_and_on_the_map(browser: Browser, year: Site, path: str) -> None:
    page = signed_in(browser, year, path, lang="en")
    looks = page.locator("td").evaluate_all("all => all.map(e => [e.textContent, getComputedStyle(e).backgroundImage])")
    cells = [image for text, image in looks if text in {"hidden", "not known"}]
    assert all("gradient" in image for image in cells)
    assert not any("gradient" in image for text, image in looks if text not in {"hidden", "not known"})
    bars = page.locator("svg.chart > g:has(> text.chart-hidden):not(:has(rect + text + rect))").all()
    hidden = [
        bar for bar in bars if bar.locator("text.chart-hidden").text_content() != "not found"
    ]  # nobody knows that
    boxes = {tuple(bar.locator("rect").get_attribute(of) for of in ("class", "width")) for bar in hidden}
    assert boxes <= {("chart-open", "6.0%")}, "all hidden bars are hatched and alike"
    fills = {str(bar.locator("rect").get_attribute("fill")).partition("-")[2] for bar in hidden}
    assert fills <= {"chart-hatch)"}
    if path.startswith("/?"):
        assert cells
        places = page.locator("svg.map[role=img] g.map-place.hidden")
        # Of the year, Daejeon's number is said by two limits.
        expected = {"sejong"} if path == "/?period=2026" else {"daejeon", "sejong"}
        assert {place.get_attribute("data-place") for place in places.all()} == expected
        assert {place.locator("path").get_attribute("fill") for place in places.all()} == {"url(#map-hidden)"}
        assert all(place.locator("title").text_content().endswith("hidden") for place in places.all())  # type: ignore[union-attr]  # as above


@pytest.mark.parametrize("path", PAGES)
def test_nothing_unseen_holds_a_small_number(year: Site, path: str) -> None:
    assert {"1", "2", "3", "4"} & set(Page(source(year, path)).unseen) == set()


def source(year: Site, path: str, lang: str = "ko") -> str:
    """What is sent: of this no browser need make a page."""
    headers = year.staff.bearer("ministry", "analyst")
    answer = httpx.get(
        f"{year.url}{path}", params={"lang": lang}, headers=headers, follow_redirects=True, timeout=DEADLINE_S
    )
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("path", [*PAGES, "/dictionary", "/protection"])
def test_every_word_is_in_the_readers_language(year: Site, path: str, lang: str) -> None:
    page = Page(source(year, path, lang))
    assert len(page.texts) > 50
    assert page.foreign(lang) == []


@pytest.mark.parametrize("path", PAGES)
def test_every_figure_says_how_it_changed_what_it_counts_and_of_which_release(
    browser: Browser, year: Site, path: str
) -> None:
    page = signed_in(browser, year, path, lang="en")
    for stat in page.locator(".stat:not(#accounted)").all():
        assert stat.locator("details .definition:not(:has(a))").count() == 1
        other = stat.locator('.stat-note a[href*="period="]').count()  # a figure of other periods
        assert stat.locator("time").count() == 1 - other
    if path == "/?period=2026-12":
        assert page.locator(".stat:not(#accounted) .change").count() == 4
    expected = {
        "/?period=2026-12": ["when", "weeks", "outcome"],
        "/centers?period=2026-Q4": ["seen"],
        "/trends?period=2026-12": ["months"],
    }
    changed = [panel.get_attribute("id") for panel in page.locator("section.panel:has(.sentence > .change)").all()]
    assert changed == expected.get(path, changed)


@pytest.mark.parametrize("path", PAGES)
def test_all_there_is_to_press_is_reached_by_tab_and_shows_its_focus(browser: Browser, year: Site, path: str) -> None:
    page = signed_in(browser, year, path, script=True)
    assert page.evaluate(FOCUS) == []
    page.evaluate("document.activeElement.blur()")
    pressed = "main :is(a[href], button, select, summary)"
    there = page.locator(pressed).evaluate_all("all => all.filter(e => e.checkVisibility()).length")
    page.evaluate("window.reached = new Set()")
    page.evaluate("document.addEventListener('focusin', e => window.reached.add(e.target))")
    for _ in range(there + 40):
        page.keyboard.press("Tab")
    assert page.evaluate(f"[...window.reached].filter(e => e.matches('{pressed}')).length") == there


@pytest.mark.parametrize(("lang", "scheme"), [("ko", "dark"), ("en", "light")])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(browser: Browser, year: Site, path: str, lang: str, scheme: str) -> None:
    broken: list[str] = []
    page = signed_in(browser, year, path, script=True, lang=lang, errors=broken, color_scheme=scheme)
    results = Axe().run(page, options=VIOLATIONS)
    assert results.violations_count == 0, results.generate_report()
    assert "%(" not in page.content(), "a text without its number"
    assert broken == []  # among them: anything the content policy refused


@pytest.mark.parametrize(("path", "lang"), list(zip(PAGES, cycle(["en", "ko"]), strict=False)))
def test_on_paper_a_question_stands_with_its_sentence_and_its_table(
    browser: Browser, year: Site, path: str, lang: str
) -> None:
    page = signed_in(browser, year, path, lang=lang)
    page.emulate_media(media="print")
    panels = []
    for above, below in page.locator("section.panel:has(table)").evaluate_all(WORDS):
        words = [*above, *(below if len(below) <= MOST_ROWS else [])]
        panels.append([_plain(each)[:20] for each in words])
    assert panels
    adjusted = "all => all.map(e => getComputedStyle(e).printColorAdjust)"
    assert set(page.locator("td.suppressed").evaluate_all(adjusted)) <= {"exact"}
    page.evaluate(PLAIN)
    pages = [_plain(each.extract_text()) for each in PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages]
    whole = [[words for words in panels if all(word in text for word in words)] for text in pages]
    assert [words for words in panels if words not in chain.from_iterable(whole)] == [], "torn"
    assert all(found or len(text) > 200 for found, text in zip(whole, pages, strict=True)), "next to nothing on a page"


def _plain(text: str) -> str:
    """Without what typesetting changes: spaces, dashes, ligatures."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text) if letter.isalnum())


@pytest.mark.parametrize(("path", "status"), [("/?period=1999-01", 404), ("/operations", 403)])
def test_a_refusal_stands_in_the_staffs_layout(browser: Browser, year: Site, path: str, status: int) -> None:
    page = signed_in(browser, year, lang="en")
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status
    assert page.locator("[data-quick-exit]").count() == 0
    assert page.locator(".who").count() == 1, "and says who is signed in"
    assert page.locator('a[href^="tel:"]').count() == 0
