"""The parts of FastStream and aiokafka that the bus replaces, and why.

FastStream brings the consume loop, its tasks and its graceful stop. Its own parser decodes every header (one that is
not UTF-8 loses the whole batch), its batch subscriber sleeps after every empty poll, and its loop logs and repeats
errors that will never go away; so parser, consumer and error handling are ours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.errors import ConsumerStoppedError
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from shared.kafka.vitals import Pulse

Records = tuple[ConsumerRecord[bytes, bytes], ...]
Polled = Mapping[TopicPartition, list[ConsumerRecord[bytes, bytes]]]

POLL_MS: Final = 500
"""How long one poll waits for records; it returns at once when there are some."""


class Owner(Protocol):
    """Who looks after one consumer; its ``pulse`` hears of every answer of the group's coordinator."""

    pulse: Pulse

    def adopt(self, consumer: AIOKafkaConsumer) -> None:
        """Take the consumer FastStream has just built."""

    def polled(self, records: Polled) -> None:
        """Hear of every poll that came back, before anything else can happen."""

    async def poll_failed(self, error: Exception) -> None:
        """Hear of a poll that failed; decides whether the process goes on."""


class PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka ships no types
    """A consumer whose poll really waits, and whose errors go to its owner instead of into a log every five seconds."""

    def __init__(self, *, owner: Owner, pace_s: float, **options: object) -> None:
        super().__init__(**options)
        self._owner = owner
        self._pace_s = pace_s
        self._rest_until = 0.0
        self._client.send = self._telling(self._client.send)
        owner.adopt(self)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        """Records by partition; waits for the first up to half a second whatever ``timeout_ms`` says."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rest_until - loop.time())
        try:
            records: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = await super().getmany(
                *partitions, timeout_ms=max(timeout_ms, POLL_MS), max_records=max_records
            )
        except ConsumerStoppedError:  # how the loop is told to end
            raise
        except Exception as error:
            await self._owner.poll_failed(error)
            return {}
        self._owner.polled(records)
        if records:
            self._rest_until = loop.time() + self._pace_s
        return records

    def _telling(self, send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The client's ``send``, which tells the owner's pulse of what the coordinator answers."""

        async def sent(node: object, request: object, *, group: int = ConnectionGroup.DEFAULT) -> Any:  # noqa: ANN401  # aiokafka ships no types
            answer = await send(node, request, group=group)
            if group == ConnectionGroup.COORDINATION:
                self._owner.pulse.heard(offsets=isinstance(request, OffsetCommitRequest | OffsetFetchRequest))
            return answer

        return sent


class ConsumingBroker(KafkaBroker):
    """A FastStream broker for one subscription; builds our consumer with our options whatever its own say."""

    def __init__(
        self,
        owner: Owner,
        consumer_options: dict[str, Any],
        pace_s: float,
        **options: Any,  # noqa: ANN401  # handed on to FastStream as they are
    ) -> None:
        super().__init__(consumer_options["bootstrap_servers"], **options)
        self._owner = owner
        self._consumer_options = consumer_options
        self._pace_s = pace_s

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        def build(**options: object) -> AIOKafkaConsumer:
            return PatientConsumer(owner=self._owner, pace_s=self._pace_s, **(options | self._consumer_options))

        self.config.broker_config.builder = build
        return build


async def parse(records: Records) -> KafkaMessage:
    """A message around the raw records; touches no header and no body."""
    return KafkaMessage(
        body=b"", headers={}, raw_message=records, consumer=FAKE_CONSUMER, message_id="", content_type=None
    )


async def decode(message: KafkaMessage) -> Records:
    """The raw records themselves: they are validated one by one, later."""
    raw = message.raw_message
    return raw if isinstance(raw, tuple) else (raw,)
