"""Watches the dead topics: a record nobody could read may have been a report, and central hears of it at once.

Dead records are not events but whatever was met, so they are read raw, with a small consumer of our own. One mail per
origin: the topic, partition and offset the record came from.
"""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from services.notify import metrics
from services.notify.channels.email import MailChannel
from services.notify.channels.messages import Mail, dead_mail
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.dead_letters.models import StoredDeadLetter
from services.notify.dead_letters.repository import DeadLetterStore
from services.notify.settings import NotifySettings
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.jobs import Skipped
from shared.kafka.connection import (
    CONSUMER_TIMEOUT_MS,
    bounded,
    client_options,
    dead_topic_name,
    group_name,
    poll_ms,
)
from shared.kafka.liveness import ended_task
from shared.settings import KafkaSettings
from shared.topics import CASES, REPORTS, ROUTINGS

_LOG = log.get(__name__)
_FETCH_WAIT_MS: Final = 2000
"""The broker's long poll: an idle watch asks every two seconds, and a record of a partition that was just read waits so
long at most."""
_POLL_MS: Final = 5000
_IDS: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "dead.ieum")
WATCHED: Final = (REPORTS, ROUTINGS, CASES)
GROUP: Final = "notify-dead"
_RECORDS: Final = 100


class DeadLetterWatch:
    """Reads dead records into the store and mails central about each that it has not been told of."""

    def __init__(
        self,
        bus: KafkaSettings,
        settings: NotifySettings,
        store: DeadLetterStore,
        channel: MailChannel,
        broadcaster: ConsoleBroadcaster,
        clock: Clock,
    ) -> None:
        """No connection is opened until ``run``."""
        self._bus = bus
        self._settings = settings
        self._store = store
        self._channel = channel
        self._broadcaster = broadcaster
        self._clock = clock
        self.news: Final = asyncio.Event()
        """Records were found that central has not been told of."""

    async def run(self) -> None:
        """Read until the partitions move to another process. Raises what a broker or store that is away raises."""
        try:
            while True:
                await self._read()
        except KafkaError as error:
            raise TransientError(f"dead topics: {type(error).__name__}") from error

    async def _read(self) -> None:
        limit = self._bus.call_timeout_s
        timeout_ms = poll_ms(_POLL_MS, limit)
        consumer = AIOKafkaConsumer(
            *(dead_topic_name(self._bus, topic) for topic in WATCHED),
            **client_options(self._bus),
            group_id=group_name(self._bus, GROUP),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=self._bus.session_timeout_ms,
            heartbeat_interval_ms=self._bus.session_timeout_ms // 3,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            consumer_timeout_ms=CONSUMER_TIMEOUT_MS,
        )
        try:
            await bounded(consumer.start(), limit, "connecting the watch over dead topics")
            while True:
                if (why := ended_task(consumer)) is not None:  # polled, it would find nothing for ever
                    raise TransientError(f"dead topics: {why}")
                found = await bounded(
                    consumer.getmany(timeout_ms=timeout_ms, max_records=_RECORDS), limit, "reading dead topics"
                )
                records = [record for part in found.values() for record in part]
                if not records:
                    continue
                await self._remember(records)
                try:
                    await bounded(consumer.commit(), limit, "committing dead topics")
                except (CommitFailedError, IllegalStateError):
                    return  # Moved to another process; what was read twice is known by its origin.
        finally:
            try:
                await bounded(consumer.stop(), limit, "leaving dead topics")
            except (TransientError, KafkaError):
                _LOG.warning("dead.stop_failed")

    async def _remember(self, records: Sequence[Any]) -> None:
        new = 0
        for record in records:
            new += await self._store.add(
                dead_letter_of(record.topic, record.partition, record.offset, record.headers, self._clock)
            )
        if new:
            _LOG.error("dead.found", records=new)
            self.news.set()

    async def tell(self) -> None:
        """Mail central about every record it has not been told of; what the server did not take is tried again.

        Raises ``TransientError``, and ``SkippedError`` at the end.
        """
        skipped = Skipped("dead-mails")
        metrics.DEAD_UNREAD.set(await self._store.open_count())
        untold = await self._store.untold(skipped)
        if untold:
            until = self._clock.monotonic() + self._settings.lease_s
            reasons = await self._channel.send([self._mail(record) for record in untold], until)
            for record, reason in zip(untold, reasons, strict=True):
                if reason is None:
                    await self._store.told(record.origin, self._clock.now())
            self._broadcaster.notice()
        skipped.raise_if_any()

    def _mail(self, record: StoredDeadLetter) -> Mail:
        return dead_mail(
            alert_id=str(uuid.uuid5(_IDS, record.origin)),
            to=self._settings.central_address,
            sender=self._settings.mail_from,
            topic=record.topic,
            reason=record.reason,
            link=f"{self._settings.public_urls['notify'].rstrip('/')}/?center=central",
            now=self._clock.now(),
        )


def dead_letter_of(
    topic: str, partition: int, offset: int, headers: Sequence[tuple[str, bytes | None]], clock: Clock
) -> StoredDeadLetter:
    """Keep where a dead record came from and why it died, never its content."""
    found = {name: _plain(value or b"") for name, value in headers if name.startswith("dead_")}
    origin_topic = found.get("dead_topic", topic)[:80]
    place = f"{found.get('dead_partition', partition)}/{found.get('dead_offset', offset)}"
    return StoredDeadLetter(
        origin=f"{origin_topic}/{place}"[:120],
        topic=origin_topic,
        reason=found.get("dead_reason", "unknown")[:80],
        seen_at=clock.now(),
    )


def _plain(value: bytes) -> str:
    """Reduce to what may stand in a mail's subject: anyone who can write to the topic chose these bytes."""
    return "".join(sign if sign.isprintable() else "?" for sign in value.decode("ascii", "replace"))
