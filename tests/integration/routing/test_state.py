"""State stores on the real broker: restarts, kills, and folders that are deleted."""

import os
import shutil
from pathlib import Path

import pytest

from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.routing.broken import MISCOUNTED, SPOILED
from tests.integration.routing.running import Process, Traffic
from tests.integration.routing.verifier import Audit, verify
from tests.support import forking
from tests.support.waiting import eventually


async def settled(settings: KafkaSettings, reports: int) -> Audit:
    async def audited() -> Audit:
        return await verify(settings.bootstrap_servers, settings.topic_prefix, settings.topic_partitions)

    async def done() -> bool:
        found = await audited()
        return found.reports == reports and found.complete and not found.loads_wrong

    await eventually(done, what=f"{reports} reports owned and summed up")
    return await audited()


@pytest.mark.parametrize("lost", [False, True], ids=["with its state", "without its state"])
async def test_a_worker_goes_on_after_a_kill_as_if_it_remembered_all(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings, *, lost: bool
) -> None:
    traffic = Traffic(publisher, seed=21)
    first = [traffic.received(division="busan", declined_centers=[], synthetic=False) for _ in range(120)]
    await traffic.send(*first)
    await settled(bus_settings, 120)
    process.kill()
    # A store that is not gone on from is made anew, and nothing else is left in its folder.
    kept = [store.parent / "kept" for store in process.state_dir.glob("worker-*/*/data.mdb")]
    for file in kept:
        file.touch()
    if lost:
        shutil.rmtree(process.state_dir)
    process.start()
    # Old reports again, and things that happen to them: none of it is in the new process's memory.
    moved = [traffic.transfer(r.report_id, "jeju", 1, 1) for r in first[:10]]
    amended = [traffic.amended(r.report_id) for r in first[10:20]]
    await traffic.send(*first[:60], *moved, *amended, *(traffic.received() for _ in range(30)))
    found = await settled(bus_settings, 150)
    assert found.sound, found
    assert (found.records, found.ignored, found.transfers_done) == (170, 0, 10)
    assert "routing.checkpoint_unfit" not in process.log()
    assert len(kept) == bus_settings.topic_partitions
    assert lost or all(file.exists() for file in kept)
    assert await recounted(bus_settings) == (0, "centres whose sums differ from the log: 0\n")


async def test_a_folder_deleted_under_a_running_worker_does_not_stop_it(
    process: Process, publisher: Publisher, bus_settings: KafkaSettings
) -> None:
    traffic = Traffic(publisher, seed=22)
    await traffic.send(*(traffic.received() for _ in range(40)))
    await settled(bus_settings, 40)
    shutil.rmtree(process.state_dir)
    await traffic.send(*(traffic.received() for _ in range(40)))
    await settled(bus_settings, 80)
    assert process.ended() is None
    process.kill()
    process.start()
    await traffic.send(*(traffic.received() for _ in range(10)))
    found = await settled(bus_settings, 90)
    assert found.sound, found


async def test_a_recount_finds_wrong_sums_and_deleting_the_state_mends_them(
    publisher: Publisher, bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path
) -> None:
    wrong = Process(
        bus_settings,
        store_settings,
        tmp_path / "routing.log",
        module=("tests.integration.routing.broken", "miscount,spoiled-checkpoint"),
    )
    sound = Process(bus_settings, store_settings, tmp_path / "routing.log")
    wrong.start()
    try:
        traffic = Traffic(publisher, seed=23)
        await traffic.send(*(traffic.received() for _ in range(200)))
        await told(bus_settings, 200)
        wrong.kill()
        sound.start()
        await traffic.send(*(traffic.received() for _ in range(20)))
        await told(bus_settings, 220)
        status, said = await recounted(bus_settings)
        assert (status, MISCOUNTED in said, SPOILED in said) == (1, True, True), said
        sound.kill()
        shutil.rmtree(sound.state_dir)
        sound.start()
        await settled(bus_settings, 220)
        assert await recounted(bus_settings) == (0, "centres whose sums differ from the log: 0\n")
    finally:
        wrong.kill()
        sound.kill()


async def told(settings: KafkaSettings, reports: int) -> None:
    """All are owned, and the sums of every partition reach the end of its log, right or wrong."""

    async def done() -> bool:
        found = await verify(settings.bootstrap_servers, settings.topic_prefix, settings.topic_partitions)
        return found.owned == reports and not any("not told" in wrong for wrong in found.loads_wrong)

    await eventually(done, what=f"{reports} reports owned and sums of them told")


async def recounted(settings: KafkaSettings) -> tuple[int, str]:
    """The status and the words of the job that adds the log up again."""
    env = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        "KAFKA_TOPIC_PARTITIONS": str(settings.topic_partitions),
    }
    return await forking.run(("tools.command", "recount"), env=env)
