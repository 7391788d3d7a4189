"""What each process is given: its own settings and secrets and no others'."""

import json
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

import pytest

from tools.local import keys, plan
from tools.local.kafka import LocalKafka
from tools.local.security import access, security_of
from tools.local.settings import SERVICES, LocalSettings, environment
from tools.local.store import LocalStore

SECRETS = {name: f"value-of-{name}" for service in SERVICES for name in plan.secrets_of(service)}


def env_of(service: str, settings: LocalSettings) -> dict[str, str]:
    return plan.service_environment(service, settings, SECRETS, kafka="k:1", mongodb="mongodb://m")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment("KAFKA_", "MONGODB_", "IEUM_", *(f"{service.upper()}_" for service in SERVICES)):
        monkeypatch.delenv(name)


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_gets_its_own_secrets_and_nobody_elses(service: str) -> None:
    found = env_of(service, LocalSettings())
    assert {name: value for name, value in found.items() if value in SECRETS.values()} == {
        name: SECRETS[name] for name in plan.secrets_of(service)
    }


def test_only_intake_can_open_reports_and_who_verifies_only_needs_no_secret() -> None:
    master = {service for service in SERVICES if "INTAKE_MASTER_KEY" in plan.secrets_of(service)}
    assert master == {"intake"}
    assert plan.secrets_of("routing") == ()
    assert plan.SECRETS_OF["analytics"] == ("ANALYTICS_AUDIT_KEY",)
    assert all(name in keys.KEYS for names in plan.SECRETS_OF.values() for name in names)


def test_no_service_has_the_key_that_proves_the_audit_of_all_or_the_audit_key_of_another() -> None:
    for service in SERVICES:
        given = {name for name in plan.secrets_of(service) if "AUDIT" in name}
        assert given <= {f"{service.upper()}_AUDIT_KEY"}


def test_retired_keys_are_given_only_while_there_are_some() -> None:
    plain = {name: value for name, value in SECRETS.items() if name != keys.RETIRED}
    found = plan.service_environment("intake", LocalSettings(), plain, kafka="k:1", mongodb="mongodb://m")
    assert keys.RETIRED not in found


def test_each_service_asks_identity_for_keys_and_keeps_them_in_a_file_of_its_own() -> None:
    found = {service: env_of(service, LocalSettings()) for service in SERVICES}
    assert {env["IEUM_IDENTITY_URL"] for env in found.values()} == {"http://127.0.0.1:8006"}
    assert len({env["IEUM_KEYS_CACHE"] for env in found.values()}) == len(SERVICES)


def test_heads_of_the_audit_are_kept_outside_the_store_by_those_who_have_one() -> None:
    found = {
        service: env_of(service, LocalSettings(var_dir=Path("elsewhere"))).get("IEUM_AUDIT_HEADS")
        for service in SERVICES
    }
    assert {service for service, folder in found.items() if folder} == {"intake", "notify", "analytics", "identity"}
    assert str(found["intake"]).endswith("/elsewhere/audit")


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
    assert set(settings.listening()) == {
        "INTAKE_PORT",
        "ROUTING_PORT",
        "IDENTITY_PORT",
        "NOTIFY_PORT",
        "ANALYTICS_PORT",
        "NOTIFY_AUDITOR_PORT",
        "ROUTING_RECOUNT_PORT",
    }
    assert env_of("notify", settings)["NOTIFY_SMTP_HOST"] == "smtp.example"
    assert "NOTIFY_MAIL_VIEW_URL" not in env_of("notify", settings)


def test_routing_runs_as_often_as_wanted_each_on_a_port_of_its_own() -> None:
    programs = plan.service_programs("routing", LocalSettings(routing_workers=3), {})
    *programs, recount = programs
    assert [program.name for program in programs] == ["routing", "routing-2", "routing-3"]
    assert recount.name == plan.RECOUNT
    assert recount.env["ROUTING_PORT"] not in {program.env["ROUTING_PORT"] for program in programs}
    assert recount.port == 8007, "as the guides say"
    assert programs[0].port == 8002
    assert len({program.port for program in programs}) == 3
    assert {program.env["ROUTING_PORT"] for program in programs} == {str(program.port) for program in programs}


def test_only_what_needs_no_kafka_starts_before_kafka_is_ready(tmp_path: Path) -> None:
    settings = LocalSettings(var_dir=tmp_path)
    kafka = plan.kafka_program(LocalKafka(tmp_path / "kafka", settings.kafka_port, ""))
    programs = [program for service in SERVICES for program in plan.service_programs(service, settings, {})]
    programs.append(plan.mailbox_program(settings, {keys.HOOK_KEY: "key"}))
    assert {program.name for program in programs if program.stage < kafka.needed_from} == {"identity", "mailbox"}
    store = plan.store_program(LocalStore(tmp_path / "store", settings.store_port))
    assert store.needed_from <= min(program.stage for program in programs)


def test_each_process_signs_in_to_the_engines_under_its_own_name(tmp_path: Path) -> None:
    settings = LocalSettings(var_dir=tmp_path)
    security = security_of(settings)
    assert security is not None
    security.ensure()
    bus, store = {}, {}
    for service in SERVICES:
        env = plan.service_environment(
            service, settings, SECRETS, kafka="k:1", mongodb="mongodb://m", access=access(settings, service)
        )
        beside = access(settings, plan.BESIDE[service]) if service in plan.BESIDE else {}
        for program in plan.service_programs(service, settings, env, beside):
            bus[program.name] = (program.env.get("KAFKA_SASL_USERNAME"), program.env.get("KAFKA_SASL_PASSWORD"))
            to = urlsplit(program.env.get("MONGODB_URI", ""))
            store[program.name] = (to.username, to.password)
            assert not to.query or "tls=true" in to.query
    own = {service: service for service in SERVICES}
    assert {name: user for name, (user, _) in bus.items()} == {
        **own,
        plan.AUDITOR: "auditor",
        plan.RECOUNT: "recount",
    }
    assert {name: user for name, (user, _) in store.items()} == {**own, plan.AUDITOR: "auditor", plan.RECOUNT: None}
    passwords = [password for _, password in (*bus.values(), *store.values()) if password]
    assert len(set(passwords)) == len(passwords)
    security.rotate()
    fresh = {*security.kafka_passwords().values(), *security.store_passwords().values()}
    assert not set(passwords) & {*fresh, *map(quote_plus, fresh)}


def test_engines_that_are_not_secured_are_signed_in_to_by_nobody(tmp_path: Path) -> None:
    assert access(LocalSettings(var_dir=tmp_path, secured=False), "intake") == {}


def test_how_a_local_engine_is_reached_is_not_the_environments_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "of-another-kafka")
    found = plan.service_environment(
        "intake", LocalSettings(), SECRETS, kafka="k:1", mongodb="mongodb://m", access={"KAFKA_SASL_PASSWORD": "ours"}
    )
    assert found["KAFKA_SASL_PASSWORD"] == "ours"


def test_several_stacks_have_several_ports() -> None:
    one, other = LocalSettings.on_free_ports(Path("a")), LocalSettings.on_free_ports(Path("b"))
    assert len(set(one.listening().values())) == len(one.listening()) == 11
    assert one.var != other.var
