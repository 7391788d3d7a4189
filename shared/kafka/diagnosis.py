"""Why a cluster refuses this process: one line that names the setting, what was found, what is expected, an example.

aiokafka tells a broker that is down and one that refuses apart in its log only. So where connecting fails, one
connection is made once more by hand.
"""

import asyncio
import ssl
from typing import Any, Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from shared.kafka.connection import client_options
from shared.settings import KafkaSettings

_SECONDS: Final = 5.0
_NOT_OF_A_CONNECTION: Final = ("bootstrap_servers", "retry_backoff_ms")


async def refusal(settings: KafkaSettings) -> str | None:
    """The line about the first server that refuses; None where none does, or where none answers at all."""
    options = {name: value for name, value in client_options(settings).items() if name not in _NOT_OF_A_CONNECTION}
    for host, port, _ in collect_hosts(settings.bootstrap_servers):
        found = await _asked(settings, host, port, options)
        if found is not None:
            return found
    return None


async def _asked(settings: KafkaSettings, host: str, port: int, options: dict[str, Any]) -> str | None:
    try:
        async with asyncio.timeout(_SECONDS):
            connection = await create_conn(host, port, request_timeout_ms=int(_SECONDS * 1000), **options)
    except (TimeoutError, ConnectionRefusedError):
        return None
    except (KafkaError, OSError) as error:
        return _line(settings, f"{host}:{port}", error)
    connection.close()
    return None


def _line(settings: KafkaSettings, where: str, error: Exception) -> str:
    match error:
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
