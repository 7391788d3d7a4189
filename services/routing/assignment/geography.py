"""The home center of a place, and the rings of centers round it: nearest first. Pure."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final, NamedTuple

from shared import centers
from shared.centers import TABLES, Tables
from shared.events.reports import ReportFacts
from shared.events.vocabulary import RoutingReason

Ring = tuple[str, ...]


class Distance(StrEnum):
    """How far a center is from where a report came from, nearest first."""

    HOME = "home"
    FIRST = "first"
    """Without a home center: among those asked first."""
    LAND = "land"
    SEA_AIR = "sea_air"
    TWO_STEPS = "two_steps"
    FURTHER = "further"


NEAREST_FIRST: Final = {distance: place for place, distance in enumerate(Distance)}
RINGS_AROUND_HOME: Final[tuple[Distance, ...]] = (Distance.LAND, Distance.SEA_AIR, Distance.TWO_STEPS, Distance.FURTHER)
RINGS_WITHOUT_HOME: Final[tuple[Distance, ...]] = (Distance.FIRST, Distance.LAND, Distance.FURTHER)
NEIGHBOUR_RINGS: Final = 2
"""Around a home: across the land border, and by ferry or flight. Further out is wider."""

UNKNOWN_DIVISION: Final = "unknown_division"
"""The reason in the dead-letter topic and in the metrics."""
_NO_HOME_REASONS: Final = {"seoul": RoutingReason.NO_HOME_SEOUL, "overseas": RoutingReason.NO_HOME_OVERSEAS}


class Origin(NamedTuple):
    """Where a report comes from: its home center, or why there is none, and who is asked after that."""

    home: str | None
    reason: RoutingReason
    """``home``, or why there is no home."""
    rings: tuple[Ring, ...]
    """Every other center exactly once, nearest ring first."""


def _origin(division: str, district: str | None, day: date, tables: Tables = TABLES) -> Origin:
    """The home of a place on a day and the rings around it."""
    homes = centers.home_candidates(division, district, day, tables=tables)
    if len(homes) == 1:
        return Origin(homes[0], RoutingReason.HOME, rings_around(homes[0], tables))
    if homes:
        return Origin(None, RoutingReason.NO_HOME_DISTRICT_UNKNOWN, rings_from(homes, tables))
    reason = _NO_HOME_REASONS.get(division, RoutingReason.NO_HOME_UNKNOWN)
    return Origin(None, reason, rings_from(centers.centers_near(division, day, tables=tables), tables))


def _around(home: str, tables: Tables = TABLES) -> tuple[Ring, ...]:
    """Around a home: across the land border, by ferry or flight, two steps by land, all others."""
    land = centers.neighbours(home, tables=tables)
    by_sea_or_air = centers.linked(home, tables=tables)
    return _disjoint({home}, [land, by_sea_or_air, _land_of(land, tables), centers.CENTER_IDS])


def rings_from(near: Ring, tables: Tables = TABLES) -> tuple[Ring, ...]:
    """Without a home: those named near, those across their land borders, all others."""
    return _disjoint(set(), [near, _land_of(near, tables), centers.CENTER_IDS])


# No decorators: mutation testing leaves out what is decorated.
origin_of = lru_cache(maxsize=4096)(_origin)
rings_around = cache(_around)


def _land_of(inner: Iterable[str], tables: Tables) -> Ring:
    return tuple(other for center in inner for other in centers.neighbours(center, tables=tables))


def _disjoint(taken: set[str], rings: list[Ring]) -> tuple[Ring, ...]:
    """Each center only in its nearest ring, by id; empty rings stay, so that a ring keeps its number."""
    found = []
    for ring in rings:
        found.append(tuple(sorted(set(ring) - taken)))
        taken = taken | set(ring)
    return tuple(found)


def distance_of(center_id: str, home: str | None, facts: ReportFacts, day: date, tables: Tables = TABLES) -> Distance:
    """Return how far a center is from the home of the report; without a home, from the centers asked first."""
    if center_id == home:
        return Distance.HOME
    rings = origin_of(facts.division, facts.district, day, tables).rings if home is None else rings_around(home, tables)
    names = RINGS_WITHOUT_HOME if home is None else RINGS_AROUND_HOME
    return next((name for name, ring in zip(names, rings, strict=False) if center_id in ring), Distance.FURTHER)


def place_fault(facts: ReportFacts, tables: Tables) -> str | None:
    """Say why no table knows the place of a report; none where it can be assigned.

    Intake resolves every place, so an unknown one is not a reporter's mistake: another client writes to the bus, or
    intake has newer tables. The event is refused, never guessed at, and sent again once the tables know the place. Old
    divisions count for ever. A district only has to be one of the division's by its code: lists of districts are known
    only where they decide, and a predecessor's code is as good.
    """
    if facts.division in tables.divisions:
        if facts.district is None or centers.belongs(facts.district, facts.division, tables=tables):
            return None
        return "the district is not one of the division's"
    if facts.division not in tables.elsewhere:
        return "no table knows the division"
    return None if facts.district is None else "a district of a place that has none"
