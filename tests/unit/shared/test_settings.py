import base64
from itertools import combinations
from pathlib import Path

import pytest

from services.identity.settings import IdentitySettings
from services.intake.settings import IntakeSettings
from services.notify.settings import NotifySettings
from shared.settings import KafkaSettings, ServiceSettings, SettingsError, StoreSettings, load, variable_of


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_TOPIC_PARTITIONS", "KAFKA_SECURITY_PROTOCOL", "MONGODB_URI", "IEUM_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


def test_wrong_setting_names_variable_value_and_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_TOPIC_PARTITIONS", "many")
    with pytest.raises(SettingsError) as caught:
        load(KafkaSettings)
    (line,) = caught.value.lines
    assert "KAFKA_TOPIC_PARTITIONS" in line
    assert "'many'" in line
    assert "KAFKA_TOPIC_PARTITIONS=12" in line
    assert caught.value.code == 78


def test_every_wrong_setting_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_TOPIC_PARTITIONS", "0")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "telnet")
    with pytest.raises(SettingsError) as caught:
        load(KafkaSettings)
    assert len(caught.value.lines) == 2


def test_aliased_setting_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEUM_LOG_LEVEL", "LOUD")
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings)
    assert "setting IEUM_LOG_LEVEL" in caught.value.lines[0]
    assert "IEUM_LOG_LEVEL=INFO" in caught.value.lines[0]


def test_secrets_are_not_shown_when_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:canary@host")
    assert "canary" not in repr(load(StoreSettings))


def test_variable_names() -> None:
    assert variable_of(KafkaSettings, "sasl_username") == "KAFKA_SASL_USERNAME"
    assert variable_of(ServiceSettings, "host") == "IEUM_HOST"


def test_a_list_that_is_not_json_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEUM_PUBLIC_URLS", "{oops")
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings)
    (line,) = caught.value.lines
    assert line.startswith("setting IEUM_PUBLIC_URLS: is not JSON; found '{oops'; example: IEUM_PUBLIC_URLS={")


def test_a_short_token_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "IEUM_METRICS_TOKEN"
    monkeypatch.setenv(variable, "canary-canary")
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings)
    (line,) = caught.value.lines
    assert f"setting {variable}:" in line
    assert "at least 24" in line
    assert "canary" not in line
    monkeypatch.setenv(variable, "")
    load(ServiceSettings)
    monkeypatch.setenv(variable, "c" * 24)
    load(ServiceSettings)


def test_keys_are_fetched_from_identitys_public_address_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IEUM_PUBLIC_URLS", '{"identity": "https://staff.example"}')
    monkeypatch.setenv("IEUM_TRUSTED_PROXIES", "10.0.0.7")
    monkeypatch.setenv("IEUM_KEYS_CACHE", "")
    assert load(ServiceSettings).identity_url == "https://staff.example"
    assert load(ServiceSettings).keys_cache is None
    monkeypatch.setenv("IEUM_IDENTITY_URL", "http://identity.internal:8006")
    monkeypatch.setenv("IEUM_KEYS_CACHE", "/var/lib/ieum/keys.json")
    assert load(ServiceSettings).identity_url == "http://identity.internal:8006"
    assert str(load(ServiceSettings).keys_cache) == "/var/lib/ieum/keys.json"


@pytest.mark.parametrize("proxies", [None, "", " , "])
def test_an_https_address_without_a_trusted_proxy_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, proxies: str | None
) -> None:
    monkeypatch.setenv(
        "IEUM_PUBLIC_URLS", '{"intake": "HTTPS://report.example", "notify": "http://Report.example:8003"}'
    )
    monkeypatch.delenv("IEUM_TRUSTED_PROXIES", raising=False)
    if proxies is not None:
        monkeypatch.setenv("IEUM_TRUSTED_PROXIES", proxies)
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings)
    (line,) = caught.value.lines
    assert line.startswith("setting IEUM_TRUSTED_PROXIES:")
    assert "IEUM_PUBLIC_URLS has https addresses (HTTPS://report.example)" in line
    assert "expected: the address or network of that proxy" in line
    assert f"found {proxies or ''!r}" in line
    assert line.endswith("example: IEUM_TRUSTED_PROXIES=10.0.0.7,10.1.0.0/16")
    monkeypatch.setenv("IEUM_TRUSTED_PROXIES", "10.0.0.7, 10.1.0.0/16")
    assert load(ServiceSettings).trusted_proxies == "10.0.0.7, 10.1.0.0/16"


