"""When the certificates end that this process rests on; a process that reads one at its start has it until its end.

Authorities are noted as a client is made, since that is when it reads them. Servers are asked for theirs: what stands
in a file may not be what a server shows that was not started anew since.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from aiokafka.conn import collect_hosts
from cryptography import x509
from prometheus_client import Gauge
from pymongo.uri_parser import parse_uri

from shared import log
from shared.metrics import REGISTRY
from shared.settings import KafkaSettings, StoreSettings

_log = log.get(__name__)

KAFKA: Final = "kafka"
STORE: Final = "store"
GATEWAY: Final = "gateway"
"""What stands before the services and shows browsers a certificate."""
EVERY_S: Final = 3600.0
_TIMEOUT_S: Final = 5.0
_HTTPS: Final = 443

EXPIRY: Final = Gauge(
    "ieum_certificate_expiry_timestamp_seconds",
    "When a certificate ends: of the gateway, Kafka or the store the earliest that was last seen at its addresses; of"
    " an authority or a client the one this process read when it was started.",
    ["certificate"],
    registry=REGISTRY,
)
LIFE: Final = Gauge(
    "ieum_certificate_life_seconds",
    "From the beginning of that certificate to its end: one that lives shorter is renewed later.",
    ["certificate"],
    registry=REGISTRY,
)
UNSEEN: Final = Gauge(
    "ieum_certificate_unseen_status",
    "1: at the last look no address showed the certificate, or its file could not be read; otherwise 0.",
    ["certificate"],
    registry=REGISTRY,
)


class _Times(NamedTuple):
    """When a certificate ends, as Unix time, and for how many seconds it is good."""

    end: float
    life: float


_read: Final[dict[str, _Times]] = {}
"""Of each file the certificate that ends first of those that any client of this process has."""

Address = tuple[str, int]


def note_kafka(settings: KafkaSettings) -> None:
    """Note what a client of Kafka with these settings reads, which reaches it by TLS."""
    _note_files({f"{KAFKA}-authority": settings.ssl_cafile, f"{KAFKA}-client": settings.ssl_certfile})


def note_store(settings: StoreSettings) -> None:
    """Note what a client of the store with these settings reads."""
    options = parse_uri(settings.uri.get_secret_value())["options"]
    if _by_tls(options):
        _note_files(
            {f"{STORE}-authority": options.get("tlsCAFile"), f"{STORE}-client": options.get("tlsCertificateKeyFile")}
        )


def addresses(bus: KafkaSettings, store: StoreSettings, public_urls: Mapping[str, str]) -> dict[str, list[Address]]:
    """Where certificates are shown, by whose they are. What is reached without TLS is left out."""
    found: dict[str, list[Address]] = {}
    if bus.by_tls:
        found[KAFKA] = [(host, port) for host, port, _ in collect_hosts(bus.bootstrap_servers, randomize=False)]
    parsed = parse_uri(store.uri.get_secret_value())
    if _by_tls(parsed["options"]):
        found[STORE] = [(host, port) for host, port in parsed["nodelist"]]
    secure = [parts for url in public_urls.values() if (parts := urlsplit(url)).scheme == "https"]
    if secure:
        found[GATEWAY] = sorted({(parts.hostname or "", parts.port or _HTTPS) for parts in secure})
    return found


def _by_tls(options: Mapping[str, Any]) -> bool:
    """Whether the store is reached by TLS: as the driver has it, also where only a file for it is named."""
    files = ("tlsCAFile", "tlsCertificateKeyFile", "tlsCertificateKeyFilePassword", "tlsCRLFile")
    checks = ("tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames", "tlsDisableOCSPEndpointCheck")
    implied = any(options.get(name) for name in files) or any(options.get(name) is False for name in checks)
    return bool(options.get("tls", implied))


class CertificateWatch:
    """Looks at the certificates that servers show."""

    def __init__(self, shown_at: Mapping[str, Iterable[Address]]) -> None:
        """``shown_at``: the addresses by whose certificate it is, as ``addresses`` gives them."""
        self._shown_at = {name: tuple(listed) for name, listed in shown_at.items()}

    async def look(self) -> None:
        """Look at every address once. An address that shows none is named in the log where no other does either."""
        await asyncio.gather(*(self._look(name, listed) for name, listed in self._shown_at.items()))

    async def _look(self, name: str, listed: Sequence[Address]) -> None:
        looked = dict(zip(listed, await asyncio.gather(*(_times_shown(*address) for address in listed)), strict=True))
        seen = [times for times in looked.values() if isinstance(times, _Times)]
        UNSEEN.labels(name).set(not seen)
        if seen:
            _show(name, min(seen))
            return
        for (host, port), error in looked.items():
            _log.warning("certificate.not_seen", certificate=name, host=host, port=port, error=error)


def _show(name: str, times: _Times) -> None:
    EXPIRY.labels(name).set(times.end)
    LIFE.labels(name).set(times.life)


def _times_of(certificate: x509.Certificate) -> _Times:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return _Times(ends.timestamp(), (ends - begins).total_seconds())


async def _times_shown(host: str, port: int) -> _Times | str:
    """The times of the certificate shown at an address, or which error came instead.

    Believed or not: one that ended is too.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over it
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.transport.abort()
        return _times_of(x509.load_der_x509_certificate(shown))
    except (OSError, ValueError) as error:  # TimeoutError and ssl.SSLError are of the first kind
        return type(error).__name__


def _note_files(files: Mapping[str, Path | str | None]) -> None:
    """Note when files end. Of several authorities in one the last: it is there since the next is signed by it."""
    for name, file in files.items():
        if file is None:
            continue
        try:
            read = x509.load_pem_x509_certificates(Path(file).read_bytes())
        except (OSError, ValueError) as error:
            _log.warning("certificate.not_read", certificate=name, error=type(error).__name__)
            UNSEEN.labels(name).set(1)
        else:
            # A client's file has its own first and then those that signed it.
            UNSEEN.labels(name).set(0)
            times = [_times_of(one) for one in read]
            found = times[0] if name.endswith("-client") else max(times)
            # Clients that were made before the file was replaced have the one before until the process ends.
            _read[name] = min(found, _read.get(name, found))
            _show(name, _read[name])
