"""Every form of a table read back by its own rules: CSV by its metadata, Parquet by pyarrow, the zip, the lines."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from services.analytics.exports import archive
from services.analytics.exports.archive import Cursor, ExportSelection, Languages
from services.analytics.exports.csvw import as_csvw
from services.analytics.exports.files import as_csv, as_json
from services.analytics.exports.observations import observations
from services.analytics.exports.parquet import as_parquet
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.errata import revised
from services.analytics.releases.published import Table, TableRow, build
from services.analytics.releases.release import Release, of_month, of_quarter
from services.analytics.releases.suppression import HIDDEN, Figure
from services.analytics.releases.tables import FIRST_WEEKS, TABLE_SPECS
from services.analytics.settings import AnalyticsSettings
from shared.web.pages import Pages
from tests.unit.analytics.releases.test_published import AS_OF, made, period, some_counts, some_releases
from tests.unit.analytics.test_authorization import House, open_house
from tests.unit.analytics.worlds import a_year_unproven

READER = ("ministry", "analyst")


async def get(path: str, **headers: str) -> Any:
    house = open_house()
    return await house.get(path, {**house.staff.bearer(*READER), **headers})


@pytest.fixture(scope="module")
def year() -> list[Release]:
    """A whole year, so that every table is among them."""
    return list(a_year_unproven())


def read_by_its_metadata(text: str, metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """As the standard says: the header must be the titles, null is what a column says, the rest is of its datatype."""
    columns = metadata["tableSchema"]["columns"]
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=metadata["dialect"]["delimiter"]))
    assert lines[0] == [column["titles"] for column in columns]
    rows = []
    for line in lines[1:]:
        row: dict[str, Any] = {}
        for column, cell in zip(columns, line, strict=True):
            null = column.get("null") is not None and cell == column["null"]
            assert not (null and column.get("required"))
            row[column["name"]] = None if null else int(cell) if column["datatype"] == "integer" else cell
        rows.append(row)
    keys = [tuple(row[name] for name in metadata["tableSchema"]["primaryKey"]) for row in rows]
    assert len(keys) == len(set(keys))
    return rows


def numbers(table: Table) -> dict[tuple[str, str], int | None]:
    return {
        (row.key, column): figure.low
        for row in table.rows
        for column, figure in zip(table.columns, row.figures, strict=True)
    }


@pytest.mark.parametrize(
    ("name", "period"),
    [("reports-by-center", "2026-10"), ("reports-by-center-and-harm", "2026-Q4"), ("acknowledgement-times", "2026-11")],
)
async def test_csv_is_read_by_the_metadata_it_links_to(name: str, period: str) -> None:
    answer = await get(f"/api/v1/tables/{name}?period={period}&format=csv&lang=en")
    target, _, kind = answer.headers["link"].partition(">; ")
    assert kind == 'rel="describedby"; type="application/csvm+json"'
    described = await get(target.removeprefix("<"))
    assert described.headers["content-type"] == "application/csvm+json"
    metadata = described.json()
    named = await get(f"/api/v1/tables/{name}/{metadata['url']}")
    assert named.content == answer.content, "what the metadata names is the file that links to it"
    assert answer.headers["content-location"].endswith(metadata["url"])
    read = read_by_its_metadata(named.text, metadata)
    found = {
        (row[made(name, period).definition.key], column): row[column]
        for row in read
        for column in TABLE_SPECS[name].columns
    }
    assert found == numbers(made(name, period))
    assert None in found.values()
    assert metadata["@context"] == ["http://www.w3.org/ns/csvw", {"@language": "en"}]
    for column in metadata["tableSchema"]["columns"]:
        assert column["dc:title"]
        assert column["dc:description"]


async def test_leaves_and_groups_of_a_csv_column_add_up_to_its_total(year: list[Release]) -> None:
    """Regions repeat what stands within them; without the level a column adds up to twice the total."""
    names = Languages(Pages(None, None, AnalyticsSettings(), "analytics")).names
    levels, added = set(), 0
    for _, table in archive.tables(year, ExportSelection()):
        rows = list(csv.DictReader(io.StringIO(as_csv(table, names["en"]).removeprefix("\ufeff"))))
        levels |= {row["level"] for row in rows}
        apart = {
            "support-given",
            "staff-on-duty",
            "alert-outcomes",
            "corrections",
            "moves-between-centers",
        }  # these add up to nothing
        if table.definition.name in apart or rows[-1]["reports"] == "*":
            continue
        parts = [row["reports"] for row in rows if row["level"] in ("leaf", "group")]
        assert sum(int(n) for n in parts if n != "*") == int(rows[-1]["reports"]), table.definition.name
        added += 1
    assert levels == {"leaf", "group", "region", "total"}
    assert added > 40


async def test_every_form_says_how_much_of_its_period_a_table_covers() -> None:
    """2024 was December alone; as a whole year it looked as if 2025 had grown twentyfold."""
    counts = [some_counts("2026-11"), some_counts("2026-12")]
    months = [of_month(each, AS_OF, "full") for each in counts]
    releases = [*months, of_quarter("2026-Q4", months, counts, AS_OF, {})]
    texts = Languages(Pages(None, None, AnalyticsSettings(), "analytics"))
    for name, covered, of in (("2026-Q4", "2", "3"), ("2026-12", "1", "1")):
        table = build(TABLE_SPECS["reports-by-center"], period(name), releases)
        lines = list(csv.DictReader(io.StringIO(as_csv(table, texts.names["en"]).removeprefix("\ufeff"))))
        assert {(line["months_covered"], line["months_in_period"]) for line in lines} == {(covered, of)}
        body = as_json(table, texts.names["en"], texts.text["en"])
        assert (body["months_covered"], body["months_in_period"]) == (int(covered), int(of))
        read = pq.read_table(io.BytesIO(as_parquet(table, texts.names))).to_pylist()
        assert {(row["months_covered"], row["months_in_period"]) for row in read} == {(int(covered), int(of))}
        described = as_csvw(table, "x.csv", "en", texts.names["en"], texts.text["en"])["tableSchema"]["columns"]
        assert [each["name"] for each in described][-2:] == ["months_covered", "months_in_period"]
        assert {each.coverage for each in observations(table)} == {(int(covered), int(of))}


def _text(pdf: PdfReader) -> str:
    return "".join(page.extract_text() for page in pdf.pages).replace("\n", "")


async def test_every_form_and_page_of_a_corrected_month_says_so_and_the_first_can_still_be_had() -> None:
    why = {"ko": "두 번 센 신고를 바로잡았습니다.", "en": "Reports were counted twice."}
    counts = some_counts("2026-10")
    more = {**counts.centers, "busan": counts.centers["busan"] + 30}
    again = replace(
        counts,
        centers=more,
        days={**counts.days, "2026-10-07": counts.days.get("2026-10-07", 0) + 30},
        times={**counts.times, "within_1_hour": counts.times["within_1_hour"] + 30},
        ends={**counts.ends, "in_care": counts.ends["in_care"] + 30},
    )
    first = next(each for each in some_releases() if each.period == "2026-10")
    house = House(errata=[revised(of_month(again, AS_OF, "full"), [first], why)])

    async def said(path: str) -> Any:
        return await house.get(path, house.staff.bearer(*READER))

    name = "/api/v1/tables/reports-by-center"
    new, old = [(await said(f"{name}?period=2026-10&lang=en{r}")).json() for r in ("", "&revision=0")]
    assert [each["rows"][-1]["figures"][0]["value"] for each in (new, old)] == [402, 372]
    assert (new["revision"], new["erratum"], old["revision"], old["erratum"]) == (1, why, 0, None)
    rows = list(csv.DictReader(io.StringIO((await said(f"{name}/2026-10.csv?lang=en")).text.removeprefix("\ufeff"))))
    assert {row["revision"] for row in rows} == {"1"}
    described = (await said(f"{name}/2026-10.csv-metadata.json?lang=en")).json()
    assert described["dc:provenance"] == "1: Reports were counted twice."
    parquet = pq.read_table(io.BytesIO((await said(f"{name}/2026-10.parquet")).content))
    assert json.loads(parquet.schema.metadata[b"ieum"])["erratum"] == why
    assert {row["revision"] for row in parquet.to_pylist()} == {1}
    lines = (await said("/api/v1/export?format=ndjson&table=reports-by-center&period=2026-10")).text.splitlines()
    assert {json.loads(line)["revision"] for line in lines} == {1}
    pdf = PdfReader(io.BytesIO((await said("/api/v1/monthly/2026-10.pdf")).content))
    assert f"2026-10: 정정한 통계입니다. {why['ko']}" in _text(pdf)
    later = PdfReader(io.BytesIO((await said("/api/v1/monthly/2026-11.pdf")).content))
    assert f"2026-10: 정정한 통계입니다. {why['ko']}" in _text(later), "it shows October's total too"
    for page in ("/?period=2026-10&lang=en", "/dictionary?lang=en"):
        assert why["en"] in (await said(page)).text, page
    assert why["en"] not in (await said("/?period=2026-11&lang=en")).text
    assert (await said(f"{name}?period=2026-10&revision=7")).json()["code"] == "unknown_revision"
    pages = "/api/v1/observations?table=reports-by-center&period=2026-10&limit=3&lang=en"
    before = (await get(pages)).json()["next"]
    refused = (await said(before)).json()
    assert (refused["status"], refused["code"]) == (410, "corrected_since")
    assert refused["detail"].startswith("2026-10 was corrected since the page before.")
    page = (await said(pages)).json()
    assert {
        each["revision"] for each in [*page["observations"], *(await said(page["next"])).json()["observations"]]
    } == {1}
    former, newest = [await said(f"{name}/2026-10.csv?lang=en{asked}") for asked in ("&revision=0", "")]
    target = former.headers["link"].partition(">; ")[0].removeprefix("<")
    metadata = (await said(target)).json()
    assert "dc:provenance" not in metadata, "of the revision that links to it, which corrects nothing"
    assert (await said(f"{name}/{metadata['url']}")).content == former.content
    assert (await said(former.headers["content-location"])).content == former.content
    assert former.headers["content-disposition"] != newest.headers["content-disposition"]
    listed = (await said("/api/v1/releases")).json()["releases"]
    assert [(each["period"], each["number"], each["revision"]) for each in listed][:2] == [
        ("2026-10", 0, 1),
        ("2026-11", 1, 0),
    ], "it keeps its place, so that who asks for what is after it does not hear of it, as the description says"


async def test_a_total_that_does_not_exist_is_not_marked_hidden(year: list[Release]) -> None:
    texts = Languages(Pages(None, None, AnalyticsSettings(), "analytics"))
    for name in ("alert-outcomes", "corrections"):
        _, table = next(archive.tables(year, ExportSelection([TABLE_SPECS[name]])))
        assert [row["key"] for row in as_json(table, texts.names["en"], texts.text["en"])["rows"]] == [
            row.key for row in table.rows[:-1]
        ]
        assert "total" not in as_csv(table, texts.names["en"])
        assert "total" not in {each.row for each in observations(table)}


async def test_parquet_has_null_and_one_word_for_whatever_is_hidden() -> None:
    answer = await get("/api/v1/tables/reports-by-center/2026-10.parquet")
    file = pq.ParquetFile(io.BytesIO(answer.content))
    rows = file.read().to_pylist()
    assert {(row["row"], row["column"]): row["value"] for row in rows} == numbers(made("reports-by-center", "2026-10"))
    assert {row["status"] for row in rows if row["value"] is None} == {"hidden"}
    assert {row["status"] for row in rows if row["value"] is not None} == {"shown"}
    labels = {row["row"]: (row["row_ko"], row["row_en"]) for row in rows}
    assert labels["busan"] == ("부산", "Busan")
    together = next(row for row in rows if row["row"] == "daejeon+sejong+central")
    assert together["together"] == ["daejeon", "sejong", "central"]
    assert rows[0]["as_of"].isoformat() == "2026-11-24T03:00:00+00:00"


def test_all_parquet_files_have_the_same_columns_and_the_same_release_the_same_bytes(year: list[Release]) -> None:
    names = {"ko": str, "en": str}
    week = Release("2026-W03", AS_OF, "full", {FIRST_WEEKS: {"total": 33, "2026-W03": 33}})
    tables = [table for _, table in archive.tables([week, *year], ExportSelection())]
    files = {table.definition.name: as_parquet(table, names) for table in tables}
    assert set(files) == set(TABLE_SPECS)
    assert len({str(pq.read_schema(io.BytesIO(file)).remove_metadata()) for file in files.values()}) == 1
    assert as_parquet(tables[0], names) == as_parquet(tables[0], names)


async def test_the_zip_and_the_lines_say_the_same_as_the_single_files() -> None:
    packed = zipfile.ZipFile(io.BytesIO((await get("/api/v1/export?format=zip&lang=ko")).content))
    assert packed.testzip() is None
    lines = (await get("/api/v1/export?format=ndjson")).text.splitlines()
    cells = {(c["table"], c["period"], c["row"], c["column"]): c["value"] for c in map(json.loads, lines)}
    assert len(cells) == len(lines)
    names = packed.namelist()
    for name in [name for name in names if name.endswith(".parquet")]:
        start = name.removesuffix(".parquet")
        table, period = start.split("/")
        own = {(row, column): n for (t, p, row, column), n in cells.items() if (t, p) == (table, period)}
        assert own == numbers(made(table, period))
        metadata = json.loads(packed.read(f"{start}.csv-metadata.json"))
        assert f"{table}/{metadata['url']}" == f"{start}.csv"
        read = read_by_its_metadata(packed.read(f"{start}.csv").decode(), metadata)
        assert [row["reports"] for row in read] == [n for (_, column), n in own.items() if column == "reports"]
        single = await get(f"/api/v1/tables/{start}.json?lang=ko")
        assert packed.read(f"{start}.json") == single.content
        assert packed.read(name) == (await get(f"/api/v1/tables/{start}.parquet")).content
    assert json.loads(packed.read("dictionary.json")) == (await get("/api/v1/dictionary")).json()
    assert len(names) == 1 + 4 * len({(table, period) for table, period, *_ in cells})


def test_an_export_makes_a_table_when_it_is_asked_for_it_and_keeps_none(
    year: list[Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_so_far: list[str] = []

    def counted(*given: Any) -> Table:
        made_so_far.append(given[1].name)
        return build(*given)

    monkeypatch.setattr(archive, "build", counted)
    chunks: Iterator[bytes] = archive.ndjson(year, ExportSelection())
    largest = 0
    for asked, chunk in enumerate(chunks, 1):
        assert len(made_so_far) == asked
        largest = max(largest, len(chunk))
    assert asked > 60
    assert largest < 70_000


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_are_all_observations_once_and_in_order(year: list[Release], limit: int) -> None:
    wanted = ExportSelection([TABLE_SPECS["reports-by-week"], TABLE_SPECS["reports-by-platform"]])
    whole = [each for _, table in archive.tables(year, wanted) for each in observations(table)]
    found = []
    after: Cursor | None = None
    while True:
        page, last = archive.page(year, wanted, after, limit)
        found += page
        if last is None:
            break
        after = Cursor.read(str(last))
        assert after is not None
        assert len(page) == limit
    assert found == whole
    assert {each.table for each in found} == {"reports-by-week", "reports-by-platform"}


async def test_pages_link_to_the_next_until_there_is_none() -> None:
    path, seen = "/api/v1/observations?table=reports-by-outcome&limit=5", 0
    while path:
        answer = await get(path)
        body = answer.json()
        seen += len(body["observations"])
        path = body["next"]
        assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
    assert seen == 5 * 4  # three outcomes, two of them together and the total, of three months and a quarter
    hidden = (await get("/api/v1/observations?status=hidden&period=2026-10")).json()["observations"]
    assert {each["row"] for each in hidden if each["table"] == "reports-by-center"} == {"daejeon", "sejong", "central"}
    assert {each["value"] for each in hidden} == {None}
    releases = (await get("/api/v1/releases?kind=quarter")).json()["releases"]
    assert [each["period"] for each in releases] == ["2026-Q4"]
    first = (await get("/api/v1/releases?limit=1")).json()
    assert (await get(first["next"])).json()["releases"][0]["number"] == 1


async def test_the_calendar_announces_a_year_with_quarters_and_years_beside_their_last_month() -> None:
    coming = (await get("/api/v1/releases/calendar")).json()["releases"]
    assert [each["period"] for each in coming[:5]] == ["2027-01", "2027-02", "2027-03", "2027-Q1", "2027-04"]
    assert [each["period"] for each in coming[-3:]] == ["2027-12", "2027-Q4", "2027"]
    assert coming[0]["not_before"] == "2027-02-04T00:00:00+09:00"
    for path in ("/dictionary", "/protection"):
        page = (await get(f"{path}?lang=en")).text
        assert "4 January 2028" in page, "the fourth of January of which year"
    assert "reports-by-age-and-gender" in coming[-1]["tables"]
    assert "reports-by-age-and-gender" not in coming[0]["tables"]


async def test_shares_in_json_round_half_of_the_last_place_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 of 32 is 0.03125: 0.0313. Rounded to the even digit it would be 0.0312."""
    rows = [TableRow(str(n), (Figure(1, 1) if n else HIDDEN,)) for n in range(32)]
    table = replace(made("reports-by-center", "2026-10"), rows=(*rows, TableRow("total", (Figure(32, 32),))))
    own = as_json(table, str, str)["protection"]
    assert (own["share_hidden"], own["share_lost"]) == (0.0313, 0.0313)
    monkeypatch.setattr(ReleaseCatalogue, "cost", lambda *_: table.cost)
    costs = (await get("/api/v1/protection")).json()["tables"]
    (of_centers,) = [each for each in costs if each["name"] == "reports-by-center"]
    assert of_centers["share_hidden"] == 0.0313
    assert of_centers["periods"][0] == {"period": "2026-12", "share_hidden": 0.0313, "share_lost": 0.0313}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/tables",
        "/api/v1/protection",
        "/api/v1/dictionary",
        "/api/v1/releases",
        "/api/v1/releases/calendar",
        "/api/v1/observations?limit=3",
        "/api/v1/export",
        "/api/v1/export?format=ndjson",
        "/api/v1/tables/reports-by-center/2026-10.json",
        "/api/v1/tables/reports-by-center/2026-10.csv",
        "/api/v1/tables/reports-by-center/2026-10.csv-metadata.json",
        "/api/v1/tables/reports-by-center/2026-10.parquet",
        "/api/v1/monthly/2026-10.pdf",
    ],
)
async def test_what_has_not_changed_is_not_sent_again(path: str) -> None:
    first = await get(path)
    again = await get(path, **{"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await get(path, **{"If-None-Match": '"another"'})).content == first.content


def test_another_release_is_another_tag(year: list[Release]) -> None:
    assert archive.tag(year[:-1], "zip") != archive.tag(year, "zip") != archive.tag(year, "ndjson")


@pytest.mark.parametrize(
    ("path", "status", "code", "named"),
    [
        ("/api/v1/tables/nothing/2026-10.csv", 404, "unknown_table", "reports-by-center"),
        ("/api/v1/tables/reports-by-center/2026-09.csv", 404, "unknown_period", "2026-10"),
        ("/api/v1/tables/reports-by-center/2026-10.xml", 404, "unknown_format", "csv-metadata.json"),
        ("/api/v1/tables/reports-by-center/2026-10", 404, "unknown_format", "parquet"),
        ("/api/v1/tables/reports-by-center/.csv", 404, "unknown_period", "2026-10"),
        ("/api/v1/observations?table=nothing", 404, "unknown_table", "reports-by-center"),
        ("/api/v1/observations?period=2026-09", 404, "unknown_period", "2026-Q4"),
        ("/api/v1/observations?dimension=province", 404, "unknown_dimension", "age_band"),
        ("/api/v1/observations?status=small", 404, "unknown_status", "shown, interval, hidden"),
        ("/api/v1/observations?after=1.2.3", 422, "unknown_cursor", "next"),
        ("/api/v1/observations?after=1.0.nothing.3", 422, "unknown_cursor", "next"),
        ("/api/v1/observations?after=1.x.reports-by-week.3", 422, "unknown_cursor", "next"),
        ("/api/v1/observations?after=1.1.reports-by-week.3", 410, "corrected_since", "Begin again"),
        ("/api/v1/releases?kind=day", 404, "unknown_kind", "month, quarter, year"),
        ("/api/v1/export?format=xlsx", 406, "unknown_format", "zip, ndjson"),
        ("/api/v1/export?format=zip&status=hidden", 406, "unknown_format", "There are: ndjson."),
        ("/api/v1/export?status=small", 404, "unknown_status", "shown, interval, hidden"),
        ("/api/v1/export?dimension=province", 404, "unknown_dimension", "age_band"),
        ("/api/v1/monthly/2026-09.pdf", 404, "unknown_report", "2026-10.pdf"),
        ("/api/v1/monthly/2026-10.docx", 404, "unknown_report", "2026-10.pdf"),
    ],
)
async def test_what_is_not_there_is_refused_with_what_there_is(path: str, status: int, code: str, named: str) -> None:
    answer = await get(path, **{"Accept-Language": "en"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert named in answer.json()["detail"]


async def test_the_kinds_of_periods_that_are_described_are_those_that_are_taken() -> None:
    operation = open_house().app.openapi()["paths"]["/api/v1/releases"]["get"]
    (described,) = (each["schema"]["enum"] for each in operation["parameters"] if each["name"] == "kind")
    assert described == ["", "month", "quarter", "year", "week"]
    for kind in described:
        assert (await get(f"/api/v1/releases?kind={kind}")).status_code == 200


def test_some_releases_have_something_hidden() -> None:
    """What the tests above rest on."""
    assert {release.period for release in some_releases()} == {"2026-10", "2026-11", "2026-12", "2026-Q4"}
