from pathlib import Path

import pytest

from shared.web.navigation import LINKS, Link, home_of, links
from shared.web.translations import SHARED_LOCALE, load
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.unit.shared.web.small_site import NOW

ROOT = Path(__file__).parents[4]
URLS = {name: f"http://{name}.test" for name in ("intake", "routing", "notify", "analytics", "identity")}
STAFF = TestIdentity(ManualClock(NOW))


@pytest.mark.parametrize(
    ("organisation", "role", "home", "seen"),
    [
        ("jeju", "counsellor", "http://notify.test/", {"Cases", "Report form", "Decisions"}),
        (
            "jeju",
            "lead",
            "http://notify.test/",
            {"Cases", "Report form", "Decisions", "Statistics", "Erasure", "Account releases", "Drills"},
        ),
        ("jeju", "operator", "http://intake.test/calls", {"Report form", "Calls"}),
        ("ministry", "analyst", "http://analytics.test/", {"Report form", "Statistics"}),
        (
            "central",
            "administrator",
            "http://identity.test/accounts",
            {"Report form", "Operations", "Accounts", "Account releases", "Drills", "Front ends"},
        ),
        (
            "jeju",
            "administrator",
            "http://identity.test/accounts",
            {"Report form", "Accounts", "Account releases", "Drills"},
        ),
    ],
)
def test_everybody_begins_where_they_work_and_sees_what_they_may(
    organisation: str, role: str, home: str, seen: set[str]
) -> None:
    who = STAFF.principal(organisation, role)
    assert home_of(who, URLS) == home
    assert {link.text for link in links(who, "notify", "/", URLS)} == seen


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.text)
def test_a_link_of_the_header_reads_the_same_on_the_pages_of_every_service(link: Link) -> None:
    shared = load([SHARED_LOCALE])["ko"].gettext(link.text)
    assert shared != link.text
    for locale in sorted((ROOT / "services").glob("*/locale")):
        assert load([SHARED_LOCALE, locale])["ko"].gettext(link.text) == shared, locale.parent.name


def test_the_menu_calls_operations_what_the_page_is_called() -> None:
    assert load([SHARED_LOCALE])["ko"].gettext("Operations") == "운영 현황"


@pytest.mark.parametrize(
    ("service", "here", "current"),
    [
        ("notify", "/", {"Cases": "page"}),
        ("notify", "/cases/1", {"Cases": "true"}),
        ("identity", "/account", {}),
        ("identity", "/session", {}),
        ("routing", "/decisions/1", {"Decisions": "true"}),
        ("intake", "/erasures", {"Erasure": "page"}),
        ("intake", "/erasuresx", {}),
        ("intake", "/reports/1/details", {}),
    ],
)
def test_one_link_is_where_one_is(service: str, here: str, current: dict[str, str]) -> None:
    found = links(STAFF.principal("jeju", "lead"), service, here, URLS)
    assert {link.text: link.current for link in found if link.current} == current
