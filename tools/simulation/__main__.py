"""``python -m tools.simulation``: a surge in one province and one everywhere."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from shared.centers import divisions_on, home_candidates
from tools.simulation.arrivals import Figures, Surge, arrivals, day_of
from tools.simulation.figures import Figure, figures_of, table, verdict
from tools.simulation.running import run

PROVINCE: Final = "gyeonggi"
PROVINCE_TIMES: Final = 10.0
NATIONAL_TIMES: Final = 3.0
MOST_TIMES: Final = 1000.0
"""50,000 reports of the largest province: 20 s and 370 MB. Past a mean of 700 in an hour (1,569 times as many)
`arrivals` draws too few."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, simulate, print; the exit status."""
    provinces = [division.slug for division in divisions_on(day_of(0))]
    parser = argparse.ArgumentParser(prog="python -m tools.simulation", description=__doc__)
    parser.add_argument("--province", default=PROVINCE, choices=provinces, help="where the local surge is")
    parser.add_argument(
        "--times",
        type=_times,
        default=PROVINCE_TIMES,
        help=f"how many times as many reports there, 1 to {MOST_TIMES:g}",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="of so many seeds, this one first, say if any drowned")
    chosen = parser.parse_args(arguments)
    figures = Figures.load()
    _assumptions(figures)
    _scenario(
        f"{chosen.province}, {chosen.times:g} times as many for a week",
        figures,
        Surge(province=chosen.province, times=chosen.times),
        range(chosen.seed, chosen.seed + max(1, chosen.seeds)),
    )
    national = Surge(province=None, times=NATIONAL_TIMES)
    name = f"everywhere, {NATIONAL_TIMES:g} times as many for a week"
    _scenario(name, figures, national, range(chosen.seed, chosen.seed + max(1, chosen.seeds)))
    return 0


def _times(text: str) -> float:
    times = float(text)
    if not 1 <= times <= MOST_TIMES:
        raise argparse.ArgumentTypeError(f"{text}: from 1 to {MOST_TIMES:g} times as many reports can be simulated")
    return times


def _assumptions(figures: Figures) -> None:
    nights = ", ".join(f"{staff} in {center}" for center, staff in figures.night_centres.items())
    sys.stdout.write(
        f"{figures.reports_per_day:g} reports a day (2024). Assumed: a case is open for {figures.open_days_mean:g} "
        f"days on average; one person carries {figures.cases_per_person} normal cases; all funded staff on duty from "
        f"{figures.day_from_hour} to {figures.night_from_hour} h, by night {nights} and nobody elsewhere;\n"
        "the rest as in tools/demo/params.json. Fairness is Jain's index of what the centres carry; percentages of "
        "load are of what the funded staff\ncan carry, weighed as the rule does. A neighbour could carry a case "
        "if somebody is on duty, or the case can wait, and all of its capacity\nwould do: what it keeps for its own "
        "people too, so that in a flood that fills the country this may happen and is right.\n"
    )


def _scenario(name: str, figures: Figures, surge: Surge, seeds: range) -> None:
    homes = () if surge.province is None else home_candidates(surge.province, None, day_of(0))
    home = homes[0] if len(homes) == 1 else None
    sys.stdout.write(f"\n{name}\n")
    told: list[Figure] = []
    for seed in seeds:
        found = figures_of(figures, run(figures, arrivals(figures, surge, seed=seed)), home)
        if seed == seeds.start:
            sys.stdout.writelines(f"{line}\n" for line in table(found))
        told += found
    sys.stdout.write(f"{verdict(told, seeds)}\n")


if __name__ == "__main__":
    sys.exit(main())
