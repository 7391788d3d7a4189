"""The yearly bulletin: what became of the reports of closed months after these were released. Pure.

Months stay as they were published. Reports are compared one by one, so that of 30 that went from one centre to another
and 14 that came back 44 have moved. How many left a centre and how many came to it splits along the centres' hierarchy
as every count does; the national figures are totals of their own, shown from `LEAST` on.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from services.analytics.counting.models import CountedReport
from services.analytics.releases.hierarchies import CENTERS
from services.analytics.releases.suppression import MonthCounts, Shown, figures_shown, split
from services.analytics.releases.tables import CORRECTIONS, MOVED_IN, MOVED_OUT, center_counts

Reports = Mapping[str, CountedReport]
"""By report."""
CAME: Final = "came"
GONE: Final = "gone"
MOVED_ON: Final = "moved_on"
OUTCOME: Final = "outcome_changed"
HARM: Final = "harm_changed"
NAMES: Final = (CAME, GONE, MOVED_ON, OUTCOME, HARM)


def bulletin(before: Reports, now: Reports) -> dict[str, Shown]:
    """The tables of the bulletin. ``before``: the reports as the months were closed."""
    figures: Counter[str] = Counter()
    left: Counter[str] = Counter()
    entered: Counter[str] = Counter()
    for report_id, was in before.items():
        is_now = now.get(report_id)
        if is_now is None:
            figures[GONE] += 1
            continue
        if is_now.owner != was.owner:
            figures[MOVED_ON] += 1
            left[was.owner] += 1
            entered[is_now.owner] += 1
        figures[OUTCOME] += is_now.outcome != was.outcome
        figures[HARM] += is_now.harms != was.harms
    figures[CAME] = len(now.keys() - before.keys())
    return {
        CORRECTIONS: figures_shown({name: figures[name] for name in NAMES}),
        MOVED_OUT: split(CENTERS, center_counts(left)),
        MOVED_IN: split(CENTERS, center_counts(entered)),
    }


def from_counts(before: Sequence[MonthCounts], now: Sequence[MonthCounts]) -> dict[str, Shown]:
    """The same where a month was closed before its reports were kept: all that can be told from counts.

    ``reports``: how many more or fewer the months' totals would be, added up; ``moved``: how many at least stand at
    another centre, for of moves there and back only the difference is seen.
    """
    reports = sum(abs(a.total - b.total) for a, b in zip(before, now, strict=True))
    moves = sum(
        abs(a.centers.get(key, 0) - b.centers.get(key, 0))
        for a, b in zip(before, now, strict=True)
        for key in {*a.centers, *b.centers}
    )
    found = {"reports": reports, "moved": max(0, moves - reports) // 2}
    return {CORRECTIONS: figures_shown(found)}
