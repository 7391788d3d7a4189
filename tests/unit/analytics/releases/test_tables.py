"""The registry of tables: one entry, and a table is in every release, file and page; its name stands nowhere else."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

import services.analytics
from services.analytics.exports.words import word
from services.analytics.releases import sample
from services.analytics.releases.audit import prove
from services.analytics.releases.calendar import period_of
from services.analytics.releases.hierarchies import group, whole
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import of_month, of_year
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import FIRST_WEEKS, TABLE_SPECS, Split, TableSpec, always, from_cubes
from shared.events.vocabulary import Relationship
from tests.unit.analytics.paneling import dashboard_that_changes, releases_made_up
from tests.unit.analytics.releases.test_sample import reader

ADDED: Final = TableSpec(
    name="reports-by-family",
    title="Reports by family",
    question="Was it family?",
    definition="Whether the offender is of the family.",
    dimensions=("relationship",),
    kinds=("year",),
    protection=Split(always(whole(Relationship.FAMILY, group(*(r for r in Relationship if r != "family"))))),
    cube=("relationship",),
    panel="/people#family",
)
"""All that adding a table takes, where its codes have words already."""


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[TableSpec], None]]:
    """Adds a table for one test. Nothing that was made of one registry is there with the other."""

    def forget() -> None:
        for made in (sample.releases, releases_made_up, dashboard_that_changes):
            made.cache_clear()

    def added(spec: TableSpec) -> None:
        monkeypatch.setitem(TABLE_SPECS, spec.name, spec)
        forget()

    yield added
    forget()


async def test_one_entry_is_in_every_output(add: Callable[[TableSpec], None]) -> None:
    added = ADDED.name
    add(ADDED)
    where = f"/sample/tables/{added}/2099"
    async with reader() as client:
        listed = (await client.get("/api/v1/tables")).json()["tables"]
        csv = (await client.get(f"{where}.csv?lang=en")).text
        csvw = (await client.get(f"{where}.csv-metadata.json?lang=en")).json()
        told = (await client.get(f"{where}.json?lang=en")).json()
        parquet = pq.read_table(io.BytesIO((await client.get(f"{where}.parquet")).content))
        packed = zipfile.ZipFile(io.BytesIO((await client.get("/sample/export.zip?lang=en")).content)).namelist()
        codebook = (await client.get("/api/v1/dictionary")).json()["tables"]
        calendar = (await client.get("/api/v1/releases/calendar")).json()["releases"]
        costs = (await client.get("/api/v1/protection")).json()["tables"]
        people = (await client.get("/sample/people?lang=en")).text
        overview = (await client.get("/sample?period=2099&lang=en")).text
    assert added in [table["name"] for table in listed]
    assert "\r\nfamily," in csv
    assert csvw["tableSchema"]["primaryKey"] == ["relationship"]
    assert told["question"] == ADDED.question
    assert set(parquet.column("table").to_pylist()) == {added}
    assert any(name.startswith(f"{added}/") for name in packed)
    assert added in [table["name"] for table in codebook]
    assert [each["period"] for each in calendar if added in each["tables"]]
    assert added in [table["name"] for table in costs]
    assert 'id="family"' in people
    assert ADDED.title in overview, "what protection costs it"


async def test_one_entry_of_months_is_in_the_monthly_report(add: Callable[[TableSpec], None]) -> None:
    """The PDF shows months: of a table that exists for them an entry is enough there too."""
    monthly = replace(
        ADDED,
        name="reports-by-end",
        question="Did it end?",
        dimensions=("outcome",),
        kinds=("month",),
        cube=(),
        protection=Split(always(whole("in_care", group("closed", "withdrawn"))), lambda month: month.ends),
        in_report=True,
    )
    add(monthly)
    async with reader() as client:
        pdf = PdfReader(io.BytesIO((await client.get("/sample/monthly/2099-12.pdf")).content))
    assert monthly.question in "\n".join(page.extract_text() for page in pdf.pages)


def test_one_entry_is_suppressed_and_audited(add: Callable[[TableSpec], None]) -> None:
    add(ADDED)
    counts = _month({"family": 4, "stranger": 50, "temporary": 60, "intimate": 30, "social": 20, "unknown": 10})
    month = of_month(counts, sample.AS_OF, "full")
    year = of_year("2025", [month], [counts], sample.AS_OF, {}, {})
    assert year.tables[ADDED.name] == {"total": 174}, "4 of the family, so no part is shown"
    audited = system([month, year])
    assert f"2025/{ADDED.name}/family" in audited.tops
    assert prove(audited, 60, of=["2025"]).verdict == "open"


def _month(relationships: dict[str, int]) -> MonthCounts:
    total = sum(relationships.values())
    crossings = {spec.name: relationships for spec in from_cubes() if spec.cube == ("relationship",)}
    return MonthCounts(
        "2025-01", {"2025-01-07": total}, {"busan": total}, {}, {"within_1_hour": total}, {"in_care": total}, crossings
    )


def test_every_table_has_its_panel() -> None:
    """But for the weeks before the first month, whose panel stands where no month's panels are yet."""
    assert [spec.name for spec in TABLE_SPECS.values() if not spec.panel] == [FIRST_WEEKS]


async def test_panels_stand_where_the_registry_says() -> None:
    async with reader() as client:
        for spec in TABLE_SPECS.values():
            path, _, anchor = spec.panel.partition("#")
            if anchor:
                assert f'id="{anchor}"' in (await client.get(f"/sample{path}".rstrip("/"))).text, spec.name


def test_no_other_module_names_a_table() -> None:
    folder = Path(services.analytics.__file__).parent
    files = [*folder.rglob("*.py"), *folder.rglob("*.html"), *folder.rglob("*.typ")]
    named = re.compile("|".join(rf"[\"\'/]{re.escape(name)}[\"\'/]" for name in TABLE_SPECS))
    others = [path for path in files if path != folder / "releases" / "tables.py"]
    assert {path.name: found for path in others if (found := named.findall(path.read_text(encoding="utf-8")))} == {}


def test_a_table_that_adds_up_to_another_is_tied_to_it_in_the_proof() -> None:
    """What the one hides, the other may say: two tables of the same reports are safe only together."""
    split = [spec for spec in TABLE_SPECS.values() if spec.cube and isinstance(spec.protection, Split)]
    pairs = [(one, other) for one in split for other in split if set(one.cube) < set(other.cube)]
    assert pairs
    cells = [[name.split("/") for name in row.of] for row in system(sample.releases()).rows]
    tied = [{(table, period_of(period).kind) for period, table, *_ in row} for row in cells]
    apart = [
        (one.name, other.name)
        for one, other in pairs
        if not any({(one.name, one.kinds[0]), (other.name, other.kinds[0])} <= tables for tables in tied)
    ]
    assert apart == [], "tie them in intruder_model.py, as _genders does, and in tools/disclosure_attack/reasoning.py"


def test_headings_of_every_table_are_words() -> None:
    headings = {heading for spec in TABLE_SPECS.values() for heading in (spec.key, *spec.columns)}
    codes = sorted(heading for heading in headings if word(heading, {}, str) == heading)
    assert codes == [], "words are missing in services/analytics/exports/words.py"
