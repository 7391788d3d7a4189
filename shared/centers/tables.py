"""The tables as they stand in ``data/``, read once when first imported; a few kilobytes that ship with the code."""

import json
from datetime import date
from importlib import resources
from typing import Any, Final

from shared.centers.model import Catchment, Center, District, Division, Elsewhere, Tables

CENTRAL: Final = "central"


def _file(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resources.files("shared.centers").joinpath("data", name).read_text("utf-8"))
    return found


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _division(row: dict[str, Any]) -> Division:
    return Division(
        slug=row["slug"],
        name_ko=row["name_ko"],
        name_en=row["name_en"],
        short_ko=row["short_ko"],
        short_en=row["short_en"],
        mois_code=row["mois_code"],
        former_codes=tuple(row["former_codes"]),
        iso_code=row["iso_code"],
        area_codes=tuple(row["area_codes"]),
        valid_from=_day(row["valid_from"]),
        valid_to=_day(row["valid_to"]),
        successor=row["successor"],
        population=row["population"],
        aliases=tuple(row["aliases"]),
        districts=tuple(District(*district) for district in row["districts"]),
    )


def _elsewhere(row: dict[str, Any]) -> Elsewhere:
    return Elsewhere(slug=row["slug"], name_ko=row["name_ko"], name_en=row["name_en"], aliases=tuple(row["aliases"]))


def _center(row: dict[str, Any]) -> Center:
    return Center(
        id=row["id"],
        name_ko=row["name_ko"],
        name_en=row["name_en"],
        short_ko=row["short_ko"],
        short_en=row["short_en"],
        staff=row["staff"],
        phones=tuple(row["phones"]),
        land=tuple(row["land"]),
        sea_air=tuple(row["sea_air"]),
    )


def _catchment(row: dict[str, Any]) -> Catchment:
    rest = row["districts"] == "rest"
    return Catchment(
        division=row["division"],
        center=row["center"],
        districts=None if rest or row["districts"] is None else tuple(row["districts"]),
        rest=rest,
        near=tuple(row["near"]),
        valid_from=_day(row["valid_from"]),
        valid_to=_day(row["valid_to"]),
    )


def read() -> Tables:
    """All tables from the files beside this module."""
    places, organisations, homes = _file("divisions.json"), _file("centers.json"), _file("catchments.json")
    return Tables(
        version=organisations["table_version"],
        divisions={row["slug"]: _division(row) for row in places["divisions"]},
        elsewhere={row["slug"]: _elsewhere(row) for row in places["elsewhere"]},
        centers={row["id"]: _center(row) for row in organisations["centers"]},
        catchments=tuple(_catchment(row) for row in homes["catchments"]),
        ambiguous={name: tuple(choices) for name, choices in places["ambiguous"].items()},
    )


TABLES: Final = read()
TABLE_VERSION: Final = TABLES.version
CENTER_IDS: Final = tuple(sorted(set(TABLES.centers) - {CENTRAL}))
ELSEWHERE: Final = tuple(TABLES.elsewhere)
