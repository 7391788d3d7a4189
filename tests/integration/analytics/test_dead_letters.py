"""Dead letters on the real broker: seen without what they hold, sent back once however often it is pressed, audited."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.analytics.operations.service import GROUPS
from shared.events.base import Record
from shared.kafka.connection import dead_topic_name, topic_name
from shared.kafka.inspector import ClusterInspector
from shared.kafka.publisher import Message, Publisher, partition_of
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import REPORTS
from tests.integration.analytics.traffic import record
from tests.integration.analytics.worker import STAFF, Numbers, Worker
from tests.support.waiting import DEADLINE_S, eventually
from tests.unit.analytics import events as make

pytestmark = pytest.mark.timeout(480)

PERSONAL = "010-1234-5678"
"""What must appear nowhere, wherever in a letter it stands."""
LOST = make.report_id(1)
LATER = make.report_id(2)
REPORTED = [record(make.received(report_id)) for report_id in (LOST, LATER)]
PATH = "/operations/dead/reports"


def letter(settings: KafkaSettings, report_id: str, offset: int, *, whole: bool = True) -> Message:
    original = next(event for event in REPORTED if event.key == report_id)
    return letter_of(original, place_of(settings), offset, whole=whole)


def letter_of(original: Record, partition: int, offset: int, *, whole: bool = True) -> Message:
    """What a reader of its topic made of that record."""
    said = {
        "reason": "unknown_division",
        "detail": f"met {PERSONAL}",
        "topic": original.topic,
        "partition": str(partition),
        "offset": str(offset),
        "group": "routing",
        "service": "routing",
        "time": "2026-11-24T03:00:00.000+00:00",
    }
    said |= {} if whole else {"value_left_out": "2000000"}
    headers = [(f"dead_{name}", text.encode()) for name, text in said.items()]
    return original.key.encode(), original.value if whole else None, [*headers, *original.headers]


UNREADABLE: Message = (b"nobody", f'{{"phone": "{PERSONAL}"}}'.encode(), [("ce_type", b"report.received.v1")])
"""On the topic itself: analytics puts it aside, and again whenever it comes back."""
GARBAGE: Message = (
    PERSONAL.encode(),
    f'{{"phone": "{PERSONAL}"}}'.encode(),
    [
        ("ce_type", f"<b>{PERSONAL}</b>".encode()),
        ("dead_reason", f"not json {PERSONAL}".encode()),
        ("dead_topic", PERSONAL.encode()),
        ("dead_time", b"yesterday"),
    ],
)


@pytest.fixture
async def worker(bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path) -> AsyncIterator[Worker]:
    made = Worker(bus_settings, store_settings, tmp_path)
    yield made
    made.kill()


def place_of(settings: KafkaSettings) -> int:
    return partition_of(LOST.encode(), settings.topic_partitions)


async def write(publisher: Publisher, settings: KafkaSettings, topic: str, *messages: Message) -> None:
    for each in messages:  # one after the other, so that their offsets are known
        await publisher.send(topic, place_of(settings), [each])


async def bury(publisher: Publisher, settings: KafkaSettings, *letters: Message) -> None:
    await write(publisher, settings, dead_topic_name(settings, REPORTS), *letters)


async def written(settings: KafkaSettings) -> int:
    async with ClusterInspector(settings) as look:
        return sum((await look.ends([REPORTS])).values())


async def press(worker: Worker, until_: str, role: str = "administrator", confirmed: str = "yes") -> httpx.Response:
    async with httpx.AsyncClient(timeout=DEADLINE_S) as client:
        return await client.post(
            f"{worker.url}{PATH}/redrive",
            headers=STAFF.bearer("ministry", role),
            data={"until": until_, "confirmed": confirmed},
        )


def seen_until(page: str) -> str:
    found = re.search(r'name="until" value="([^"]+)"', page)
    assert found is not None
    return html.unescape(found[1])


async def test_letters_are_shown_without_what_they_hold_and_go_back_once(
    bus_settings: KafkaSettings, store_settings: StoreSettings, publisher: Publisher, worker: Worker
) -> None:
    originals = [(event.key.encode(), event.value, list(event.headers)) for event in REPORTED]
    await write(publisher, bus_settings, topic_name(bus_settings, REPORTS), *originals, UNREADABLE)
    lost = letter(bus_settings, LOST, 0)
    await bury(publisher, bus_settings, lost, GARBAGE, letter(bus_settings, LOST, 0, whole=False))
    worker.start()
    await worker.ready()

    async def rows() -> list[str]:
        page = (await worker.get(f"{PATH}?lang=en", "administrator")).text
        found = re.findall(r"<tr><th scope=\"row\">.*?</tr>", page)
        return found if len(found) == 4 else []

    shown = await eventually(rows, "analytics puts the unreadable one aside")
    page = (await worker.get(f"{PATH}?lang=en", "administrator")).text
    assert PERSONAL not in page
    assert "met " not in page
    mine = next(row for row in shown if "<td>waits</td>" in row and LOST in row)
    for word in ("unknown_division", f"reports/{place_of(bus_settings)}/0", "routing", "report.received.v1", LOST):
        assert word in mine
    assert sum("waits, cannot go back" in row for row in shown) == 2, "neither what is not whole nor what has no origin"
    assert sum("<code>?</code>" in row for row in shown) >= 1, "what is no code is not shown"
    overview = (await worker.get("/operations?lang=en", "administrator")).text
    assert "Waiting to be looked at: 4." in overview
    assert PERSONAL not in overview

    seen = seen_until(page)
    await bury(publisher, bus_settings, letter(bus_settings, LATER, 1))
    assert (await press(worker, seen, "auditor")).status_code == 403
    assert (await press(worker, seen, confirmed="")).status_code == 422
    assert await written(bus_settings) == 3, "nothing went back before it was meant"

    both = await asyncio.gather(press(worker, seen), press(worker, seen))
    assert {answer.status_code for answer in both} <= {303, 409}
    assert 303 in {answer.status_code for answer in both}
    assert (await press(worker, seen)).status_code == 303
    assert await written(bus_settings) == 5, "the letter and the unreadable one, once each; not what died since"

    # What was unreadable still is: analytics puts it aside again, and that waits for another press.
    again = ["passed over", "passed over", "sent back", "sent back", "waits", "waits"]

    async def dead_again() -> bool:
        page = (await worker.get(f"{PATH}?lang=en", "administrator")).text
        return sorted(re.findall(r"<td>([^<]*)</td></tr>", page)) == again

    await eventually(dead_again, "the unreadable one is dead again")
    assert (await press(worker, seen)).status_code == 303
    assert await written(bus_settings) == 5, "what died again was not seen by who presses once more"
    page = (await worker.get(f"{PATH}?lang=en", "administrator")).text
    assert (await press(worker, seen_until(page))).status_code == 303
    assert await written(bus_settings) == 7

    lines = [line async for line in Numbers(store_settings).database["audit"].find({"action": "dead.redrive"})]
    done = [line for line in lines if line["outcome"] == "done"]
    assert len(done) == 5, "every press that was meant, whatever came of it"
    assert {line["detail"]["topic"] for line in done} == {"reports"}
    assert [line["reason"] for line in lines if line["outcome"] == "refused"] == ["not_allowed"]

    async def accepted() -> bool:
        answer = (await worker.get("/api/v1/reconciliation")).json()
        return (answer["accepted"], answer["in_flight"], answer["dead"]) == (2, 0, 2)

    await eventually(accepted, "both reports have come in")


async def test_lag_flow_and_who_waits_are_told_as_they_are(
    bus_settings: KafkaSettings, store_settings: StoreSettings, publisher: Publisher, worker: Worker
) -> None:
    waiting, seen = make.report_id(3), make.report_id(4)
    events = [make.received(waiting), make.routed(waiting), make.received(seen), make.routed(seen)]
    await publisher.publish([record(event) for event in [*events, make.acknowledged(seen)]])
    worker.start()
    await worker.ready()

    async def folded() -> bool:
        return await Numbers(store_settings).next_offsets() >= 5

    await eventually(folded, "everything is folded")
    page = (await worker.get("/operations?lang=en", "administrator")).text
    behind = dict(re.findall(r"<th scope=\"row\">analytics</th><td>(\w+)</td><td class=\"num\">([\d,]+)</td>", page))
    assert behind == {"reports": "0", "routings": "0", "cases": "0", "alerts": "0", "centers": "0"}
    assert "Have not committed anything yet" in page
    assert all(group in page for group in GROUPS)
    flow = re.search(r"<code>routings</code></th>(<td class=\"num\">2</td>){3}", page)
    assert flow is not None
    assert page.count('<th scope="row">Busan</th><td>') == 1, "one waits at Busan; the other has been seen"
    assert "Nothing: no record was ever put aside." in page
    assert "Not known now." not in page

    await publisher.publish([record(make.acknowledged(waiting))])

    async def nobody() -> bool:
        return "Nobody waits" in (await worker.get("/operations?lang=en", "administrator")).text

    await eventually(nobody, "nobody waits")
