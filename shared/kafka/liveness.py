"""Whether a Kafka client still lives inside. That Kafka is away does not tell: then it lives and waits.

Two things do. A background task of the client has ended: nothing starts it again. And a group's coordinator answers a
client made for the question, again and again, while it answers nothing that the subscription's own client asks. Either
way a new client is the remedy, and a new process the one way to it that is tried every day.
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
from shared.settings import BusSettings

_log = log.get(__name__)

MAX_POLL_MS: Final = 600_000
"""A batch that is retried for longer leaves the group and begins again as a new member."""
REBALANCE_MS: Final = 15_000
"""Longer than the wait for the batch in flight, or the group goes on without this member."""
_BEATS_PER_SESSION: Final = 5

REQUEST_SECONDS: Final = 40.0
"""aiokafka's ``request_timeout_ms``: so long a connection may be dead before its client notices."""
DOUBT_SECONDS: Final = 30.0
"""The coordinator silent for so long, others are asked whether it answers them. A join is silent for 15 at most."""
PROBE_SECONDS: Final = 10.0
_PROBE_CALL_MS: Final = 4_000
_MOST_PER_PROBE: Final = 15.0
"""No answer to others stands for more time than this: a process that was stopped is not held against its client."""


def membership(settings: BusSettings) -> dict[str, int]:
    """On what terms a subscription is a member of its group, as keyword arguments for an aiokafka consumer."""
    session = settings.session_timeout_ms
    return {
        "session_timeout_ms": session,
        "heartbeat_interval_ms": session // _BEATS_PER_SESSION,
        "rebalance_timeout_ms": max(REBALANCE_MS, session),
        "max_poll_interval_ms": MAX_POLL_MS,
    }


def ended_part(client: Any) -> str | None:  # noqa: ANN401  # aiokafka ships no types
    """What of a started consumer or producer has ended without being asked to, in words; None while all of it lives."""
    for name, task in background_tasks(client).items():
        if task is not None and task.done():
            error = None if task.cancelled() else task.exception()
            return f"{name} has ended: {type(error).__name__ if error is not None else 'without an error'}"
    return None


class Pulse:
    """How long one subscription has heard nothing of its group's coordinator, and how long others have meanwhile.

    Any answer is a sign of life, a refusal too. While a commit waits, only an answer about offsets is one.
    """

    def __init__(self, settings: BusSettings, clock: Clock) -> None:
        terms = membership(settings)
        self._clock = clock
        self.doubt_s = max(DOUBT_SECONDS, 2 * terms["heartbeat_interval_ms"] / 1000)
        # A healthy client needs this long at worst: one dead connection after the other noticed, then a rebalance.
        self.limit_s = 2 * REQUEST_SECONDS + terms["rebalance_timeout_ms"] / 1000
        self.others_s = 0.0
        """For how long, in all, others were answered and this subscription was not."""
        self._others_answered: float | None = None
        self._heard = clock.monotonic()
        self._waits: float | None = None

    def heard(self, *, offsets: bool) -> None:
        """The coordinator answered, something about ``offsets`` or anything else."""
        self._heard = self._clock.monotonic()
        if self._waits is None or offsets:
            self.forget()
        if offsets and self._waits is not None:
            self._waits = self._heard

    @contextmanager
    def committing(self) -> Iterator[None]:
        """While a commit waits for its answer, however often it is sent again."""
        self._waits = self._clock.monotonic()
        try:
            yield
        finally:
            self._waits = None
            self.forget()

    def silence(self) -> float:
        """Seconds since the coordinator's last answer that counts."""
        last = self._heard if self._waits is None else min(self._heard, self._waits)
        return self._clock.monotonic() - last

    def compare(self, *, others_answered: bool) -> bool:
        """One comparison with what others hear, made while this subscription hears nothing; True when it is stuck."""
        if not others_answered:
            self.forget()
            return False
        now = self._clock.monotonic()
        if self._others_answered is not None:
            self.others_s += min(now - self._others_answered, _MOST_PER_PROBE)
        self._others_answered = now
        return self.others_s >= self.limit_s

    def forget(self) -> None:
        """What others heard until now says nothing any more."""
        self.others_s = 0.0
        self._others_answered = None

    def complaint(self) -> str | None:
        """For health: None while the coordinator is heard of."""
        silent = self.silence()
        return f"the group's coordinator has not answered for {silent:.0f} s" if silent > self.doubt_s else None


async def examine(pulse: Pulse, settings: BusSettings, group: str) -> None:
    """End the process where the coordinator answers everybody else and not this subscription."""
    silence = pulse.silence()
    metrics.COORDINATOR_SILENCE.labels(group).set(silence)
    if silence <= pulse.doubt_s:
        pulse.forget()
        return
    answered = await coordinator_answers(settings, group)
    stuck = pulse.compare(others_answered=answered)
    if answered:
        said = {"silent_s": round(silence), "others_answered_s": round(pulse.others_s), "limit_s": pulse.limit_s}
        _log.warning("bus.coordinator_silent", subscription=group, **said)
    if stuck:
        process.die("bus.coordinator_stuck", subscription=group, silent_s=round(silence))


async def coordinator_answers(settings: BusSettings, group: str) -> bool:
    """Whether a client made for this question hears how far the group is, from the group's coordinator."""
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
            await bounded(client.close(), PROBE_SECONDS, "closing the client of the question")
