"""Made-up years for the tests of disclosure control: true counts as they might be, with a centre as small as Sejong."""

import random
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from itertools import accumulate, chain
from typing import Generic, TypeVar

from services.analytics.counting.models import CountedReport
from services.analytics.releases import weekly
from services.analytics.releases.audit import Proof, prove
from services.analytics.releases.calendar import period_of
from services.analytics.releases.hierarchies import CENTERS, CENTRAL_LEAF, ENDS, TIMES
from services.analytics.releases.intruder_model import system
from services.analytics.releases.release import Release, lower, of_month, of_quarter, of_year
from services.analytics.releases.revisions import bulletin
from services.analytics.releases.suppression import MonthCounts, Shown
from services.analytics.releases.tables import (
    HARMS,
    STEPS,
    SURELY_IN_TIME,
    TABLE_SPECS,
    WITHHELD,
    Split,
    from_cubes,
    week_counts,
)

AS_OF = "2026-11-04T00:00:00Z"
Word = TypeVar("Word")


class Draw(Generic[Word]):
    """Draws by shares as ``random.choices`` does, but adds the shares up once and not for every draw."""

    def __init__(self, shares: Mapping[Word, float]) -> None:
        self._words, self._sums = [*shares], [*accumulate(shares.values())]

    def __call__(self, chance: random.Random) -> Word:
        return self._words[bisect(self._sums, chance.random() * self._sums[-1], 0, len(self._words) - 1)]


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
UNEVEN = {
    "gyeonggi": 0.376,
    "incheon": 0.105,
    "gangwon": 0.057,
    "chungnam": 0.0417,
    "chungbuk": 0.0311,
    "daejeon": 0.0281,
    "sejong": 0.0076,
    "central": 0.0,
    "gwangju": 0.0275,
    "jeonnam": 0.0349,
    "jeonbuk": 0.0339,
    "jeju": 0.0131,
    "busan": 0.0638,
    "gyeongnam": 0.063,
    "daegu": 0.0461,
    "gyeongbuk": 0.0494,
    "ulsan": 0.0214,
}
"""By residents, Seoul's with its neighbours: with nine reports a day as much is hidden as in the history that outsiders
made up for two years, at a third of the reports there are."""
UNEVEN_MONTHS = 0.3
"""How far a centre's share varies from month to month there: the deviation of its logarithm."""
PEOPLE: dict[str, dict[str, float]] = {
    "age_band": {
        "under_14": 0.02,
        "14_18": 0.24,
        "19_24": 0.31,
        "25_29": 0.19,
        "30s": 0.12,
        "40s": 0.045,
        "50_up": 0.03,
        "unknown": 0.045,
    },
    "gender": {"female": 0.72, "male": 0.22, "other": 0.01, "unknown": 0.05},
    "role": {"victim": 0.8, "representative": 0.12, "third_party": 0.08},
    "channel": {"web": 0.55, "phone": 0.44, "api": 0.01},
    "relationship": {
        "temporary": 0.378,
        "unknown": 0.229,
        "stranger": 0.208,
        "intimate": 0.097,
        "social": 0.085,
        "family": 0.003,
    },
    "platform": {
        "adult_site": 0.35,
        "search_engine": 0.22,
        "social_media": 0.2,
        "messenger": 0.15,
        "community": 0.04,
        "file_sharing": 0.005,
        "other": 0.03,
        "unknown": 0.005,
    },
}
"""Of people in the uneven world: the domain's shares where there are any (tools/simulation/params.json)."""
_OF_PEOPLE = {each: Draw(shares) for each, shares in PEOPLE.items()}
HARM_SHARES = (0.42, 0.34, 0.28, 0.22, 0.13, 0.07, 0.03, 0.04, 0.05, 0.02)
_OF_HARMS = Draw(dict(zip(HARMS, HARM_SHARES, strict=True)))
_OF_TIMES = Draw(dict(zip(TIMES.leaves(), (0.2, 0.2, 0.2, 0.2, 0.1, 0.05, 0.02, 0.01, 0.02), strict=True)))
_OF_ENDS = Draw(dict(zip(ENDS.leaves(), (0.3, 0.6, 0.1), strict=True)))
_MOVE_ON = 0.05
_FOLLOWING = ("reports-by-gender", "reports-by-urgency", "closings-by-reason", "reports-by-residence")
"""Tables that follow from others: a gender from its ages; urgency from children, and from who was seen late;
reasons from how many are closed."""
_OF_REASONS = Draw({"supported": 0.7, "referred": 0.14, "not_in_scope": 0.1, "duplicate": 0.055, "unknown": 0.005})
_OF_CLOSING_TIMES = Draw(
    {
        "closed_1_day": 0.1,
        "closed_3_days": 0.2,
        "closed_1_week": 0.35,
        "closed_2_weeks": 0.25,
        "closed_later": 0.1,
    }
)
_CONTACTS = ("reached_1_hour", "reached_1_day", "reached_3_days", "reached_1_week", "reached_later", "not_reached")
_EARLIEST_CONTACT = {"within_4_hours": 1, "within_12_hours": 1, "within_1_day": 1, "within_3_days": 2, "longer": 3}
"""The first group of contact that a report of a group of the time to acknowledgement can be in; those before: 0."""
_FOLLOWED = (
    "first-contact-times",
    "closings-by-reason",
    "closing-times",
    "closings-by-center",
)
_WITHOUT_HOME = 0.6
_OF_HOMELESS = Draw({"seoul": 0.9, "unknown": 0.09, "overseas": 0.01})
_OF_ASSIGNMENTS = {
    usual: Draw({usual: 0.93, "linked": 0.05, "last_resort": 0.02}) for usual in ("home", "overflow", "no_home")
}
_OF_MOVES = Draw({"handed_on": 0.034, "moved_otherwise": 0.006, "": 1 - (0.034 + 0.006)})
_URGENT_SHARES = (0.15, 0.3)


