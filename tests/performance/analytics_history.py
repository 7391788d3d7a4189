"""Histories for the benchmarks of analytics: made up, published, counted anew into a generation that serves."""

import re
import statistics
import time
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, islice
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from services.analytics.counting.aggregate import CUBES
from services.analytics.counting.reader import CountReader
from services.analytics.counting.rebuild import rebuild_of
from services.analytics.counting.repository import CELLS_MARK, Database, drop_others, prepare
from services.analytics.releases.calendar import parse
from shared.events.base import Event
from shared.events.vocabulary import HarmType
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import client_options
from shared.kafka.publisher import Publisher
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import CENTERS
from tests.integration.analytics.traffic import record
from tests.integration.analytics.worker import command
from tests.unit.analytics import events as make
from tests.unit.analytics.worlds import SHARES

REBUILD_MB: Final = 250
TEN_YEARS: Final = timedelta(days=3650)
A_DAY: Final = 28
"""Reports nationwide; 10,305 people were helped in 2024."""
HARMS: Final = tuple(HarmType)
OWNERS: Final = tuple(name for name, share in SHARES.items() if share)
_UP_TO: Final = tuple(accumulate(SHARES[name] for name in OWNERS))
_APART: Final = 0.6180339887498949
"""The golden ratio's fraction: numbers times it, without their whole part, lie evenly."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Topics and databases of one history."""

    bus: KafkaSettings
    store: StoreSettings

    @property
    def database(self) -> Database:
        return connect(self.store, "analytics")


def span_of(reports: int) -> timedelta:
    """28 reports a day, or as many as it takes to fit ten years."""
    return min(TEN_YEARS, timedelta(days=reports / A_DAY))


def stories(reports: int, span: timedelta) -> Iterator[Event]:
    """Received, routed, alerted and acknowledged, evenly over the time; centres by their share, Sejong the least."""
    for number in range(reports):
        rid = make.report_id(number)
        at = make.START - span * ((reports - number) / reports)
        body = make.varied(number, (HARMS[number % len(HARMS)],))
        owner = OWNERS[bisect(_UP_TO, number * _APART % 1 * _UP_TO[-1])]
        yield make.received(rid, body, at)
        yield make.routed(rid, owner, body, at)
        yield make.alert_sent(rid)
        yield make.acknowledged(rid).model_copy(update={"at": at + timedelta(seconds=number % 4000)})


async def cleared(database: Database) -> None:
    """Remove the database; what is filled is emptied first, as to drop it would stop the embedded store."""
    await drop_others(database, set())
    await database.client.drop_database(database.name)


async def fill(settings: KafkaSettings, reports: int, span: timedelta) -> int:
    await ensure_topics(settings)
    publisher = Publisher(settings)
    await publisher.start()
    events, total = stories(reports, span), 0
    while some := [record(event) for event in islice(events, 5000)]:
        await publisher.publish(some)
        total += len(some)
    await publisher.stop()
    return total


async def history(ground: Ground, events: int, span: timedelta) -> int:
    """So many events on the log, counted, in a generation that serves; how many they are."""
    settings, database = ground.bus, ground.database
    total = await fill(settings, events // 4, span)
    await prepare(database)
    async with rebuild_of(settings, database) as rebuild:
        ends = {
            (topic.name, partition): end
            for topic, reader in rebuild.logs.items()
            for partition, end in (
                await reader.ends(range(settings.topic_partitions if topic != CENTERS else 1))
            ).items()
        }
        first = await rebuild.as_of(ends)
    serves = {"$set": {"generation": first.number}, "$unset": {"building": ""}}
    await database.cells.update_one({"_id": CELLS_MARK}, serves)
    return total


async def rebuilding(ground: Ground, total: int) -> dict[str, Any]:
    """A rebuild of a history of ``total`` events, compared with the generation that serves."""
    started = time.perf_counter()
    ended = await command(ground.bus, ground.store, "tools.command", "rebuild", limit_s=3600)
    whole = time.perf_counter() - started
    said = re.search(r"([\d,]+) events counted anew in ([\d.]+) s .*?(\d+) MB at most", ended.said)
    if ended.status or said is None or "\n0 cells differ" not in ended.said:
        raise SystemExit(f"the rebuild failed: {ended.said[-2000:]}")
    return {
        "rebuilt_events": int(said[1].replace(",", "")),
        "rebuilt_per_s": round(total / float(said[2])),
        "rebuild_with_compare_and_swap_s": round(whole, 1),
        "rebuild_mb": int(said[3]),
        "rebuild_mb_goal": REBUILD_MB,
    }


async def reading(database: Database) -> dict[str, float]:
    """Milliseconds that 95 of 100 questions take at most: a year by each cube that is kept, and its times."""
    reader = CountReader(database)
    found: list[float] = []
    for year in (parse(str(number)) for number in range(2017, 2027)):
        if year is None:
            continue
        for question in (*(reader.counts(year, cube) for cube in CUBES), reader.seen_within_target(year)):
            started = time.perf_counter()
            await question
            found.append(1000 * (time.perf_counter() - started))
    return {"p50": statistics.median(found), "p95": statistics.quantiles(found, n=20)[18]}


async def remove(settings: KafkaSettings) -> None:
    """Take the benchmark's own topics away again."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)])
    await admin.close()
