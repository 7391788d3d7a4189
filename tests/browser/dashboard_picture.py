"""The README's picture of the dashboard: ``python -m tests.browser.dashboard_picture``.

Of the made-up year, since a month is released when it has ended and `make demo` runs for minutes. Needs Chromium only.
"""

import sys
from typing import Final

from playwright.sync_api import sync_playwright

from shared import process
from tests.browser.dashboard_site import signed_in
from tests.browser.helpers import FLAGS
from tests.browser.made_up_year import made_up_year
from tools.local.chromium import NONE_FOUND, find
from tools.screenshots import SHOWN, SIZES

_PERIOD: Final = "2026-09"
"""A month that had ended on the day on which the made-up ones were released."""


def main() -> int:
    """The command. Returns 1 with a plain reason where there is no Chromium."""
    chromium = find()
    if chromium is None:
        sys.stderr.write(f"{NONE_FOUND}\n")
        return 1
    width, height = SIZES[-1]
    with made_up_year() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = signed_in(browser, site, f"/?period={_PERIOD}", script=True)
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("document.fonts.ready")
        page.screenshot(path=SHOWN / f"dashboard-ko-{width}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    process.run_command(main)
