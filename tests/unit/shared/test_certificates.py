"""When certificates end: those a process reads, and those that servers show."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from prometheus_client import Gauge
from pydantic import SecretStr
from pymongo import MongoClient
from structlog.testing import capture_logs

from shared import certificates, mongo
from shared.certificates import EXPIRY, LIFE, UNSEEN, CertificateWatch
from shared.kafka.connection import client_options
from shared.settings import KafkaSettings, StoreSettings
from tools.local import certificates as local
from tools.local.certificates import ADMIN, BROKER, STORE, Certificates


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    found = Certificates(tmp_path / "made")
    found.ensure()
    return found


@pytest.fixture
def soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Certificates that end in five days."""
    monkeypatch.setattr(local, "_DAYS", 5)
    found = Certificates(tmp_path / "soon")
    found.folder.mkdir()
    found._make(local.CA)
    found.renew()
    return found


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    certificates._read.clear()
    EXPIRY.clear()
    LIFE.clear()
    UNSEEN.clear()


def shown(gauge: Gauge) -> dict[str, float]:
    return {one.labels["certificate"]: one.value for metric in gauge.collect() for one in metric.samples}


def ends() -> dict[str, float]:
    """By certificate, in days from now."""
    now = datetime.now(UTC).timestamp()
    return {name: round((value - now) / 86400) for name, value in shown(EXPIRY).items()}


def lives() -> dict[str, float]:
    """By certificate, in days. Those made here are good from the day before."""
    return {name: value / 86400 for name, value in shown(LIFE).items()}


def unseen() -> dict[str, float]:
    return shown(UNSEEN)


def serving(found: Certificates, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(found.certificate(name), found.key(name))
    return context


async def listen(context: ssl.SSLContext | None) -> asyncio.Server:
    return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)


def port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def kafka(found: Certificates, **others: object) -> KafkaSettings:
    return KafkaSettings.model_validate({"security_protocol": "SSL", "ssl_cafile": found.authority} | others)


def store(found: Certificates, more: str = "") -> StoreSettings:
    uri = f"mongodb://127.0.0.1:1/?tls=true&tlsCAFile={found.authority}{more}"
    return StoreSettings(uri=SecretStr(uri))


async def test_what_a_client_reads_is_noted_as_it_is_made(made: Certificates, soon: Certificates) -> None:
    client_options(kafka(soon, ssl_certfile=made.certificate(ADMIN), ssl_keyfile=made.key(ADMIN)))
    mongo.connect(store(made, f"&tlsCertificateKeyFile={made.both(ADMIN)}"), "notify")
    assert ends() == {"kafka-authority": 5, "kafka-client": 3650, "store-authority": 3650, "store-client": 3650}
    assert lives() == {"kafka-authority": 6, "kafka-client": 3651, "store-authority": 3651, "store-client": 3651}
    assert set(unseen().values()) == {0}


async def test_of_a_file_with_the_next_authority_the_next_counts(made: Certificates, soon: Certificates) -> None:
    both = soon.folder / "both-authorities.pem"
    both.write_bytes(soon.authority.read_bytes() + made.authority.read_bytes())
    client_options(kafka(soon, ssl_cafile=both))
    assert ends() == {"kafka-authority": 3650}


async def test_an_authority_that_was_replaced_counts_until_its_process_ends(
    made: Certificates, soon: Certificates
) -> None:
    """Clients made before have it still; another that is made now reads the next one."""
    client_options(kafka(soon))
    client_options(kafka(made))
    assert ends() == {"kafka-authority": 5}


async def test_nothing_is_said_of_what_is_reached_without_tls() -> None:
    client_options(KafkaSettings())
    mongo.connect(StoreSettings(), "notify")
    assert certificates.addresses(KafkaSettings(), StoreSettings(), {"intake": "http://127.0.0.1:8001"}) == {}
    assert ends() == unseen() == {}


