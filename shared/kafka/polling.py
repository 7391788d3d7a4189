"""The consumer under FastStream's loop: a poll that waits, keeps a pace, and whose errors are not repeated for ever.

FastStream brings the loop, its tasks and its graceful stop. Of its own consumer it polls 200 ms and sleeps 200 ms when
nothing came, and logs an error every five seconds for ever. Nothing public changes that, so the bus hands FastStream
this consumer instead (``config.broker_config.builder``, as its own test broker does).
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError

from shared.kafka.liveness import Pulse
from shared.kafka.patches import tell_of_coordinator

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
    """A consumer whose poll really waits, and whose errors go to its owner."""

    def __init__(self, *, owner: Owner, pace_s: float, **options: object) -> None:
        super().__init__(**options)
        self._owner = owner
        self._pace_s = pace_s
        self._rest_until = 0.0
        tell_of_coordinator(self, owner.pulse.heard)
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
