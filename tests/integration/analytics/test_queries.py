"""What pages and counting ask the store costs what they show, however many reports there ever were.

Told by the store's own plans: which index it takes, and how many documents it looks at.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import httpx
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from services.analytics.counting.consumers import ProjectionConsumer
from services.analytics.counting.reader import CountReader
from services.analytics.counting.repository import Database, prepare, serving
from services.analytics.counting.watch import Watch
from services.analytics.dashboard.history_repository import history, replace_history
from services.analytics.main import application
from services.analytics.releases.calendar import running
from services.analytics.releases.release import Release
from services.analytics.releases.repository import Register
from services.analytics.releases.service import ReleaseService
from services.analytics.settings import AnalyticsSettings
from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.health import Health
from shared.settings import StoreSettings
from tests.disclosure.publishing import printed
from tests.integration.analytics.test_one_store import as_received
from tests.integration.analytics.traffic import record
from tests.integration.notify.test_queries import indexes_of
from tests.support.clock import ManualClock, agreeing
from tests.support.staff import TestIdentity
from tests.unit.analytics import events as make
from tests.unit.analytics.test_authorization import TABLES, nowhere
from tests.unit.analytics.worlds import a_year_unproven

MONTH: Final = running(make.START, "month")
PARTITIONS: Final = 3
DAYS: Final = 800
"""Of cells that nothing below asks for."""
SETTLED: Final = 120
"""Reports that somebody has acknowledged."""
EARLIER: Final = 120
"""Such reports of another month."""
WAITING, UNROUTED, AHEAD = 4, 3, 2
"""Reports that nobody has acknowledged yet, that have no owner yet, and whose acceptance was not read."""

ASKED: Final[dict[str, Callable[[CountReader], Awaitable[object]]]] = {
    "demand_counted": lambda reader: reader.demand_counted(),
    "counts of a month": lambda reader: reader.counts(MONTH, ("gender",)),
    "counts of a week": lambda reader: reader.counts(running(make.START, "week"), ("center",)),
    "times": lambda reader: reader.times(MONTH, "waiting"),
    "seen_within_target": lambda reader: reader.seen_within_target(MONTH),
    "figures": lambda reader: reader.figures(MONTH),
    "reasons": lambda reader: reader.reasons(MONTH),
    "hours_on_duty": lambda reader: reader.hours_on_duty(MONTH, make.START),
    "cells": lambda reader: reader.cells(MONTH),
    "acknowledged_ahead": lambda reader: reader.acknowledged_ahead(MONTH),
    "first_day": lambda reader: reader.first_day(),
    "reconciliation_counts": lambda reader: reader.reconciliation_counts(),
    "reconciliation_counts_now": lambda reader: reader.reconciliation_counts_now(),
    "oldest_unseen": lambda reader: reader.oldest_unseen(),
    "offsets": lambda reader: reader.offsets(),
    "centers": lambda reader: reader.centers(),
    "counted_reports": lambda reader: reader.counted_reports(MONTH.months),
}
INDEXES: Final = ({"day_1"}, {"month_1"}, {"standing_1_at_1"}, {"unseen_1_since_1"}, {"at_1"})
MOST: Final = max(WAITING, UNROUTED + AHEAD, PARTITIONS)
"""Cells and reports that a question looks at: those that it is about."""
OF_THE_MONTH: Final = {"counted_reports": SETTLED + WAITING + UNROUTED + AHEAD}
"""Questions that look at every report of a month, and how many those are."""
OF_ALL: Final = ("first_day",)
"""Asked of all days, once a process."""
FEW: Final = ("totals", "offsets", "centers", "cells", "dead")
"""Collections of a few documents: one a partition, a centre or a dead report, and the mark."""
OF_FEW: Final = ("demand_counted", "offsets", "centers")
"""Questions about these alone."""
_EXPLAINED: Final = ("find", "aggregate", "filter", "pipeline", "sort", "hint", "limit", "projection", "cursor")


class Queries(CommandListener):
    """The reads that the store was asked for, as they can be explained."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        assert event.command_name not in {"count", "distinct", "mapReduce"}, "is looked at here, too, once it is used"
        if event.command_name in {"find", "aggregate"}:
            self.asked.append({key: event.command[key] for key in event.command if key in _EXPLAINED})

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def of(query: dict[str, Any]) -> str:
    """The collection that is asked."""
    return str(next(iter(query.values())))


@pytest.fixture
async def database(store_settings: StoreSettings) -> AsyncIterator[tuple[Database, Queries]]:
    """A store with a history, and what it is asked from then on."""
    queries = Queries()
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        store_settings.uri.get_secret_value(), tz_aware=True, event_listeners=[queries]
    )
    found = client[f"{store_settings.database_prefix}analytics"]
    await prepare(found)
    yield found, queries
    client.close()


