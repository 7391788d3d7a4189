"""The sample: pages and files as of a release, marked everywhere, apart from all that is real, gone in time."""

import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from services.analytics.exports.archive import Languages, SampleLanguages
from services.analytics.exports.report import Monthly
from services.analytics.main import _HERE
from services.analytics.releases import sample
from services.analytics.releases.audit import prove
from services.analytics.releases.catalogue import ReleaseCatalogue, SampleReleases
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import Release
from services.analytics.releases.tables import FIRST_WEEKS, TABLE_SPECS, WITHHELD
from services.analytics.settings import AnalyticsSettings
from shared.web.pages import Pages
from tests.unit.analytics.paneling import shared_dashboard
from tests.unit.analytics.worlds import AS_OF

PAGES = ("/sample", "/sample/centers", "/sample/people", "/sample/trends")
FILES = tuple(
    f"/sample/tables/reports-by-center/{sample.MONTH}.{ending}"
    for ending in ("csv", "json", "parquet", "csv-metadata.json")
)
OWN = Pages(_HERE / "templates", _HERE / "locale", AnalyticsSettings(), "analytics")


@asynccontextmanager
async def reader(*roles: str, releases: Sequence[Release] | None = ()) -> AsyncIterator[httpx.AsyncClient]:
    """A reader of the dashboard, before the first release unless there are any; None: all that are made up."""
    staff, app = shared_dashboard(releases=releases)
    headers = staff.bearer("ministry", *(roles or ("analyst",)))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers
    ) as client:
        yield client


async def test_until_a_release_the_front_page_leads_to_the_sample() -> None:
    async with reader() as client:
        page = (await client.get("/?lang=ko")).text
        assert 'href="/sample"' in (await client.get("/dictionary")).text
        assert 'href="/sample"' in page
        assert "예시" in page
        assert "2099-12" not in page.replace("/sample/monthly/2099-12.pdf", "")


async def test_weeks_before_the_first_month_stand_beside_the_way_to_the_sample() -> None:
    weeks = [
        Release("2026-W45", AS_OF, "full", {FIRST_WEEKS: {"total": 33, "2026-W45": 33}}),
        Release("2026-W46", AS_OF, WITHHELD),
        Release("2026-W47", AS_OF, "full", {FIRST_WEEKS: {"total": 1240, "2026-W47": 1240}}),
    ]
    async with reader(releases=weeks) as client:
        for path in ("/?lang=en", "/trends?lang=en"):
            page = (await client.get(path)).text
            assert 'href="/sample"' in page
            assert "2026-W45 (2 Nov–8 Nov)" in page
            assert "2026-W46" not in page
            assert "2026-W47 (16 Nov–22 Nov): 1,240 reports." in page
        assert (await client.get(f"/api/v1/tables/{FIRST_WEEKS}?format=csv")).text.splitlines()[1:] == [
            "2026-W47,2026-W47,leaf,1240,2026-W47,2026-11-04T00:00:00Z,0,0,0",
            "total,Nationwide,total,1240,2026-W47,2026-11-04T00:00:00Z,0,0,0",
        ]
        for form in ("json", "parquet"):
            assert (await client.get(f"/api/v1/tables/{FIRST_WEEKS}?period=2026-W45&format={form}")).status_code == 200
        listed = (await client.get("/api/v1/releases?kind=week")).json()["releases"]
        assert [each["period"] for each in listed] == ["2026-W45", "2026-W47"]
        assert (await client.get("/sample")).status_code == 200
        assert (await client.get("/protection?lang=en")).status_code == 200


@pytest.mark.parametrize(("lang", "mark", "said"), [("ko", "예시", "지어낸 수치"), ("en", "Sample", "made up")])
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_of_it_says_what_it_is(path: str, lang: str, mark: str, said: str) -> None:
    async with reader() as client:
        answer = await client.get(f"{path}?lang={lang}")
    assert answer.status_code == 200
    page = answer.text
    assert f"<title>{mark}" in page
    assert said in page
    panels = page.count('class="panel"') + page.count('class="stat"')
    assert page.count(f'<strong class="mark">{mark}</strong>') > panels
    assert "svg" in page
    # Nothing real beside it: no check of the running counts, no figures that others published, no real files.
    assert 'id="accounted"' not in page
    assert "2,379" not in page
    assert "/api/v1/tables" not in page
    assert "/api/v1/monthly" not in page


