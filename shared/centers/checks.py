"""Checks of the tables for every day there was or will be. Run at start and in tests."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain
from typing import Final

from shared.centers.fault import Fault, n
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


def faults(tables: Tables) -> tuple[Fault, ...]:
    """Return every fault of the tables, one line each; empty means sound."""
    looks = (_words, _spans, _references, _central, _borders, _homes, _names)
    return tuple(chain.from_iterable(look(tables) for look in looks))


def _words(tables: Tables) -> Iterator[Fault]:
    """Check that codes fit the fields of events."""
    if not _VERSION.fullmatch(tables.version):
        yield Fault(n("the table version must be 1 to 40 letters, digits, dots, hyphens or underscores"))
    for slug in (*tables.divisions, *tables.elsewhere):
        if not _SLUG.fullmatch(slug):
            yield Fault(n("%(slug)s cannot be a slug: small letters, digits and hyphens"), slug=repr(slug))
    for center in tables.centers.values():
        if not 0 <= center.staff <= _MOST_STAFF:
            yield Fault(n("%(center)s cannot have %(staff)s people"), center=center.id, staff=center.staff)
    for c in tables.catchments:
        for code in c.districts or ():
            if not _DISTRICT.fullmatch(code) or not belongs(code, c.division, tables=tables):
                yield Fault(
                    n("the catchment of %(division)s names the district %(code)s, which cannot be one of its own"),
                    division=c.division,
                    code=repr(code),
                )


def _spans(tables: Tables) -> Iterator[Fault]:
    division = n("%(slug)s ends on %(last)s, before it begins on %(first)s")
    catchment = n("a catchment of %(slug)s ends on %(last)s, before it begins on %(first)s")
    for message, slug, first, last in (
        *((division, d.slug, d.valid_from, d.valid_to) for d in tables.divisions.values()),
        *((catchment, c.division, c.valid_from, c.valid_to) for c in tables.catchments),
    ):
        if first is not None and last is not None and last < first:
            yield Fault(message, slug=slug, first=first, last=last)


def _central(tables: Tables) -> Iterator[Fault]:
    """It owns only what no other may: it is no home center and no neighbour."""
    if any(CENTRAL in (c.center, *c.near) for c in tables.catchments):
        yield Fault(n("central is named in a catchment"))
    if any(
        CENTRAL in (*c.land, *c.sea_air) or (c.id == CENTRAL and (c.land or c.sea_air)) for c in tables.centers.values()
    ):
        yield Fault(n("central has a border or a link"))


def _references(tables: Tables) -> Iterator[Fault]:
    places = {*tables.divisions, *tables.elsewhere}
    for c in tables.catchments:
        if c.division not in places:
            yield Fault(n("a catchment names the division %(division)s, which does not exist"), division=c.division)
        for center in filter(None, (c.center, *c.near)):
            if center not in tables.centers:
                message = n("the catchment of %(division)s names the centre %(center)s, which does not exist")
                yield Fault(message, division=c.division, center=center)
    for division in tables.divisions.values():
        if division.successor is not None and division.successor not in tables.divisions:
            message = n("%(slug)s has the successor %(successor)s, which does not exist")
            yield Fault(message, slug=division.slug, successor=division.successor)
    homes = {c.center for c in tables.catchments}
    homeless = (c for c in tables.centers if c not in homes and c != CENTRAL)
    yield from (Fault(n("no place is home to the centre %(center)s"), center=c) for c in homeless)


def _borders(tables: Tables) -> Iterator[Fault]:
    for center in tables.centers.values():
        for kind, others in (("land", center.land), ("sea_air", center.sea_air)):
            for other in others:
                back, told = tables.centers.get(other), {"center": center.id, "other": other, "kind": kind}
                if back is None:
                    yield Fault(n("%(center)s borders %(other)s, which does not exist"), **told)
                elif center.id not in getattr(back, kind):
                    yield Fault(n("%(center)s reaches %(other)s by %(kind)s, but not the other way round"), **told)
                elif other == center.id:
                    yield Fault(n("%(center)s borders itself"), **told)


def _homes(tables: Tables) -> Iterator[Fault]:
    for day in _days(tables):
        for slug in (*tables.divisions, *tables.elsewhere):
            division = tables.divisions.get(slug)
            if division is not None and division.valid_from is not None and day < division.valid_from:
                continue
            here = [c for c in tables.catchments if c.division == slug and c.in_force(day)]
            yield from _faults_of_homes(here, slug, day)


def _faults_of_homes(here: list[Catchment], slug: str, day: date) -> Iterator[Fault]:
    told = {"slug": slug, "day": str(day)}
    if not here:
        yield Fault(n("%(slug)s on %(day)s: neither a catchment nor a word that there is none"), **told)
    whole = [c for c in here if c.districts is None and not c.rest]
    if whole and len(here) > 1:
        yield Fault(n("%(slug)s on %(day)s: a catchment of the whole division beside others"), **told)
    if not whole and here and sum(c.rest for c in here) != 1:
        yield Fault(n("%(slug)s on %(day)s: exactly one catchment must take the rest of the districts"), **told)
    codes = [code for c in here for code in c.districts or ()]
    for code in sorted(set(codes)):
        if codes.count(code) > 1:
            yield Fault(n("%(slug)s on %(day)s: district %(code)s is in two catchments"), **told, code=code)


def _days(tables: Tables) -> list[date]:
    """One day of every stretch in which nothing changes: the tables are the same on all others."""
    changes = {date.min}
    spans = [(d.valid_from, d.valid_to) for d in tables.divisions.values()]
    spans += [(c.valid_from, c.valid_to) for c in tables.catchments]
    changes.update(first for first, _ in spans if first is not None)
    changes.update(last + timedelta(days=1) for _, last in spans if last is not None and last < date.max)
    return sorted(changes)


def _names(tables: Tables) -> Iterator[Fault]:
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
                yield Fault(n("%(name)s is both an alias of %(slug)s and ambiguous"), name=name, slug=division.slug)
            elif seen.setdefault(name, division.slug) != division.slug:
                message = n("%(name)s names both %(one)s and %(other)s")
                yield Fault(message, name=name, one=seen[name], other=division.slug)
    known = {*tables.divisions}
    for name, choices in tables.ambiguous.items():
        if len(choices) < 2 or not known.issuperset(choices):  # noqa: PLR2004  # two: fewer is not ambiguous
            yield Fault(n("the choices for %(name)s are not two or more divisions"), name=name)