def month(
    name: str, per_day: float, rnd: random.Random, *, crossings: bool = True, uneven: bool = False
) -> MonthCounts:
    """One month of true counts."""
    period = period_of(name)
    shares = {c: s * rnd.lognormvariate(0, UNEVEN_MONTHS) for c, s in UNEVEN.items()} if uneven else SHARES
    of_shares = Draw(shares)
    days: Counter[str] = Counter()
    centers: Counter[str] = Counter(dict.fromkeys(CENTERS.leaves(), 0))
    harms = {center: dict.fromkeys(HARMS, 0) for center in CENTERS.leaves()}
    times, ends = Counter(dict.fromkeys(TIMES.leaves(), 0)), Counter(dict.fromkeys(ENDS.leaves(), 0))
    crossed: dict[str, Counter[str]] = {spec.name: Counter() for spec in from_cubes()} if crossings else {}
    for number in range((period.last - period.first).days + 1):
        day = (period.first + timedelta(days=number)).isoformat()
        days[day] = sum(rnd.random() < per_day / 200 for _ in range(200))
    for _ in range(days.total()):
        center = of_shares(rnd)
        centers[center] += 1
        own = [harm for harm, share in zip(HARMS, HARM_SHARES, strict=True) if rnd.random() < share]
        for harm in own or [_OF_HARMS(rnd)]:
            harms[center][harm] += 1
        times[_OF_TIMES(rnd)] += 1
        ends[_OF_ENDS(rnd)] += 1
        for key, found in crossed.items():
            if key not in _FOLLOWING:
                found[_of_people(key, center, rnd) if uneven else _value(key, center, rnd)] += 1
    if crossings:
        for key, n in crossed["reports-by-age-and-gender"].items():
            crossed["reports-by-gender"][key.rpartition("/")[2]] += n
    quick = sum(times[group] for group in SURELY_IN_TIME)
    apart = random.Random(quick)  # so that the rest of a seed's world is what it was before these were counted
    seen = {center: n - sum(apart.random() < 0.3 for _ in range(n)) for center, n in centers.items()}
    for center in sorted(seen, key=lambda key: -centers[key]):  # whoever was acknowledged within an hour was seen
        seen[center] += max(0, min(centers[center] - seen[center], quick - sum(seen.values())))
    if crossings:
        young = (n for key, n in crossed["reports-by-age-and-gender"].items() if key.startswith("under_14/"))
        children = max(sum(young), sum(row["child_material"] for row in harms.values()))
        late = days.total() - sum(seen.values())
        crossed["reports-by-urgency"] = _urgencies(days.total(), late, children, times)
        crossed |= _followed(centers, times, ends["closed"], apart)
        moved = random.Random(quick + days.total())  # for the same reason
        crossed["moves-between-centers"] = Counter(_OF_MOVES(moved) for _ in range(days.total()))
        del crossed["moves-between-centers"][""]
        crossed |= _from_homes(crossed["reports-from-elsewhere"], moved)
    alerts = {"alerts_sent": days.total(), "alerts_failed": apart.randrange(20), "escalations": apart.randrange(40)}
    staff = dict.fromkeys(SHARES, 480)
    return MonthCounts(name, days, centers, harms, times, ends, crossed, seen, alerts, staff)


