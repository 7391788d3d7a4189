"""A month that was released wrong, corrected by the command: counted again from the topics as of its closing."""

import io
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from pypdf import PdfReader

from services.analytics.counting.reader import CountReader
from services.analytics.releases.release import Release
from services.analytics.releases.repository import Register
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import BY_CENTER, OUTCOME_TABLE, TIME_TABLE
from shared.clock import SEOUL
from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.analytics.recount import recount
from tests.integration.analytics.traffic import awkward, publish
from tests.integration.analytics.worker import Ended, Numbers, Worker, command
from tests.support.waiting import eventually
from tests.unit.analytics import events as make
from tests.unit.analytics.histories import DAYS
from tools.local.engines import Running

pytestmark = pytest.mark.timeout(480)

MONTH: Final = "2026-08"
REVISE: Final = ("tools.command", "revise")
WHY: Final = "부산과 경기에 잘못 센 신고를 바로잡았습니다."
WRONG: Final = MonthCounts(
    MONTH,
    {f"{MONTH}-05": 900},
    {"busan": 500, "gyeonggi": 400},
    {"busan": {"synthesis": 500}, "gyeonggi": {"synthesis": 400}},
    {"within_1_hour": 900},
    {"in_care": 900},
)
"""What a bug made of the month's reports."""
_IN_MONTH: Final = [
    n for n in range(1500) if f"{(make.START - timedelta(days=n * 37 % DAYS)).astimezone(SEOUL):%Y-%m-%d}"[:7] == MONTH
]


def newest(entries: list[Release], period: str) -> Release:
    return [entry for entry in entries if entry.period == period][-1]


@pytest.fixture
async def worker(bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path) -> AsyncIterator[Worker]:
    await ensure_topics(bus_settings)
    worker = Worker(bus_settings, store_settings, tmp_path)
    yield worker
    worker.kill()


@pytest.fixture
async def publisher(bus_settings: KafkaSettings, worker: Worker) -> AsyncIterator[Publisher]:
    publisher = Publisher(bus_settings)
    await publisher.start()
    yield publisher
    await publisher.stop()


async def test_a_wrong_month_is_released_once_more_as_it_was_when_it_closed(
    worker: Worker,
    publisher: Publisher,
    bus_settings: KafkaSettings,
    store_settings: StoreSettings,
    engines: Running,
) -> None:
    numbers, database = Numbers(store_settings), connect(store_settings, "analytics")
    register = Register(database)
    topics = awkward(_IN_MONTH[:90], random.Random(1))
    late = awkward(_IN_MONTH[90:], random.Random(2))
    await publish(publisher, topics)
    worker.start()
    records = sum(map(len, topics.values()))

    async def folded() -> bool:
        worker.lives()
        return await numbers.next_offsets() >= records

    await eventually(folded, f"{records} records folded")
    true = await recount(engines.kafka, bus_settings.topic_prefix)
    await register.freeze(WRONG, await CountReader(database).offsets(), make.START, {})
    await publish(publisher, late)
    worker.kill()
    worker.release_every_s = 0.5
    worker.start()

    async def wrong_is_out() -> bool:
        worker.lives()
        return "2026-Q3" in {entry.period for entry in await register.entries()}

    await eventually(wrong_is_out, "the month and its quarter are released")
    before = await register.entries()
    assert newest(before, MONTH).tables[BY_CENTER]["total"] == 900
    told = (MONTH, "--why-ko", WHY, "--why-en", "Counted twice.")
    dry = await command(bus_settings, store_settings, *REVISE, *told, "--dry-run")
    assert (dry.status, f"{MONTH}: revision 1 would be released; what differs: {BY_CENTER}" in dry.said) == (0, True), (
        dry
    )
    assert newest(await register.entries(), MONTH).revision == 0

    async def revised() -> Ended | None:
        ended = await command(bus_settings, store_settings, *REVISE, *told)
        # The process that runs may not be through with all the months there have been since.
        return None if "somebody released in between: run it again" in ended.said else ended

    done = await eventually(revised, "nothing is released in between")
    assert (done.status, "2026-Q3: revision 1 released" in done.said) == (0, True), done
    entries = await register.entries()
    assert entries[: len(before)] == before, "what was released stays"
    month = newest(entries, MONTH)
    reports = sum(n for (at, cell), n in true.months.items() if at == MONTH and cell.startswith("outcome|"))
    assert [month.tables[name]["total"] for name in (BY_CENTER, TIME_TABLE, OUTCOME_TABLE)] == [reports] * 3
    assert newest(entries, "2026-Q3").months == (MONTH,)
    assert len(await register.counted_reports(MONTH) or ()) == reports, "the bulletin compares with the correction"
    again = await command(bus_settings, store_settings, *REVISE, *told)
    assert (again.status, "nothing to correct" in again.said) == (1, True), again

    async def told_in_the_report() -> bool:
        pdf = PdfReader(io.BytesIO((await worker.get(f"/api/v1/monthly/{MONTH}.pdf")).content))
        text = "".join(page.extract_text() for page in pdf.pages).replace("\n", "")
        return f"{MONTH}: 정정한 통계입니다. {WHY}" in text and f"{reports}건" in text

    await eventually(told_in_the_report, "the process that runs serves the revision")
    former = (await worker.get(f"/api/v1/tables/{BY_CENTER}?period={MONTH}&revision=0")).json()
    assert former["rows"][-1]["figures"][0]["value"] == 900
