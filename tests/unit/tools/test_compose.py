"""The compose file (not run here): parses, every service has a health check, names are those of the settings."""

import importlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from services.analytics.settings import AnalyticsSettings
from services.identity.settings import IdentitySettings
from services.intake.settings import IntakeSettings
from services.notify.settings import NotifySettings
from services.routing.settings import RoutingSettings
from shared.settings import KafkaSettings, ServiceSettings, StoreSettings, variable_of
from tools.local import keys
from tools.local.jar_lock import KAFKA_VERSION
from tools.local.plan import SECRETS_OF
from tools.local.settings import SERVICES

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))
SETTINGS: dict[str, type[ServiceSettings]] = {
    "intake": IntakeSettings,
    "routing": RoutingSettings,
    "notify": NotifySettings,
    "analytics": AnalyticsSettings,
    "identity": IdentitySettings,
}
OF_THE_IMAGE = {"HEALTH_URL"}


def variables(*classes: type[BaseSettings]) -> set[str]:
    return {variable_of(cls, field) for cls in classes for field in cls.model_fields}


def test_all_five_services_three_brokers_and_a_store() -> None:
    assert set(COMPOSE["services"]) == {*SERVICES, "auditor", "recount", "kafka-1", "kafka-2", "kafka-3", "mongodb"}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_has_a_health_check(name: str) -> None:
    assert COMPOSE["services"][name]["healthcheck"]["test"]


@pytest.mark.parametrize("service", SERVICES)
def test_variables_are_settings_of_that_service(service: str) -> None:
    named = set(COMPOSE["services"][service]["environment"]) - OF_THE_IMAGE
    assert named <= variables(KafkaSettings, StoreSettings, SETTINGS[service])


@pytest.mark.parametrize("service", SERVICES)
def test_required_settings_are_given(service: str) -> None:
    required = {variable_of(SETTINGS[service], n) for n, f in SETTINGS[service].model_fields.items() if f.is_required()}
    assert required <= set(COMPOSE["services"][service]["environment"])


def test_the_auditor_has_what_notify_has_but_its_port_its_channels_and_every_key() -> None:
    notify, auditor = (dict(COMPOSE["services"][name]["environment"]) for name in ("notify", "auditor"))
    own = {"NOTIFY_PORT", "HEALTH_URL", "NOTIFY_WEBHOOKS", "NOTIFY_APPRISE_URLS", "NOTIFY_HEARTBEAT_URL"}
    keys = {name for name in notify if name.endswith("_KEY")}
    assert keys >= {"IEUM_TICKET_KEY", "IEUM_DIRECTORY_KEY", "IEUM_AUDIT_KEY"}
    assert not keys & auditor.keys()
    own |= keys | {"IEUM_AUDIT_HEADS"} | {f"NOTIFY_{desk}_ADDRESS" for desk in ("DUTY", "LEAD", "COLLEAGUES")}
    assert {k: v for k, v in auditor.items() if k not in own} == {k: v for k, v in notify.items() if k not in own}
    assert auditor["NOTIFY_PORT"] in auditor["HEALTH_URL"]


@pytest.mark.parametrize("service", SERVICES)
def test_port_health_and_command_agree(service: str) -> None:
    found = COMPOSE["services"][service]
    port = SETTINGS[service].model_fields["port"].default
    assert found["environment"][f"{service.upper()}_PORT"] == str(port)
    assert found["environment"]["HEALTH_URL"] == f"http://127.0.0.1:{port}/health/ready"
    assert found["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert found["command"] == ["python", "-m", f"services.{service}"]


def test_no_secret_stands_in_the_file() -> None:
    values = {
        (service, name): value
        for service in SERVICES
        for name, value in COMPOSE["services"][service]["environment"].items()
        if name in keys.KEYS
    }
    assert values
    assert all(re.fullmatch(rf"\$\{{{name}:\?.+\}}", value) for (_, name), value in values.items())


def test_each_service_gets_the_secrets_it_gets_locally() -> None:
    for service in SERVICES:
        given = set(COMPOSE["services"][service]["environment"]) & set(keys.KEYS)
        assert given == set(SECRETS_OF[service])


@pytest.mark.parametrize("name", [name for name in COMPOSE["services"] if name.startswith("kafka")])
def test_brokers_are_the_tested_version_and_lose_nothing_with_one_away(name: str) -> None:
    broker = COMPOSE["services"][name]
    assert broker["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert broker["environment"]["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
    assert broker["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert broker["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"


def test_only_services_are_reachable_from_outside_and_only_on_loopback() -> None:
    published = {name: found["ports"] for name, found in COMPOSE["services"].items() if found.get("ports")}
    assert set(published) == set(SERVICES)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_the_image_runs_as_nobody_in_particular_from_the_locked_packages() -> None:
    lines = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "ARG BASE=python:3.13-slim" in lines
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} == {"${BASE}"}
    assert "USER 10001" in lines
    assert any("--require-hashes" in line for line in lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_what_the_image_copies_is_not_hidden_from_its_build() -> None:
    lines = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {
        source.removeprefix("./")
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    shown = {
        line.removeprefix("!") for line in (DEPLOY.parent / ".dockerignore").read_text().split() if line.startswith("!")
    }
    assert copied
    assert copied == shown


def test_the_image_is_built_from_the_dockerfile_that_compose_names() -> None:
    build = COMPOSE["services"]["intake"]["build"]
    context = (DEPLOY / "compose" / build["context"]).resolve()
    assert context == DEPLOY.parent
    assert (context / build["dockerfile"]).is_file()


def test_every_service_has_a_console_script() -> None:
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["scripts"]) == {f"ieum-{service}" for service in SERVICES}
    for target in project["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("service", SERVICES)
def test_what_an_operator_may_need_is_handed_on(service: str) -> None:
    given = COMPOSE["services"][service]["environment"]
    wanted = {"IEUM_PUBLIC_URLS", "IEUM_IDENTITY_ROOT_KEYS"}
    wanted |= {"IEUM_AUDIT_HEADS"} if "IEUM_AUDIT_KEY" in given else set()
    if service == "identity":
        provider = {variable_of(IdentitySettings, name) for name in IdentitySettings.model_fields if "oidc" in name}
        wanted |= {"IDENTITY_RETIRED_MASTER_KEYS", *provider} - {"IDENTITY_OIDC_PLAIN_HTTP"}
    assert wanted <= set(given)
    default = given["IEUM_PUBLIC_URLS"].removeprefix("${IEUM_PUBLIC_URLS:-").removesuffix("}")
    assert json.loads(default).keys() == set(SERVICES)
