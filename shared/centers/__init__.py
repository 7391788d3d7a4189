"""Organisations and places: the 16 regional centres and ``central``, Korea's divisions, homes and borders.

Three tables with validity dates (``data/*.json``), because none follows from another: Seoul has no centre in this
system, and the division born on 2026-07-01 holds two catchments. Keys are slugs, never numbers: ISO, MOIS and
Statistics Korea give the same number to different places. Old names and codes resolve for ever.
"""

from shared.centers.checks import faults
from shared.centers.fault import Fault
from shared.centers.lookup import (
    belongs,
    catchment_code,
    center,
    centers_near,
    districts_of,
    divisions_on,
    home_candidates,
    home_center,
    linked,
    neighbours,
    resolve,
)
from shared.centers.model import Ambiguous, Catchment, Center, District, Division, Tables, UnknownDivision
from shared.centers.sets import PACKAGED, TableSets, from_folder
from shared.centers.tables import CENTER_IDS, CENTRAL, ELSEWHERE, TABLE_VERSION, TABLES

__all__ = [
    "CENTER_IDS",
    "CENTRAL",
    "ELSEWHERE",
    "PACKAGED",
    "TABLES",
    "TABLE_VERSION",
    "Ambiguous",
    "Catchment",
    "Center",
    "District",
    "Division",
    "Fault",
    "TableSets",
    "Tables",
    "UnknownDivision",
    "belongs",
    "catchment_code",
    "center",
    "centers_near",
    "districts_of",
    "divisions_on",
    "faults",
    "from_folder",
    "home_candidates",
    "home_center",
    "linked",
    "neighbours",
    "resolve",
]
