"""What must hold of the tables, on every day there was or will be. Run at start and in tests."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain
from typing import Final

from shared.centers.lookup import belongs
from shared.centers.model import Catchment, Tables
from shared.centers.tables import CENTRAL

_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{1,40}")
"""As events have it."""
_VERSION: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
"""It stands in every decision; nothing in it needs escaping."""
_DISTRICT: Final = re.compile(r"[0-9]{5}")
_MOST_STAFF: Final = 999
"""As events have it."""


def faults(tables: Tables) -> tuple[str, ...]:
    """Everything wrong with the tables, one line each; empty means sound."""
    looks = (_words, _spans, _references, _central, _borders, _homes, _names)
    return tuple(chain.from_iterable(look(tables) for look in looks))


def _words(tables: Tables) -> Iterator[str]:
    """What stands in events must fit there."""
    if not _VERSION.fullmatch(tables.version):
        yield "the table version must be 1 to 40 letters, digits, dots, hyphens or underscores"
    for slug in (*tables.divisions, *tables.elsewhere):
        if not _SLUG.fullmatch(slug):
            yield f"{slug!r} cannot be a slug: small letters, digits and hyphens"
    for center in tables.centers.values():
        if not 0 <= center.staff <= _MOST_STAFF:
            yield f"{center.id} cannot have {center.staff} people"
    for c in tables.catchments:
        for code in c.districts or ():
            if not _DISTRICT.fullmatch(code) or not belongs(code, c.division, tables=tables):
                yield f"the catchment of {c.division} names the district {code!r}, which cannot be one of its own"


def _spans(tables: Tables) -> Iterator[str]:
    for name, first, last in (
        *((d.slug, d.valid_from, d.valid_to) for d in tables.divisions.values()),
        *((f"a catchment of {c.division}", c.valid_from, c.valid_to) for c in tables.catchments),
    ):
        if first is not None and last is not None and last < first:
            yield f"{name} ends on {last}, before it begins on {first}"


def _central(tables: Tables) -> Iterator[str]:
    """It owns only what no other may: it is nobody's home and nobody's neighbour."""
    if any(CENTRAL in (c.center, *c.near) for c in tables.catchments):
        yield "central is named in a catchment"
    if any(
        CENTRAL in (*c.land, *c.sea_air) or (c.id == CENTRAL and (c.land or c.sea_air)) for c in tables.centers.values()
    ):
        yield "central has a border or a link"


def _references(tables: Tables) -> Iterator[str]:
    places = {*tables.divisions, *tables.elsewhere}
    for c in tables.catchments:
        if c.division not in places:
            yield f"a catchment names the division {c.division}, which does not exist"
        for center in filter(None, (c.center, *c.near)):
            if center not in tables.centers:
                yield f"the catchment of {c.division} names the centre {center}, which does not exist"
    for division in tables.divisions.values():
        if division.successor is not None and division.successor not in tables.divisions:
            yield f"{division.slug} has the successor {division.successor}, which does not exist"
    homes = {c.center for c in tables.catchments}
    yield from (f"no place is home to the centre {c}" for c in tables.centers if c not in homes and c != CENTRAL)


def _borders(tables: Tables) -> Iterator[str]:
    for center in tables.centers.values():
        for kind, others in (("land", center.land), ("sea_air", center.sea_air)):
            for other in others:
                back = tables.centers.get(other)
                if back is None:
                    yield f"{center.id} borders {other}, which does not exist"
                elif center.id not in getattr(back, kind):
                    yield f"{center.id} reaches {other} by {kind}, but not the other way round"
                elif other == center.id:
                    yield f"{center.id} borders itself"


def _homes(tables: Tables) -> Iterator[str]:
    for day in _days(tables):
        for slug in (*tables.divisions, *tables.elsewhere):
            division = tables.divisions.get(slug)
            if division is not None and division.valid_from is not None and day < division.valid_from:
                continue
            here = [c for c in tables.catchments if c.division == slug and c.in_force(day)]
            yield from (f"{slug} on {day}: {fault}" for fault in _faults_of_homes(here))


def _faults_of_homes(here: list[Catchment]) -> Iterator[str]:
    if not here:
        yield "neither a catchment nor a word that there is none"
    whole = [c for c in here if c.districts is None and not c.rest]
    if whole and len(here) > 1:
        yield "a catchment of the whole division beside others"
    if not whole and here and sum(c.rest for c in here) != 1:
        yield "exactly one catchment must take the rest of the districts"
    codes = [code for c in here for code in c.districts or ()]
    yield from (f"district {code} is in two catchments" for code in sorted(set(codes)) if codes.count(code) > 1)


def _days(tables: Tables) -> list[date]:
    """One day of every stretch in which nothing changes: the tables are the same on all others."""
    changes = {date.min}
    spans = [(d.valid_from, d.valid_to) for d in tables.divisions.values()]
    spans += [(c.valid_from, c.valid_to) for c in tables.catchments]
    changes.update(first for first, _ in spans if first is not None)
    changes.update(last + timedelta(days=1) for _, last in spans if last is not None and last < date.max)
    return sorted(changes)


def _names(tables: Tables) -> Iterator[str]:
    seen: dict[str, str] = {}
    for division in tables.divisions.values():
        for name in {
            division.name_ko,
            division.short_ko,
            division.mois_code,
            *division.former_codes,
            *division.aliases,
        }:
            if name in tables.ambiguous:
                if name == division.short_ko:
                    continue  # the short name of old Gwangju is also a city in Gyeonggi: asked back, not resolved
                yield f"{name} is both an alias of {division.slug} and ambiguous"
            elif seen.setdefault(name, division.slug) != division.slug:
                yield f"{name} names both {seen[name]} and {division.slug}"
    known = {*tables.divisions}
    for name, choices in tables.ambiguous.items():
        if len(choices) < 2 or not known.issuperset(choices):  # noqa: PLR2004  # two: fewer is not ambiguous
            yield f"the choices for {name} are not two or more divisions"
