"""What browser tests share: flags, a small server, the accessibility check, and looking at overflow."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, Response, Route

from shared.web.serve import serve
from tests.browser.arrivals import awaited
from tests.support.waiting import DEADLINE_S
from tools.local.ports import free_port

_SWITCHED_OFF: Final = (
    # Two pages in every window, for suggestions under an address that nobody types.
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    # What Playwright switches off: of two such flags Chromium takes the last.
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,"
    "OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch"
)
FLAGS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={_SWITCHED_OFF}",
    # No name leads off this machine, whatever a page or a context asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

_WCAG_22_AA: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Without "resultTypes" axe describes every element that passed as well, which takes two thirds as long again.
VIOLATIONS: Final = {"resultTypes": ["violations"]}
_AXE: Final = {"runOnly": {"type": "tag", "values": _WCAG_22_AA}, **VIOLATIONS}
_RUN_AXE: Final = "([context, options]) => axe.run(context ?? document, options).then(found => found.violations)"
_OURS: Final = ("http://127.0.0.1", "http://localhost", "data:", "blob:")


def as_most_tests_read(browser: Browser) -> None:
    """Every context reads Korean unless told otherwise, and keeps what it has loaded, as a reader's does.

    Nothing moves by itself unless told otherwise: how a page looks while it does depends on when somebody looks.
    """
    real_context = browser.new_context

    async def new_context(**options: object) -> BrowserContext:
        options.setdefault("locale", "ko-KR")
        options.setdefault("reduced_motion", "reduce")
        return await real_context(**options)  # type: ignore[arg-type]  # passed on as given

    browser.new_context = new_context  # type: ignore[method-assign]  # every context of this browser


async def context_that_leaves(browser: Browser, **options: Any) -> BrowserContext:
    """A context whose pages find an empty page wherever they go outside; elsewhere they cannot go there.

    Only for tests of leaving: watching requests takes Chromium's cache away, and nearly doubles the work of a page.
    """

    async def outside(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/html", body="<title>outside</title><p>outside</p>")

    context = await browser.new_context(**options)
    await context.route(lambda url: not url.startswith(_OURS), outside)
    return context


@dataclass(slots=True)
class Line:
    """The way that some requests of a page take; while it is ``cut`` they fail, as where the network is away."""

    cut: bool = False


async def line_of(page: Page, url: str | re.Pattern[str]) -> Line:
    """The line of requests to ``url``, as yet uncut, for a page that has loaded nothing.

    The one way to make requests fail: a page that is there takes a moment to send them through a new route, or no
    longer through one that was taken away, and what it sends meanwhile goes the old way.
    """
    assert page.url == "about:blank", f"the page is at {page.url} already: make its line before it loads anything"
    line = Line()

    async def carry(route: Route) -> None:
        await (route.abort() if line.cut else route.continue_())

    await page.route(url, carry)
    return line


@contextlib.asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The app on a free port of this machine, or on this one, by its address."""
    port = port or free_port()
    running = asyncio.create_task(serve(app, "127.0.0.1", port))
    try:
        await _answering(running, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def at_rest(page: Page) -> None:
    """Return once the page is all there and nothing on it moves any more."""
    await page.wait_for_load_state()
    await page.evaluate("Promise.allSettled(document.getAnimations().map(one => one.finished)).then(() => null)")


async def assert_accessible(page: Page, *, without: str = "") -> None:
    """Fails with every violation of WCAG 2.2 AA that axe-core finds on the page as it is now.

    ``without`` selects what it need not look at.
    """
    await at_rest(page)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    violations = await page.evaluate(_RUN_AXE, [{"exclude": [without]} if without else None, _AXE])
    told = [
        f"{v['id']}: {v['help']}\n    " + "\n    ".join(f"{n['html'][:160]} {n['failureSummary']}" for n in v["nodes"])
        for v in violations
    ]
    assert not told, "\n".join(told)


async def to_what(page: Page, site: str) -> None:
    """Begin a report in Korean as who was harmed; the page is then the step that asks what happened."""
    await page.goto(f"{site}/form/who?lang=ko")
    await page.locator("#role").check()
    await go_on(page, "what")


async def go_on(page: Page, slug: str, by: str = "next") -> None:
    """Press the button of a step of the form and be on the page it should lead to."""
    await follow(page, page.locator(f"main button[name=go][value={by}]").click(), f"**/form/{slug}*")


async def follow(page: Page, act: Awaitable[object], to: str = "") -> Response | None:
    """Do what leads to another page, and return what it answered once that page is all there.

    ``to`` is a pattern of its address, for an act that may lead through others. Without this whatever the page before
    has too is found there while the next one is still coming (``arrivals``).
    """
    with awaited(page):
        async with page.expect_navigation(url=to or None) as there:
            await act
        return await there.value


async def move_to(page: Page, place: str, key: str = "Tab") -> None:
    """Reach a control by one key alone, on a page that is all there: keys that come before it move nothing."""
    await page.wait_for_load_state()
    for _ in range(90):
        await page.keyboard.press(key)
        if await page.evaluate("place => document.activeElement.matches(place)", place):
            return
    raise AssertionError(f"{place} was not reached by {key}")


async def assert_no_sideways_scrolling(page: Page) -> None:
    """Fails when the page is wider than its window, naming the elements that stick out."""
    await page.wait_for_load_state()
    wide = await page.evaluate(
        """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
        [...document.querySelectorAll("body *")]
          .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
          .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not wide, "\n".join(wide)


async def _answering(running: asyncio.Task[None], port: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not running.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
    await running