@pytest.mark.parametrize("wrong", ["10.0.0", "10.0.0.7/16", "10.0.0.0/33"])
def test_a_proxy_that_would_never_match_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("IEUM_TRUSTED_PROXIES", wrong)
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings)
    assert repr(wrong) in caught.value.lines[0]


def test_signing_in_to_kafka_needs_a_user_and_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.delenv("KAFKA_SASL_USERNAME", raising=False)
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "")
    with pytest.raises(SettingsError) as caught:
        load(KafkaSettings)
    user, password = caught.value.lines
    assert user.startswith("setting KAFKA_SASL_USERNAME: ")
    assert user.endswith("example: KAFKA_SASL_USERNAME=intake")
    assert password.startswith("setting KAFKA_SASL_PASSWORD: ")
    assert "(not shown)" in password


def test_two_copies_of_a_record_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_REPLICATION_FACTOR", "2")
    with pytest.raises(SettingsError) as caught:
        load(KafkaSettings)
    assert "KAFKA_REPLICATION_FACTOR" in str(caught.value)
    assert "expected 1, or 3 to 9" in str(caught.value)
    for copies in ("1", "3"):
        monkeypatch.setenv("KAFKA_REPLICATION_FACTOR", copies)
        assert load(KafkaSettings).replication_factor == int(copies)


@pytest.mark.parametrize(
    ("variable", "cls"), [("KAFKA_CALL_TIMEOUT_S", KafkaSettings), ("MONGODB_CALL_TIMEOUT_S", StoreSettings)]
)
def test_a_call_ends_some_time(
    variable: str, cls: type[KafkaSettings | StoreSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "inf")
    with pytest.raises(SettingsError, match=rf"^setting {variable}: "):
        load(cls)


def test_a_certificate_that_is_not_there_or_is_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_SSL_CAFILE", str(tmp_path / "ca.pem"))
    with pytest.raises(SettingsError, match=r"KAFKA_SSL_CAFILE.*cannot be read .FileNotFoundError.*found .*ca.pem"):
        load(KafkaSettings)
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"KAFKA_SSL_CAFILE.*is not PEM"):
        load(KafkaSettings)
    monkeypatch.setenv("KAFKA_SSL_CAFILE", "")
    assert load(KafkaSettings).ssl_cafile is None


def test_secrets_come_from_files_where_the_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "KAFKA_SASL_PASSWORD").write_text("from-a-file\n", encoding="utf-8")
    (tmp_path / "IEUM_METRICS_TOKEN").write_text("0123456789abcdef01234567\n", encoding="utf-8")
    monkeypatch.setenv("IEUM_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("KAFKA_SASL_PASSWORD", raising=False)
    password = load(KafkaSettings).sasl_password
    assert password is not None
    assert password.get_secret_value() == "from-a-file"
    assert load(ServiceSettings).metrics_token is not None
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "from-the-environment")
    password = load(KafkaSettings).sasl_password
    assert password is not None
    assert password.get_secret_value() == "from-the-environment"


def test_a_folder_of_secrets_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEUM_SECRETS_DIR", "/nowhere/at/all")
    with pytest.raises(SettingsError, match=r"IEUM_SECRETS_DIR.*'/nowhere/at/all'.*example"):
        load(KafkaSettings)


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (
            '{"intake": "http://report.example", "notify": "http://staff.example:1", "identity": "http://staff.example"}',
            "has addresses at different hosts (http://report.example, http://staff.example:1); expected one host name",
        ),
        (
            '{"intake": "http://127.0.0.1:8001", "identity": "http://localhost:8006"}',
            "has addresses at different hosts",
        ),
        ('{"intake": "report.example"}', "has 'report.example' for intake; expected an address that begins with"),
        ('{"intake": "http://[::1"}', "has 'http://[::1' for intake; expected an address"),
    ],
)
def test_services_are_at_one_host_whose_cookies_they_share(
    monkeypatch: pytest.MonkeyPatch, urls: str, said: str
) -> None:
    monkeypatch.setenv("IEUM_PUBLIC_URLS", urls)
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings)
    (line,) = caught.value.lines
    assert line.startswith(f"setting IEUM_PUBLIC_URLS: {said}")


