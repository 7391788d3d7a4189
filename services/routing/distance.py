"""How far a centre is from where a report came from, as people are told it. Pure."""

from datetime import date
from enum import StrEnum
from typing import Final

from shared.centers import TABLES, Tables, centers_near, home_candidates, linked, neighbours
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


def distance_of(center_id: str, home: str | None, facts: ReportFacts, day: date, tables: Tables = TABLES) -> Distance:
    """How far a centre is from the home of the report; without one, from where it would be asked first."""

    def near(center: str) -> tuple[str, ...]:
        return neighbours(center, tables=tables)

    if home is None:
        homes = home_candidates(facts.division, facts.district, day, tables=tables)
        first = {*homes, *centers_near(facts.division, day, tables=tables)}
        if center_id in first:
            return Distance.FIRST
        return Distance.LAND if any(center_id in near(one) for one in first) else Distance.FURTHER
    if center_id == home:
        return Distance.HOME
    if center_id in near(home):
        return Distance.LAND
    if center_id in linked(home, tables=tables):
        return Distance.SEA_AIR
    two = {other for one in near(home) for other in near(one)}
    return Distance.TWO_STEPS if center_id in two else Distance.FURTHER
