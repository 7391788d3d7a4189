"""Every set of tables a process knows, by version: the one it decides with, and those of older decisions.

A ministry changes a border without a new build by giving a folder with the three files. It is taken whole or not at
all: one fault, and the tables that ship with the code stay in force.

    tables/divisions.json, centers.json, catchments.json     the set to decide with
    tables/former/<any name>/…                               sets that were in force before, for decisions of their time
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from shared.centers.checks import faults as faults_of
from shared.centers.fault import Fault, n
from shared.centers.lookup import catchment_code
from shared.centers.model import Tables
from shared.centers.parsing import FILES, parse
from shared.centers.tables import TABLES

FORMER: Final = "former"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSets:
    """The tables in force and all that are known by version."""

    current: Tables
    known: Mapping[str, Tables]
    faults: tuple[Fault, ...] = ()
    """Why the folder that was given was refused; empty where it was taken, or none was given."""

    @property
    def given(self) -> bool:
        """Whether other tables than those of the package are in force."""
        return self.current is not TABLES


PACKAGED: Final = TableSets(current=TABLES, known=MappingProxyType({TABLES.version: TABLES}))
"""The tables that apply if no folder is given."""


def from_folder(folder: Path) -> TableSets:
    """The sets of a folder beside the packaged one. With a fault anywhere, the packaged one and all the faults."""
    known = {TABLES.version: TABLES}
    faults: list[Fault] = []
    current = TABLES
    for place, name in _places(folder):
        tables, found = _read(place)
        if tables is not None:
            found = (*faults_of(tables), *_misfits(tables), *_clash(tables, known))
            found += tuple(_not_asked(tables)) if place == folder else ()
            tables = known.setdefault(tables.version, tables)
            current = tables if place == folder else current
        faults += [fault.within(name) for fault in found]
    if faults:
        return TableSets(current=TABLES, known=PACKAGED.known, faults=tuple(faults))
    return TableSets(current=current, known=MappingProxyType(known))


def _places(folder: Path) -> Iterator[tuple[Path, str]]:
    """The folder and those of former sets, each with what its faults begin with."""
    yield folder, ""
    former = folder / FORMER
    if former.is_dir():
        for place in sorted(former.iterdir()):
            if place.is_dir():
                yield place, f"{FORMER}/{place.name}: "


def _read(folder: Path) -> tuple[Tables | None, tuple[Fault, ...]]:
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    for name in FILES:
        try:
            files[name] = (folder / name).read_bytes()
        except OSError as error:
            why = error.strerror or type(error).__name__
            faults.append(Fault(n("cannot be read: %(why)s"), f"{name}: ", why=why))
    tables, found = parse(files)
    return tables, (*faults, *found)


def _misfits(tables: Tables) -> Iterator[Fault]:
    """Find centers this build does not know, and centers or places missing that stored reports may name."""
    for center in tables.centers:
        if center not in TABLES.centers:
            yield Fault(n("the centre %(center)s is not one this build knows"), center=center)
    yield from (
        Fault(n("the centre %(center)s is missing"), center=c) for c in TABLES.centers if c not in tables.centers
    )
    for slug in (*TABLES.divisions, *TABLES.elsewhere):
        if slug not in tables.divisions and slug not in tables.elsewhere:
            yield Fault(n("%(slug)s is missing: reports may name it for ever"), slug=slug)


def _not_asked(tables: Tables) -> Iterator[Fault]:
    """Find districts told apart that no report names: whoever lives there would get another home centre, or none.

    Intake asks for districts, and hands one on for each catchment, by the tables of the build.
    """
    for slug, division in TABLES.divisions.items():
        here = [c for c in tables.catchments if c.division == slug]
        if not division.districts and any(c.rest or c.districts is not None for c in here):
            yield Fault(n("%(slug)s has catchments by district, and this build asks for none there"), slug=slug)
        for code, *_ in division.districts:
            handed_on = catchment_code(slug, code) or code
            if any((code in (c.districts or ())) != (handed_on in (c.districts or ())) for c in here):
                message = n("%(slug)s: the district %(code)s is parted from %(other)s, which this build names for both")
                yield Fault(message, slug=slug, code=code, other=handed_on)


def _clash(tables: Tables, known: Mapping[str, Tables]) -> Iterator[Fault]:
    other = known.get(tables.version)
    if other is not None and _content(other) != _content(tables):
        message = n("the version %(version)s is that of other tables: decisions name it, so it must keep its meaning")
        yield Fault(message, version=tables.version)


def _content(tables: Tables) -> tuple[object, ...]:
    named = (tables.divisions, tables.elsewhere, tables.centers, tables.ambiguous)
    return (*(dict(one) for one in named), frozenset(tables.catchments))
