"""The release job: closes periods in order, proves each release against all earlier ones, and keeps what left.

A month closes once everything written until three days after its end is counted. Its true counts are frozen then, and
the quarter and the year are made of frozen counts. What is not proven is coarsened; what cannot be proven in time is
not released, and an operator is told; a quarter or a year then is recoded and holds up no later month.
Where making one fails it is not released either: counting and pages go on without it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from services.analytics import metrics
from services.analytics.counting.aggregate import IN_CARE
from services.analytics.counting.models import CountedReport
from services.analytics.counting.reader import CountReader
from services.analytics.releases import weekly
from services.analytics.releases.audit import LIMIT_S, Proof, prove
from services.analytics.releases.calendar import (
    Coming,
    Kind,
    after,
    calendar,
    closes_at,
    days_of_month,
    ending_with,
    period_of,
)
from services.analytics.releases.catalogue import ReleaseCatalogue
from services.analytics.releases.counts import month_counts, owned_by_day
from services.analytics.releases.errata import Why, changed, revised
from services.analytics.releases.intruder_model import system
from services.analytics.releases.plausibility import implausible, impossible_hours, incomplete
from services.analytics.releases.release import (
    Release,
    lower,
    marks_by_place,
    of_month,
    of_quarter,
    of_year,
    splits_alone,
    told_weeks,
)
from services.analytics.releases.repository import BrokenRegisterError, Register, head
from services.analytics.releases.revisions import bulletin, from_counts
from services.analytics.releases.suppression import LEAST, MonthCounts, Shown
from services.analytics.releases.tables import (
    BULLETIN,
    CLOSED,
    CLOSED_TABLE,
    STEPS,
    TABLE_SPECS,
    WITHHELD,
    Decisions,
    Times,
    from_cubes,
)
from shared import log
from shared.audit.register import vouch
from shared.audit.store import AuditLog
from shared.clock import SEOUL, Clock, seoul_date
from shared.errors import IeumError, PermanentError, TransientError
from shared.events.vocabulary import EndReason
from shared.process import error_fields
from shared.store_clock import StoreClock

_log = log.get(__name__)

_TRY_AGAIN_AFTER_S: Final = 600.0
"""After a release that could not be proven in time."""
_ALL_WITHHELD: Final = {
    name: WITHHELD for name, spec in TABLE_SPECS.items() if spec.says_intervals or splits_alone(spec)
}
"""Of a longer period: what is left out where its revision cannot be proven otherwise."""
_NOT_CLOSED: Final = frozenset({IN_CARE, EndReason.WITHDRAWN.value})
"""What has become of reports that are not closed; all other words say how one was closed."""
_VOUCHED_FOR: Final = timedelta(days=365)
"""A line of the audit may be removed after two years; what it vouches for is said anew before."""
LATE: Final = timedelta(days=1)
"""So long after a month was due readers are told that it is late; a release takes minutes."""
CALENDAR_MONTHS: Final = 12
"""So far ahead releases are announced."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A release and how it was proven."""

    release: Release
    proof: Proof
    refused: tuple[str, ...]
    """Candidates that were tried before and not proven."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A period that could not be released, and why: the verdict of its proof, or ``broken`` of the whole register."""

    period: str
    verdict: str
    cells: Sequence[str]
    """What the verdict is about, each by ``table:``; of the register its error."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A period that is not released because its counts cannot be true, and the tables in which they cannot."""

    period: str
    tables: tuple[str, ...]


