"""How far a centre is from where a report came from, as people are told it. Pure."""

from datetime import date
from enum import StrEnum
from typing import Final

from shared.centers import centers_near, home_candidates, linked, neighbours
from shared.events.reports import ReportFacts


class Distance(StrEnum):
    """How far a centre is from where the report came from, nearest first."""

    HOME = "home"
    FIRST = "first"
    """Without a home: among those asked first."""
    LAND = "land"
    SEA_AIR = "sea_air"
    TWO_STEPS = "two_steps"
    FURTHER = "further"


NEAREST_FIRST: Final = {distance: place for place, distance in enumerate(Distance)}


def distance_of(center_id: str, home: str | None, facts: ReportFacts, day: date) -> Distance:
    """How far a centre is from the home of the report; without one, from where it would be asked first."""
    if home is None:
        first = {*home_candidates(facts.division, facts.district, day), *centers_near(facts.division, day)}
        if center_id in first:
            return Distance.FIRST
        return Distance.LAND if any(center_id in neighbours(near) for near in first) else Distance.FURTHER
    if center_id == home:
        return Distance.HOME
    if center_id in neighbours(home):
        return Distance.LAND
    if center_id in linked(home):
        return Distance.SEA_AIR
    two = {other for near in neighbours(home) for other in neighbours(near)}
    return Distance.TWO_STEPS if center_id in two else Distance.FURTHER
