"""Commits: of several batches together, of dead letters at once, refused ones and ones that get no answer."""

from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaConnectionError

from shared.kafka import consumer as consuming
from shared.kafka.connection import topic_name
from shared.kafka.consumer import Subscription
from shared.kafka.publisher import Message
from shared.settings import KafkaSettings
from shared.topics import REPORTS
from tests.integration.kafka.tools import (
    Seen,
    committed,
    dead_letters,
    id_in,
    message_left,
    new_bus,
    running,
    until_committed,
)
from tests.support.subscribing import subscribe
from tests.support.waiting import eventually

NOT_IN_THIS_TEST_S = 3600.0
"""A pause between two commits that no test lives to see the end of."""


def note_commits(subscription: Subscription, monkeypatch: pytest.MonkeyPatch) -> list[dict[int, int]]:
    """Return a list that the offsets of every commit from now on are added to, by partition."""
    commits: list[dict[int, int]] = []
    commit = subscription.consumer.commit

    async def noted(offsets: Mapping[TopicPartition, int]) -> None:
        commits.append({tp.partition: offset for tp, offset in offsets.items()})
        await commit(offsets)

    monkeypatch.setattr(subscription.consumer, "commit", noted)
    return commits


async def test_batches_that_follow_each_other_are_committed_together_and_the_rest_at_the_end(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "COMMIT_SECONDS", NOT_IN_THIS_TEST_S)
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscription = subscribe(bus, REPORTS, group="together", handler=seen)
    async with running(bus):
        commits = note_commits(subscription, monkeypatch)
        for version in range(1, 6):
            await bus.publisher.publish([message_left(id_in(1, 3), version)])
            await eventually(lambda: len(seen.received) >= version, "a batch for each")  # noqa: B023  # waited for here
        await until_committed(bus_settings, "together", {1: 1})
        assert commits == [{1: 1}], "the first at once, the others not yet"
    assert commits == [{1: 1}, {1: 5}]
    assert await committed(bus_settings, "together") == {1: 5}


async def test_a_batch_with_a_dead_letter_is_committed_before_the_next_one(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeated, it would write the dead letter twice, and somebody is called for each."""
    monkeypatch.setattr(consuming, "COMMIT_SECONDS", NOT_IN_THIS_TEST_S)
    seen = Seen()
    bus, _ = new_bus(bus_settings)
    subscription = subscribe(bus, REPORTS, group="dead-at-once", handler=seen)
    async with running(bus):
        commits = note_commits(subscription, monkeypatch)
        await bus.publisher.publish([message_left(id_in(1, 3), 1)])
        await eventually(lambda: commits == [{1: 1}], "the first commit")
        await bus.publisher.send(topic_name(bus_settings, REPORTS), 1, [(b"k", b"bad", [])])
        await eventually(lambda: len(commits) == 2, "the commit of what is dead")
        assert commits[1] == {1: 2}
        assert len(await dead_letters(bus_settings)) == 1


async def test_a_refused_commit_is_made_again_and_nothing_is_passed_over_or_repeated(
    bus_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if no rebalance follows: effects are durable, and the record of an unknown type holds its partition."""
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
    assert refusals < 0
    assert sorted(seen.keys) == sorted([(stuck, 1), (id_in(1, 3), 1)])


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
