"""Draw who reports when, and how long the case stays open: once, so that every rule meets the same weeks. Pure."""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from services.intake.submissions.facts import facts_of
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from shared.clock import SEOUL
from shared.events.reports import ReportFacts
from tools.demo import params as demo_params
from tools.demo.simulator import report_body

_FILE: Final = Path(__file__).with_name("params.json")
START: Final = datetime(2026, 9, 7, tzinfo=SEOUL)
"""A Monday; the day decides which catchments are in force, nothing else."""
_NOT_A_FACT: Final = ("narrative", "urls")
"""Texts that intake would search for numbers and pictures, and of which no fact comes."""
HOURS_A_WEEK: Final = 7 * 24
WARM_UP_WEEKS: Final = 2
"""Until as many cases are closed as come; not counted."""
PHASES: Final = ("before", "surge", "after")
"""A week each."""
HOURS: Final = (WARM_UP_WEEKS + len(PHASES)) * HOURS_A_WEEK
"""How long it all lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of ``params.json``."""

    reports_per_day: float
    hourly_weights: tuple[float, ...]
    open_days_mean: float
    cases_per_person: int
    day_from_hour: int
    night_from_hour: int
    night_centres: Mapping[str, int]
    """Staff on duty by night; nobody elsewhere."""

    @classmethod
    def load(cls) -> Self:
        """The committed figures."""
        raw: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
        assumed = raw["assumed"]
        return cls(
            reports_per_day=raw["reports_per_day"], **{**assumed, "hourly_weights": tuple(assumed["hourly_weights"])}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """How many times as many reports come in the week of the surge, from one province or (none) from everywhere."""

    province: str | None
    times: float

    def factor(self, division: str) -> float:
        """Return the factor of a division's reports in that week."""
        return self.times if self.province in {None, division} else 1.0


class Arrival(NamedTuple):
    """One report."""

    hour: float
    """Hours since ``START``."""
    facts: ReportFacts
    open_hours: float


def arrivals(figures: Figures, surge: Surge, *, seed: int) -> list[Arrival]:
    """All reports of all weeks, in the order they come; the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311  # a simulation, no secret
    params = demo_params.load()
    rates = dict(zip(params.division.values, params.division.weights, strict=True))
    whole = sum(rates.values())
    profile = sum(figures.hourly_weights) / 24
    found = []
    for hour in range(HOURS):
        surging = phase_of(hour) == "surge"
        by_hour = figures.reports_per_day / 24 * figures.hourly_weights[hour % 24] / profile
        for division, weight in rates.items():
            rate = by_hour * weight / whole * (surge.factor(division) if surging else 1)
            for _ in range(_poisson(draw, rate)):
                facts = _facts(params, draw, division, moment_of(hour))
                open_hours = draw.expovariate(1 / (figures.open_days_mean * 24))
                found.append(Arrival(hour + draw.random(), facts, open_hours))
    return sorted(found, key=lambda arrival: arrival.hour)


def phase_of(hour: float) -> str | None:
    """Return the counted week of an hour; None while warming up."""
    week = int(hour // HOURS_A_WEEK) - WARM_UP_WEEKS
    return PHASES[week] if 0 <= week < len(PHASES) else None


def moment_of(hour: float) -> datetime:
    """The moment so many hours after the start."""
    return START + timedelta(hours=hour)


def day_of(hour: float) -> date:
    """The Seoul day of it."""
    return moment_of(hour).date()


def _facts(params: demo_params.Params, draw: random.Random, division: str, now: datetime) -> ReportFacts:
    """A report as the demo draws it, from a given place, with intake's own triage."""
    body = {**report_body(params, draw), "division": division}
    for without in ("district", *_NOT_A_FACT):
        body.pop(without, None)
    if division in params.districts and draw.random() < params.district_told_share:
        body["district"] = draw.choice(params.districts[division])
    report = Submission.model_validate_json(json.dumps(body))
    return facts_of(report, triage(report, now), now.date())


def _poisson(draw: random.Random, mean: float) -> int:
    """Knuth's way: enough for a mean of a few."""
    number, left, least = 0, draw.random(), math.exp(-mean)
    while left > least:
        number += 1
        left *= draw.random()
    return number


def is_day(figures: Figures, hour: float) -> bool:
    """Return whether the day shift is on duty."""
    return figures.day_from_hour <= hour % 24 < figures.night_from_hour
