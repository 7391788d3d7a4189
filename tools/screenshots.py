"""Pictures of the running system for the README: ``python -m tools.screenshots``.

Needs ``make demo`` in another terminal, whose accounts it signs in with, and Chromium. It fills in the form once per
language and width, so it lodges four ordinary reports.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Browser, Page, async_playwright

from shared import process
from shared.identity.cookies import SERVICES, token_cookie
from shared.settings import load
from tools.demo import people
from tools.demo.codes import FILE as ACCOUNTS
from tools.demo.people import Crew
from tools.local.chromium import NONE_FOUND, find
from tools.local.processes import PROJECT
from tools.local.settings import LocalSettings
from tools.local.state import RunFolder

SHOWN: Final = PROJECT / "docs" / "screenshots"
"""Pictures that documents show. Those already there are replaced; no other is added by itself."""
OTHERS: Final = PROJECT / "var" / "screenshots"
LANGUAGES: Final = ("ko", "en")
SIZES: Final = ((360, 760), (1280, 820))
"""Width and height of a phone and of a desk, in CSS pixels."""

_FLAGS: Final = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
_PATIENCE_MS: Final = 20_000
_CENTRE: Final = "gyeonggi"
_STORIES: Final = {
    "ko": "모르는 사람이 합성한 사진을 보내며 퍼뜨리겠다고 해요.",
    "en": "A stranger sends an edited photo and says they will spread it.",
}


@dataclass(frozen=True, slots=True)
class Camera:
    """One window of one size in one language."""

    page: Page
    urls: Mapping[str, str]
    language: str

    async def open(self, service: str, path: str = "/") -> None:
        """Go to a page of a service, in this language."""
        await self.page.goto(f"{self.urls[service]}{path}{'&' if '?' in path else '?'}lang={self.language}")

    async def take(self, name: str) -> None:
        """A picture of what is in the window."""
        width = self.page.viewport_size["width"] if self.page.viewport_size else 0
        await self.page.evaluate("document.fonts.ready")
        file = f"{name}-{self.language}-{width}.png"
        shown = SHOWN / file
        path = shown if shown.exists() else OTHERS / file
        await self.page.screenshot(path=path)
        sys.stdout.write(f"{path.relative_to(PROJECT)}\n")


async def take_all(urls: Mapping[str, str], crew: Crew, chromium: str) -> None:
    """Form, receipt, sign-in, console, case, decision, live centres, audit, accounts and documentation.

    In both languages and sizes. Pictures that documents show are replaced, others are written to ``var/screenshots``.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        for language in LANGUAGES:
            for width, height in SIZES:
                camera = await _camera(browser, urls, language, (width, height))
                await _public_pages(camera)
                await camera.page.context.close()
                for name, pages in _TOURS.items():
                    camera = await _camera(browser, urls, language, (width, height))
                    await _sign_in(camera, crew, name)
                    await pages(camera, crew)
                    await camera.page.context.close()
        await browser.close()


async def _camera(browser: Browser, urls: Mapping[str, str], language: str, size: tuple[int, int]) -> Camera:
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="ko-KR" if language == "ko" else "en-GB"
    )
    context.set_default_timeout(_PATIENCE_MS)
    return Camera(await context.new_page(), urls, language)


async def _public_pages(camera: Camera) -> None:
    page = camera.page
    await camera.open("intake")
    await camera.take("form")
    await page.locator("a[href='/form/who']").click()
    await page.locator("input[name=role][value=victim]").check()
    await page.locator("main button[value=next]").click()
    await page.locator("input[name=harm_types][value=distribution_threat]").check()
    await camera.take("question")
    await camera.open("intake", "/all")
    await page.locator("input[name=role][value=victim]").check()
    await page.locator("input[name=harm_types][value=distribution_threat]").check()
    await page.locator("select[name=division]").select_option("jeju")
    await page.locator("textarea[name=narrative]").fill(_STORIES[camera.language])
    await page.locator("#send button[type=submit]").click()
    await page.locator(".receipt-code").wait_for()
    await camera.take("receipt")
    await camera.open("identity", "/session")
    await camera.take("sign-in")


async def _sign_in(camera: Camera, crew: Crew, name: str) -> None:
    """Cookies of a browser come from a sign-in over the API: four pictures a minute would wait for new codes."""
    for service in SERVICES:
        token = await crew.auth(name).ready(service)
        await camera.page.context.add_cookies(
            [{"name": token_cookie(service), "value": token, "url": camera.urls[service]}]
        )


async def _centre(camera: Camera, crew: Crew) -> None:
    await camera.open("notify", f"/?center={_CENTRE}")
    await camera.page.locator(".console[data-live=yes]").wait_for()
    await camera.take("console")
    case = await _some_case(crew)
    await camera.open("notify", f"/cases/{case}")
    await camera.take("case")
    await camera.open("routing", f"/decisions/{case}")
    await camera.take("decision")
    await camera.open("routing", "/live")
    await camera.page.locator(".live[data-live=yes]").wait_for()
    await camera.take("live")
    await camera.open("intake", "/docs")
    await camera.take("docs")


async def _auditor(camera: Camera, crew: Crew) -> None:
    del crew
    await camera.open("intake", "/audit")
    await camera.take("audit")


async def _administrator(camera: Camera, crew: Crew) -> None:
    del crew
    await camera.open("identity", "/accounts")
    await camera.take("accounts")


_TOURS: Final[dict[str, Callable[[Camera, Crew], Awaitable[None]]]] = {
    f"{_CENTRE}-lead": _centre,
    "ministry-auditor": _auditor,
    "central-administrator": _administrator,
}


async def _some_case(crew: Crew) -> str:
    async with crew.client(f"{_CENTRE}-lead") as lead:
        answer = await lead.get("/api/v1/cases", params={"center": _CENTRE, "state": "acknowledged"})
        return str(answer.raise_for_status().json()["cases"][0]["report_id"])


def main() -> int:
    """The command. Returns 1 with a plain reason when something it needs is not there."""
    settings = load(LocalSettings)
    state = RunFolder(settings.var / "run").read()
    if state is None or state.phase != "up":
        sys.stderr.write("nothing runs here yet: start it with `make demo`, then try again\n")
        return 1
    staff = people.kept(settings.var / "demo" / ACCOUNTS)
    if not staff:
        sys.stderr.write("no accounts of a demonstration here: `make demo` makes them\n")
        return 1
    chromium = find()
    if chromium is None:
        sys.stderr.write(f"{NONE_FOUND}\n")
        return 1
    OTHERS.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_all(state.urls, Crew(state.urls, staff), chromium))
    return 0


if __name__ == "__main__":
    process.run_command(main)
