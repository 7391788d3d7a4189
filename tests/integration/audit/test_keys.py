"""A log that was begun with the key all services shared goes on under its own, with every process that writes it."""

from shared import mongo
from shared.audit import chain
from shared.audit.anchors import CHECKPOINT
from shared.audit.chain import AuditKeys
from shared.audit.queries import AuditReader, Filter
from shared.audit.store import KEY_CHANGED, AuditLog
from shared.clock import SystemClock
from shared.settings import StoreSettings
from tests.integration.audit.lines import entry, filled

SHARED = AuditKeys(b"s" * 32)
OWN = AuditKeys(b"o" * 32, SHARED)


def opened(settings: StoreSettings, keys: AuditKeys) -> AuditLog:
    return AuditLog(mongo.connect(settings, "intake"), keys, SystemClock(), "intake", None)


async def test_every_process_follows_to_the_new_key_and_what_was_before_stays_whole_and_is_found(
    store_settings: StoreSettings,
) -> None:
    earlier = opened(store_settings, SHARED)
    await filled(earlier, 3)
    swept = chain.sign_anchor(SHARED, "intake", CHECKPOINT, 1, await _mac(earlier, 1), entry().at)
    await earlier.anchors.keep(CHECKPOINT, swept)
    one, other = opened(store_settings, OWN), opened(store_settings, OWN)
    await one.append(entry(3))
    await other.append(entry(4))
    assert await earlier.verify() == [], "an earlier build beside them reads all of it"
    assert await opened(store_settings, OWN).change_key()
    assert not await opened(store_settings, OWN).change_key()
    for log in (one, other, opened(store_settings, OWN)):
        await log.append(entry(3))
    assert await one.verify() == []
    lines = await one.lines.find({"_id": {"$gt": 5}}).sort("_id", 1).to_list(None)
    assert lines[0]["action"] == KEY_CHANGED
    page, _ = await AuditReader(one).page(Filter(report=OWN.references("report-3")))
    assert len(page) == 4, "under the reference of before and that of now"
    await one.anchors.resign(CHECKPOINT, swept)
    assert [finding.kind for finding in await one.verify()] == ["bad_mark"], "the shared key says nothing more"
    for log in (earlier, one, other):
        log.lines.database.client.close()


async def test_one_line_of_a_process_that_was_left_is_a_finding_and_takes_no_service_back_to_its_key(
    store_settings: StoreSettings,
) -> None:
    left = opened(store_settings, SHARED)
    await filled(left, 2)
    assert await opened(store_settings, OWN).change_key()
    await opened(store_settings, OWN).append(entry(3))
    await left.append(entry(4))  # with a head of its key, the newest
    for _ in range(2):
        await opened(store_settings, OWN).append(entry(5))
    findings = await opened(store_settings, OWN).verify()
    assert [(finding.kind, finding.seq) for finding in findings] == [("altered", 5)]
    left.lines.database.client.close()


async def _mac(log: AuditLog, seq: int) -> str:
    line = await log.lines.find_one({"_id": seq})
    assert line is not None
    return str(line["mac"])
