"""Commits that are refused and commits that get no answer."""

import pytest
from aiokafka.errors import CommitFailedError, KafkaConnectionError

from shared.kafka.connection import topic_name
from shared.kafka.publisher import Message
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import Seen, id_in, message_left, new_bus, running, until_committed
from tests.support.subscribing import subscribe
from tests.support.waiting import eventually


async def test_a_refused_commit_puts_the_positions_back(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if no rebalance follows: the record of an unknown type in the batch must not be passed over."""
    stuck = id_in(0, 3)
    seen = Seen()
    bus, health = new_bus(bus_settings)
    subscription = subscribe(bus, REPORTS, group="refused", handler=seen)
    newer = message_left(stuck, 2)
    headers = [(k, b"report.message_left.v9" if k == "ce_type" else v) for k, v in newer.headers]
    one, three = message_left(stuck, 1), message_left(stuck, 3)
    batch: list[Message] = [(r.key.encode(), r.value, r.headers) for r in (one, newer, three)]
    batch[1] = (newer.key.encode(), newer.value, headers)
    async with running(bus):
        commit, refusals = subscription.consumer.commit, 2

        async def refuse(offsets: object) -> None:
            nonlocal refusals
            refusals -= 1
            if refusals >= 0:
                raise CommitFailedError("the group has moved on")
            await commit(offsets)

        monkeypatch.setattr(subscription.consumer, "commit", refuse)
        await bus.publisher.send(topic_name(bus_settings, REPORTS), 0, batch)
        await bus.publisher.publish([message_left(id_in(1, 3), 1)])
        await eventually(lambda: "v9" in str(health.ready["kafka.refused"]()), "the partition is blocked")
        await until_committed(bus_settings, "refused", {0: 1, 1: 1})
    assert {key for key in seen.keys if key[0] == stuck} == {(stuck, 1)}
    assert seen.keys.count((stuck, 1)) >= 2


async def test_a_commit_without_an_answer_is_sent_again_and_the_effects_are_not_repeated(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscription = subscribe(bus, REPORTS, group="unanswered", handler=seen)
    async with running(bus):
        commit, unanswered = subscription.consumer.commit, 2

        async def fail(offsets: object) -> None:
            nonlocal unanswered
            unanswered -= 1
            if unanswered >= 0:
                raise KafkaConnectionError("away")
            await commit(offsets)

        monkeypatch.setattr(subscription.consumer, "commit", fail)
        await bus.publisher.publish([message_left(id_in(1, 3), 1)])
        await until_committed(bus_settings, "unanswered", {1: 1})
    assert seen.keys == [(id_in(1, 3), 1)]
