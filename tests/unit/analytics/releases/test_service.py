"""The release job: order, freezing, what is withheld, refused or late, and two workers at once."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from services.analytics.counting.aggregate import Histogram
from services.analytics.counting.models import CountedReport
from services.analytics.releases.audit import Proof, prove
from services.analytics.releases.calendar import Period, closes_at
from services.analytics.releases.intruder_model import System
from services.analytics.releases.release import Release
from services.analytics.releases.repository import BrokenRegisterError, digest, head
from services.analytics.releases.service import ReleaseService
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import WITHHELD
from shared.audit.register import VOUCHED
from shared.centers import CENTER_IDS
from shared.errors import TransientError
from shared.events.vocabulary import HarmType
from shared.metrics import REGISTRY
from shared.store_clock import ClocksApartError, StoreClock
from tests.support.clock import ManualClock

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


ALIKE = {
    ("age_band", "gender"): ("19_24", "female"),
    ("role", "channel"): ("victim", "web"),
    ("relationship",): ("stranger",),
    ("platform",): ("messenger",),
    ("support",): ("counselling",),
    ("gender",): ("female",),
    ("urgency",): ("normal",),
    ("outcome",): ("in_care",),
    ("division",): ("seoul",),
}
"""All reports are of one kind."""


class Store:
    """The parts of the store that the release job uses, in memory."""

    def __init__(self) -> None:
        self.reports = 0
        self.first_counted = date(2026, 8, 5)
        self.released: list[Release] = []
        self.kept: dict[str, MonthCounts] = {}
        self.reports_kept: dict[str, dict[str, CountedReport]] = {}
        self.owners: dict[str, str] = {}
        """Another owner of all reports of a centre."""
        self.broken = False
        self.emptied = False
        self.restored: datetime | None = None
        self.ahead: Counter[str] = Counter()
        """What the cells count of reports whose acceptance was not read."""
        self.scans: list[list[str]] = []
        """The months of which the reports' facts were read, at each reading."""

    async def restored_at(self) -> datetime | None:
        return self.restored

    async def cells(self, period: Period) -> dict[str, Counter[str]]:
        cells = {f"reports|{c}|{h}": self.reports for c in CENTER_IDS for h in ("all", "other", "synthesis")}
        return {f"{period.first:%Y-%m}-15": Counter({**cells, "ack|0": self.reports})} if self.reports else {}

    async def acknowledged_ahead(self, period: Period) -> Counter[str]:
        del period
        return self.ahead

    async def first_day(self) -> date | None:
        return self.first_counted if self.reports else None

    async def entries(self) -> list[Release]:
        if self.broken:
            raise BrokenRegisterError("broken at entry 0")
        return list(self.released)

    async def append(self, release: Release, entries: list[Release]) -> bool:
        if len(entries) != len(self.released):
            return False
        self.released.append(release)
        return True

    async def revise(
        self,
        releases: list[Release],
        entries: list[Release],
        counts: MonthCounts,
        reports: dict[str, CountedReport],
    ) -> bool:
        if len(entries) != len(self.released):
            return False
        self.released += releases
        self.kept[counts.month] = counts
        self.reports_kept[counts.month] = dict(reports)
        return True

    async def frozen(self, month: str) -> MonthCounts | None:
        return self.kept.get(month)

    async def freeze(
        self,
        counts: MonthCounts,
        offsets: dict[tuple[str, int], int],
        now: datetime,
        reports: dict[str, CountedReport] | None = None,
    ) -> MonthCounts:
        del offsets, now
        self.reports_kept.setdefault(counts.month, dict(reports or {}))
        return self.kept.setdefault(counts.month, counts)

    async def counted_reports(self, asked: str | list[str]) -> dict[str, CountedReport] | None:
        """What is kept of a month, as the register has it, or what the facts of some months say."""
        if isinstance(asked, str):
            return self.reports_kept.get(asked)
        self.scans.append(asked)
        owners = {f"{name}-{c}-{n}": c for name in asked for c in CENTER_IDS for n in range(self.reports)}
        return {
            report: CountedReport(self.owners.get(owner, owner), "in_care", ("other",))
            for report, owner in owners.items()
        }

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Store"]:
        yield self

    async def demand_counted(self) -> None:
        if self.emptied:
            raise TransientError("the store is being counted anew")

    async def offsets(self) -> dict[tuple[str, int], int]:
        return {("reports", 0): self.reports}

    async def counts(self, period: Period, dimensions: tuple[str, ...]) -> dict[tuple[str, ...], int]:
        del period
        n = self.reports
        return {(c, c): n for c in CENTER_IDS} if "center" in dimensions else {ALIKE[dimensions]: n * len(CENTER_IDS)}

    async def reasons(self, period: Period) -> dict[tuple[str, str], int]:
        del period
        return {("first", "home"): self.reports * len(CENTER_IDS), ("later", "transfer_accepted"): 7}

    async def times(self, period: Period, measure: str) -> Histogram:
        del period, measure
        return Histogram()

    async def seen_within_target(self, period: Period) -> dict[str, tuple[int, int]]:
        del period
        return dict.fromkeys(CENTER_IDS, (self.reports - 5, self.reports))

    async def figures(self, period: Period) -> dict[str, int]:
        del period
        return {"alerts_sent": self.reports, "alerts_failed": 9, "cases": self.reports}

    async def hours_on_duty(self, period: Period, now: datetime) -> dict[str, float]:
        del period, now
        return dict.fromkeys(CENTER_IDS, 494.6)


