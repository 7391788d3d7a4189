"""Client liveness probe: whether this process's Kafka client works. A broker that is down does not count against it.

A client is dead in two cases. One of its background tasks has ended: nothing restarts it. Or the group's coordinator
keeps answering a probe client while it answers no request of the subscription's own client. Both need a new client, and
restarting the process is the way to it that is exercised every day.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest

from shared import log, process
from shared.clock import Clock
from shared.errors import TransientError
from shared.kafka import metrics
from shared.kafka.connection import bounded, client_options, group_name
from shared.kafka.patches import background_tasks
from shared.settings import KafkaSettings

_log = log.get(__name__)

MAX_POLL_MS: Final = 600_000
"""A batch that is retried for longer leaves the group and begins again as a new member."""
REBALANCE_MS: Final = 15_000
"""Longer than the wait for the batch in flight, or the group goes on without this member."""
_BEATS_PER_SESSION: Final = 3
"""What Kafka advises for ``heartbeat.interval.ms``, at least."""

REQUEST_SECONDS: Final = 40.0
"""aiokafka's ``request_timeout_ms``: so long a connection may be dead before its client notices."""
DOUBT_SECONDS: Final = 30.0
"""After so long without an answer of the coordinator a probe client asks it. A join takes 15 at most."""
PROBE_SECONDS: Final = 10.0
_PROBE_CALL_MS: Final = 4_000
_MOST_PER_PROBE: Final = 15.0
"""The most time one probe accounts for: a process that was stopped is not counted against its client."""


def membership(settings: KafkaSettings) -> dict[str, int]:
    """Group membership timeouts, as keyword arguments for an aiokafka consumer."""
    session = settings.session_timeout_ms
    return {
        "session_timeout_ms": session,
        "heartbeat_interval_ms": session // _BEATS_PER_SESSION,
        "rebalance_timeout_ms": max(REBALANCE_MS, session),
        "max_poll_interval_ms": MAX_POLL_MS,
    }


def ended_task(client: Any) -> str | None:  # noqa: ANN401  # aiokafka ships no types
    """The background task of a started client that has ended unasked, as one line; None while all run."""
    for name, task in background_tasks(client).items():
        if task is not None and task.done():
            error = None if task.cancelled() else task.exception()
            return f"{name} has ended: {type(error).__name__ if error is not None else 'without an error'}"
    return None


class CoordinatorLiveness:
    """How long the group's coordinator has not answered one subscription, and answered a probe client meanwhile.

    Any answer counts, a refusal too. While a commit waits, only an answer about offsets does.
    """

    def __init__(self, settings: KafkaSettings, clock: Clock) -> None:
        terms = membership(settings)
        self._clock = clock
        self.doubt_s = max(DOUBT_SECONDS, 2 * terms["heartbeat_interval_ms"] / 1000)
        # A healthy client needs this long at worst: one dead connection after the other noticed, then a rebalance.
        self.limit_s = 2 * REQUEST_SECONDS + terms["rebalance_timeout_ms"] / 1000
        self.others_answered_s = 0.0
        """Seconds, in all, in which a probe was answered and this subscription was not."""
        self._others_answered: float | None = None
        self._last_answer = clock.monotonic()
        self._waits: float | None = None

    def answered(self, *, offsets: bool) -> None:
        """Note an answer of the coordinator, about ``offsets`` or anything else."""
        self._last_answer = self._clock.monotonic()
        if self._waits is None or offsets:
            self.reset()
        if offsets and self._waits is not None:
            self._waits = self._last_answer

    @contextmanager
    def committing(self) -> Iterator[None]:
        """While a commit waits for its answer, however often it is sent again."""
        self._waits = self._clock.monotonic()
        try:
            yield
        finally:
            self._waits = None
            self.reset()

    def silence_seconds(self) -> float:
        """Seconds since the coordinator's last answer that counts."""
        last = self._last_answer if self._waits is None else min(self._last_answer, self._waits)
        return self._clock.monotonic() - last

    def is_stuck(self, *, others_answered: bool) -> bool:
        """Account for one probe made while this subscription gets no answer; True when its client is stuck."""
        if not others_answered:
            self.reset()
            return False
        now = self._clock.monotonic()
        if self._others_answered is not None:
            self.others_answered_s += min(now - self._others_answered, _MOST_PER_PROBE)
        self._others_answered = now
        return self.others_answered_s >= self.limit_s

    def reset(self) -> None:
        """Discard the probes so far."""
        self.others_answered_s = 0.0
        self._others_answered = None

    def check(self) -> str | None:
        """Readiness: None while the coordinator answers."""
        silent = self.silence_seconds()
        return f"the group's coordinator has not answered for {silent:.0f} s" if silent > self.doubt_s else None


async def probe_coordinator(coordinator: CoordinatorLiveness, settings: KafkaSettings, group: str) -> None:
    """End the process if the coordinator answers a probe client and not this subscription."""
    silence_seconds = coordinator.silence_seconds()
    metrics.COORDINATOR_SILENCE.labels(group).set(silence_seconds)
    if silence_seconds <= coordinator.doubt_s:
        coordinator.reset()
        return
    answered = await coordinator_answers(settings, group)
    stuck = coordinator.is_stuck(others_answered=answered)
    if answered:
        fields = {
            "silent_s": round(silence_seconds),
            "others_answered_s": round(coordinator.others_answered_s),
            "limit_s": coordinator.limit_s,
        }
        _log.warning("kafka.coordinator_timed_out", group=group, **fields)
    if stuck:
        process.die("kafka.client_stuck", group=group, silent_s=round(silence_seconds))


async def coordinator_answers(settings: KafkaSettings, group: str) -> bool:
    """Return whether the group's coordinator answers a probe client with the group's offsets."""
    client = AIOKafkaClient(**client_options(settings), request_timeout_ms=_PROBE_CALL_MS)

    async def ask() -> bool:
        await client.bootstrap()
        name = group_name(settings, group)
        node = await client.coordinator_lookup(CoordinationType.GROUP, name)
        response = await client.send(node, OffsetFetchRequest(name, None))
        return for_code(response.error_code) is NoError

    try:
        return await bounded(ask(), PROBE_SECONDS, "asking for the group's coordinator")
    except (TransientError, KafkaError, AssertionError):
        return False
    finally:
        with suppress(TransientError, KafkaError):
            await bounded(client.close(), PROBE_SECONDS, "closing the probe client")
