"""From true counts to the leaves of the shapes, and what is published of a month beside its reports. Pure."""

from collections.abc import Mapping
from math import floor
from typing import Final, TypeVar

from services.analytics.releases.hierarchies import CENTERS, CENTRAL_LEAF, TOTAL, week_of
from services.analytics.releases.suppression import LEAST, MonthCounts, Shown

N = TypeVar("N", int, float)

ALERT_TABLE: Final = "alert-outcomes"
ALERT_FIGURES: Final = ("alerts_sent", "alerts_failed", "escalations")
STAFF_TABLE: Final = "staff-on-duty"
STAFF_STEP: Final = 10
"""Hours on duty are published to the nearest ten, each and their total rounded once."""


def week_counts(counts: MonthCounts) -> dict[str, int]:
    """The month's reports by the part of each ISO week that lies in it."""
    found: dict[str, int] = {}
    for day, n in counts.days.items():
        found[week_of(day)] = found.get(week_of(day), 0) + n
    return found


def center_counts(centers: Mapping[str, N]) -> dict[str, N]:
    """By leaf of the centres' shape; owners that are in no shape stand with the central desk."""
    known = set(CENTERS.leaves())
    found: dict[str, N] = dict.fromkeys(CENTERS.leaves(), 0)
    for center, n in centers.items():
        found[center if center in known else CENTRAL_LEAF] += n
    return found


def apart(counts: MonthCounts) -> dict[str, Shown]:
    """What counts no reports: alerts, each figure a total of its own, and hours on duty, which tell of no report."""
    alerts = {name: n for name in ALERT_FIGURES if (n := counts.alerts.get(name, 0)) >= LEAST}
    staff = center_counts(counts.staff)
    hours = {key: _to_step(n) for key, n in staff.items()} | {TOTAL: _to_step(sum(staff.values()))}
    return {**({ALERT_TABLE: alerts} if counts.alerts else {}), **({STAFF_TABLE: hours} if counts.staff else {})}


def _to_step(hours: float) -> int:
    """To the nearest ten, half of it up, from the exact time: rounded once."""
    return floor(hours / STAFF_STEP + 0.5) * STAFF_STEP