class Office:
    def __init__(self, limit_s: float = 300, audit: Any = None) -> None:
        self.store = Store()
        self.clock = ManualClock(NOW)
        self.caught_up: datetime | None = NOW
        self.ahead = timedelta()
        """Of the store's clock."""
        store: Any = self.store
        self.release_service = ReleaseService(
            store,
            store,
            self.clock,
            StoreClock(self._store_time, self.clock),
            centers=CENTER_IDS,
            harms=[harm.value for harm in HarmType],
            caught_up=lambda: self.caught_up,
            limit_s=limit_s,
            audit=audit,
        )

    async def _store_time(self) -> datetime:
        return self.clock.now() - self.ahead

    async def released(self) -> list[str]:
        """Release what is due; months and longer periods. Of weeks before the first month see ``test_weekly``."""
        await self.release_service.release_due()
        return [entry.period for entry in self.store.released if entry.kind != "week"]

    async def at(self, moment: datetime) -> None:
        await self.clock.advance((moment - self.clock.now()).total_seconds())
        self.caught_up = moment


async def test_periods_are_released_in_order_as_soon_as_everything_up_to_their_closing_is_counted() -> None:
    office = Office()
    assert await office.released() == []
    assert office.release_service.next_release() == closes_at("2026-11"), "nothing is counted yet"
    office.store.reports = 11
    office.caught_up = datetime(2026, 9, 3, 14, 59, tzinfo=UTC)
    assert await office.released() == []
    assert office.release_service.next_release() == closes_at("2026-08"), "the first day was in August"
    assert office.release_service.calendar(1)[0].period.name == "2026-08"
    assert (
        REGISTRY.get_sample_value("ieum_analytics_release_overdue_seconds")
        == (NOW - closes_at("2026-08")).total_seconds()
    )
    office.caught_up = datetime(2026, 9, 3, 15, 0, tzinfo=UTC)
    assert await office.released() == ["2026-08"]
    office.caught_up = NOW
    assert await office.released() == ["2026-08", "2026-09", "2026-Q3", "2026-10"]
    assert REGISTRY.get_sample_value("ieum_analytics_release_overdue_seconds") == 0
    assert office.release_service.next_release() == closes_at("2026-11")
    await office.at(datetime(2027, 1, 4, tzinfo=UTC))
    assert (await office.released())[4:] == ["2026-11", "2026-12", "2026-Q4", "2026"]
    assert await office.release_service.periods("quarter") == ["2026-Q4", "2026-Q3"]


