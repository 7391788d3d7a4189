"""Where a report comes from, and which centres are asked in which order."""

from collections.abc import Iterable
from datetime import date
from functools import cache, lru_cache
from typing import NamedTuple

from shared import centers
from shared.centers import TABLES, Tables
from shared.events.vocabulary import RoutingReason

Ring = tuple[str, ...]

_REASON_WITHOUT_HOME = {
    "seoul": RoutingReason.NO_HOME_SEOUL,
    "overseas": RoutingReason.NO_HOME_OVERSEAS,
}


class Origin(NamedTuple):
    """Where a report comes from: its home centre, or why there is none, and who is asked after that."""

    home: str | None
    reason: RoutingReason
    """``home``, or why there is no home."""
    rings: tuple[Ring, ...]
    """Every other centre exactly once, nearest ring first."""


def _origin(division: str, district: str | None, day: date, tables: Tables = TABLES) -> Origin:
    """The home of a place on a day and the rings round it."""
    homes = centers.home_candidates(division, district, day, tables=tables)
    if len(homes) == 1:
        return Origin(homes[0], RoutingReason.HOME, rings_round(homes[0], tables))
    if homes:
        return Origin(None, RoutingReason.NO_HOME_DISTRICT_UNKNOWN, rings_from(homes, tables))
    reason = _REASON_WITHOUT_HOME.get(division, RoutingReason.NO_HOME_UNKNOWN)
    return Origin(None, reason, rings_from(centers.centers_near(division, day, tables=tables), tables))


def _round(home: str, tables: Tables = TABLES) -> tuple[Ring, ...]:
    """Round a home: across the land border, by ferry or flight, two steps by land, all others."""
    land = centers.neighbours(home, tables=tables)
    by_sea_or_air = centers.linked(home, tables=tables)
    return _disjoint({home}, [land, by_sea_or_air, _land_of(land, tables), centers.CENTER_IDS])


def _from(near: Ring, tables: Tables = TABLES) -> tuple[Ring, ...]:
    """Without a home: those named near, those across their land borders, all others."""
    return _disjoint(set(), [near, _land_of(near, tables), centers.CENTER_IDS])


# No decorators: mutation testing leaves out what is decorated.
origin_of = lru_cache(maxsize=4096)(_origin)
rings_round, rings_from = cache(_round), cache(_from)


def _land_of(inner: Iterable[str], tables: Tables) -> Ring:
    return tuple(other for center in inner for other in centers.neighbours(center, tables=tables))


def _disjoint(taken: set[str], rings: list[Ring]) -> tuple[Ring, ...]:
    """Each centre only in its nearest ring, by id; empty rings stay, so that a ring keeps its number."""
    found = []
    for ring in rings:
        found.append(tuple(sorted(set(ring) - taken)))
        taken = taken | set(ring)
    return tuple(found)
