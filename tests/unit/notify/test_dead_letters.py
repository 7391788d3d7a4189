"""The watch over dead topics, without Kafka."""

from typing import Any
from unittest.mock import create_autospec

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from services.notify.dead_letters import service
from services.notify.dead_letters.repository import DeadLetterStore
from services.notify.dead_letters.service import DeadLetterWatch
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.settings import KafkaSettings


@pytest.mark.parametrize("limit", [0.5, 1.0, 5.0, 20.0])
async def test_a_poll_that_finds_nothing_ends_within_the_time_a_call_may_take(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer: Any = create_autospec(AIOKafkaConsumer, instance=True)
    consumer.getmany.side_effect = KafkaError
    monkeypatch.setattr(service, "AIOKafkaConsumer", lambda *_, **__: consumer)
    monkeypatch.setattr(service, "ended_task", lambda _: None)
    no: Any = None
    watch = DeadLetterWatch(KafkaSettings(call_timeout_s=limit), no, no, no, no, SystemClock())
    with pytest.raises(TransientError, match="dead topics"):
        await watch.run()
    assert 0 < consumer.getmany.await_args.kwargs["timeout_ms"] < limit * 1000


async def test_a_watch_whose_client_reads_no_more_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer: Any = create_autospec(AIOKafkaConsumer, instance=True)
    consumer.getmany.side_effect = AssertionError("it would find nothing for ever")
    monkeypatch.setattr(service, "AIOKafkaConsumer", lambda *_, **__: consumer)
    monkeypatch.setattr(service, "ended_task", lambda _: "fetching has ended")
    no: Any = None
    watch = DeadLetterWatch(KafkaSettings(), no, no, no, no, SystemClock())
    with pytest.raises(TransientError, match="fetching has ended"):
        await watch.run()
    consumer.stop.assert_awaited_once()


async def test_how_many_nobody_has_looked_at_is_in_the_gauge_by_which_somebody_is_called() -> None:
    no: Any = None
    store = create_autospec(DeadLetterStore, instance=True)
    store.oldest_without_mail.return_value = None
    watch = DeadLetterWatch(KafkaSettings(), no, store, no, no, SystemClock())
    for unread in (3, 0):
        store.open_count.return_value = unread
        await watch.tell()
        assert REGISTRY.get_sample_value("ieum_notify_unread_dead_letters") == unread
