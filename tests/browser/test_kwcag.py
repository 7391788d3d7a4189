"""KWCAG 2.2 on every public page: by axe-core, and what axe-core does not judge; the table is ``docs/kwcag.md``."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import NamedTuple

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser

from tests.browser import walking
from tests.browser.helpers import assert_accessible
from tests.browser.test_form import shoot
from tests.browser.walking import CUT_OFF, NARROW, WIDE, ZOOMED, Seen
from tests.integration.intake.harness import IntakeHarness

pytestmark = pytest.mark.timeout(1200)  # the first test that asks walks all pages: 50 s alone, 480 beside three others
JUDGED = {"ko": (NARROW, "light"), "en": (WIDE, "dark")}
"""How axe sees a language. What its rules judge (names, structure, contrast) does not depend on the two together."""
ONE_OF_MANY = {"ko": "main .operation:nth-of-type(n + 6)", "en": ""}
"""Operations of the API are made by one template, and are as many elements as a quarter of all pages: `make test` has
axe look at the first five of them, `make test-all` at each."""
MOVING = """() => [
  ...document.querySelectorAll("video, audio, object, embed, iframe, marquee, blink, canvas, [autoplay], [http-equiv]"),
  ...document.getAnimations().map(a => a.effect.target).filter(Boolean)].map(e => e.outerHTML.slice(0, 120))"""
HEADINGS = "() => [document.querySelectorAll('h1').length, document.title]"
LINKS = """() => [...document.querySelectorAll("a[href]")].filter(a => a.checkVisibility())
  .map(a => [(a.ariaLabel || a.innerText).trim(), a.getAttribute("href"), a.target])"""
HELP = """() => [".top", ".footer"].map(place => [...document.querySelectorAll(`${place} a[href^='tel:']`)])
  .map(all => all.map(a => a.getAttribute("href")))"""
NAMES = """() => [...document.querySelectorAll("button, a[href], [aria-label]")].filter(e => e.checkVisibility())
  .filter(e => e.ariaLabel && e.innerText && !e.matches("nav, ul, section, div, main, form"))
  .filter(e => !e.ariaLabel.replace(/\\s+/g, " ").includes(e.innerText.replace(/\\s+/g, " ").trim()))
  .map(e => e.outerHTML.slice(0, 160))"""
LISTENS = """
  window.__listens = [];
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (kind, ...rest) {
    window.__listens.push(kind);
    return add.call(this, kind, ...rest);
  };
