"""The whole system for journeys: real processes, real engines, staff with accounts who sign in in a browser."""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.browser.helpers import follow
from tools.demo import frontends, people
from tools.demo.frontends import FrontEnds
from tools.demo.people import Crew
from tools.local.settings import LocalSettings
from tools.local.stack import Stack


@dataclass(frozen=True, slots=True)
class Whole:
    """A running system and its people."""

    stack: Stack
    crew: Crew
    front_ends: FrontEnds

    def url(self, service: str, path: str = "/") -> str:
        """Address of a page."""
        return self.stack.urls[service] + path


@contextlib.contextmanager
def running(folder: Path, staff: Collection[str]) -> Iterator[Whole]:
    """Everything, on free ports. ``staff`` names who has an account: hashing a password takes a fifth of a second."""
    # All windows are in one network, which lodges more in a minute than people do in an hour.
    many = {"intake": {"INTAKE_FREE_REPORTS": "1000", "INTAKE_MANY_REPORTS": "1000"}}
    stack = Stack(LocalSettings.on_free_ports(folder), say=lambda _: None, extra_env=many)
    try:
        stack.start()
        made = people.create(stack.environment_of("identity"), [one for one in people.EVERYBODY if one.name in staff])
        yield Whole(stack, Crew(stack.urls, made), frontends.create(stack.environment_of("intake"), stack.run_once))
    finally:
        stack.stop()


async def window(chromium: Browser, lang: str = "ko", *, script: bool = True) -> Page:
    """A window of one's own."""
    locale = "ko-KR" if lang == "ko" else "en-GB"
    context = await chromium.new_context(locale=locale, java_script_enabled=script)
    return await context.new_page()


async def sign_in(page: Page, whole: Whole, name: str) -> None:
    """Account, password and the code of the second factor, as a person types them."""
    person = whole.crew.people[name]
    await page.goto(whole.url("identity", "/session"))
    await page.locator("#account").fill(person.account)
    await page.locator("#password").fill(person.password)
    await page.locator("#code").fill(await whole.crew.auth(name).code())
    await follow(page, page.locator("main form button[type=submit]").first.click())
    await expect(page.locator("form[action$='/session/end'], a[href$='/session/end']").first).to_be_visible()
