"""Counting all anew beside the service: the same cells, nothing lost in the swap, killed anywhere, taken back."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.analytics.counting.reader import CountReader
from services.analytics.counting.rebuild import rebuild_of
from services.analytics.counting.rebuild_repository import abandon, remember, remembered
from services.analytics.counting.repository import read_mark, serving
from shared.errors import FatalError
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import topic_name
from shared.kafka.publisher import Publisher
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import REPORTS
from tests.integration.analytics.answers import period
from tests.integration.analytics.dying import REBUILD_POINTS
from tests.integration.analytics.recount import recount
from tests.integration.analytics.sessions import noted_in
from tests.integration.analytics.traffic import awkward, publish, waves
from tests.integration.analytics.worker import Ended, Numbers, Worker, command
from tests.support.waiting import eventually
from tests.unit.analytics import events as make
from tools.local.engines import Running

pytestmark = pytest.mark.timeout(480)

REBUILD = ("tools.command", "rebuild")


class Ground:
    """One worker that counts, and what is published to it so far."""

    def __init__(self, bus: KafkaSettings, store: StoreSettings, engines: Running, folder: Path) -> None:
        self.bus, self.store, self._engines = bus, store, engines
        self.worker = Worker(bus, store, folder, release_every_s=5)  # as often as in production
        self.numbers = Numbers(store)
        self.publisher = Publisher(bus)
        self.published = 0

    async def rebuild(self, *arguments: str) -> Ended:
        return await command(self.bus, self.store, *REBUILD, *arguments)

    async def publish(self, reports: range, seed: int) -> None:
        topics = awkward(reports, random.Random(seed))
        await publish(self.publisher, topics)
        self.published += sum(map(len, topics.values()))

    async def publish_garbage(self) -> None:
        """One record in every partition that nobody can read; the service sends it to the dead topic."""
        for partition in range(self.bus.topic_partitions):
            await self.publisher.send(topic_name(self.bus, REPORTS), partition, [(b"x", b"not JSON", [])])
            self.published += 1

    async def settled(self) -> None:
        async def all_folded() -> bool:
            self.worker.lives()
            return await self.numbers.next_offsets() >= self.published

        await eventually(all_folded, f"{self.published} records folded")
        assert await self.numbers.next_offsets() == self.published

    async def right(self) -> None:
        """Every cell of the serving generation is that of the recount."""
        again = await recount(self._engines.kafka, self.bus.topic_prefix)
        assert await self.numbers.cells() == again.days
        assert await self.numbers.months() == again.months
        assert await self.numbers.stages() == again.stages

    async def generation(self) -> int:
        return (await serving(self.numbers.database)).number


@pytest.fixture
async def ground(
    bus_settings: KafkaSettings, store_settings: StoreSettings, engines: Running, tmp_path: Path
) -> AsyncIterator[Ground]:
    await ensure_topics(bus_settings)
    ground = Ground(bus_settings, store_settings, engines, tmp_path)
    ground.worker.start()
    await ground.publisher.start()
    await ground.publish_garbage()
    await ground.publish(range(300), 1)
    await ground.settled()
    yield ground
    ground.worker.kill()
    await ground.publisher.stop()


async def test_beside_live_counting_it_ends_in_the_same_cells_and_can_be_taken_back(ground: Ground) -> None:
    topics = awkward(range(300, 700), random.Random(2))
    parts = list(waves(topics, 3))
    for _, records in parts[:6]:
        await ground.publisher.publish(records)
        ground.published += len(records)
    ended = await ground.rebuild()
    assert (ended.status, "0 cells differ" in ended.said) == (0, True), ended.said
    assert await ground.generation() == 1
    for _, records in parts[6:]:
        await ground.publisher.publish(records)
        ground.published += len(records)
    await ground.settled()
    await ground.right()
    former = ground.numbers.database.facts
    await former.drop_index("at_1")  # as an earlier build left it
    ended = await ground.rebuild("--back")
    assert (ended.status, "generation 0 serves again" in ended.said) == (0, True), ended.said
    assert "at_1" in await former.index_information()
    await ground.publish(range(700, 800), 3)
    await ground.settled()
    await ground.right()
    assert await ground.generation() == 0
    assert (await ground.rebuild("--back")).status == 0
    assert await ground.generation() == 1
    await ground.right()


async def test_a_cell_that_drifted_is_named_and_nothing_is_swapped_unless_it_is_accepted(ground: Ground) -> None:
    database = ground.numbers.database
    some = await database.months.find_one({"n.figure|cases": {"$gt": 0}})
    assert some is not None
    await database.months.update_one({"_id": some["_id"]}, {"$inc": {"n.figure|cases": 2}})
    wrong = (await ground.numbers.months())[some["month"], "figure|cases"]
    refused = await ground.rebuild()
    assert refused.status == 1
    assert f"months {some['month']} figure|cases: {wrong} before, {wrong - 2} now" in refused.said
    assert "1 cells differ" in refused.said
    assert await ground.generation() == 0
    assert "building" not in await read_mark(database)
    assert (await ground.rebuild("--accept")).status == 0
    await ground.right()
    await ground.publish(range(300, 350), 4)
    await ground.settled()
    await ground.right()


async def test_killed_at_any_point_what_served_goes_on_serving(ground: Ground, tmp_path: Path) -> None:
    served, noted = await ground.numbers.months(), tmp_path / "sessions"
    for number, point in enumerate(REBUILD_POINTS):
        before = await ground.generation()
        dying = noted_in(noted, ("tests.integration.analytics.dying", "rebuild", point))
        ended = await command(ground.bus, ground.store, *dying)
        assert ended.status == -9, f"{point}: {ended.said}"
        await ground.numbers.undo_transactions_of(noted)
        assert (await ground.generation() != before) == (point == "swapped")
        assert await ground.numbers.months() == served, point
        await ground.publish(range(300 + 20 * number, 320 + 20 * number), number)
        await ground.settled()
        served = await ground.numbers.months()
    await ground.right()
    assert (await ground.rebuild()).status == 0
    await ground.right()
    kept = [name for name in await ground.numbers.database.list_collection_names() if name.startswith("facts")]
    assert len(kept) == 2, "the one that serves and the one to go back to"


async def test_the_numbers_of_a_past_release_can_be_counted_again(ground: Ground) -> None:
    database = connect(ground.store, "analytics")
    year = period("2026")
    async with CountReader(database).snapshot() as view:
        await remember(database, "an audit", await view.offsets(), make.START)
        then = await view.counts(year, ("center", "harm"))
    months, reports = await ground.numbers.months(), (await ground.numbers.stages())["counted"]
    await ground.publish(range(300, 400), 5)
    await ground.settled()
    await remember(database, "an audit", {}, make.START)
    assert await CountReader(database).counts(year, ("center", "harm")) != then
    async with rebuild_of(ground.bus, database) as rebuild:
        generation = await rebuild.as_of(await remembered(database, "an audit"))
    past = CountReader(database, generation)
    assert await past.counts(year, ("center", "harm")) == then
    found: Counter[tuple[str, str]] = Counter()
    async for document in generation.months.find({}):
        found.update({(document["month"], cell): n for cell, n in document["n"].items()})
    assert found == months
    await abandon(generation)
    ended = await ground.rebuild("--as-of", "an audit")
    assert (ended.status, f"counted {reports}" in ended.said) == (0, True), ended.said
    ended = await ground.rebuild("--back")
    assert (ended.status, "there is no generation to go back to" in ended.said) == (1, True), ended.said
    nowhere = ground.bus.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})
    ended = await command(nowhere, ground.store, *REBUILD)
    assert (ended.status, "connecting a reader" in ended.said) == (75, True), ended.said
    ended = await ground.rebuild("--as-of", "no audit")
    assert (ended.status, "there are: " in ended.said) == (1, True), ended.said
    with pytest.raises(FatalError, match=r"there are: .*an audit"):
        await remembered(database, "2025")
    await ground.right()