async def test_every_file_says_what_it_is_in_its_name_and_in_every_line() -> None:
    async with reader() as client:
        found = {path.partition(".")[2]: await client.get(f"{path}?lang=en") for path in FILES}
        for ending in ("csv", "parquet"):
            named = found[ending].headers["content-disposition"]
            assert "SAMPLE-2099-12" in named
            assert "%EC%98%88%EC%8B%9C" in named
        lines = list(csv.DictReader(io.StringIO(found["csv"].text.removeprefix("\ufeff"))))
        assert len(lines) > 16
        assert {line["period"] for line in lines} == {"예시-SAMPLE-2099-12"}
        told = found["json"].json()
        assert told["title"].startswith("[예시 / Sample] ")
        assert told["definition"].startswith("[예시 / Sample] ")
        assert told["period"] == "예시-SAMPLE-2099-12"
        assert found["csv-metadata.json"].json()["dc:title"].startswith("[예시 / Sample] ")
        cells = pq.read_table(io.BytesIO(found["parquet"].content)).column("period").to_pylist()
        assert set(cells) == {"예시-SAMPLE-2099-12"}


async def test_the_archive_holds_every_table_and_nothing_unmarked() -> None:
    async with reader() as client:
        answer = await client.get("/sample/export.zip?lang=ko")
    assert "SAMPLE" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        names = files.namelist()
        assert all("예시-SAMPLE-" in name.rpartition("/")[2] for name in names)
        folders = {name.partition("/")[0] for name in names if "/" in name}
        assert folders == set(TABLE_SPECS) - {FIRST_WEEKS}
        for name in names:
            if name.endswith((".csv", ".json")):
                assert b"SAMPLE" in files.read(name) or b"Sample" in files.read(name), name


async def test_it_is_no_release() -> None:
    async with reader() as client:
        assert (await client.get("/api/v1/releases")).json()["releases"] == []
        assert (await client.get("/api/v1/observations")).json()["observations"] == []
        tables = (await client.get("/api/v1/tables")).json()["tables"]
        assert all(table["periods"] == [] for table in tables)
        assert (await client.get(f"/api/v1/tables/reports-by-center/{sample.MONTH}.csv")).status_code == 404
        assert (await client.get(f"/api/v1/monthly/{sample.MONTH}.pdf")).status_code == 404
        with zipfile.ZipFile(io.BytesIO((await client.get("/api/v1/export")).content)) as files:
            assert sorted(files.namelist()) == ["README.txt", "dictionary.json"]
        assert "/sample" not in json.dumps((await client.get("/openapi.json")).json().get("paths", {}))


@pytest.mark.parametrize("path", [*PAGES, *FILES, "/sample/export.zip", f"/sample/monthly/{sample.MONTH}.pdf"])
async def test_it_is_gone_once_there_is_a_release(path: str) -> None:
    async with reader(releases=None) as client:
        answer = await client.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (410, "sample_gone")
        page = (await client.get("/")).text
        assert "/sample" not in page


@pytest.mark.parametrize("path", [*PAGES, "/sample/export.zip"])
async def test_only_who_may_read_tables_sees_it(path: str) -> None:
    async with reader("administrator") as client:
        assert (await client.get(path, headers={"Accept": "application/json"})).status_code == 403


def test_it_is_the_same_every_time_and_in_no_year_of_ours() -> None:
    assert sample.releases.__wrapped__() == sample.releases()
    assert {release.period[:4] for release in sample.releases()} == {"2099"}
    december = ReleaseCatalogue(sample.releases()).table(TABLE_SPECS["reports-by-center"], sample.MONTH)
    assert december.rows[-1].figures[0].low == 861
    assert december.cost.hidden > 0, "a reader sees what hidden looks like"


def test_its_own_proof_lets_it_leave() -> None:
    """What a release would be refused for is no example of one."""
    assert prove(system(sample.releases()), 60).verdict == "open"


@pytest.mark.parametrize("total", [0, 1, 7, 612])
def test_a_total_is_spread_without_remainder(total: int) -> None:
    for tilt in range(4):
        assert sum(sample.spread(total, {"a": 5, "b": 3, "c": 1}, tilt).values()) == total


async def test_its_monthly_report_is_marked_and_a_real_one_is_not() -> None:
    nobody: Any = None
    made_up, _ = await Monthly(SampleReleases(nobody), SampleLanguages(OWN))._data(sample.MONTH, "2099-Q4")
    assert made_up["sample"] == "예시 / Sample"
    real, _ = await Monthly(SampleReleases(nobody), Languages(OWN))._data(sample.MONTH, "2099-Q4")
    assert real["sample"] == ""