class ReleaseService:
    """Makes what is due and serves what was released."""

    def __init__(
        self,
        reader: CountReader,
        register: Register,
        clock: Clock,
        store_clock: StoreClock,
        *,
        centers: Sequence[str],
        harms: Sequence[str],
        caught_up: Callable[[], datetime | None],
        limit_s: float = LIMIT_S,
        audit: AuditLog | None = None,
    ) -> None:
        """``caught_up`` tells up to which moment everything written to the topics has been counted.

        ``store_clock`` says what time it is for a release, which cannot be taken back. ``audit`` vouches for the
        register to whoever verifies it.
        """
        self._reader = reader
        self._register = register
        self._clock = clock
        self._store_clock = store_clock
        self._centers = centers
        self._harms = harms
        self._caught_up = caught_up
        self._limit_s = limit_s
        self._audit = audit
        self._vouched = 0
        """So many entries of the register this process knows to be vouched for."""
        self._failed_at = float("-inf")
        self._refusal: Refused | None = None
        self._first_day: date | None = None
        """The earliest day that was counted, as last read before the first release."""
        self._catalogue = ReleaseCatalogue()
        self._all: tuple[Release, ...] = ()
        """Every entry of the register, former revisions too."""

    @property
    def catalogue(self) -> ReleaseCatalogue:
        """The register as last read, and the tables made of it."""
        return self._catalogue

    @property
    def entries(self) -> Sequence[Release]:
        """The register as last read, the newest revision of each period."""
        return self._catalogue.releases

    @property
    def held_back(self) -> HeldBack | None:
        """A period whose counts cannot be true, so that it waits; None while there is none."""
        if self._refusal is None or self._refusal.verdict != "implausible":
            return None
        tables = dict.fromkeys(cell.partition(":")[0] for cell in self._refusal.cells)
        return HeldBack(self._refusal.period, tuple(tables))

    @property
    def refused(self) -> Refused | None:
        """The release that could not be made at the last attempt; None while releases go out."""
        return self._refusal

    def check(self) -> str | None:
        """For health: None while releases go out."""
        return None if self._refusal is None else f"{self._refusal.period} not released: {self._refusal.verdict}"

    async def release_due(self) -> None:
        """Release everything that may be closed by now, oldest first; stop at the first that cannot.

        Raises ``TransientError``, ``ClocksApartError`` too; ``BrokenRegisterError`` where nothing can be released any
        more.
        """
        try:
            await self._release_due()
        except BrokenRegisterError as error:
            self._refused("register", "broken", (str(error),))
            raise

    async def _release_due(self) -> None:
        await self._read()
        await self._vouch()
        if self._clock.monotonic() - self._failed_at < _TRY_AGAIN_AFTER_S:
            return
        while (period := await self._due()) is not None:
            if not await self._is_over(period):
                return
            made = await self._tried(period)
            if made.proof.verdict != "open":
                self._failed_at = self._clock.monotonic()
                self._refused(period, made.proof.verdict, made.proof.cells)
                return
            self._refusal = None
            if await self._register.append(made.release, self._all):
                self._told(made)
            await self._read()
            await self._vouch()

    async def _vouch(self) -> None:
        """Write the head of the register into the audit where that does not have it, or has had it for a year."""
        if self._audit is not None and len(self._all) > self._vouched:
            line = vouch(len(self._all), head(self._all), self._clock.now())
            if not await self._audit.has(line, since=line.at - _VOUCHED_FOR):
                await self._audit.append(line)
            self._vouched = len(self._all)

    async def released(self) -> list[Release]:
        """The whole register as last read, oldest first; read now where it never was."""
        if not self.entries:
            await self._read()
        return list(self.entries)

    async def _read(self) -> None:
        entries = tuple(await self._register.entries())
        if entries != self._all:
            self._all, self._catalogue = entries, ReleaseCatalogue(entries)

    async def periods(self, kind: Kind) -> list[str]:
        """Released periods of a kind that have anything to show, newest first."""
        return [entry.period for entry in reversed(await self.released()) if entry.kind == kind and entry.months]

    def next_release(self) -> datetime:
        """Return when the next month is due at the earliest."""
        return closes_at(self._month_to_come())

    def late(self) -> str | None:
        """Return the month that has been due for a day and is not released; None while there is none."""
        month = self._month_to_come()
        return month if self._clock.now() - closes_at(month) > LATE else None

    def calendar(self, months: int = CALENDAR_MONTHS) -> list[Coming]:
        """Return what will be released with the next months, at the earliest when; until the first, weeks too."""
        month, now = self._month_to_come(), self._clock.now()
        begun = self._first_day or seoul_date(now)
        weeks = [
            each
            for each in weekly.coming(month, self.entries)
            if each.not_before > now and each.period.last >= begun  # a week before counting began says nothing
        ]
        return [*weeks, *calendar(month, months)]

    def _month_to_come(self) -> str:
        return self._next_month() or f"{self._clock.now().astimezone(SEOUL):%Y-%m}"

    def _next_month(self) -> str | None:
        months = [entry.period for entry in self.entries if entry.kind == "month"]
        if months:
            return after(months[-1])
        return f"{self._first_day:%Y-%m}" if self._first_day is not None else None

    async def _due(self) -> str | None:
        """The next period to be released, or None while it is not its time."""
        done = {entry.period for entry in self.entries}
        months = [entry.period for entry in self.entries if entry.kind == "month"]
        for name in ending_with(months[-1]) if months else ():
            if name not in done:
                self._show_overdue(closes_at(months[-1]))
                return name
        if not months:
            self._first_day = await self._reader.first_day()
        month = self._next_month()
        if month is None:
            return None
        due, caught_up = closes_at(month), self._caught_up()
        self._show_overdue(due)
        if caught_up is None:
            return None
        weeks = (each.period.name for each in weekly.coming(month, self.entries) if caught_up >= each.not_before)
        return month if caught_up >= due else next(weeks, None)

    async def _is_over(self, period: str) -> bool:
        """Whether it may be closed by the store's clock too, and nothing is said to be counted that is yet to come."""
        caught_up, now = self._caught_up(), await self._store_clock.agreed_now()
        return closes_at(period) <= now and (caught_up is None or caught_up <= now)

    def _show_overdue(self, due: datetime) -> None:
        metrics.RELEASE_LATE.set(max(0.0, (self._clock.now() - due).total_seconds()))

    async def _tried(self, period: str) -> _Made:
        try:
            return await self._make(period)
        except IeumError:
            raise
        except Exception as error:
            # Of others' errors only type and place are told: their text may repeat a count.
            _log.critical("analytics.release_failed", period=period, **error_fields(error))
            return _Made(Release(period, self._as_of(), WITHHELD), Proof("failed"), ())

    async def _make(self, period: str) -> _Made:
        kind = period_of(period).kind
        if await self._may_be_out(period):
            hint = "it may have been released before the store was put back to a backup: docs/how-to/restore.md"
            _log.warning("analytics.release_withheld", period=period, hint=hint)
            return _Made(Release(period, self._as_of(), WITHHELD), Proof("open"), ())
        if kind == "week":
            return await self._week(period)
        if kind == "month":
            counts = await self._register.frozen(period) or await self._freeze(period)
            if isinstance(counts, Proof):
                return _Made(Release(period, self._as_of(), WITHHELD), counts, ())
            return await asyncio.to_thread(self._month, counts)
        months = [e for e in self.entries if e.kind == "month" and e.tables and e.period in period_of(period).months]
        counts_of = [await self._register.frozen(month.period) for month in months]
        frozen = [counts for counts in counts_of if counts is not None]
        revised = await self._bulletin(period, months, frozen) if kind == "year" else {}
        if isinstance(revised, Proof):
            return _Made(Release(period, self._as_of(), WITHHELD), revised, ())
        return await asyncio.to_thread(self._marked, period, months, frozen, revised)

    async def _may_be_out(self, period: str) -> bool:
        """Whether it may have been released before the store was put back to a backup that does not know of it.

        Counted from what is left it would differ by a few from what readers have: small counts. So would the rest of a
        first month without weeks of it that were told then.
        """
        restored = await self._register.restored_at()
        if restored is None:
            return False
        known = {each.period for each in self.entries if datetime.fromisoformat(each.as_of) <= restored}
        weeks = () if any(entry.months for entry in self.entries) else weekly.weeks_of(period_of(period).months[-1])
        return any(closes_at(each) <= restored for each in (period, *weeks) if each not in known)

    async def _week(self, week: str) -> _Made:
        """A week before any month: one number that nothing published overlaps yet. The month's proof knows of it."""
        period = period_of(week)
        async with self._counted() as reader:
            cells = await reader.cells(period)
        reports = sum(owned_by_day(cells).values())
        return _Made(weekly.of_week(week, reports, self._as_of()), Proof("open"), ())

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[CountReader]:
        """A reader of one moment. Raises ``TransientError`` while the store is being counted anew."""
        async with self._reader.snapshot() as reader:
            await reader.demand_counted()
            yield reader

    def _month(self, counts: MonthCounts) -> _Made:
        refused: tuple[str, ...] = ()
        weeks = weekly.before(counts.month, self.entries)
        for step in STEPS[:-1]:
            release = of_month(counts, self._as_of(), step, weeks)
            proof = self._prove(release)
            if proof.verdict != "narrow":
                return _Made(release, proof, refused)
            refused = (*refused, *proof.cells)
        return _Made(Release(counts.month, self._as_of(), WITHHELD), Proof("open"), refused)

    def _marked(
        self, period: str, months: Sequence[Release], counts: Sequence[MonthCounts], revised: Mapping[str, Shown]
    ) -> _Made:
        refused: tuple[str, ...] = ()
        coarser: dict[str, str] | None = {}
        while coarser is not None:
            if period_of(period).kind == "year":
                quarters = [entry for entry in self.entries if entry.kind == "quarter"]
                release = of_year(period, months, counts, self._as_of(), coarser, revised, quarters)
            else:
                release = of_quarter(period, months, counts, self._as_of(), coarser)
            proof = self._prove(release)
            if proof.verdict not in ("narrow", "out_of_time"):
                return _Made(release, proof, refused)
            narrow = proof.cells if proof.verdict == "narrow" else ()
            refused = (*refused, *(narrow or ("out_of_time",)))
            coarser = lower(coarser, narrow, release.tables)
        covered = tuple(month.period for month in months)
        return _Made(Release(period, self._as_of(), WITHHELD, months=covered), Proof("open"), refused)

    def _prove(self, release: Release) -> Proof:
        return self._proof([entry for entry in self.entries if entry.period[:4] == release.period[:4]], release)

    def _proof(self, standing: Sequence[Release], release: Release) -> Proof:
        """Try a release beside those of its year that stand; who has them all knows their former revisions, too."""
        found = system([*standing, release], self._all)
        return prove(found, self._limit_s, of=[release.period], before=lambda: system(standing, self._all))

    async def revise(self, month: str, reader: CountReader, why: Why, *, dry: bool = False) -> list[Release]:
        """Release a month once more, counted again by ``reader``, and the longer periods it is in: the revisions.

        ``reader`` counts as of the month's closing, by code that was mended. Raises ``PermanentError`` where nothing
        differs, where the difference itself would be a small count, or where it cannot be proven safe;
        ``TransientError``, ``ClocksApartError`` too.
        """
        await self._store_clock.agreed_now()  # readers are told when it was made
        await self._read()
        before = {entry.period: entry for entry in self.entries}
        if month not in before or not before[month].months:
            names = [each.period for each in before.values() if each.months]
            raise PermanentError(f"{month} is not released; there are: {', '.join(names) or 'none'}")
        reports = await reader.counted_reports([month])
        counts = _without_impossible_hours(await self._true(reader, month, reports))
        if wrong := implausible(counts, reports):
            raise PermanentError(f"the new counts of {month} cannot be: {', '.join(wrong)}")
        told = sum(told_weeks(weekly.before(month, before.values())).values())
        if told and 0 <= counts.total - told < LEAST:
            raise PermanentError(f"{month}: what is left of it without the weeks told before cannot be told")
        settled = [each for each in before.values() if each.period[:4] == month[:4] and month not in each.months]

        def again(step: str) -> Release:
            return of_month(counts, self._as_of(), step)

        found = [await asyncio.to_thread(self._revision, month, settled, why, again)]
        if not changed(found[0], before[month]):
            raise PermanentError(f"nothing that was released for {month} differs: there is nothing to correct")
        now = {**before, month: found[0]}
        for period in [each for each in before if each != month and month in before[each].months]:
            months = [now[each] for each in before[period].months]
            kept = [counts if each.period == month else await self._register.frozen(each.period) for each in months]
            quarters = [each for each in now.values() if each.kind == "quarter"]
            longer = self._longer(before[period], months, [each for each in kept if each is not None], quarters)
            now[period] = await asyncio.to_thread(self._revision, period, [*settled, *found], why, longer)
            found.append(now[period])
        if not dry:
            if not await self._register.revise(found, self._all, counts, reports):
                raise TransientError("somebody released in between: run it again")
            await self._read()
        return found

    def _longer(
        self, old: Release, months: Sequence[Release], counts: Sequence[MonthCounts], quarters: Sequence[Release]
    ) -> Callable[[str], Release]:
        """A quarter or a year of other months, as coarse as it was; the bulletin stays what it said."""

        def made(step: str) -> Release:
            coarser = (
                old.coarser if step == STEPS[0] else {**dict.fromkeys(marks_by_place(), WITHHELD), **_ALL_WITHHELD}
            )
            if old.kind == "quarter":
                return of_quarter(old.period, months, counts, self._as_of(), coarser)
            told = {name: old.tables[name] for name in BULLETIN if name in old.tables}
            return of_year(old.period, months, counts, self._as_of(), coarser, told, quarters)

        return made

    def _revision(self, period: str, settled: Sequence[Release], why: Why, made: Callable[[str], Release]) -> Release:
        """The finest revision that is proven, with its former ones and all that does not follow from it."""
        former = [entry for entry in self._all if entry.period == period]
        steps = STEPS[STEPS.index(former[-1].step) : -1] if former[-1].kind == "month" else (STEPS[0], WITHHELD)
        refused: tuple[str, ...] = ()
        for step in steps:
            release = revised(made(step), former, why)
            if not release.months:
                raise PermanentError(f"{period}: the total differs by fewer than five reports, which cannot be told")
            proof = self._proof(settled, release)
            if proof.verdict == "open":
                return release
            refused = (*refused, proof.verdict, *proof.cells)
        raise PermanentError(f"the revision of {period} cannot be proven safe: {', '.join(refused[:10])}")

    async def _freeze(self, month: str) -> MonthCounts | Proof:
        """Keep a month's counts, and from how much of the topics they were made, both of one moment.

        Counts that cannot be true are not kept: once the cause is mended, they are counted again. Of hours on duty that
        cannot be, only their table is left out: one centre's typing error must not hold up the country's months.
        """
        async with self._counted() as reader:
            reports = await reader.counted_reports([month])
            counts = _without_impossible_hours(await self._true(reader, month, reports))
            offsets = await reader.offsets()
        if wrong := implausible(counts, reports):
            return Proof("implausible", wrong)
        return await self._register.freeze(counts, offsets, self._clock.now(), reports)

    async def _bulletin(
        self, year: str, months: Sequence[Release], counts: Sequence[MonthCounts]
    ) -> Mapping[str, Shown] | Proof:
        """Return what became of the released months' reports since they closed.

        The year waits while the reports found now are not as many as are counted: the others would be told as gone.
        """
        names = [month.period for month in months]
        kept = [await self._register.counted_reports(name) for name in names]
        async with self._counted() as reader:
            if None in kept:
                return from_counts(counts, [await self._true(reader, name, {}) for name in names])
            now = await reader.counted_reports(names)
            cells = [await reader.cells(period_of(name)) for name in names]
        if wrong := incomplete(now, sum(sum(owned_by_day(each).values()) for each in cells)):
            return Proof("implausible", wrong)
        before: dict[str, CountedReport] = {
            key: report for each in kept if each is not None for key, report in each.items()
        }
        return bulletin(before, now)

    async def _true(self, reader: CountReader, month: str, reports: Mapping[str, CountedReport]) -> MonthCounts:
        """Return the month's counts; ``reports`` as the reader holds them at the same moment."""
        period = period_of(month)
        cells = await reader.cells(period)
        days = days_of_month(month, self._clock.now())
        ahead = await reader.acknowledged_ahead(period)
        counts = month_counts(month, cells, days=days, centers=self._centers, harms=self._harms, ahead=ahead)
        crossings: dict[str, Mapping[str, int]] = {}
        for spec in from_cubes():
            found = await reader.counts(period, spec.cube)
            crossings[spec.name] = {"/".join(values): n for values, n in found.items()}
        for spec in TABLE_SPECS.values():
            if isinstance(spec.source, Times):
                of = counts.ends[CLOSED] if spec.base == "closed" else counts.total
                histogram = await reader.times(period, spec.source.measure)
                crossings[spec.name] = spec.source.grouped(histogram, of)
            elif isinstance(spec.source, Decisions):
                crossings[spec.name] = spec.source.grouped(await reader.reasons(period))
        crossings[CLOSED_TABLE] = Counter(
            report.owner for report in reports.values() if report.outcome not in _NOT_CLOSED
        )
        hours = await reader.hours_on_duty(period, self._clock.now())
        return replace(
            counts,
            crossings=crossings,
            seen={center: n for center, (n, _) in (await reader.seen_within_target(period)).items()},
            alerts=await reader.figures(period),
            staff=dict(hours),
        )

    def _told(self, made: _Made) -> None:
        release, proof = made.release, made.proof
        metrics.RELEASE_SECONDS.observe(proof.seconds)
        steps = dict(release.coarser) or release.step
        _log.info("analytics.released", period=release.period, step=steps, checked=proof.checked, took_s=proof.seconds)
        if made.refused:
            _log.warning("analytics.release_coarsened", period=release.period, step=steps, narrow=made.refused[:20])
        if left_out := sorted(name for name, shown in release.tables.items() if not shown and name not in BULLETIN):
            _log.error("analytics.table_left_out", period=release.period, tables=left_out)

    def _refused(self, period: str, verdict: str, cells: Sequence[str]) -> None:
        self._refusal = Refused(period, verdict, cells)
        _log.error("analytics.release_refused", period=period, verdict=verdict, cells=list(cells[:20]))

    def _as_of(self) -> str:
        return self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")


def _without_impossible_hours(counts: MonthCounts) -> MonthCounts:
    if centers := impossible_hours(counts):
        _log.error("analytics.hours_left_out", period=counts.month, centers=centers)
        return replace(counts, staff={})
    return counts