"""
STAFF = ("docs", "problems", "details", "sandbox")
"""Pages that anybody may open and only those who work with us need: of front ends, and where a ticket is shown."""
EARLY = {"mousedown", "pointerdown", "touchstart", "touchmove", "mousemove", "pointermove", "devicemotion"}
EARLY |= {"deviceorientation", "dragstart", "wheel"}
EMPTY_WORDS = {"여기", "클릭", "더보기", "여기를 누르세요", "here", "click here", "more", "link", "read more"}
BY_COLOUR = re.compile(
    r"\b(?:red|green|blue|round|left-hand|right-hand)\s+(?:button|link|box|field)\b"
    r"|(?:빨간|초록|파란|노란|둥근|왼쪽|오른쪽|동그란)\s*(?:색\s*)?(?:버튼|링크|칸|상자)",
    re.IGNORECASE,
)
VOID = {*("area base br col embed hr img input link meta source track wbr".split())}  # noqa: SIM905  # as the standard lists them
MAY_STAY_OPEN = {"p", "li", "dt", "dd", "option", "tr", "td", "th", "tbody", "thead", "html", "head", "body"}


class Markup(HTMLParser):
    """Faults of the kinds that KWCAG 8.1.1 names: not closed, wrongly nested, twice the same attribute or id."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._open: list[str] = []
        self._ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.faults.append(f"<{tag}> has an attribute twice")
        for name, value in attrs:
            if name == "id" and value in self._ids:
                self.faults.append(f"the id {value} is there twice")
            if name == "id":
                self._ids.add(value or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()  # a shape of a drawing closes itself

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open[-1] != tag and self._open[-1] in MAY_STAY_OPEN:
            self._open.pop()
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def ended(self) -> list[str]:
        return [*self.faults, *(f"<{tag}> stays open" for tag in self._open if tag not in MAY_STAY_OPEN)]


ALL = f"""() => ({{
  moving: ({MOVING})(), headings: ({HEADINGS})(), links: ({LINKS})(), help: ({HELP})(), names: ({NAMES})(),
  listens: window.__listens, text: document.body.innerText }})"""


class Page(NamedTuple):
    """What was found on one page."""

    place: str
    moving: list[str]
    headings: tuple[int, str]
    links: list[tuple[str, str, str]]
    help: tuple[list[str], list[str]]
    names: list[str]
    listens: list[str]
    text: str
    markup: list[str]


@dataclass(frozen=True, slots=True)
class Walk:
    """Every public page in one language, as it stands in a browser with script."""

    pages: list[Page]
    faults: list[str]
    """What axe found, and what was cut off at a width."""


@pytest.fixture(params=["ko", pytest.param("en", marks=pytest.mark.thorough)], scope="module")
def language(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def walked() -> dict[str, Walk]:
    """By language, filled by the first test that asks: one walk for all of them."""
    return {}


@pytest_asyncio.fixture(loop_scope="module")
async def walk(chromium: Browser, harness: IntakeHarness, site: str, language: str, walked: dict[str, Walk]) -> Walk:
    if language not in walked:
        walked[language] = await _walk(chromium, harness, site, language)
    return walked[language]


@pytest.fixture
def pages(walk: Walk) -> list[Page]:
    return walk.pages


async def _walk(chromium: Browser, harness: IntakeHarness, site: str, language: str) -> Walk:
    judged, scheme = JUDGED[language]
    context = await chromium.new_context(
        viewport=judged,  # type: ignore[arg-type]  # a size as Playwright has it
        color_scheme=scheme,  # type: ignore[arg-type]  # one of the two words
        reduced_motion="no-preference",  # as most see it: what moves is to be found
    )
    page, seen, pages = await context.new_page(), Seen(), []
    await page.add_init_script(LISTENS)
    await page.add_init_script(AXE_SCRIPT)  # given to the browser once, not with each page
    await walking.prepared(harness, page, site)
    visits = [visit for visit in await walking.everything(harness) if visit.only in {"", language}]
    for visit in visits:
        answer = await walking.go(page, site, visit, language)
        await page.wait_for_load_state("load")
        place = f"{visit.name}-{language}"
        markup = Markup()
        markup.feed(await answer.text())
        pages.append(Page(place, **await page.evaluate(ALL), markup=markup.ended()))
        for size in (ZOOMED, *(one for one in (NARROW, WIDE) if one != judged), judged):
            await page.set_viewport_size(size)  # type: ignore[arg-type]  # a size as Playwright has it
            await shoot(page, f"page-{place}-{size['width']}")
            await seen.look(page, f"{place}-{size['width']}", CUT_OFF)
        try:
            await assert_accessible(page, without=ONE_OF_MANY[language])
        except AssertionError as error:
            seen.faults.append(f"{place}: {error}")
        if await page.locator("html").get_attribute("lang") != (visit.written_in or language):
            seen.faults.append(f"{place}: says another language than it is written in")
    assert len(pages) > 50
    return Walk(pages, seen.faults)


def test_with_script_at_both_widths_without_a_fault_of_axe(walk: Walk) -> None:
    assert not walk.faults, "\n".join(walk.faults)


def test_no_page_has_film_sound_or_anything_that_moves(pages: list[Page]) -> None:
    assert [(page.place, page.moving) for page in pages if page.moving] == []


def test_each_page_has_one_main_heading_and_a_title_that_gives_nothing_away(pages: list[Page]) -> None:
    wrong = [(page.place, page.headings) for page in pages if page.headings[0] != 1 or not page.headings[1].strip()]
    assert wrong == []
    public = {page.headings[1] for page in pages if not page.place.startswith(STAFF)}
    assert public <= {"노트", "Notes", "메모"}, public


def test_links_say_where_they_lead(pages: list[Page]) -> None:
    empty = [(page.place, link) for page in pages for link in page.links if link[0].casefold() in {"", *EMPTY_WORDS}]
    assert empty == []
    other = [(page.place, link) for page in pages for link in page.links if link[2]]
    assert other == [], "no link opens another window"


def test_help_is_in_the_same_place_on_each_page(pages: list[Page]) -> None:
    public = [page for page in pages if not page.place.startswith(STAFF)]
    assert len({tuple(map(tuple, page.help)) for page in public}) == 1, {str(page.help): page.place for page in public}
    top, bottom = public[0].help
    assert top[:2] == ["tel:112", "tel:1366"]
    assert {"tel:112", "tel:1366"} <= set(bottom)


def test_the_name_of_a_control_contains_what_is_seen_on_it(pages: list[Page]) -> None:
    assert [(page.place, page.names) for page in pages if page.names] == []


def test_nothing_happens_when_a_pointer_goes_down_or_moves(pages: list[Page]) -> None:
    assert [(page.place, EARLY & set(page.listens)) for page in pages if EARLY & set(page.listens)] == []
    assert any("keydown" in page.listens or "click" in page.listens for page in pages), "listening was noticed at all"


def test_no_instruction_needs_a_colour_or_a_place(pages: list[Page]) -> None:
    assert [(page.place, found[0]) for page in pages if (found := BY_COLOUR.search(page.text))] == []
    assert BY_COLOUR.search("빨간 버튼을 누르세요")


def test_the_markup_has_no_faults(pages: list[Page]) -> None:
    assert [(page.place, page.markup) for page in pages if page.markup] == []
    wrong = Markup()
    wrong.feed('<main><p id="a" id="b"><b>x</main></b><i id="a">')
    assert len(wrong.ended()) >= 3


@pytest.mark.thorough
async def test_choosing_leads_nowhere_before_a_button_is_pressed(
    chromium: Browser, harness: IntakeHarness, site: str
) -> None:
    context = await chromium.new_context(viewport=NARROW)  # type: ignore[arg-type]  # a size as Playwright has it
    page = await context.new_page()
    await page.goto(f"{site}/all?lang=ko")
    went: list[str] = []
    page.on("request", lambda request: went.append(request.url))
    folded = page.locator("main details:not([open]) > summary")
    while await folded.count():
        await folded.first.click()
    for select in await page.locator("main select").all():
        await select.select_option(index=1)
    for box in await page.locator("main input:is([type=radio], [type=checkbox])").all():
        await box.check()
    for text in await page.locator("main :is(textarea, input[type=text], input[type=tel])").all():
        await text.focus()
    assert went == []
    assert page.url == f"{site}/all?lang=ko"
    assert len(context.pages) == 1
