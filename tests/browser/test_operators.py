"""The operators' view and the data dictionary in a real browser: ko/en, 360 and 1280 px, no script, keyboard, axe."""

import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api
from playwright.sync_api import Browser

from shared.topics import LOADS, TOPICS
from tests.browser.dashboard_site import Site, apart, bury, leaving, signed_in, site_of
from tests.browser.helpers import VIOLATIONS
from tests.browser.two_months import CLOSED, RUNNING
from tests.integration.analytics.test_dead_letters import GARBAGE, PERSONAL, letter_of
from tests.integration.analytics.worker import STAFF
from tests.support.waiting import DEADLINE_S, eventually_blocking
from tools.local.engines import Running

pytestmark = [pytest.mark.browser, pytest.mark.engines, pytest.mark.timeout(480)]


@pytest.fixture(scope="module")
def site(engines: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of(
        engines, tmp_path_factory.mktemp("operators"), dead=lambda original: [letter_of(original, 0, 0), GARBAGE]
    ) as found:
        yield found


QUESTIONS = {
    "ko": ("막힘없이 흐르고", "빠짐없이", "뒤처진 곳이 있습니까?", "읽지 못한 기록이 있습니까?", "가장 오래 기다리는"),
    "en": (
        "Does everything flow?",
        "accounted for?",
        "Is anybody behind?",
        "What could nobody read?",
        "Who waits longest",
    ),
}
PAGES = [("/operations", "administrator"), ("/operations/dead/reports", "administrator"), ("/dictionary", "analyst")]


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize(("path", "role"), PAGES)
def test_the_pages_fit_and_are_whole_without_script(
    browser: Browser, site: Site, path: str, role: str, lang: str
) -> None:
    page = signed_in(browser, site, path, role=role, lang=lang)
    assert page.locator("html").get_attribute("lang") == lang
    text = page.locator("main").inner_text()
    if path == "/operations":
        for question in QUESTIONS[lang][1:]:
            assert question in text
    if "dead" in path or path == "/operations":
        assert site.dead in text
        assert PERSONAL not in page.content()
    said = page.locator("main :is(h1, h2, caption, thead th, .definition, dt, button, label)").all_inner_texts()
    assert [text for text in said if text and (re.search("[가-힣]", text) is None) == (lang == "ko")] == []
    if path == "/dictionary":
        assert {"ko": "비공개: 수치가 있으나", "en": "Hidden: the number is known"}[lang] in text
        assert page.locator("#dimension-harm_type").count() == 1
        assert page.locator('a[href^="/api/v1/monthly/"]').count() == 1
    assert "%(" not in page.content()
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def rows(page: sync_api.Page, section: str) -> dict[str, list[str]]:
    """Below a question: the cells of each row by its heading."""
    lines = page.locator(f"section[aria-labelledby={section}] tbody tr").all()
    return {line.locator("th").inner_text(): line.locator("td").all_inner_texts() for line in lines}


def test_the_tables_hold_what_happened(browser: Browser, site: Site) -> None:
    page = signed_in(browser, site, "/operations", role="administrator", lang="en")
    accepted = f"{sum(CLOSED.values()) + sum(RUNNING.values()):,}"
    stages = {name: cells[0] for name, cells in rows(page, "accounted").items()}
    assert (stages["Accepted"], stages["Routed"], stages["Counted"]) == (accepted, accepted, accepted)
    assert (stages["In flight"], stages["Read ahead"]) == ("0", "0")
    assert {cells[-1] for name, cells in rows(page, "flow").items() if name.endswith("reports")} == {accepted}
    assert {name.split()[-1] for name in rows(page, "flow")} == {topic.name for topic in TOPICS if topic != LOADS}
    assert all(len(cells) == 3 for cells in rows(page, "flow").values()), "last hour, last day, ever"

    def read_to_the_end() -> bool:
        page.reload()
        lines = page.locator("section[aria-labelledby=lag] tbody tr").all()
        behind = [line.locator("td").last.inner_text() for line in lines if "analytics" in line.inner_text()]
        return len(behind) > 1 and {*behind} == {"0"}

    eventually_blocking(read_to_the_end, "analytics has read what there is")
    assert len(rows(page, "unseen")) == len(CLOSED)
    assert all(cells[0].strip() for cells in rows(page, "unseen").values()), "how long it waits"


@pytest.mark.parametrize(
    ("organisation", "role", "status"),
    [
        ("ministry", "administrator", 200),
        ("central", "lead", 200),
        ("ministry", "auditor", 200),
        ("ministry", "analyst", 403),
        ("busan", "lead", 403),
    ],
)
def test_who_may_open_the_operators_view_and_finds_a_link_to_it(
    browser: Browser, site: Site, organisation: str, role: str, status: int
) -> None:
    page = signed_in(browser, site, role=role, organisation=organisation)
    linked = page.locator('a[href="/operations"]').count()
    assert linked == (1 if status == 200 else 0) or role == "administrator", (
        "who may not see tables has no page to link"
    )
    answer = page.goto("/operations")
    assert answer is not None
    assert answer.status == status


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize(("path", "role"), PAGES)
def test_axe_finds_nothing(browser: Browser, site: Site, path: str, role: str, lang: str) -> None:
    page = signed_in(browser, site, path, role=role, script=True, lang=lang)
    results = Axe().run(page, options=VIOLATIONS)
    assert results.violations_count == 0, results.generate_report()


def test_every_file_the_dictionary_links_to_is_there(browser: Browser, site: Site) -> None:
    page = signed_in(browser, site, "/dictionary", role="analyst")
    links = {link.get_attribute("href") for link in page.locator('main a[href^="/api/"]').all()}
    assert len(links) > 10
    for link in sorted(filter(None, links)):
        answer = httpx.get(f"{site.url}{link}", headers=STAFF.bearer("ministry", "analyst"), timeout=DEADLINE_S)
        assert answer.status_code == 200, link
        assert answer.headers["etag"]


def test_on_paper_the_dashboard_has_its_numbers_and_nothing_to_press(browser: Browser, site: Site) -> None:
    page = signed_in(browser, site, f"/?period={site.closed}", width=794)
    page.emulate_media(media="print")
    assert page.locator("h1").is_visible()
    assert page.locator("table").first.is_visible()
    seen = "e.checkVisibility() && e.getBoundingClientRect().height > 0"
    pressed = page.locator(".top, form.period, .downloads").evaluate_all(f"all => all.filter(e => {seen}).length")
    assert pressed == 0
    assert page.locator("details").count() > 0
    folded = page.locator("details > :not(summary, :has(a))").evaluate_all(
        f"all => all.filter(e => !({seen}) && e.closest('section').checkVisibility()).map(e => e.textContent)"
    )
    assert folded == [], "folded on paper too"


def test_by_keyboard_a_record_is_sent_back_once(browser: Browser, site: Site) -> None:
    """A letter of its own, of another topic: other tests look at the one that waits among the reports."""
    assert site.bus is not None
    assert site.routed is not None
    apart(bury(site.bus, "routings", letter_of(site.routed, 0, 0)))
    page = signed_in(browser, site, "/operations/dead/routings", role="administrator", lang="en")
    page.locator("#confirmed").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Send back"
    with leaving(page, "**/operations#dead"):
        page.keyboard.press("Enter")
    assert "1 sent back to routings" in page.locator("main").inner_text()
    page.goto("/operations/dead/routings?lang=en")
    assert "sent back" in page.locator("main").inner_text()
    watcher = signed_in(browser, site, "/operations/dead/routings", role="auditor", lang="en")
    assert watcher.locator("form[method=post]").count() == 0