def _urgencies(reports: int, late: int, children: int, times: Counter[str]) -> Counter[str]:
    """By urgency: as many are critical or high as children and those seen late ask for, and a usual share more."""
    of_normal = times["longer"] + times["unanswered"]
    critical = max(children, late - of_normal - times["within_3_days"])
    critical += round(_URGENT_SHARES[0] * (reports - critical))
    high = max(0, late - of_normal - critical)
    high += round(_URGENT_SHARES[1] * (reports - critical - high))
    return Counter(critical=critical, high=high, normal=reports - critical - high)


def _from_homes(homes: Counter[str], chance: random.Random) -> dict[str, Counter[str]]:
    """Where people live, and why each report was assigned first, of reports by home and owner that did not move.

    Most of those that are not at home have none: every second person lives round Seoul.
    """
    residences: Counter[str] = Counter()
    assignments: Counter[str] = Counter()
    for key, n in sorted(homes.items()):
        told, _, owner = key.partition("/")
        for _ in range(n):
            home = "none" if told != owner and chance.random() < _WITHOUT_HOME else told
            residences[home if home != "none" else _OF_HOMELESS(chance)] += 1
            usual = "no_home" if home == "none" else "home" if home == owner else "overflow"
            assignments[_OF_ASSIGNMENTS[usual](chance)] += 1
    return {"reports-by-residence": residences, "reports-by-assignment": assignments}


def _followed(
    centers: Counter[str], times: Counter[str], closed: int, chance: random.Random
) -> dict[str, Counter[str]]:
    """When people were reached, and where, why and when their cases were closed."""
    found: dict[str, Counter[str]] = {name: Counter() for name in _FOLLOWED}
    for group, n in times.items():
        late = len(_CONTACTS) - 1 if group == "unanswered" else _EARLIEST_CONTACT.get(group, 0)
        later = Draw({name: 0.5**place for place, name in enumerate(_CONTACTS[late:])})
        for _ in range(n):
            found["first-contact-times"][later(chance)] += 1
    for center in chance.sample(list(centers.elements()), closed):
        found["closings-by-center"][center] += 1
    for _ in range(closed):
        reason = _OF_REASONS(chance)
        found["closings-by-reason"][reason] += 1
        found["closing-times"]["closed_unknown" if reason == "unknown" else _OF_CLOSING_TIMES(chance)] += 1
    found["closings-by-reason"]["in_care"] = centers.total() - closed
    return found


def _of_people(table: str, center: str, rnd: random.Random) -> str:
    cube = TABLE_SPECS[table].cube
    if not _OF_PEOPLE.keys() >= {*cube}:
        return _value(table, center, rnd)
    return "/".join(_OF_PEOPLE[each](rnd) for each in cube)


def _value(table: str, center: str, rnd: random.Random) -> str:
    if table == "reports-from-elsewhere":
        home = center if rnd.random() < 0.7 else rnd.choice(list(SHARES))
        return f"{'none' if home == CENTRAL_LEAF else home}/{center}"  # the central desk is nobody's home
    return _of_rows(table)(rnd)


