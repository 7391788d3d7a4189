"""“How these numbers are protected”: open to everybody, driven by the registry, and nothing in it but shares."""

import re
from html import unescape

import pytest

from services.analytics.dashboard.protection import costs, protection_of
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.tables import TABLE_SPECS
from tests.unit.analytics.releases.test_published import some_releases
from tests.unit.analytics.test_authorization import House, open_house


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_everybody_reads_it_and_it_names_every_table(lang: str) -> None:
    house = open_house()
    answer = await house.get(f"/protection?lang={lang}", {})
    assert answer.status_code == 200
    page = unescape(answer.text)
    assert {"ko": "왜 일부 수치를 공개하지 않는지", "en": "Why some numbers are hidden"}[lang] in page
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td>([^<]+)</td>', page)
    assert len(rows) == sum(len(spec.kinds) for spec in TABLE_SPECS.values())
    if lang == "en":
        assert {title for title, _ in rows} == {spec.title for spec in TABLE_SPECS.values()}
    assert "%(" not in page


async def test_who_is_not_signed_in_still_sees_no_table() -> None:
    house = open_house()
    assert (await house.get("/api/v1/tables/reports-by-center", {})).status_code == 401


async def test_what_it_costs_is_what_the_tables_say_themselves() -> None:
    catalogue = ReleaseCatalogue(some_releases())
    spec = TABLE_SPECS["reports-by-center"]
    tables = [catalogue.table(spec, period.name) for period in catalogue.periods(spec, "month")]
    own = next(each for each in costs(catalogue) if (each.title, each.kind) == (spec.title, "Month"))
    assert own.periods == len(tables) > 0
    assert own.cells == sum(table.cost.cells for table in tables)
    assert own.hidden == pytest.approx(sum(table.cost.hidden for table in tables) / own.cells)
    assert own.hidden > 0
    year = next(each for each in costs(catalogue) if (each.title, each.kind) == (spec.title, "Year"))
    assert (year.periods, year.lost) == (0, None), "not released yet"


def test_every_kind_of_protection_has_its_words() -> None:
    assert len({protection_of(spec).how for spec in TABLE_SPECS.values()}) == 5


async def test_before_the_first_release_it_says_so_and_when_it_comes() -> None:
    page = (await House(released=False).get("/protection?lang=en", {})).text
    assert page.count("not released yet") == sum(len(spec.kinds) for spec in TABLE_SPECS.values())
    assert '<time datetime="2026-12-04T00:00:00+09:00">4 December 2026</time>' in page
