"""One real routing process on the real engines: routes, explains, copies, survives garbage and repeats."""

from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from shared.events.vocabulary import CenterState
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings
from tests.integration.routing.running import STAFF, Process, Traffic, in_pieces
from tests.integration.routing.verifier import Audit, verify
from tests.support.waiting import DEADLINE_S, eventually


async def audited(settings: KafkaSettings) -> Audit:
    return await verify(settings.bootstrap_servers, settings.topic_prefix, settings.topic_partitions)


async def settled(settings: KafkaSettings, reports: int) -> Audit:
    """Wait until everything sent is dealt with and the published sums have caught up."""

    async def done() -> bool:
        found = await audited(settings)
        return found.reports == reports and found.complete and not found.loads_wrong

    await eventually(done, seconds=120, what=f"{reports} reports owned and summed up")
    return await audited(settings)


async def test_every_report_gets_one_owner_and_repeats_change_nothing(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    traffic = Traffic(publisher, seed=1)
    reports = [traffic.received() for _ in range(300)]
    await traffic.send(*reports)
    await traffic.send(*reports[:50])
    found = await settled(bus_settings, 300)
    assert found.sound, found
    assert (found.records, found.ignored) == (300, 0)


async def test_amendments_transfers_and_closing_follow(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    traffic = Traffic(publisher, seed=2)
    reports = [traffic.received(division="busan", declined_centers=[]) for _ in range(20)]
    await traffic.send(*reports)
    await settled(bus_settings, 20)
    await traffic.send(*(traffic.amended(r.report_id) for r in reports[:5]))
    await traffic.send(*(traffic.transfer(r.report_id, "jeju", 1, 1) for r in reports[:3]))
    await traffic.send(*(traffic.transfer(r.report_id, "jeju", 1, 1) for r in reports[:3]))
    found = await settled(bus_settings, 20)
    assert (found.transfers_done, found.owners["jeju"]) == (3, 3)
    await traffic.center("jeju", CenterState.CLOSED)

    async def emptied() -> bool:
        return "jeju" not in (await audited(bus_settings)).owners

    await eventually(emptied, what="nothing belongs to a closed centre")
    found = await settled(bus_settings, 20)
    assert found.moved_by_closing == 3
    assert found.sound, found


async def test_garbage_goes_to_the_dead_topic_and_its_neighbours_are_routed(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    traffic = Traffic(publisher, seed=3)
    await traffic.send(*(traffic.received() for _ in range(5)))
    producer = AIOKafkaProducer(bootstrap_servers=bus_settings.bootstrap_servers)
    await producer.start()
    for topic in ("reports", "cases"):
        await producer.send_and_wait(f"{bus_settings.topic_prefix}{topic}", b"\xff{", partition=0)
    await producer.stop()
    orphan = traffic.transfer(traffic.new_id(), "jeju", 1, 1)
    await traffic.send(orphan, *(traffic.received() for _ in range(5)))
    found = await _owned(bus_settings, 10)
    assert found.owned == 10

    async def counted() -> bool:  # dead letters follow the effects of their batch
        metrics = (await _get(process, "/metrics")).text
        return 'ieum_kafka_dead_letters_total{group="routing",reason="no_attribute"' in metrics and (
            'reason="unknown_report"' in metrics
        )

    await eventually(counted, what="both are counted as dead")


async def _owned(settings: KafkaSettings, reports: int) -> Audit:
    async def done() -> bool:
        found = await audited(settings)
        return found.owned == reports and not found.missing

    await eventually(done, what=f"{reports} reports owned")
    return await audited(settings)


async def test_decisions_are_explained_and_replay_and_only_staff_see_them(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    traffic = Traffic(publisher, seed=4)
    report = traffic.received(division="seoul", declined_centers=["incheon"])
    await traffic.send(report)
    path = f"/api/v1/decisions/{report.report_id}"

    async def copied() -> bool:
        try:
            return (await _get(process, path)).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(copied, what="the decision is in the store")
    body: dict[str, Any] = (await _get(process, path)).json()
    assert body["center_id"] == "gyeonggi"
    (record,) = body["records"]
    assert record["replays"] is True
    assert record["event"]["decision"]["reason"] == "no_home_seoul"
    assert len(record["event"]["decision"]["candidates"]) == 16

    centers = (await _get(process, "/api/v1/centers")).json()["centers"]
    assert {row["band"] for row in centers} == {"free"}
    assert "load" not in centers[0]
    for anonymous in (path, "/api/v1/centers"):
        assert (await _get(process, anonymous, staff=None)).status_code == 401
    assert (await _get(process, path, staff="gyeonggi")).status_code == 200
    other = await _get(process, path, staff="busan")
    assert (other.status_code, other.json()["code"]) == (403, "not_allowed")
    ready = (await _get(process, "/health/ready", staff=None)).json()
    assert ready["checks"]["identity"] == "ok", "notify is not there; the keys of before are"
    unknown = await _get(process, f"/api/v1/decisions/{traffic.new_id()}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_such_decision")
    for language, words in (
        ("ko", "이 신고는 왜 이 센터에 배정되었습니까?"),
        ("en", "Why is this report where it is?"),
    ):
        page = await _get(process, f"/decisions/{report.report_id}?lang={language}")
        assert words in page.text
        assert "None" not in page.text
    start = await _get(process, "/?lang=ko")
    assert "센터는 지금 얼마나 바쁩니까?" in start.text
    metrics = (await _get(process, "/metrics")).text
    assert 'ieum_routing_decisions_total{reason="no_home_seoul"} 1.0' in metrics
    assert "gyeonggi" not in metrics


async def test_a_restart_continues_where_the_log_ends(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    traffic = Traffic(publisher, seed=5)
    first = [traffic.received() for _ in range(100)]
    await traffic.send(*first)
    await settled(bus_settings, 100)
    process.kill()
    await traffic.send(*first[:50], *(traffic.received() for _ in range(100)))
    process.start()
    found = await settled(bus_settings, 200)
    assert found.sound, found
    assert found.records == 200


async def test_many_reports_at_once(process: Process, publisher: Publisher, bus_settings: KafkaSettings) -> None:
    traffic = Traffic(publisher, seed=6)
    for piece in in_pieces([traffic.received() for _ in range(3000)], 1000):
        await traffic.send(*piece)
    found = await settled(bus_settings, 3000)
    assert found.sound, found
    assert found.records == 3000


async def _get(process: Process, path: str, *, staff: str | None = "central") -> httpx.Response:
    who = STAFF.bearer(staff, "counsellor") if staff else {}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=DEADLINE_S) as client:
        return await client.get(path, headers=who)