async def test_the_audit_vouches_for_the_register_once_and_for_each_release() -> None:
    audit = AsyncMock()
    audit.has.return_value = False
    office = Office(audit=audit)
    await office.released()
    assert not audit.append.called, "there is nothing yet"
    office.store.reports = 11
    await office.released()
    await office.released()
    said = [(call.args[0].action, dict(call.args[0].detail)) for call in audit.append.call_args_list]
    entries = office.store.released
    assert said == [
        (VOUCHED, {"entries": str(number), "digest": head(entries[:number])}) for number in range(1, len(entries) + 1)
    ]
    next_process = Office(audit=(again := AsyncMock()))
    next_process.store.released = list(entries)
    again.has.return_value = True
    await next_process.released()
    assert dict(again.has.call_args.args[0].detail) == said[-1][1]
    assert not again.append.called, "it has that line"
    again.has.return_value = False
    corrected = replace(entries[-1], revision=1)
    next_process.store.released.append(corrected)
    await next_process.released()
    assert dict(again.append.call_args.args[0].detail)["digest"] == head([*entries, corrected])


async def test_a_clock_that_jumped_ahead_releases_nothing_before_its_time() -> None:
    office = Office()
    office.store.reports = 11
    assert (await office.released())[-1] == "2026-10"
    before = office.store.released[:]
    await office.at(closes_at("2026-11"))  # as the process sees it, and therefore also what it has counted
    office.ahead = office.clock.now() - NOW
    with pytest.raises(ClocksApartError):
        await office.released()
    assert office.store.released == before
    assert "2026-11" not in office.store.kept, "nothing is frozen"
    office.ahead = timedelta()
    assert (await office.released())[-1] == "2026-11"


async def test_what_is_said_to_be_counted_up_to_a_moment_to_come_is_not_believed() -> None:
    """The clock jumped ahead when the ends of the log were looked at, and is right again."""
    office = Office()
    office.store.reports = 11
    await office.released()
    office.caught_up = closes_at("2026-11")
    assert (await office.released())[-1] == "2026-10"
    await office.clock.advance((closes_at("2026-11") - NOW).total_seconds() - 1)
    assert (await office.released())[-1] == "2026-10"
    await office.clock.advance(1)
    assert (await office.released())[-1] == "2026-11"


async def test_what_may_have_been_released_after_the_backup_is_not_released_again() -> None:
    """The store was lost after October's release and put back to a backup of September. Three reports less are left:
    October once more, beside the one that is out, would tell them."""
    office = Office()
    office.store.reports = 11
    office.caught_up = datetime(2026, 9, 4, tzinfo=UTC)
    assert await office.released() == ["2026-08"]
    office.store.restored = datetime(2026, 11, 5, tzinfo=UTC)
    office.caught_up = NOW
    assert await office.released() == ["2026-08", "2026-09", "2026-Q3", "2026-10"]
    assert {(each.step, each.months) for each in office.store.released[-3:]} == {(WITHHELD, ())}
    await office.at(datetime(2027, 1, 4, tzinfo=UTC))
    await office.released()
    by_period = {each.period: each for each in office.store.released}
    assert by_period["2026-11"].step == by_period["2026-Q4"].step == "full", "nobody has seen anything of November"
    assert by_period["2026"].months == ("2026-08", "2026-11", "2026-12")


async def test_weeks_that_may_be_out_and_their_month_are_not_released_after_a_restore() -> None:
    """No month is out, but readers may have the week from 10 to 16 August: what is left of the month would follow."""
    office = Office()
    office.store.reports = 11
    office.store.restored = office.caught_up = datetime(2026, 8, 20, tzinfo=UTC)
    assert await office.released() == []
    assert {each.period: each.tables for each in office.store.released} == {"2026-W32": {}, "2026-W33": {}}
    office.caught_up = NOW
    assert await office.released() == ["2026-08", "2026-09", "2026-Q3", "2026-10"]
    by_period = {each.period: each for each in office.store.released}
    assert by_period["2026-08"].step == WITHHELD
    assert by_period["2026-Q3"].months == ("2026-09",)


async def test_what_was_released_does_not_move_and_the_year_is_made_of_what_was_frozen() -> None:
    office = Office()
    office.store.reports = 11
    await office.released()
    before = list(office.store.released)
    office.store.reports = 40
    office.store.owners = {"busan": "ulsan", "ulsan": "busan"}
    office.store.scans.clear()
    await office.at(datetime(2027, 1, 4, tzinfo=UTC))
    await office.released()
    of_year = [f"2026-{month:02}" for month in range(8, 13)]
    assert office.store.scans == [["2026-11"], ["2026-12"], of_year], "the year's bulletin looks at the facts once"
    assert office.store.released[: len(before)] == before
    year = office.store.released[-1]
    assert year.months == ("2026-08", "2026-09", "2026-10", "2026-11", "2026-12")
    assert year.tables["reports-by-age-and-gender"]["total"] == (3 * 11 + 2 * 40) * len(CENTER_IDS)
    assert year.tables["corrections"] == {"came": 3 * 29 * len(CENTER_IDS), "moved_on": 3 * 11 * 2}
    assert year.tables["reports-moved-out"]["total"] == year.tables["reports-moved-in"]["total"] == 3 * 11 * 2