KEYS = {
    IdentitySettings: (
        "IDENTITY_MASTER_KEY",
        "IDENTITY_ACCOUNT_KEY",
        "IDENTITY_ROOT_KEY",
        "IEUM_DIRECTORY_KEY",
        "IDENTITY_AUDIT_KEY",
        "IDENTITY_RETIRED_MASTER_KEYS",
    ),
    IntakeSettings: (
        "INTAKE_MASTER_KEY",
        "INTAKE_RECEIPT_KEY",
        "INTAKE_LINK_KEY",
        "INTAKE_SIGNING_KEY",
        "IEUM_TICKET_KEY",
        "INTAKE_AUDIT_KEY",
        "INTAKE_RETIRED_MASTER_KEYS",
        "INTAKE_LATER_RECEIPT_KEYS",
    ),
    NotifySettings: ("IEUM_TICKET_KEY", "IEUM_DIRECTORY_KEY", "NOTIFY_AUDIT_KEY"),
}


@pytest.mark.parametrize("cls", KEYS, ids=lambda cls: cls.__name__)
def test_no_two_keys_have_the_same_value_and_none_is_shown(
    monkeypatch: pytest.MonkeyPatch, cls: type[ServiceSettings]
) -> None:
    for pair in combinations(KEYS[cls], 2):
        for number, variable in enumerate(KEYS[cls]):
            key = base64.b64encode(bytes([1 if variable in pair else 2 + number]) * 32).decode()
            monkeypatch.setenv(variable, f'["{key}"]' if variable.endswith("_KEYS") else key)
        with pytest.raises(SettingsError) as caught:
            load(cls)
        (line,) = caught.value.lines
        assert line.startswith("settings: ")
        assert all(variable in line for variable in pair)
        assert "have the same value" in line
        assert "AQEB" not in line


@pytest.mark.parametrize(
    ("cls", "same", "expected"),
    [
        (
            NotifySettings,
            ("IEUM_TICKET_KEY", "NOTIFY_AUDIT_KEY"),
            "expected a key of its own for each: NOTIFY_AUDIT_KEY=(base64: ieum keys audit notify), IEUM_T",
        ),
        (
            IntakeSettings,
            ("INTAKE_MASTER_KEY", "INTAKE_RETIRED_MASTER_KEYS"),
            "expected INTAKE_RETIRED_MASTER_KEYS without the key that INTAKE_MASTER_KEY has",
        ),
    ],
)
def test_of_two_keys_with_one_value_it_says_how_the_right_one_is_made(
    monkeypatch: pytest.MonkeyPatch, cls: type[ServiceSettings], same: tuple[str, str], expected: str
) -> None:
    for number, variable in enumerate(KEYS[cls]):
        key = base64.b64encode(bytes([1 if variable in same else 2 + number]) * 32).decode()
        monkeypatch.setenv(variable, f'["{key}"]' if variable.endswith("_KEYS") else key)
    with pytest.raises(SettingsError) as caught:
        load(cls)
    (line,) = caught.value.lines
    assert expected in line


def test_what_is_wrong_between_settings_shows_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, variable in enumerate(KEYS[IdentitySettings][:5]):
        monkeypatch.setenv(variable, base64.b64encode(bytes([1 + number]) * 32).decode())
    monkeypatch.setenv("IDENTITY_OIDC_ISSUER", "https://login.example")
    with pytest.raises(SettingsError) as caught:
        load(IdentitySettings)
    assert caught.value.lines == [
        "settings: IDENTITY_OIDC_ISSUER also needs IDENTITY_OIDC_CLIENT_ID and IDENTITY_OIDC_ROLE_MAP"
    ]
