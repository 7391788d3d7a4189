"""Questions the rest of the system asks of the tables. Pure; every answer depends on the day where the world does.

Each takes the set of tables to ask; those that ship with the code unless another is named.
"""

import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import cache, lru_cache

from shared.centers.model import Ambiguous, Catchment, Center, District, Division, Tables, UnknownDivision
from shared.centers.tables import TABLES


def divisions_on(day: date, *, tables: Tables = TABLES) -> tuple[Division, ...]:
    """The divisions in force on a day, in the order of their administrative codes."""
    found = (division for division in tables.divisions.values() if division.in_force(day))
    return tuple(sorted(found, key=lambda division: division.mois_code))


def resolve(text: str, day: date, *, tables: Tables = TABLES) -> str:
    """The slug a name, alias or administrative code means; ``overseas`` and ``unknown`` are slugs too.

    Former names and codes resolve for ever, to the division they named. Raises ``Ambiguous`` with the choices, or
    ``UnknownDivision`` with the slugs in force. An exact slug is taken as it is; names ignore case, spaces, hyphens.
    """
    if text in tables.elsewhere or (text in tables.divisions and _known_by(text, day, tables)):
        return text
    name = _plain(text)
    if name in (ambiguous := _ambiguous(tables)):
        raise Ambiguous(ambiguous[name])
    slug = _names(tables).get(name)
    if slug is None or not _known_by(slug, day, tables):
        raise UnknownDivision((*(d.slug for d in divisions_on(day, tables=tables)), *tables.elsewhere))
    return slug


def home_center(division: str, district: str | None, day: date, *, tables: Tables = TABLES) -> str | None:
    """The one centre whose catchment this is; none where there is no centre or only the unknown district would tell."""
    candidates = home_candidates(division, district, day, tables=tables)
    return candidates[0] if len(candidates) == 1 else None


@lru_cache(maxsize=4096)
def home_candidates(division: str, district: str | None, day: date, *, tables: Tables = TABLES) -> tuple[str, ...]:
    """Every centre that may be home: one, several where only the district tells them apart, or none."""
    here = _catchments_on(division, day, tables)
    if district is not None and belongs(district, division, tables=tables):
        named = [c for c in here if c.districts is not None and district in c.districts]
        here = named or [c for c in here if c.rest] or here
    return tuple(sorted({c.center for c in here if c.center is not None}))


def centers_near(division: str, day: date, *, tables: Tables = TABLES) -> tuple[str, ...]:
    """Centres asked first for a place that has none of its own (Seoul: the rest of the capital area)."""
    return tuple(sorted({center for c in _catchments_on(division, day, tables) for center in c.near}))


def neighbours(center_id: str, *, tables: Tables = TABLES) -> tuple[str, ...]:
    """Centres whose catchment has a common land border with this one's."""
    return tables.centers[center_id].land


def linked(center_id: str, *, tables: Tables = TABLES) -> tuple[str, ...]:
    """Centres reached from this one by a direct ferry or flight."""
    return tables.centers[center_id].sea_air


def center(center_id: str, *, tables: Tables = TABLES) -> Center:
    """One centre, or ``central``. Raises ``KeyError`` for anything else."""
    return tables.centers[center_id]


def districts_of(division: str, *, tables: Tables = TABLES) -> tuple[District, ...]:
    """The districts to ask for; empty where the division alone says enough."""
    found = tables.divisions.get(division)
    return found.districts if found is not None else ()


def belongs(district: str, division: str, *, tables: Tables = TABLES) -> bool:
    """Return whether a district code can belong to this division, under its own or a predecessor's code."""
    return district[:2] in _codes(division, tables)


@lru_cache(maxsize=4096)
def catchment_code(division: str, district: str | None, *, tables: Tables = TABLES) -> str | None:
    """The district that stands for all that share its catchments: the first of the division's that does, on any day.

    The result reveals the catchment, not the district. An unknown code is returned unchanged.
    """

    def catchments(code: str) -> tuple[bool, ...]:
        return tuple(code in (c.districts or ()) for c in tables.catchments)

    codes = [d.code for d in districts_of(division, tables=tables)]
    if district not in codes:
        return district
    wanted = catchments(district)
    return next(code for code in codes if catchments(code) == wanted)


def _catchments_on(division: str, day: date, tables: Tables) -> list[Catchment]:
    return [c for c in tables.catchments if c.division == division and c.in_force(day)]


def _known_by(slug: str, day: date, tables: Tables) -> bool:
    """Old divisions are known for ever; a division of the future is not."""
    division = tables.divisions.get(slug)
    return division is None or division.valid_from is None or division.valid_from <= day


@cache
def _codes(division: str, tables: Tables) -> frozenset[str]:
    own = tables.divisions.get(division)
    if own is None:
        return frozenset()
    before = [d for d in tables.divisions.values() if d.successor == division]
    return frozenset(code for d in (own, *before) for code in (d.mois_code, *d.former_codes))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if not sign.isspace() and sign not in "-·.'’")


def _spellings(division: Division) -> Iterator[str]:
    yield from (division.name_ko, division.name_en, division.short_ko, division.short_en, *division.aliases)
    yield from (division.mois_code, *division.former_codes)
    if division.iso_code is not None:
        yield division.iso_code


@cache
def _names(tables: Tables) -> dict[str, str]:
    names = {_plain(name): d.slug for d in tables.divisions.values() for name in _spellings(d)}
    return names | {_plain(name): e.slug for e in tables.elsewhere.values() for name in (e.slug, *e.aliases)}


@cache
def _ambiguous(tables: Tables) -> dict[str, tuple[str, ...]]:
    return {_plain(name): choices for name, choices in tables.ambiguous.items()}
