"""Made-up years for the tests of disclosure control: true counts as they might be, with a centre as small as Sejong."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from services.analytics.releases.audit import Proof, prove
from services.analytics.releases.hierarchies import CENTERS, ENDS, TIMES
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import Release, corrections, lower, of_month, of_quarter, of_year, period_of
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import HARMS, STEPS, SURELY_IN_TIME, TABLE_SPECS, WITHHELD, from_cubes

AS_OF = "2026-11-04T00:00:00Z"
SHARES = {
    "gyeonggi": 0.30,
    "incheon": 0.08,
    "gangwon": 0.04,
    "chungnam": 0.05,
    "chungbuk": 0.04,
    "daejeon": 0.045,
    "sejong": 0.0076,
    "central": 0.0,
    "gwangju": 0.05,
    "jeonnam": 0.05,
    "jeonbuk": 0.05,
    "jeju": 0.02,
    "busan": 0.08,
    "gyeongnam": 0.08,
    "daegu": 0.06,
    "gyeongbuk": 0.05,
    "ulsan": 0.03,
}
"""Of all reports, by owner; Seoul's are spread over the neighbours."""
HARM_SHARES = (0.42, 0.34, 0.28, 0.22, 0.13, 0.07, 0.03, 0.04, 0.05, 0.02)
_TIME_SHARES = (0.2, 0.2, 0.2, 0.2, 0.1, 0.05, 0.02, 0.01, 0.02)
_END_SHARES = (0.3, 0.6, 0.1)


def month(name: str, per_day: float, rnd: random.Random, *, crossings: bool = True) -> MonthCounts:
    """One month of true counts."""
    period = period_of(name)
    days: Counter[str] = Counter()
    centers: Counter[str] = Counter(dict.fromkeys(CENTERS.leaves(), 0))
    harms = {center: dict.fromkeys(HARMS, 0) for center in CENTERS.leaves()}
    times, ends = Counter(dict.fromkeys(TIMES.leaves(), 0)), Counter(dict.fromkeys(ENDS.leaves(), 0))
    crossed: dict[str, Counter[str]] = {spec.name: Counter() for spec in from_cubes()} if crossings else {}
    for number in range((period.last - period.first).days + 1):
        day = (period.first + timedelta(days=number)).isoformat()
        days[day] = sum(rnd.random() < per_day / 200 for _ in range(200))
    for _ in range(days.total()):
        center = rnd.choices(list(SHARES), list(SHARES.values()))[0]
        centers[center] += 1
        own = [harm for harm, share in zip(HARMS, HARM_SHARES, strict=True) if rnd.random() < share]
        for harm in own or rnd.choices(HARMS, HARM_SHARES):
            harms[center][harm] += 1
        times[rnd.choices(TIMES.leaves(), _TIME_SHARES)[0]] += 1
        ends[rnd.choices(ENDS.leaves(), _END_SHARES)[0]] += 1
        for key, found in crossed.items():
            found[_value(key, center, rnd)] += 1
    quick = sum(times[group] for group in SURELY_IN_TIME)
    apart = random.Random(quick)  # so that the rest of a seed's world is what it was before these were counted
    seen = {center: n - sum(apart.random() < 0.3 for _ in range(n)) for center, n in centers.items()}
    for center in sorted(seen, key=lambda key: -centers[key]):  # whoever was acknowledged within an hour was seen
        seen[center] += max(0, min(centers[center] - seen[center], quick - sum(seen.values())))
    alerts = {"alerts_sent": days.total(), "alerts_failed": apart.randrange(20), "escalations": apart.randrange(40)}
    staff = dict.fromkeys(SHARES, 480)
    return MonthCounts(name, days, centers, harms, times, ends, crossed, seen, alerts, staff)


def _value(table: str, center: str, rnd: random.Random) -> str:
    if table == "reports-from-elsewhere":
        return f"{center if rnd.random() < 0.7 else rnd.choice(list(SHARES))}/{center}"
    kinds = ("deletion", "counselling", "legal")
    leaves = kinds if table == "support-given" else TABLE_SPECS[table].hierarchy(period_of("2025")).leaves()
    return rnd.choices(leaves, [1 / (1 + n) ** 1.5 for n in range(len(leaves))])[0]


def year_of(
    number: int, per_day: float, rnd: random.Random, *, crossings: bool = True
) -> Iterator[tuple[Release, Proof, dict[str, MonthCounts]]]:
    """A year's releases as they leave, each with its proof and the true counts so far."""
    entries: list[Release] = []
    counts: dict[str, MonthCounts] = {}
    for at in range(1, 13):
        name = f"{number}-{at:02d}"
        counts[name] = month(name, per_day, rnd, crossings=crossings)
        for release, proof in (_month(counts[name], entries), *_longer(number, at, entries, counts)):
            if release.period not in {entry.period for entry in entries}:
                entries.append(release)
            yield release, proof, counts


def _month(counts: MonthCounts, entries: list[Release]) -> tuple[Release, Proof]:
    for step in STEPS[:-1]:
        release = of_month(counts, AS_OF, step)
        proof = prove(system([*entries, release]), 60, of=[counts.month])
        if proof.verdict == "open":
            entries.append(release)
            return release, proof
    raise AssertionError("no step was safe")


def _longer(
    number: int, at: int, entries: list[Release], counts: dict[str, MonthCounts]
) -> Iterator[tuple[Release, Proof]]:
    names = ([f"{number}-Q{at // 3}"] if at % 3 == 0 else []) + ([str(number)] if at == 12 else [])
    for name in names:
        months = [e for e in entries if e.kind == "month" and e.tables and e.period in period_of(name).months]
        yield marked(name, months, [counts[each.period] for each in months], entries)


def marked(
    name: str, months: Sequence[Release], true: Sequence[MonthCounts], entries: Sequence[Release]
) -> tuple[Release, Proof]:
    """A quarter's or a year's release, as far down the ladder as it must."""
    coarser: dict[str, str] | None = {}
    while coarser is not None:
        if len(name) == 4:
            release = of_year(name, months, true, AS_OF, coarser, corrections(true, true))
        else:
            release = of_quarter(name, months, true, AS_OF, coarser)
        proof = prove(system([*entries, release]), 60, of=[name])
        if proof.verdict == "open":
            return release, proof
        assert proof.verdict == "narrow", (name, proof)
        coarser = lower(coarser, proof.cells)
    return Release(name, AS_OF, WITHHELD, months=tuple(each.period for each in months)), Proof("open")
