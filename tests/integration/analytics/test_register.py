"""The register of releases on the real store: appended once, bound to what went before, never quietly changed."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.analytics.counting.models import CountedReport, Fact
from services.analytics.counting.reader import CountReader
from services.analytics.counting.rebuild_repository import remembered
from services.analytics.counting.repository import serving
from services.analytics.releases.calendar import period_of
from services.analytics.releases.release import Release
from services.analytics.releases.repository import BrokenRegisterError, Register, head
from services.analytics.releases.suppression import MonthCounts
from shared.audit.chain import AuditKeys
from shared.audit.register import vouch
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.mongo import connect
from shared.settings import StoreSettings
from tools.backup import stores

pytestmark = pytest.mark.engines


def release(period: str, total: int = 20) -> Release:
    tables = {"reports-by-center": {"total": total, "gyeonggi+incheon+gangwon": 12}}
    return Release(period, "2026-11-04T00:00:00Z", "full", tables, (period,), {"other": "regions"})


async def filled(store_settings: StoreSettings) -> tuple[Register, list[Release]]:
    register = Register(connect(store_settings, "analytics"))
    entries: list[Release] = []
    for period in ("2026-08", "2026-09", "2026-Q3"):
        assert await register.append(release(period), entries)
        entries = await register.entries()
    return register, entries


async def test_what_was_released_is_read_as_it_was_written(store_settings: StoreSettings) -> None:
    register, entries = await filled(store_settings)
    assert entries == [release("2026-08"), release("2026-09"), release("2026-Q3")]
    assert await register.entries() == entries


async def test_of_two_who_release_at_once_one_is_told_to_look_again(store_settings: StoreSettings) -> None:
    register, entries = await filled(store_settings)
    other = Register(connect(store_settings, "analytics"))
    done = await asyncio.gather(
        register.append(release("2026-10"), entries), other.append(release("2026-10", total=33), entries)
    )
    assert sorted(done) == [False, True]
    assert len(await register.entries()) == 4


async def test_when_the_store_was_put_back_is_known(store_settings: StoreSettings) -> None:
    register = Register(connect(store_settings, "analytics"))
    assert await register.restored_at() is None
    moment = datetime(2026, 11, 5, 3, tzinfo=UTC)
    with stores.client_of(store_settings) as client:
        stores.note_restored(client, store_settings, moment)
    assert await register.restored_at() == moment


@pytest.mark.parametrize("damage", ["changed", "removed", "put in"])
async def test_a_register_that_was_tampered_with_is_not_read(store_settings: StoreSettings, damage: str) -> None:
    register, _ = await filled(store_settings)
    collection = connect(store_settings, "analytics").register
    if damage == "changed":
        await collection.update_one({"_id": 1}, {"$set": {"tables.reports-by-center.total": 21}})
    elif damage == "removed":
        await collection.delete_one({"_id": 0})
    else:
        await collection.insert_one({**(await collection.find_one({"_id": 2}) or {}), "_id": 3})
    with pytest.raises(BrokenRegisterError, match="broken at entry"):
        await register.entries()


async def test_a_register_that_was_written_anew_with_its_digests_is_found_by_the_audit(
    store_settings: StoreSettings,
) -> None:
    register, entries = await filled(store_settings)
    database, clock = connect(store_settings, "analytics"), SystemClock()
    log = AuditLog(database, AuditKeys(b"k" * 32), clock, "analytics", None)
    line = vouch(len(entries), head(entries), clock.now())
    assert not await log.has(line, since=line.at)
    await log.append(line)
    assert await log.has(line, since=line.at), "another process need not write it again"
    assert not await log.has(line, since=line.at + timedelta(seconds=1))
    assert not await log.has(vouch(len(entries), head(entries[:-1]), clock.now()), since=line.at)
    assert await register.append(release("2026-10"), entries)
    assert await log.verify() == []
    changed = [release("2026-08", total=21), *entries[1:]]
    await database.register.delete_many({})
    for number, entry in enumerate(changed):
        assert await register.append(entry, changed[:number])
    assert await register.entries() == changed, "who has the store has all that the register itself needs"
    assert [finding.kind for finding in await log.verify()] == ["rewritten"]
    await log.append(vouch(len(changed), head(changed), clock.now()))
    assert [finding.kind for finding in await log.verify()] == ["rewritten"], "the next process vouches for it"


async def test_a_months_counts_are_frozen_once(store_settings: StoreSettings) -> None:
    register = Register(connect(store_settings, "analytics"))
    assert await register.frozen("2026-08") is None
    first = MonthCounts(
        "2026-08",
        {"2026-08-01": 3},
        {"busan": 3},
        {"busan": {"other": 2}},
        {"longer": 3},
        {"closed": 3},
        {"x": {"a/b": 3}, "y": Counter({"busan": 3})},
    )
    later = MonthCounts("2026-08", {}, {"busan": 4}, {}, {}, {})
    database = connect(store_settings, "analytics")
    now = datetime(2026, 9, 4, tzinfo=UTC)
    reports = {
        "r-1": CountedReport("busan", "in_care", ("other", "synthesis")),
        "r-2": CountedReport("central", "withdrawn", ()),
    }
    assert await register.counted_reports("2026-08") is None
    assert await register.freeze(first, {("reports", 0): 7}, now, reports) == first
    assert await register.freeze(later, {("reports", 0): 9}, now, {}) == first
    assert await register.counted_reports("2026-08") == reports, "for the year's bulletin"
    assert await register.frozen("2026-08") == first
    assert await remembered(database, "2026-08") == {("reports", 0): 7}, "of the counts that are kept"


async def test_a_revision_stands_after_what_it_corrects_and_newer_counts_beside_the_first(
    store_settings: StoreSettings,
) -> None:
    register, entries = await filled(store_settings)
    counts = MonthCounts("2026-08", {}, {"busan": 40}, {}, {}, {})
    first = {f"r-{n}": CountedReport("busan", "in_care", ()) for n in range(2)}
    corrected = {"r-1": CountedReport("ulsan", "in_care", ("other",))}
    await register.freeze(replace(counts, centers={"busan": 20}), {}, datetime(2026, 9, 4, tzinfo=UTC), first)
    why = {"ko": "까닭", "en": "why"}
    revisions = [replace(release(name, 40), revision=1, erratum=why) for name in ("2026-08", "2026-Q3")]
    assert not await register.revise(revisions, entries[:-1], counts, corrected), "somebody added one in between"
    assert await register.counted_reports("2026-08") == first
    assert await register.revise(revisions, entries, counts, corrected)
    assert await register.entries() == [*entries, *revisions]
    assert await register.frozen("2026-08") == counts
    assert await register.counted_reports("2026-08") == corrected, "the bulletin compares with the correction"


async def test_a_month_may_be_corrected_as_often_as_it_has_to_be(store_settings: StoreSettings) -> None:
    register, entries = await filled(store_settings)
    counts = [MonthCounts("2026-08", {}, {"busan": 20 + 5 * number}, {}, {}, {}) for number in range(22)]
    await register.freeze(counts[0], {}, datetime(2026, 9, 4, tzinfo=UTC), {})
    for number, corrected in enumerate(counts[1:], 1):
        revision = replace(release("2026-08", 20), revision=number, erratum={"ko": "까닭", "en": "why"})
        assert await register.revise([revision], entries, corrected, {})
        entries.append(revision)
        assert await register.frozen("2026-08") == corrected
    await register.freeze(replace(counts[0], month="2026-09"), {}, datetime(2026, 10, 4, tzinfo=UTC), {})
    assert await register.frozen("2026-08") == counts[-1]


async def test_a_report_of_a_clock_that_was_wrong_does_not_begin_the_releases(store_settings: StoreSettings) -> None:
    database = connect(store_settings, "analytics")
    days = (await serving(database)).days
    await days.insert_many([{"day": "1970-01-01", "n": {}}, {"day": "2000-01-01", "n": {}}])
    reader = CountReader(database)
    assert await reader.first_day() is None
    await days.insert_many([{"day": "2026-11-05", "n": {}}, {"day": "2026-11-03", "n": {}}])
    assert await reader.first_day() == date(2026, 11, 3)
    await days.insert_one({"day": "2016-12-01", "n": {}})
    assert await reader.first_day() == date(2016, 12, 1), "ten years of another system are loaded"
    assert await reader.first_day() == await CountReader(database).first_day()


async def test_how_each_report_of_a_month_is_counted_is_read_from_the_facts(store_settings: StoreSettings) -> None:
    database = connect(store_settings, "analytics")
    facts = [
        Fact(id_, 0, received_at=at, owner="busan", accepted=accepted, synthetic=drill)
        for id_, at, accepted, drill in (
            ("first", datetime(2026, 7, 31, 15, tzinfo=UTC), True, False),
            ("before", datetime(2026, 7, 31, 14, 59, tzinfo=UTC), True, False),
            ("last", datetime(2026, 8, 31, 14, 59, tzinfo=UTC), True, False),
            ("drill", datetime(2026, 8, 5, tzinfo=UTC), True, True),
            ("ahead", datetime(2026, 8, 5, tzinfo=UTC), False, False),
        )
    ]
    await (await serving(database)).facts.insert_many([fact.to_document() for fact in facts])
    async with CountReader(database).snapshot() as reader:
        held = await reader.counted_reports(["2026-08"])
        of_year = await reader.counted_reports(["2026-08", "2026-09"])
        whole_year = await reader.counted_reports(period_of("2026").months)
    assert held == dict.fromkeys(("first", "last"), CountedReport("busan", "in_care", ()))
    assert of_year == held, "July was not released, or is told elsewhere"
    assert set(whole_year) == {"before", "first", "last"}
