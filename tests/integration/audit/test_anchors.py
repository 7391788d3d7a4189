"""Store, stored heads and the folder of heads rolled back together: the topic of anchors still knows."""

import asyncio
import base64
from pathlib import Path

import pytest

from shared.audit import chain, published
from shared.audit.published import AnchorPublisher
from shared.audit.store import RESTORED, AuditLog
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.kafka.admin import ensure_topics
from shared.metrics import REGISTRY
from shared.mongo import Document
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.audit.lines import NOW, VERIFIER, entry, filled, opened
from tests.support.clock import ManualClock
from tools.command import main

State = list[list[Document]]


async def state(log: AuditLog) -> State:
    return [await one.find({}).to_list(None) for one in (log.lines, log.anchors.collection)]


async def roll_back(log: AuditLog, to: State) -> None:
    for one, documents in zip((log.lines, log.anchors.collection), to, strict=True):
        await one.delete_many({})
        await one.insert_many(documents)


async def test_a_store_rolled_back_with_all_its_heads_is_found_and_a_restore_that_was_noted_is_not(
    store_settings: StoreSettings,
    bus_settings: KafkaSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await ensure_topics(bus_settings)
    monkeypatch.setenv("MONGODB_URI", store_settings.uri.get_secret_value())
    monkeypatch.setenv("MONGODB_DATABASE_PREFIX", store_settings.database_prefix)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", bus_settings.bootstrap_servers)
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", bus_settings.topic_prefix)
    monkeypatch.setenv("IEUM_AUDIT_VERIFIER_KEY", base64.b64encode(VERIFIER).decode())
    monkeypatch.setenv("IEUM_AUDIT_ANCHORS", str(tmp_path / "published"))

    async def command(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ("audit", *words))
        return code, capsys.readouterr().out

    async def verified() -> tuple[int, str]:
        return await command("verify", "--service", "intake")

    log, clock = opened(store_settings), ManualClock(NOW)
    await filled(log, 5)
    older = await state(log)
    await log.append(entry(6), entry(7))
    # A process that was killed before it published; the next one does, once for each head.
    for _ in range(2):
        anchors = AnchorPublisher(opened(store_settings), bus_settings, clock)
        await anchors.publish()
        await anchors.publish()
    assert len(await published.read(bus_settings, NOW)) == 2
    assert (await verified())[0] == 0
    await roll_back(log, older)
    code, text = await verified()
    assert code == 1
    assert "intake: cut_off: the log ends at line 5 and once reached line 7" in text
    again = opened(store_settings)
    await again.append(entry(20), entry(21), entry(22))
    code, text = await verified()
    assert code == 1, "whatever is written on top"
    assert "intake: rewritten: line 7 is not the one that was signed at that position" in text

    await roll_back(log, older)
    assert (await command("restored", "--backup", "ieum-20261127T110000Z"))[0] == 0
    code, text = await verified()
    assert code == 0, text
    assert "intake: lines up to 7 were lost in a restore; that of ieum-20261127T110000Z was noted at" in text
    last = await log.lines.find_one({"_id": 6})
    assert last is not None
    assert (last["action"], last["detail"]) == (RESTORED, {"backup": "ieum-20261127T110000Z"})
    after = await state(log)
    await opened(store_settings).append(entry(30))
    await AnchorPublisher(opened(store_settings), bus_settings, clock).publish()
    await roll_back(log, after)
    assert (await verified())[0] == 1, "a restore of before excuses nothing after it"

    # Copied lines are held against the topic, which no one may empty.
    (tmp_path / "published").write_text(line_never_published(log))
    assert "topic_cut: 1 published anchors of intake are not in the topic any more" in (await verified())[1]
    log.lines.database.client.close()


def line_never_published(log: AuditLog) -> str:
    made = chain.sign_anchor(log.keys, "intake", "head", 2, "ab" * 32, SystemClock().now())
    return f"intake={chain.format_anchor(made)}\n"


async def test_an_anchor_waits_for_kafka_and_the_metric_says_how_long(
    store_settings: StoreSettings, bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topics(bus_settings)
    log, clock = opened(store_settings), ManualClock(NOW)
    anchors = AnchorPublisher(log, bus_settings, clock)

    def waits() -> float | None:
        return REGISTRY.get_sample_value("ieum_audit_anchor_waiting_seconds")

    await anchors.publish()
    await filled(log, 2)
    with monkeypatch.context() as patch:

        async def away(*_: object) -> None:
            raise TransientError("kafka: away")

        patch.setattr(published, "send", away)
        for waited in (0, 400):
            await clock.advance(waited)
            with pytest.raises(TransientError):
                await anchors.publish()
            assert waits() == waited
        await clock.advance(60)
        assert waits() == 460, "it grows on before the next try"
    await anchors.publish()
    assert waits() == 0
    head = await log.head()
    assert head is not None
    [line] = await published.read(bus_settings, NOW)
    assert line.startswith("intake=2:")
    log.lines.database.client.close()
