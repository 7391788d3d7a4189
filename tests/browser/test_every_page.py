"""Every public page of intake, taken from the application's routes: without script, at any zoom, in forced colours.

``test_kwcag`` looks at each of them with script.
"""

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser import walking
from tests.browser.walking import CUT_OFF, FOCUS, NARROW, WIDE, ZOOMED, Seen, Visit
from tests.integration.intake.harness import IntakeHarness

pytestmark = pytest.mark.timeout(480)


@pytest_asyncio.fixture(loop_scope="module")
async def visits(harness: IntakeHarness) -> list[Visit]:
    return await walking.everything(harness)


async def window(chromium: Browser, harness: IntakeHarness, site: str, size: dict[str, int], **more: object) -> Page:
    context = await chromium.new_context(viewport=size, **more)  # type: ignore[arg-type]  # a size as Playwright has it
    page = await context.new_page()
    await walking.prepared(harness, page, site)
    return page


def of(visits: list[Visit], language: str) -> list[Visit]:
    return [visit for visit in visits if visit.only in {"", language}]


def test_every_route_is_walked_and_a_new_one_is_missed(harness: IntakeHarness, visits: list[Visit]) -> None:
    assert walking.not_walked(harness.intake.app, visits) == []
    fewer = [visit for visit in visits if not visit.path.startswith(("/notes/", "/in/", "/verify"))]
    missing = ["GET /in/{language}", "GET /in/{language}/{note}", "GET /notes/{slug}"]
    missing += ["GET /verify-proof", "POST /verify-proof"]
    assert sorted(walking.not_walked(harness.intake.app, fewer)) == missing
    assert len(visits) > 50


@pytest.mark.thorough
async def test_without_script_nothing_is_cut_off_at_any_width(
    chromium: Browser, harness: IntakeHarness, site: str, visits: list[Visit]
) -> None:
    """In English, whose words are longer: what is there only without script is the same in both languages."""
    page, seen = await window(chromium, harness, site, NARROW, java_script_enabled=False), Seen()
    for visit in of(visits, "en"):
        await walking.go(page, site, visit, "en")
        for size in (NARROW, WIDE):
            await page.set_viewport_size(size)  # type: ignore[arg-type]  # a size as Playwright has it
            await seen.look(page, f"{visit.name}-{size['width']}", CUT_OFF)
    assert not seen.faults, "\n".join(seen.faults)


@pytest.mark.thorough
async def test_at_four_times_the_size_and_in_forced_colours_everything_is_there_and_shows_its_focus(
    chromium: Browser, harness: IntakeHarness, site: str, visits: list[Visit]
) -> None:
    page = await window(chromium, harness, site, ZOOMED, device_scale_factor=4, forced_colors="active")
    seen = Seen()
    for visit in of(visits, "ko"):
        await walking.go(page, site, visit, "ko")
        await seen.look(page, f"{visit.name}-zoomed", CUT_OFF)
        await seen.look(page, f"{visit.name}-zoomed", FOCUS)
    assert not seen.faults, "\n".join(seen.faults)


STEPS = ("/form/who", "/form/what", "/form/urgent")


@pytest.mark.parametrize("path", ["/all", *(pytest.param(path, marks=pytest.mark.thorough) for path in STEPS)])
async def test_in_forced_colours_what_is_chosen_looks_different(
    chromium: Browser, harness: IntakeHarness, site: str, path: str
) -> None:
    page = await window(chromium, harness, site, NARROW, forced_colors="active", reduced_motion="reduce")
    await page.goto(f"{site}{path}?lang=ko")
    choices = page.locator("main .choice:has(input:not(:checked)):visible")
    assert await choices.count() > 1
    for kind in ("radio", "checkbox"):
        one = page.locator(f"main .choice:has(input[type={kind}]:not(:checked)):visible").first
        if await one.count():
            place = await one.element_handle()
            assert place is not None
            before = await place.screenshot()
            await place.evaluate("e => { const i = e.querySelector('input'); i.checked = true; i.blur(); }")
            assert await place.screenshot() != before, f"{path}: a chosen {kind} looks like any other"
