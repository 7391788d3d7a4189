"""Publications of months: made from true counts once, kept, and read from then on.

The keeping is part of disclosure control: a closed month must not change with late events, and the running month's
picture must not move with every report.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final

from services.analytics.policy.counts import UNANSWERED, month_counts
from services.analytics.policy.disclosure import REFRESH_EVERY, MonthCounts, Release, close, picture
from services.analytics.policy.periods import Kind, Period, between, closes_at, days_of_month
from services.analytics.store.reading import Reader
from shared.clock import Clock, seoul_day

Basis = tuple[int, int]
"""True numbers of reports and of acknowledgements a publication was made from."""

_LOOK_EVERY_S: Final = 2.0


class Publications:
    """Serves the publication of a month, making or renewing it where the rules allow."""

    def __init__(
        self,
        reader: Reader,
        clock: Clock,
        *,
        centers: Sequence[str],
        harms: Sequence[str],
        caught_up: Callable[[], datetime | None],
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        """``caught_up`` tells up to which moment everything written to the topics has been counted."""
        self._reader = reader
        self._clock = clock
        self._centers = centers
        self._harms = harms
        self._caught_up = caught_up
        self._look_every_s = look_every_s
        self._looked: dict[str, float] = {}

    async def releases(self, period: Period) -> list[Release]:
        """The publications of a period's months that have begun, oldest first."""
        now = self._clock.now()
        return [await self.release(month) for month in period.months if days_of_month(month, now)]

    async def periods(self, kind: Kind) -> list[str]:
        """The periods of a kind that have anything to show, newest first."""
        first = await self._reader.first_day()
        now = self._clock.now()
        return between(first or date.fromisoformat(seoul_day(now)), now, kind)

    async def release(self, month: str) -> Release:
        """The publication of one month that has begun."""
        known = await self._reader.release(month)
        if known is not None and (known[0].closed or self._looked_just_now(month)):
            return known[0]
        counts = await self._counts(month)
        basis = (counts.total, counts.total - counts.times[UNANSWERED])
        made = self._next(counts, known, basis)
        if made is None:
            return known[0] if known is not None else picture(_emptied(counts), self._as_of())
        if await self._reader.publish(made, basis, after=known[1] if known is not None else None):
            return made
        theirs = await self._reader.release(month)
        return theirs[0] if theirs is not None else made

    def _next(self, counts: MonthCounts, known: tuple[Release, Basis] | None, basis: Basis) -> Release | None:
        caught_up = self._caught_up()
        if caught_up is not None and caught_up >= closes_at(counts.month):
            return close(counts, self._as_of())
        before = known[1] if known is not None else (0, 0)
        if basis[0] < before[0]:  # reports do not get fewer: they are being counted anew
            return None
        moved = max(abs(now - then) for now, then in zip(basis, before, strict=True))
        return picture(counts, self._as_of()) if moved >= REFRESH_EVERY else None

    async def _counts(self, month: str) -> MonthCounts:
        cells = await self._reader.cells(f"{month}-01", f"{month}-31")
        days = days_of_month(month, self._clock.now())
        return month_counts(month, cells, days=days, centers=self._centers, harms=self._harms)

    def _looked_just_now(self, month: str) -> bool:
        now = self._clock.monotonic()
        if now - self._looked.get(month, float("-inf")) < self._look_every_s:
            return True
        self._looked[month] = now
        return False

    def _as_of(self) -> str:
        return self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")


def _emptied(counts: MonthCounts) -> MonthCounts:
    """The same lines without a single report: what is shown before the first picture may be made."""
    return MonthCounts(
        month=counts.month,
        days=dict.fromkeys(counts.days, 0),
        centers=dict.fromkeys(counts.centers, 0),
        harms={center: dict.fromkeys(row, 0) for center, row in counts.harms.items()},
        times=dict.fromkeys(counts.times, 0),
        ends=dict.fromkeys(counts.ends, 0),
    )
