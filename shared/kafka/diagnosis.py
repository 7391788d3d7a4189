"""Why a cluster refuses this process: one line that names the setting, what was found, what is expected, an example.

aiokafka tells a broker that is down and one that refuses apart in its log only. So where connecting fails, one
connection is made once more by hand.
"""

import asyncio
import socket
import ssl
from typing import Any, Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from shared.kafka.connection import client_options
from shared.settings import KafkaSettings

_SECONDS: Final = 5.0
TOO_OLD: Final = (IncompatibleBrokerVersion, NotImplementedError)
"""What aiokafka raises where it and a broker have no version of a request in common."""
_NOT_OF_A_CONNECTION: Final = ("bootstrap_servers", "retry_backoff_ms")


async def refusal(settings: KafkaSettings) -> str | None:
    """The line about the first server that refuses; None where none does, or where none answers at all."""
    options = {name: value for name, value in client_options(settings).items() if name not in _NOT_OF_A_CONNECTION}
    for host, port, _ in collect_hosts(settings.bootstrap_servers):
        found = await _asked(settings, host, port, options)
        if found is not None:
            return found
    return None


def too_old(settings: KafkaSettings, error: BaseException | None) -> str | None:
    """The line about a broker that lacks what is needed of it."""
    if not isinstance(error, TOO_OLD):
        return None
    return (
        f"setting KAFKA_BOOTSTRAP_SERVERS: the broker is too old; found {settings.bootstrap_servers!r}, which lacks a"
        f" request that this client needs ({error}); expected Apache Kafka 4; example:"
        " KAFKA_BOOTSTRAP_SERVERS=broker-1:9092,broker-2:9092"
    )


async def _asked(settings: KafkaSettings, host: str, port: int, options: dict[str, Any]) -> str | None:
    try:
        async with asyncio.timeout(_SECONDS):
            connection = await create_conn(host, port, request_timeout_ms=int(_SECONDS * 1000), **options)
    except ConnectionRefusedError:
        return None
    except (KafkaError, socket.gaierror, ssl.SSLError, ConnectionError) as error:
        return line_about(settings, f"{host}:{port}", error)
    except OSError:  # no answer in time, no way there, or refused at each of several addresses
        return None
    connection.close()
    return None


def line_about(settings: KafkaSettings, where: str, error: Exception) -> str:
    """The line about a server and what connecting to it raised."""
    match error:
        case socket.gaierror():
            return (
                f"setting KAFKA_BOOTSTRAP_SERVERS: the host of {where} cannot be looked up ({error.strerror}); found"
                f" {settings.bootstrap_servers!r}; expected names that this machine's resolver knows; example:"
                " KAFKA_BOOTSTRAP_SERVERS=broker-1:9092,broker-2:9092"
            )
        case ssl.SSLCertVerificationError():
            return (
                f"setting KAFKA_SSL_CAFILE: the certificate of {where} is not believed ({error.verify_message});"
                f" found {settings.ssl_cafile or 'none, so the authorities of this machine'}; expected the"
                " certificate of the authority that signed it; example: KAFKA_SSL_CAFILE=/etc/ssl/kafka-ca.pem"
            )
        case SaslAuthenticationFailed():
            return (
                f"setting KAFKA_SASL_PASSWORD: {where} refuses this user with this password; found the user"
                f" {settings.sasl_username!r} (KAFKA_SASL_USERNAME) and a password (not shown); expected a principal of"
                " docs/reference/kafka-rights.md with its password; example: KAFKA_SASL_USERNAME=intake"
            )
        case UnsupportedSaslMechanismError():
            return (
                f"setting KAFKA_SASL_MECHANISM: {where} does not offer it; found {settings.sasl_mechanism!r}; expected"
                " one that the broker's listener enables; example: KAFKA_SASL_MECHANISM=SCRAM-SHA-512"
            )
        case _:
            # It answered and hung up: a listener of another protocol.
            return (
                f"setting KAFKA_SECURITY_PROTOCOL: {where} ends the connection ({type(error).__name__}); found"
                f" {settings.security_protocol!r}; expected the protocol of the broker's listener, and its port in"
                " KAFKA_BOOTSTRAP_SERVERS; example: KAFKA_SECURITY_PROTOCOL=SASL_SSL"
            )
