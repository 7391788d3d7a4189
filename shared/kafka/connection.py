"""Settings shared by every Kafka client here: how to connect, how long to wait, how topics and groups are named."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from aiokafka.helpers import create_ssl_context

from shared import certificates
from shared.errors import TransientError
from shared.settings import KafkaSettings
from shared.topics import Topic

T = TypeVar("T")
FETCH_BYTES: Final = 256 * 1024
"""Of one partition at a time; aiokafka's default of 1 MiB is held for each of twelve partitions while a batch is worked
off (measured: 50 MB more in routing, no faster). A larger batch of the log still comes whole."""
CONSUMER_TIMEOUT_MS: Final = 5_000
"""aiokafka's ``consumer_timeout_ms``: its fetching task looks round so often although nothing has happened. Answers,
assignments, resumed partitions and new metadata wake it at once; its default of 200 was two thirds of its wake-ups."""
_LET_GO_S: Final = 1.0
"""How long a call that was cancelled may take to end."""


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client: bootstrap servers and security."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
        "retry_backoff_ms": 100,
    }
    if settings.by_tls:
        certificates.note_kafka(settings)
        options["ssl_context"] = create_ssl_context(
            cafile=_path(settings.ssl_cafile),
            certfile=_path(settings.ssl_certfile),
            keyfile=_path(settings.ssl_keyfile),
        )
    if settings.security_protocol.startswith("SASL_"):
        password = settings.sasl_password
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username or ""
        options["sasl_plain_password"] = password.get_secret_value() if password is not None else ""
    return options


def poll_ms(most: int, limit_s: float) -> int:
    """How long a poll may wait for records, in milliseconds: one that finds none must end within its limit."""
    return min(most, int(limit_s * 500))


async def bounded(awaitable: Awaitable[T], seconds: float, what: str) -> T:
    """Wait at most ``seconds`` for a call to Kafka.

    Several calls of aiokafka wait for ever while the broker is away, whatever their own timeout says, and some go on
    when they are cancelled: a call that does is left behind, or its caller would wait for ever as well. Raises
    ``TransientError`` naming ``what`` when the time is over or the broker cannot be reached; other errors pass through.
    """
    call = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({call}, timeout=seconds)
    finally:
        if not call.done():
            call.add_done_callback(forget)
            call.cancel()
            await asyncio.wait({call}, timeout=_LET_GO_S)
    if not call.done() or call.cancelled():
        raise TransientError(f"kafka: {what} got no answer within {seconds:g} s")
    try:
        return call.result()
    except (KafkaConnectionError, KafkaTimeoutError, OSError) as error:
        raise TransientError(f"kafka: {what} failed: {type(error).__name__}") from error
    except KafkaError as error:
        if error.retriable:
            raise TransientError(f"kafka: {what} failed: {type(error).__name__}") from error
        raise


class Stall:
    """Ends a read of what is known to be there once nothing of it has come for a time.

    A client asks again without end where a broker answers each of its calls, but with no record.
    """

    def __init__(self, seconds: float, what: str) -> None:
        """``what`` is read, for the error."""
        self._seconds = seconds
        self._what = what
        self._at: object = None
        self._since = time.monotonic()

    def check(self, at: object) -> None:
        """Note how far the read is. Raises ``TransientError`` if that has been the same for too long."""
        if at != self._at:
            self._at, self._since = at, time.monotonic()
        elif time.monotonic() - self._since > self._seconds:
            raise TransientError(
                f"kafka: {self._what}: nothing more came within {self._seconds:g} s, though more is there"
            )


def forget(call: "asyncio.Future[Any]") -> None:
    """Done-callback of a call whose outcome no caller may wait for."""
    if not call.cancelled():
        call.exception()  # asked for, or asyncio would complain that no caller did


def topic_name(settings: KafkaSettings, topic: Topic) -> str:
    """The topic's name on the cluster, with the deployment's prefix."""
    return f"{settings.topic_prefix}{topic.name}"


def dead_topic_name(settings: KafkaSettings, topic: Topic) -> str:
    """Return the name of the topic's dead-letter topic on the cluster."""
    return f"{settings.topic_prefix}{topic.dead}"


def bare_name(settings: KafkaSettings, name: str) -> str:
    """The way back from a name on the cluster to the table of topics."""
    return name.removeprefix(settings.topic_prefix)


def group_name(settings: KafkaSettings, group: str) -> str:
    """The consumer group's name on the cluster, with the deployment's prefix."""
    return f"{settings.topic_prefix}{group}"


def _path(path: object) -> str | None:
    return str(path) if path is not None else None
