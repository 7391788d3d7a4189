"""What each process is given: its own settings and secrets and no others'."""

import json
from pathlib import Path

import pytest

from deploy.local import plan
from deploy.local.settings import SERVICES, LocalSettings, environment

SECRETS = {name: f"value-of-{name}" for names in plan.SECRETS_OF.values() for name in names}


def env_of(service: str, settings: LocalSettings) -> dict[str, str]:
    return plan.service_environment(service, settings, SECRETS, kafka="k:1", mongodb="mongodb://m")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment("KAFKA_", "MONGODB_", "IEUM_", *(f"{service.upper()}_" for service in SERVICES)):
        monkeypatch.delenv(name)


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "intake"])
def test_only_intake_gets_the_keys_of_reports(service: str) -> None:
    found = env_of(service, LocalSettings())
    assert not [name for name in found if name.startswith("INTAKE_")]
    assert not [value for value in found.values() if "INTAKE" in value]


def test_intake_gets_them_and_not_the_staff_token() -> None:
    found = env_of("intake", LocalSettings())
    assert "IEUM_DEMO_TOKEN" not in found
    assert {found[name] for name in plan.SECRETS_OF["intake"]} == {SECRETS[name] for name in plan.SECRETS_OF["intake"]}


def test_nothing_else_of_the_callers_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("ROUTING_RULE", "other")
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "mine.")
    found = env_of("notify", LocalSettings())
    assert "AWS_SECRET_ACCESS_KEY" not in found
    assert "ROUTING_RULE" not in found
    assert found["KAFKA_TOPIC_PREFIX"] == "mine."


def test_ports_and_addresses_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_PORT", "9903")
    found = env_of("notify", LocalSettings())
    assert (found["NOTIFY_PORT"], found["KAFKA_BOOTSTRAP_SERVERS"], found["MONGODB_URI"]) == (
        "9903",
        "k:1",
        "mongodb://m",
    )
    assert json.loads(found["IEUM_PUBLIC_URLS"])["notify"] == "http://127.0.0.1:9903"
    assert found["NOTIFY_SMTP_PORT"] == "8025"


def test_given_engines_and_mail_server_mean_that_no_local_ones_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("MONGODB_URI", "mongodb://db")
    monkeypatch.setenv("NOTIFY_SMTP_HOST", "smtp.example")
    settings = LocalSettings()
    assert set(settings.listening()) == {"INTAKE_PORT", "ROUTING_PORT", "NOTIFY_PORT", "ANALYTICS_PORT"}
    assert env_of("notify", settings)["NOTIFY_SMTP_HOST"] == "smtp.example"
    assert "NOTIFY_MAIL_VIEW_URL" not in env_of("notify", settings)


def test_routing_runs_as_often_as_wanted_each_on_a_port_of_its_own() -> None:
    programs = plan.service_programs("routing", LocalSettings(routing_workers=3), {})
    assert [program.name for program in programs] == ["routing", "routing-2", "routing-3"]
    assert programs[0].port == 8002
    assert len({program.port for program in programs}) == 3
    assert {program.env["ROUTING_PORT"] for program in programs} == {str(program.port) for program in programs}


def test_several_stacks_have_several_ports() -> None:
    one, other = LocalSettings.on_free_ports(Path("a")), LocalSettings.on_free_ports(Path("b"))
    assert len(set(one.listening().values())) == len(one.listening()) == 8
    assert one.var != other.var