@cache
def _of_rows(table: str) -> Draw[str]:
    kinds = ("deletion", "counselling", "legal")
    how = TABLE_SPECS[table].protection
    leaves = how.rows(period_of("2025")) if isinstance(how, Split) else kinds
    return Draw({leaf: 1 / (1 + n) ** 1.5 for n, leaf in enumerate(leaves)})


def year_of(
    number: int,
    per_day: float,
    rnd: random.Random,
    *,
    crossings: bool = True,
    uneven: bool = False,
    first_weeks: bool = False,
) -> Iterator[tuple[Release, Proof, dict[str, MonthCounts]]]:
    """A year's releases as they leave, each with its proof and the true counts so far.

    ``first_weeks``: nothing was released before, so that weeks of its first month are told.
    """
    entries: list[Release] = []
    counts: dict[str, MonthCounts] = {}
    for at in range(1, 13):
        name = f"{number}-{at:02d}"
        counts[name] = month(name, per_day, rnd, crossings=crossings, uneven=uneven)
        if first_weeks and at == 1:
            entries += weeks_before(counts[name])
            yield from ((week, Proof("open"), counts) for week in entries)
        own = [_month(counts[name], entries)]
        for release, proof in chain(own, _longer(number, at, entries, counts)):  # the year comes after its quarter
            if release.period not in {entry.period for entry in entries}:
                entries.append(release)
            yield release, proof, counts


@cache
def a_year_unproven() -> tuple[Release, ...]:
    """A year as fine as it can be, whether or not all of it would leave: every table and every row is among them."""
    rnd = random.Random(3)
    counts = [month(f"2026-{at:02d}", 28.0, rnd) for at in range(1, 13)]
    months = [of_month(each, AS_OF, "full") for each in counts]
    found: list[Release] = []
    for at in range(0, 12, 3):
        own = slice(at, at + 3)
        found += [*months[own], of_quarter(f"2026-Q{at // 3 + 1}", months[own], counts[own], AS_OF, {})]
    return (*found, of_year("2026", months, counts, AS_OF, {}, later(counts), found))


def weeks_before(counts: MonthCounts) -> list[Release]:
    """The releases of a month's weeks before it."""
    found = week_counts(counts)
    return [weekly.of_week(week, found.get(week, 0), AS_OF) for week in weekly.weeks_of(counts.month)]


def _month(counts: MonthCounts, entries: list[Release]) -> tuple[Release, Proof]:
    for step in STEPS[:-1]:
        release = of_month(counts, AS_OF, step, weekly.before(counts.month, entries))
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


def later(months: Sequence[MonthCounts]) -> dict[str, Shown]:
    """The bulletin of a year."""
    return bulletin(*before_and_now(months))


def before_and_now(months: Sequence[MonthCounts]) -> tuple[dict[str, CountedReport], dict[str, CountedReport]]:
    """How reports were counted and are at the end of a year in which one in twenty moves on, to any centre."""
    rnd = random.Random(months[0].total)
    before = {
        f"{month.month}-{center}-{n}": CountedReport(center, "in_care", ())
        for month in months
        for center, number in month.centers.items()
        for n in range(number)
    }
    now = {
        report: CountedReport(rnd.choice(list(SHARES)), "closed", held.harms) if rnd.random() < _MOVE_ON else held
        for report, held in before.items()
    }
    return before, now


def marked(
    name: str, months: Sequence[Release], true: Sequence[MonthCounts], entries: Sequence[Release]
) -> tuple[Release, Proof]:
    """A quarter's or a year's release, as far down the ladder as it must."""
    coarser: dict[str, str] | None = {}
    while coarser is not None:
        if len(name) == 4:
            release = of_year(name, months, true, AS_OF, coarser, later(true), entries)
        else:
            release = of_quarter(name, months, true, AS_OF, coarser)
        proof = prove(system([*entries, release]), 900, of=[name])
        if proof.verdict == "open":
            return release, proof
        assert proof.verdict == "narrow", (name, proof)
        coarser = lower(coarser, proof.cells, release.tables)
    return Release(name, AS_OF, WITHHELD, months=tuple(each.period for each in months)), Proof("open")
