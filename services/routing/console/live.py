"""The exact state of all centres, for leads and ``central``: what the API says and the page is painted from. Pure.

Nothing of this is a metric: live counts of one centre are not for everyone who can read metrics.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from services.routing.assignment.bands import Band, band_of, normal_cases, percent_of
from services.routing.models import LiveLoad, LiveLoads
from shared.centers import center
from shared.events.base import CenterId
from shared.events.vocabulary import CenterState

_BUSAN: Final[JsonDict] = {
    "center_id": "busan",
    "name_ko": "부산디지털성범죄피해자지원센터",
    "name_en": "Busan Digital Sex Crime Victim Support Center",
    "state": "open",
    "staff_on_duty": 3,
    "band": "nearly_full",
    "open_cases": 31,
    "load": 42.5,
    "capacity": 45.0,
    "load_percent": 94,
    "guests_percent": 6,
    "severe": 4,
    "severe_cap": 12,
    "waiting": 2,
    "waiting_since": "2026-11-24T02:41:07.120Z",
}


class LiveCenter(BaseModel):
    """One centre now, in exact numbers. Drills are in none of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BUSAN]})

    center_id: CenterId
    name_ko: str
    name_en: str
    state: CenterState
    staff_on_duty: int = Field(ge=0)
    band: Band
    open_cases: int = Field(ge=0)
    load: float = Field(ge=0, description="Open cases by weight, in normal cases.")
    capacity: float = Field(
        ge=0, description="What those on duty can carry, in normal cases; with nobody on duty, those it is funded for."
    )
    load_percent: int | None = Field(description="Load of the capacity; none where there is none.")
    guests_percent: int | None = Field(description="The part of the load, of the capacity, that is at home elsewhere.")
    severe: int = Field(ge=0, description="Severe open cases.")
    severe_cap: int = Field(ge=0, description="Severe cases its staff may have at a time.")
    waiting: int = Field(ge=0, description="Open cases nobody there has acknowledged.")
    waiting_since: datetime | None = Field(description="Since when the oldest of these waits.")


class LiveCenters(BaseModel):
    """All 16 centres, who waits longest first, and how good the numbers are."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "taken_at": "2026-11-24T03:00:00Z",
                    "age_seconds": 0.3,
                    "partitions": 6,
                    "silent_partitions": 0,
                    "centers": [_BUSAN],
                }
            ]
        }
    )

    taken_at: datetime
    age_seconds: float = Field(description="Age of the oldest sums in it.")
    partitions: int = Field(ge=0)
    silent_partitions: int = Field(
        ge=0, description="Of so many no worker was heard for ten seconds: their part is old, or missing."
    )
    centers: list[LiveCenter]


class Order(StrEnum):
    """In which order the table stands."""

    WAITING = "waiting"
    """By who waits longest; then by load."""
    LOAD = "load"
    NAME = "name"


def live_center(now: LiveLoad) -> LiveCenter:
    """One row."""
    center_load, known = now.center_load, center(now.center_load.center_id)
    return LiveCenter(
        center_id=center_load.center_id,
        name_ko=known.name_ko,
        name_en=known.name_en,
        state=center_load.state,
        staff_on_duty=center_load.staff_on_duty,
        band=band_of(center_load),
        open_cases=now.open_cases,
        load=normal_cases(center_load.load),
        capacity=normal_cases(center_load.capacity),
        load_percent=percent_of(center_load.load, center_load.capacity),
        guests_percent=percent_of(center_load.guests, center_load.capacity),
        severe=center_load.severe,
        severe_cap=center_load.severe_cap,
        waiting=now.waiting,
        waiting_since=now.waiting_since,
    )


class SharedRows:
    """The rows of the newest loads, built once per change: building 16 models for each reader holds up deciding."""

    def __init__(self) -> None:
        self._centers: tuple[LiveLoad, ...] | None = None
        self._rows: list[LiveCenter] = []
        self.changes = 0

    def of(self, live_loads: LiveLoads) -> list[LiveCenter]:
        """One row per centre."""
        if live_loads.centers != self._centers:
            self._centers, self._rows = live_loads.centers, [live_center(now) for now in live_loads.centers]
            self.changes += 1
        return self._rows


def live_centers(live_loads: LiveLoads, rows: Sequence[LiveCenter] | None = None) -> LiveCenters:
    """The live loads as the API gives it; ``rows`` are its rows where they are built already."""
    return LiveCenters(
        taken_at=live_loads.taken_at,
        age_seconds=0.0
        if live_loads.oldest is None
        else round((live_loads.taken_at - live_loads.oldest).total_seconds(), 1),
        partitions=live_loads.partitions,
        silent_partitions=live_loads.silent,
        centers=ordered(rows or [live_center(now) for now in live_loads.centers], Order.WAITING, "ko"),
    )


def ordered(rows: Sequence[LiveCenter], order: Order, language: str) -> list[LiveCenter]:
    """The rows in an order; equals by name in the reader's language."""

    def name(row: LiveCenter) -> str:
        return center(row.center_id).name(language)

    keys: Mapping[Order, Callable[[LiveCenter], tuple[object, ...]]] = {
        Order.WAITING: lambda row: (*_waits(row), *_load(row), name(row)),
        Order.LOAD: lambda row: (*_load(row), name(row)),
        Order.NAME: lambda row: (name(row),),
    }
    return sorted(rows, key=keys[order])


def _waits(row: LiveCenter) -> tuple[bool, float]:
    since = row.waiting_since
    return since is None, since.timestamp() if since is not None else 0.0


def _load(row: LiveCenter) -> tuple[bool, int]:
    """Busiest first; what can carry nothing comes before, for it can take nothing."""
    return row.load_percent is not None, -(row.load_percent or 0)


class Totals(BaseModel):
    """All centres together."""

    waiting: int
    waiting_since: datetime | None
    full: int
    """Open centres at or past what their staff can carry."""
    unmanned: int
    """Centres closed, or with nobody on duty."""


def totals(rows: Sequence[LiveCenter]) -> Totals:
    """Return the figures above the map."""
    return Totals(
        waiting=sum(row.waiting for row in rows),
        waiting_since=min((row.waiting_since for row in rows if row.waiting_since is not None), default=None),
        full=sum(row.band is Band.FULL for row in rows),
        unmanned=sum(row.band in {Band.CLOSED, Band.UNSTAFFED} for row in rows),
    )
