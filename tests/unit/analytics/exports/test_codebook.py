"""The data dictionary: no table, column or code that leaves is without a word and a meaning in both languages."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from services.analytics.exports import archive
from services.analytics.exports.archive import ExportSelection
from services.analytics.exports.codebook import DIMENSIONS
from services.analytics.releases.tables import BY_CENTER, MOVED_IN, MOVED_OUT, STAFF_TABLE, TABLE_SPECS
from shared.events.vocabulary import (
    UNKNOWN,
    AgeBand,
    Channel,
    Gender,
    HarmType,
    PlatformKind,
    Relationship,
    Role,
    SupportKind,
)
from tests.unit.analytics.exports.test_api import get
from tests.unit.analytics.worlds import a_year_unproven


async def test_the_dictionary_knows_every_table_column_and_code_in_both_languages() -> None:
    body = (await get("/api/v1/dictionary")).json()
    tables = {each["name"]: each for each in body["tables"]}
    codes = {each["name"]: {code["code"] for code in each["codes"]} for each in body["dimensions"]}
    everywhere = {each["code"] for each in body["everywhere"]}
    for _, table in archive.tables(a_year_unproven(), ExportSelection()):
        described = tables[table.definition.name]
        assert [c["name"] for c in described["columns"]][3:-5] == [
            *table.columns,
            *(("at_least", "at_most") if table.definition.says_intervals else ()),
        ]
        known = set().union(*(codes[name] for name in described["dimensions"])) | everywhere
        for row in table.rows:
            leaves = [part for key in row.key.split("+") for part in key.split("/")]
            assert "week" in described["dimensions"] or set(leaves) <= known, (table.definition.name, row.key)
    for each in both_languages(body):
        assert all(each.values())
    for table_ in tables.values():
        for column in table_["columns"]:
            assert "_" not in column["label"]["ko"], "a column without a word"
    for dimension in body["dimensions"]:
        for code in dimension["codes"]:
            assert code["label"]["en"] != code["code"], "a code without a word"


async def test_a_centre_means_what_its_table_is_about() -> None:
    tables = {each["name"]: each for each in (await get("/api/v1/dictionary")).json()["tables"]}
    said = {name: tables[name]["columns"][0]["meaning"]["en"] for name in (BY_CENTER, MOVED_OUT, MOVED_IN, STAFF_TABLE)}
    assert said == {
        BY_CENTER: "The centre that owned the report when the month closed.",
        MOVED_OUT: "The centre that owned the report when the month closed.",
        MOVED_IN: "The centre that owns the report when the year is released.",
        STAFF_TABLE: "The centre that people were on duty at.",
    }


def both_languages(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if set(value) == {"ko", "en"}:
            yield value
        else:
            for each in value.values():
                yield from both_languages(each)
    elif isinstance(value, list):
        for each in value:
            yield from both_languages(each)


@pytest.mark.parametrize(
    ("dimension", "words"),
    [
        ("harm_type", HarmType),
        ("age_band", AgeBand),
        ("gender", Gender),
        ("role", Role),
        ("channel", Channel),
        ("relationship", Relationship),
        ("platform", PlatformKind),
        ("support", SupportKind),
    ],
)
def test_every_word_an_event_may_use_has_its_meaning(dimension: str, words: type[StrEnum]) -> None:
    newer = {UNKNOWN} if dimension == "support" else set()
    assert set(DIMENSIONS[dimension].codes) == {each.value for each in words} | newer


def test_every_dimension_belongs_to_a_table() -> None:
    assert {name for definition in TABLE_SPECS.values() for name in definition.dimensions} == set(DIMENSIONS)


@pytest.mark.parametrize(("lang", "words"), [("ko", "이전 센터가 종결한"), ("en", "a closing by a former owner")])
async def test_the_dictionary_decides_what_tables_leave_open(lang: str, words: str) -> None:
    body = (await get("/api/v1/dictionary")).json()
    assert any(words in rule[lang] for rule in body["counting"])
    assert words in (await get(f"/dictionary?lang={lang}")).text
