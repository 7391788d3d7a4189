"""A page that comes while nobody waits for it is noticed in a test without a loop, too."""

from playwright import sync_api

from tests.browser import arrivals


def test_a_page_that_nobody_waits_for_is_noticed(browser: sync_api.Browser) -> None:
    page = browser.new_context().new_page()
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<a href='/next'>next</a>"))
    page.goto("http://localhost/")
    assert arrivals.surprises() == []
    page.get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/next")
    assert arrivals.surprises() == ["http://localhost/next"]
    page.context.close()
