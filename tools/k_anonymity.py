"""``python -m tools.k_anonymity``: how many reports on the log share all an intruder may know, by place (k-anonymity).

Simulated years, drawn as the demo draws them, with intake's own facts and what it publishes of them. Compares what was
told with what is on the log; a class of one is a report that whoever knows so much of it finds. Decision 27.
"""

import argparse
import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.intake.reports.events import published
from services.intake.submissions.facts import facts_of
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from shared.clock import SEOUL
from shared.events.reports import ReportFacts
from shared.events.vocabulary import AgeBand
from tools.demo import params as demo_params
from tools.demo.simulator import report_body
from tools.simulation.arrivals import Figures

START: Final = datetime(2026, 7, 1, tzinfo=SEOUL)
K: Final = 5
"""A class smaller than this is counted as open; releases suppress below the same number."""


class Report(NamedTuple):
    """One simulated report: when, what was told, and what of it is on the log."""

    at: datetime
    told: ReportFacts
    logged: ReportFacts


class Exposure(NamedTuple):
    """How many reports are alone in their class, and how many in one smaller than `K`."""

    reports: int
    unique: int
    below_k: int

    def __str__(self) -> str:
        """Shares in percent."""
        whole = max(1, self.reports)
        return f"{self.unique * 100 / whole:5.1f} %  {self.below_k * 100 / whole:5.1f} %"


Known = Callable[[ReportFacts], Hashable]
_SPANS: Final[Mapping[str, Callable[[datetime], Hashable]]] = {
    "ever": lambda at: None,
    "month": lambda at: (at.year, at.month),
    "day": lambda at: at.date(),
    "hour": lambda at: at.replace(minute=0, second=0, microsecond=0),
    "minute": lambda at: at.replace(second=0, microsecond=0),
    "second": lambda at: at.replace(microsecond=0),
    "millisecond": lambda at: at,
}


def _place(facts: ReportFacts) -> Hashable:
    return facts.division, facts.district


def _neighbour(facts: ReportFacts) -> Hashable:
    return _place(facts), facts.age_band, facts.gender


def _acquaintance(facts: ReportFacts) -> Hashable:
    return _neighbour(facts), facts.relationship, facts.language, facts.harm_types


def _without_statistics(facts: ReportFacts) -> Hashable:
    return _place(facts), facts.age_band is AgeBand.UNDER_14, facts.language, facts.harm_types


def _all(facts: ReportFacts) -> Hashable:
    return facts


INTRUDERS: Final[Mapping[str, tuple[Known, tuple[str, ...]]]] = {
    "place, age band, gender": (_neighbour, ("ever", "month", "day")),
    "… relationship, language, harm": (_acquaintance, ("ever", "month", "day")),
    "… were what is only counted apart": (_without_statistics, ("ever", "month", "day")),
    "every fact": (_all, ("ever", "month", "day")),
}
"""Knowledge an intruder may have of a report, and how exactly the time."""


def classes(keys: Iterable[Hashable]) -> Exposure:
    """The exposure of reports with these keys: those with an equal key are one class."""
    sizes = Counter(keys)
    small = [size for size in sizes.values() if size < K]
    return Exposure(sum(sizes.values()), sum(size == 1 for size in small), sum(small))


def exposure(reports: Sequence[Report], known: Known, span: str, *, logged: bool) -> Exposure:
    """The exposure of what was told, or of what is on the log, to somebody who knows the time within a span."""
    when = _SPANS[span]
    return classes((when(one.at), known(one.logged if logged else one.told)) for one in reports)


def simulated(years: float, seed: int) -> Iterator[Report]:
    """Reports in the order they come; the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311  # a simulation, no secret
    params, figures = demo_params.load(), Figures.load()
    for day in range(math.ceil(years * 365.25)):
        # A day's number scatters as a Poisson one does; at 28 the normal curve is near enough.
        for _ in range(max(0, round(draw.gauss(figures.reports_per_day, math.sqrt(figures.reports_per_day))))):
            hour = draw.choices(range(24), figures.hourly_weights)[0] + draw.random()
            at = START + timedelta(days=day, milliseconds=int(hour * 3_600_000))
            body = Submission.model_validate_json(json.dumps(report_body(params, draw)))
            facts = facts_of(body, triage(body, at), at.date())
            yield Report(at, facts, published(facts))


def told(reports: Sequence[Report]) -> Iterator[str]:
    """The figures as lines."""
    yield f"{len(reports)} reports. Share alone in their class, and in a class below {K}: told to intake, on the log"
    for name, (known, spans) in INTRUDERS.items():
        for span in spans:
            was, now = (exposure(reports, known, span, logged=logged) for logged in (False, True))
            yield f"{name:<34}{span:<8}{was}   {now}"
    yield "\nOnly the time, of the whole country and of one division (nothing else known)"
    for span in _SPANS:
        if span != "ever":
            alone = exposure(reports, lambda facts: None, span, logged=True)
            yield f"{span:<14}{alone}   {exposure(reports, lambda facts: facts.division, span, logged=True)}"
    yield "\nBy division: … relationship, language, harm, within a month"
    places: dict[str, list[Report]] = defaultdict(list)
    for one in reports:
        places[one.told.division].append(one)
    for division, here in sorted(places.items(), key=lambda item: len(item[1])):
        was, now = (exposure(here, _acquaintance, "month", logged=logged) for logged in (False, True))
        yield f"{division:<18}{len(here):>7}   {was}   {now}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.k_anonymity", description=__doc__)
    parser.add_argument("--years", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    sys.stdout.writelines(f"{line}\n" for line in told(list(simulated(chosen.years, chosen.seed))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
