"""Where a report comes from, and which centres are asked in which order."""

from collections.abc import Iterable
from datetime import date
from functools import cache, lru_cache
from typing import NamedTuple

from shared import centers
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


@lru_cache(maxsize=4096)
def origin_of(division: str, district: str | None, day: date) -> Origin:
    """The home of a place on a day and the rings round it."""
    homes = centers.home_candidates(division, district, day)
    if len(homes) == 1:
        return Origin(homes[0], RoutingReason.HOME, rings_round(homes[0]))
    if homes:
        return Origin(None, RoutingReason.NO_HOME_DISTRICT_UNKNOWN, rings_from(homes))
    reason = _REASON_WITHOUT_HOME.get(division, RoutingReason.NO_HOME_UNKNOWN)
    return Origin(None, reason, rings_from(centers.centers_near(division, day)))


@cache
def rings_round(home: str) -> tuple[Ring, ...]:
    """Round a home: across the land border, by ferry or flight, two steps by land, all others."""
    land = centers.neighbours(home)
    return _disjoint({home}, [land, centers.linked(home), _land_of(land), centers.CENTER_IDS])


@cache
def rings_from(near: Ring) -> tuple[Ring, ...]:
    """Without a home: those named near, those across their land borders, all others."""
    return _disjoint(set(), [near, _land_of(near), centers.CENTER_IDS])


def _land_of(inner: Iterable[str]) -> Ring:
    return tuple(other for center in inner for other in centers.neighbours(center))


def _disjoint(taken: set[str], rings: list[Ring]) -> tuple[Ring, ...]:
    """Each centre only in its nearest ring, by id; empty rings stay, so that a ring keeps its number."""
    found = []
    for ring in rings:
        found.append(tuple(sorted(set(ring) - taken)))
        taken = taken | set(ring)
    return tuple(found)