async def test_a_month_of_fewer_than_ten_is_in_no_longer_period_either() -> None:
    office = Office()
    office.store.reports = 11
    few = MonthCounts("2026-08", {}, {"busan": 7}, {"busan": {"other": 7}}, {}, {})
    office.store.kept["2026-08"] = few
    await office.released()
    first, second, quarter = office.store.released[:3]
    assert (first.step, first.tables, first.months) == (WITHHELD, {}, ())
    assert quarter.months == (second.period,)
    assert await office.release_service.periods("month") == ["2026-10", "2026-09"]
    assert quarter.step == "full"


async def test_alerts_hours_and_what_was_seen_late_leave_with_their_periods() -> None:
    office = Office()
    office.store.reports = 11
    await office.released()
    month, quarter = office.store.released[0].tables, office.store.released[2].tables
    assert month["alert-outcomes"] == {"alerts_sent": 11}  # 9 failed: a total below 10 is not shown
    assert month["staff-on-duty"]["busan"] == 490  # of 494.6: rounded to 495 first, it would be 500
    assert month["staff-on-duty"]["total"] == 7910  # of 16 times 494.6, not 16 times 490
    assert quarter["reports-seen-late"]["total|seen_late"] == 2 * 5 * len(CENTER_IDS)


async def test_an_acknowledgement_of_a_report_whose_acceptance_was_never_read_is_in_no_month() -> None:
    office = Office()
    office.store.reports = 11
    office.store.ahead = Counter({"ack|0": 3})
    await office.released()
    times, total = office.store.kept["2026-08"].times, 11 * len(CENTER_IDS)
    assert (times["within_5_min"], times["unanswered"]) == (11 - 3, total - (11 - 3))


async def test_a_month_frozen_before_they_were_counted_leaves_without_them() -> None:
    office = Office()
    office.store.reports = 11
    kept = dict.fromkeys(CENTER_IDS, 11)
    harms = {center: {"other": 11, "synthesis": 11} for center in CENTER_IDS}
    total = 11 * len(CENTER_IDS)
    office.store.kept["2026-08"] = MonthCounts(
        "2026-08", {"2026-08-15": total}, kept, harms, {"within_5_min": total}, {"in_care": total}
    )
    await office.released()
    month, _, quarter = office.store.released[:3]
    assert {"alert-outcomes", "staff-on-duty"} & {*month.tables} == set()
    assert "reports-seen-late" not in quarter.tables
    assert "reports-by-center-and-harm" in quarter.tables


def refused(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [entry["verdict"] for entry in logs if entry["event"] == "analytics.release_refused"]


async def test_out_of_time_is_not_released_told_and_tried_again_later() -> None:
    office = Office(limit_s=0)
    office.store.reports = 11
    office.store.kept["2026-08"] = MonthCounts("2026-08", {}, {"busan": 70}, {}, {}, {})
    with capture_logs() as logs:
        assert await office.released() == []
        assert office.release_service.check() == "2026-08 not released: out_of_time"
        await office.released()
        assert refused(logs) == ["out_of_time"], "not at once again"
        await office.clock.advance(601)
        await office.released()
    assert refused(logs) == ["out_of_time", "out_of_time"]


async def test_a_quarter_that_takes_too_long_is_coarsened_and_holds_up_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, ...]] = []

    def slow(found: System, limit_s: float, *, of: list[str], **_: Any) -> Proof:
        if of == ["2026-Q3"]:
            asked.append(tuple(of))
        fine = of != ["2026-Q3"] or not any(choice for choice in found.choices if "center-and-harm" in str(choice))
        return prove(found, limit_s, of=of) if fine else Proof("out_of_time")

    office = Office()
    office.store.reports = 11
    monkeypatch.setattr("services.analytics.releases.service.prove", slow)
    assert await office.released() == ["2026-08", "2026-09", "2026-Q3", "2026-10"]
    quarter = office.store.released[2]
    assert set(quarter.coarser.values()) == {WITHHELD}
    assert len(asked) == 4  # full, regions, whole, withheld


