"""Engines that let in only whom they know, for all tests of this folder that ask them what they refuse."""

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from shared.settings import KafkaSettings
from tests.support.waiting import CALL_TIMEOUT_S
from tools.local.engines import Engines
from tools.local.security import LocalSecurity
from tools.testing import shared_engines
from tools.testing.results import LEFT_OUT

SettingsOf = Callable[[str], KafkaSettings]


@pytest.fixture(scope="package")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Engines of this package alone: every other test's are plain."""
    if reason := shared_engines.missing():
        pytest.skip(f"{LEFT_OUT}{reason}")
    engines = Engines(security=LocalSecurity(tmp_path_factory.mktemp("var")))
    try:
        engines.start()
        yield engines
    finally:
        engines.stop()


@pytest.fixture(scope="package")
def settings_of(secured: Engines) -> SettingsOf:
    """How a principal connects."""
    assert secured.security is not None
    security = secured.security

    def of(name: str) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=secured.kafka,
            security_protocol="SASL_SSL",
            sasl_username=name,
            sasl_password=SecretStr(security.kafka_passwords()[name]),
            ssl_cafile=security.certificates.authority,
            call_timeout_s=CALL_TIMEOUT_S,
        )

    return of
