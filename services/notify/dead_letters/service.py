"""Watches the dead topics: a record nobody could read may have been a report, and central hears of it at once.

Dead records are not events but whatever was met, so they are read raw, with a small consumer of our own. What their
headers say is believed of nothing but their own partition: whoever has the Kafka credentials of any consumer can write
them. So they make no flood of mails, and no word of theirs keeps a later letter from being told.
"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from services.notify import metrics
from services.notify.channels.email import MailChannel
from services.notify.channels.messages import dead_mail
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.dead_letters.models import StoredDeadLetter
from services.notify.dead_letters.repository import DeadLetterStore
from services.notify.settings import NotifySettings
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.kafka.connection import (
    CONSUMER_TIMEOUT_MS,
    bounded,
    client_options,
    dead_topic_name,
    group_name,
    poll_ms,
)
from shared.kafka.dead_letters import names_origin_in, origin_headers
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
MAIL_EVERY: Final = timedelta(minutes=5)
"""Central is mailed at once of the first record, and of further ones together, at most so often."""


class DeadLetterWatch:
    """Reads dead records into the store and mails central about those that it has not been told of."""

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
        topics = {dead_topic_name(self._bus, topic): topic.name for topic in WATCHED}
        new = 0
        for record in records:
            new += await self._store.add(
                dead_letter_of(topics[record.topic], record.partition, record.offset, record.headers, self._clock)
            )
        if new:
            _LOG.error("dead.found", records=new)
            self.news.set()

    async def tell(self) -> None:
        """Mail central about all records it has not been told of; what the server did not take is tried again.

        Raises ``TransientError``.
        """
        metrics.DEAD_UNREAD.set(await self._store.open_count())
        until = self._clock.monotonic() + MAIL_EVERY.total_seconds()
        oldest = await self._store.oldest_without_mail()
        if oldest is None or not await self._store.take_turn(self._clock.now(), MAIL_EVERY):
            return
        begun = uuid.uuid4().hex
        count, topics = await self._store.begin_mail(begun)
        mail = dead_mail(
            # The same again where the process ends before it is noted, so that a double is known as one.
            alert_id=str(uuid.uuid5(_IDS, f"{oldest} {count}")),
            to=self._settings.central_address,
            sender=self._settings.mail_from,
            count=count,
            topics=[topic.name for topic in WATCHED if topic.name in topics],
            link=f"{self._settings.public_urls['notify'].rstrip('/')}/?center=central",
            now=self._clock.now(),
        )
        if count and await self._channel.send_one(mail, until) is None:
            await self._store.end_mail(begun, self._clock.now())
        else:
            await self._store.give_back_turn(self._clock.now())
        self._broadcaster.notice()


def dead_letter_of(
    topic: str, partition: int, offset: int, headers: Sequence[tuple[str, bytes | None]], clock: Clock
) -> StoredDeadLetter:
    """Keep where a dead record came from and why it died, never its content. ``topic`` is the one it is dead of.

    A letter that names an origin elsewhere than where such letters are written stands for itself.
    """
    said = {name: _plain(value) for name, value in origin_headers(headers).items()}
    origin = f"{topic}/{partition}/{said.get('offset', '')}"
    if not names_origin_in(headers, topic, partition):
        origin = f"{topic}.dead/{partition}/{offset}"
    return StoredDeadLetter(
        origin=origin[:120],
        letter=offset,
        topic=topic,
        reason=said.get("reason", "unknown")[:80],
        seen_at=clock.now(),
    )


def _plain(said: str) -> str:
    """Reduce to what may stand on a page: anyone who can write to the topic chose it."""
    return "".join(sign if sign.isprintable() and sign.isascii() else "?" for sign in said)
