"""A broker that lets in only whom it knows, for all tests of this folder that ask it what it refuses."""

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from shared.kafka.access import BY_NAME
from shared.settings import KafkaSettings
from tools.local.certificates import Certificates
from tools.local.engines import Engines
from tools.local.kafka import KafkaSecurity
from tools.local.keys import new_key
from tools.testing import shared_engines
from tools.testing.results import LEFT_OUT

PASSWORDS = {name: new_key() for name in BY_NAME}
SettingsOf = Callable[[str], KafkaSettings]


@pytest.fixture(scope="package")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Engines of this package alone: every other test's broker is plain."""
    if reason := shared_engines.missing():
        pytest.skip(f"{LEFT_OUT}{reason}")
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    engines = Engines(security=KafkaSecurity(certificates, lambda: PASSWORDS))
    try:
        engines.start()
        yield engines
    finally:
        engines.stop()


@pytest.fixture(scope="package")
def settings_of(secured: Engines) -> SettingsOf:
    """How a principal connects."""
    assert secured.security is not None
    authority = secured.security.certificates.authority

    def of(name: str) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=secured.kafka,
            security_protocol="SASL_SSL",
            sasl_username=name,
            sasl_password=SecretStr(PASSWORDS[name]),
            ssl_cafile=authority,
            call_timeout_s=10,
        )

    return of
