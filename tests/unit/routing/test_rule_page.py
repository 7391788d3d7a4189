"""The page of the rule: open to everybody, every number from the rule, every example from the decided cases."""

import html
import re
from dataclasses import replace
from typing import Final

import httpx
import pytest

from services.routing.assignment.models import OverflowLimits
from services.routing.assignment.rules import RULE
from services.routing.console.rule_page import LIMITS, SECTIONS, SITUATIONS, read_cases, rule_router
from services.routing.main import HERE
from services.routing.settings import RoutingSettings
from shared.health import Health
from shared.web.app import Documentation, create_app
from shared.web.pages import Pages
from tests.unit.routing.harness import WHERE, RoutingHarness

PAGES: Final = Pages(HERE / "templates", HERE / "locale", RoutingSettings(), "routing")


def words_of(text: str) -> str:
    """What a reader reads."""
    main = text.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_everybody_may_read_it_in_both_languages(lang: str) -> None:
    answer = await RoutingHarness().get(f"/rule?lang={lang}", None)
    assert answer.status_code == 200
    said = words_of(answer.text)
    assert "%(" not in said
    assert ("배정합니다" in said) == (lang == "ko")
    assert ("Busan" in said) == (lang == "en")


async def test_a_korean_particle_stays_with_its_percentage() -> None:
    said = words_of((await RoutingHarness().get("/rule?lang=ko", None)).text)
    assert re.findall("[0-9]%[가-힣]", said) == []
    assert re.findall("[0-9]%\u2060[가-힣]", said)


async def test_every_case_a_new_report_can_be_is_an_example() -> None:
    said = words_of((await RoutingHarness().get("/rule?lang=en", None)).text).lower()
    cases = read_cases()
    assert {name for names in SECTIONS.values() for name in names} == set(cases) - {"11-later"}
    for name in set(cases) - {"11-later"}:
        for case in cases[name]:
            english = str(case["case"]).partition(" / ")[2]
            assert english.lower() in said, case["case"]


def test_cases_are_read_where_the_reader_in_c_was_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    in_c = read_cases()
    monkeypatch.delattr("yaml.CSafeLoader", raising=False)
    assert read_cases() == in_c


async def test_the_numbers_are_those_of_the_rule() -> None:
    other = replace(
        RULE,
        threshold_percent=71,
        overload_percent=123,
        margin_points=17,
        severe_per_person=6,
        overflow=RULE.overflow._replace(reserve=OverflowLimits(93, 67)),
    )
    app = create_app(
        service="routing",
        documentation=Documentation(title="Routing", description=""),
        settings=RoutingSettings(),
        health=Health(),
        for_staff=True,
        routers=[rule_router(PAGES, rule=other)],
        pages=PAGES,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=WHERE) as client:
        said = words_of((await client.get("/rule?lang=en")).text)
    for number in ("at most 71%", "above 71%", "up to 123%", "17 points", "6 severe cases", "93% 67%"):
        assert number in said, number


def test_every_set_of_limits_and_every_step_has_its_words() -> None:
    assert set(LIMITS) == set(RULE.overflow._fields)
    assert {step.limits for steps, _, _ in SITUATIONS for step in steps} == set(RULE.overflow._fields)
