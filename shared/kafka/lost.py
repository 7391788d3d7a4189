"""A write to a connection that uvloop has closed already: for aiokafka a lost connection like any other.

Between a reset by the broker and the moment aiokafka's reader hears of it, asyncio lets a write pass in silence; uvloop
raises ``RuntimeError``, which aiokafka expects nowhere (its issue 1038) and which ends whichever of its tasks in the
background was writing. If that is the one that refreshes the metadata, nothing shows: but every search for a group's
coordinator waits for it, holding the lock of the search, and from the next restart of the broker on no commit is ever
answered.
"""

from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_SEND: Final = AIOKafkaConnection.send
_SEND_TOKEN: Final = AIOKafkaConnection._send_sasl_token


def treat_closed_as_lost() -> None:
    """Make every Kafka client of this process do so. May be called again."""
    AIOKafkaConnection.send = _send
    AIOKafkaConnection._send_sasl_token = _send_token


def _send(self: AIOKafkaConnection, *args: object, **options: object) -> Any:  # noqa: ANN401  # aiokafka ships no types
    try:
        return _SEND(self, *args, **options)
    except RuntimeError as error:
        raise _lost(self, error) from error


def _send_token(self: AIOKafkaConnection, *args: object, **options: object) -> Any:  # noqa: ANN401  # as above
    try:
        return _SEND_TOKEN(self, *args, **options)
    except RuntimeError as error:
        raise _lost(self, error) from error


def _lost(connection: AIOKafkaConnection, error: RuntimeError) -> KafkaConnectionError:
    """What aiokafka itself does where a write fails with ``OSError``."""
    connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
    return KafkaConnectionError(f"Connection at {connection.host}:{connection.port} was closed: {error}")