async def counted(database: Database) -> None:
    """Reports, most of them settled, and the cells of years."""
    settled, waiting, unrouted, ahead, earlier = (
        [make.report_id(1000 * kind + number) for number in range(many)]
        for kind, many in enumerate((SETTLED, WAITING, UNROUTED, AHEAD, EARLIER))
    )
    before = make.START - timedelta(days=DAYS + 100)
    projection = ProjectionConsumer(database)
    for events in (
        [make.received(each, at=before) for each in earlier],
        [make.routed(each, "busan", at=before) for each in earlier],
        [make.received(each) for each in (*settled, *waiting, *unrouted)],
        [make.routed(each, "busan") for each in (*settled, *waiting, *ahead)],
        [make.acknowledged(each) for each in (*settled, *ahead, *earlier)],
    ):
        await projection.handle(as_received([record(event) for event in events], 0))
    generation = await serving(database)
    days = [(make.START.date() - timedelta(days=40 + number)).isoformat() for number in range(DAYS)]
    for collection, span, names in (
        (generation.days, "day", days),
        (generation.months, "month", sorted({day[:7] for day in days})),
    ):
        await collection.insert_many(
            {"_id": f"{partition}|{name}", "partition": partition, span: name, "n": {}}
            for partition in range(PARTITIONS)
            for name in names
        )


def test_every_question_of_the_reader_is_asked_here() -> None:
    questions = {
        name for name, made in inspect.getmembers(CountReader, inspect.iscoroutinefunction) if not name.startswith("_")
    }
    assert {name.split(" of ")[0] for name in ASKED} == questions - {"add_dead"}, "that one writes"


async def test_counts_are_read_by_indexes_and_no_further_than_what_is_asked_for(
    database: tuple[Database, Queries],
) -> None:
    store, queries = database
    await counted(store)
    for name, ask in ASKED.items():
        queries.asked.clear()
        await ask(CountReader(store))
        asked = [each for each in queries.asked if of(each) not in FEW]
        assert asked or name in OF_FEW, f"{name} asked nothing"
        for query in asked if name not in OF_ALL else []:
            plan = await store.command({"explain": query, "verbosity": "executionStats"})
            assert indexes_of(plan["queryPlanner"]["winningPlan"]) in INDEXES, f"{name} goes through all: {query}"
            most = OF_THE_MONTH.get(name, MOST)
            assert plan["executionStats"]["totalDocsExamined"] <= most, f"{name} goes through history: {query}"


async def test_the_first_day_is_looked_for_among_earlier_ones_alone(database: tuple[Database, Queries]) -> None:
    """Every five seconds until the first month is released."""
    store, queries = database
    await counted(store)
    reader = CountReader(store)
    first = await reader.first_day()
    assert first is not None
    queries.asked.clear()
    assert await reader.first_day() == first
    [query] = [each for each in queries.asked if of(each) not in FEW]
    plan = await store.command({"explain": query, "verbosity": "executionStats"})
    assert indexes_of(plan["queryPlanner"]["winningPlan"]) == {"day_1"}
    assert plan["executionStats"]["totalDocsExamined"] == 0


async def test_pages_and_files_ask_for_no_reports_and_no_cells(database: tuple[Database, Queries]) -> None:
    """They are made of releases, which a process holds; beside these stand the published figures of before."""
    store, queries = database
    await counted(store)
    await replace_history(store, await printed())
    register, clock = Register(store), SystemClock()
    entries: list[Release] = []
    for release in a_year_unproven():
        assert await register.append(release, entries)
        entries.append(release)
    staff, reader = TestIdentity(clock, "analytics"), CountReader(store)
    release_service = ReleaseService(
        reader, register, clock, agreeing(clock), centers=CENTER_IDS, harms=(), caught_up=lambda: None
    )
    watch = Watch(reader, {}, clock, partitions=PARTITIONS)
    app = application(
        AnalyticsSettings(),
        Health(),
        release_service,
        reader,
        watch,
        staff.identity,
        clock,
        nowhere(ManualClock(make.START)),
        None,
        history=partial(history, store),
    )
    assert len(await release_service.released()) == len(entries)
    asked: set[str] = set()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=staff.bearer("ministry", "analyst")
    ) as client:
        for path in (
            *TABLES,
            "/?period=2026-Q3",
            "/centers?period=2026",
            "/people?period=2026",
            "/trends?period=2026-12",
        ):
            queries.asked.clear()
            assert (await client.get(path)).status_code == httpx.codes.OK, path
            asked |= {of(each) for each in queries.asked}
    assert asked == {"history"}