async def test_where_certificates_are_shown(made: Certificates) -> None:
    bus = kafka(made, bootstrap_servers="one:9093, [::1]:9094")
    urls = {
        "intake": "https://report.example",
        "notify": "https://report.example:8443/x",
        "routing": "http://a.example",
    }
    found = certificates.addresses(bus, store(made), urls)
    assert sorted(found.pop("kafka")) == [("::1", 9094), ("one", 9093)]
    assert found == {"store": [("127.0.0.1", 1)], "gateway": [("report.example", 443), ("report.example", 8443)]}


async def test_a_store_whose_address_names_a_file_for_tls_alone_is_watched(made: Certificates) -> None:
    """The driver takes that for ``tls=true``."""
    settings = StoreSettings(uri=SecretStr(f"mongodb://127.0.0.1:1/?tlsCAFile={made.authority}"))
    mongo.connect(settings, "notify")
    assert ends() == {"store-authority": 3650}
    assert certificates.addresses(KafkaSettings(), settings, {}) == {"store": [("127.0.0.1", 1)]}


@pytest.mark.parametrize(
    "options",
    [
        "",
        "tls=false",
        "ssl=true",
        "tlsCAFile={authority}",
        "tlsCertificateKeyFile={both}",
        "tlsInsecure=true",
        "tlsInsecure=false",
        "tlsAllowInvalidCertificates=true",
        "tlsAllowInvalidCertificates=false",
        "tlsAllowInvalidHostnames=false",
        "tlsDisableOCSPEndpointCheck=false",
    ],
)
def test_a_store_is_watched_exactly_where_the_driver_uses_tls(made: Certificates, options: str) -> None:
    uri = f"mongodb://127.0.0.1:1/?{options.format(authority=made.authority, both=made.both(ADMIN))}"
    pool = MongoClient[dict[str, object]](uri, connect=False).options.pool_options
    watched = certificates.addresses(KafkaSettings(), StoreSettings(uri=SecretStr(uri)), {})
    assert ("store" in watched) is (pool._ssl_context is not None)


async def test_the_earliest_that_any_address_shows_counts(made: Certificates, soon: Certificates) -> None:
    late, early = await listen(serving(made, BROKER)), await listen(serving(soon, STORE))
    shown_at = {"kafka": [("127.0.0.1", port(late)), ("127.0.0.1", port(early))]}
    async with late, early:
        await CertificateWatch(shown_at).look()
    assert ends() == {"kafka": 5}
    assert lives() == {"kafka": 6}, "its own, and not that of another"
    assert unseen() == {"kafka": 0}


async def test_a_certificate_that_has_ended_is_seen_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_DAYS", 0)
    over = Certificates(tmp_path)
    over._make(local.CA)
    over.renew()
    end = x509.load_pem_x509_certificate(over.certificate(STORE).read_bytes()).not_valid_after_utc
    assert end <= datetime.now(UTC)
    async with await listen(serving(over, STORE)) as server:
        await CertificateWatch({"gateway": [("127.0.0.1", port(server))]}).look()
    assert ends() == {"gateway": 0}


async def test_an_address_that_shows_none_hides_no_other_and_none_at_all_is_told(made: Certificates) -> None:
    silent, shows = await listen(None), await listen(serving(made, BROKER))
    shown_at = {"gateway": [("127.0.0.1", port(silent))], "kafka": [("127.0.0.1", 1), ("127.0.0.1", port(shows))]}
    async with silent, shows:
        await CertificateWatch(shown_at).look()
    assert ends() == {"kafka": 3650}
    assert unseen() == {"gateway": 1, "kafka": 0}


async def test_the_log_names_an_address_only_where_none_shows_the_certificate(made: Certificates) -> None:
    """On Kubernetes the auditor may reach one port of the gateway alone, and all is well."""
    async with await listen(serving(made, BROKER)) as shows:
        shown_at = {"gateway": [("127.0.0.1", 1), ("127.0.0.1", port(shows))], "store": [("127.0.0.1", 2)]}
        with capture_logs() as logs:
            await CertificateWatch(shown_at).look()
    assert logs == [
        {
            "event": "certificate.not_seen",
            "log_level": "warning",
            "certificate": "store",
            "host": "127.0.0.1",
            "port": 2,
            "error": "ConnectionRefusedError",
        }
    ]