async def test_what_holds_up_the_months_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter that cannot be released lets no month follow; the alert looks at this number alone."""

    def contradicted(found: System, limit_s: float, *, of: list[str], **_: Any) -> Proof:
        return Proof("contradiction") if of == ["2026-Q3"] else prove(found, limit_s, of=of)

    office = Office()
    office.store.reports = 11
    monkeypatch.setattr("services.analytics.releases.service.prove", contradicted)
    assert await office.released() == ["2026-08", "2026-09"]
    await office.at(datetime(2027, 1, 4, tzinfo=UTC))
    assert await office.released() == ["2026-08", "2026-09"]
    late = (office.clock.now() - closes_at("2026-09")).total_seconds()
    assert REGISTRY.get_sample_value("ieum_analytics_release_overdue_seconds") == late


async def test_a_release_that_cannot_be_made_ends_neither_the_process_nor_what_was_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(found: System, limit_s: float, *, of: list[str], **_: Any) -> Proof:
        if of == ["2026-Q3"]:
            raise KeyError("2026-08/acknowledgement-times/within_5_min")
        return prove(found, limit_s, of=of)

    office = Office()
    office.store.reports = 11
    monkeypatch.setattr("services.analytics.releases.service.prove", breaks)
    assert await office.released() == ["2026-08", "2026-09"]
    assert office.release_service.check() == "2026-Q3 not released: failed"
    assert await office.release_service.periods("month") == ["2026-09", "2026-08"]
    monkeypatch.setattr("services.analytics.releases.service.prove", prove)
    await office.clock.advance(601)
    assert (await office.released())[2:] == ["2026-Q3", "2026-10"]
    assert office.release_service.check() is None


async def test_a_table_of_a_later_build_holds_up_every_release_of_its_year() -> None:
    """What a later build released may bind a month in a way that this one does not know: the later one releases it."""
    office = Office()
    office.store.reports = 11
    office.store.released = [Release("2026-W32", "t", "full", {"by-a-later-build": {"total": 40}})]
    assert await office.released() == []
    assert office.release_service.check() == "2026-08 not released: failed"
    assert await office.release_service.periods("month") == []


async def test_nothing_is_released_of_a_store_that_is_being_counted_anew() -> None:
    """Half of it is emptied: what is left would be frozen for ever."""
    office = Office()
    office.store.reports, office.store.emptied = 11, True
    with pytest.raises(TransientError):
        await office.released()
    assert (office.store.released, office.store.kept) == ([], {})
    office.caught_up = closes_at("2026-W33")
    with pytest.raises(TransientError):
        await office.released()
    assert office.store.released == []
    office.store.emptied = False
    await office.released()
    assert [entry.period for entry in office.store.released] == ["2026-W32", "2026-W33"]


async def test_a_broken_register_releases_nothing_more_and_is_told() -> None:
    office = Office()
    office.store.broken = True
    with pytest.raises(BrokenRegisterError):
        await office.release_service.release_due()
    assert "broken" in (office.release_service.check() or "")


async def test_who_releases_second_takes_what_the_first_released() -> None:
    office, other = Office(), Office()
    other.store = office.store
    office.store.reports = 11
    real = office.store.append

    async def beaten(release: Release, entries: list[Release]) -> bool:
        office.store.append = real  # type: ignore[method-assign]  # once
        await real(replace(release, as_of="theirs"), entries)
        return await real(release, entries)

    office.store.append = beaten  # type: ignore[method-assign]  # another worker gets in between
    await office.released()
    assert office.store.released[0].as_of == "theirs"
    assert len({entry.period for entry in office.store.released}) == len(office.store.released)
    assert list(office.release_service.entries) == office.store.released


def test_entries_of_the_register_are_bound_to_all_before_them() -> None:
    one, two = Release("2026-08", "t", "full", {"x": {"a": 5}}), Release("2026-08", "t", "full", {"x": {"a": 6}})
    assert digest(0, one, "") != digest(0, two, "")
    assert digest(1, one, digest(0, one, "")) != digest(1, one, digest(0, two, ""))
