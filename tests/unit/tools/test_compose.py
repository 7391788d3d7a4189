"""The compose file (not run here): names are those of the settings, secrets those of their process and no others."""

import importlib.util
import json
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from services.analytics.settings import AnalyticsSettings
from services.identity.settings import IdentitySettings
from services.intake.settings import IntakeSettings
from services.notify.settings import AlertSettings, NotifySettings
from services.routing.settings import RoutingSettings
from shared.audit.settings import VerifierSettings
from shared.clock import SystemClock
from shared.identity.source import over_http
from shared.kafka.access import BY_NAME
from shared.process import GRACE_SECONDS
from shared.settings import KafkaSettings, ServiceSettings, StoreSettings, load, variable_of
from shared.store_access import USERS
from tests.image.started import settings_for
from tools.local import compose_secrets, keys
from tools.local.certificates import Certificates
from tools.local.jar_lock import KAFKA_VERSION
from tools.local.kafka import LOG4J, properties, secured
from tools.local.plan import SECRETS_OF
from tools.local.settings import SERVICES, environment

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE: dict[str, Any] = yaml.load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
SETTINGS: dict[str, type[ServiceSettings]] = {
    "intake": IntakeSettings,
    "routing": RoutingSettings,
    "notify": NotifySettings,
    "analytics": AnalyticsSettings,
    "identity": IdentitySettings,
}
OF_THE_IMAGE = {"HEALTH_URL", "IEUM_SECRETS_DIR"}
STORE_USERS = {user.name for user in USERS}
ENGINES = {"kafka-1", "kafka-2", "kafka-3", "mongodb"}
MONGODB_STOPS_S = 15
"""For so long it lets operations end once it is asked to stop."""
JOBS = {"kafka-rights", "store-users"}
SEEN = {"prometheus", "alertmanager", "grafana"}
VERIFIER = "verifier"
"""Started by hand or from a schedule, and gone once it has looked."""
NOT_HANDED_ON = {
    # Fit the cluster that compose itself makes.
    *("KAFKA_SASL_MECHANISM", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"),
    *("KAFKA_TOPIC_PREFIX", "MONGODB_DATABASE_PREFIX"),
    # The image has not its packages.
    "OTEL_EXPORTER_OTLP_ENDPOINT",
}
NOT_HANDED_ON_TO = {
    # A folder of tables has to be mounted too.
    "routing": {"ROUTING_TABLES_DIR"},
    # A credential is a secret, and mail is read where it arrives; the auditor alone knocks.
    "notify": {"NOTIFY_DRILL_CREDENTIAL_FILE", "NOTIFY_MAIL_VIEW_URL", "NOTIFY_HEARTBEAT_URL"},
    # For tests on one machine.
    "identity": {"IDENTITY_OIDC_PLAIN_HTTP"},
    # It decides nothing, and reaches no store.
    "recount": {
        *("ROUTING_CLOSING_EVERY_S", "ROUTING_LINKED_LOOKUP_S", "ROUTING_LOADS_EVERY_S", "ROUTING_MAX_RECORDS"),
        *("ROUTING_STATE_DIR", "ROUTING_TABLES_DIR", "MONGODB_URI"),
    },
}
OTHER_HERE = {
    # Folders of the containers' volumes, and a mail server on the network where `make up` has one on this machine.
    *("IEUM_AUDIT_HEADS", "INTAKE_ERASURE_REGISTER"),
    *("NOTIFY_SMTP_PORT", "NOTIFY_SMTP_SECURITY", "IDENTITY_SMTP_PORT", "IDENTITY_SMTP_SECURITY"),
    # The operator's own: a server that alerts go through sends from no address of ours.
    "IDENTITY_MAIL_FROM",
}
PROCESSES: dict[str, type[ServiceSettings]] = {**SETTINGS, "auditor": AlertSettings, "recount": RoutingSettings}


def secrets_of(name: str) -> dict[str, str]:
    """What a container is given, by the name of the file it sees."""
    listed = COMPOSE["services"][name].get("secrets", [])
    pairs = [(each, each) if isinstance(each, str) else (each["target"], each["source"]) for each in listed]
    assert len(pairs) == len(dict(pairs)), name
    return dict(pairs)


def given_to(name: str) -> set[str]:
    """Names of settings, by variable or by file."""
    files = {file for file in secrets_of(name) if not file.endswith(".pem")}
    variables = set(COMPOSE["services"][name]["environment"])
    assert not files & variables, name
    return (files | variables) - OF_THE_IMAGE


def variables(*classes: type[BaseSettings]) -> set[str]:
    return {variable_of(cls, field) for cls in classes for field in cls.model_fields}


def test_all_five_services_three_brokers_and_a_store() -> None:
    assert set(COMPOSE["services"]) == {*PROCESSES, *ENGINES, *JOBS, *SEEN, "mailpit", VERIFIER}


@pytest.mark.parametrize("name", sorted(COMPOSE["services"].keys() - JOBS - {VERIFIER}))
def test_every_service_has_a_health_check(name: str) -> None:
    assert COMPOSE["services"][name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_an_engine_has_time_to_stop_and_is_seldom_asked_at_a_price(name: str) -> None:
    """Docker kills after ten seconds; each question starts a Java or a Node, and took half a core of all together."""
    engine = COMPOSE["services"][name]
    seconds = {key: int(engine["healthcheck"][key].removesuffix("s")) for key in ("interval", "start_period")}
    assert int(engine["stop_grace_period"].removesuffix("s")) > MONGODB_STOPS_S
    assert seconds["interval"] >= 60
    assert seconds["start_period"] >= 60, "until then Docker asks every five seconds"


@pytest.mark.parametrize("service", PROCESSES)
def test_variables_and_secrets_are_settings_of_that_service(service: str) -> None:
    assert given_to(service) <= variables(KafkaSettings, StoreSettings, PROCESSES[service])


@pytest.mark.parametrize("service", PROCESSES)
def test_an_env_file_reaches_every_setting_but_those_that_are_no_ones_choice_here(service: str) -> None:
    """What compose does not name is not handed on, however an env file sets it."""
    unset = variables(KafkaSettings, StoreSettings, PROCESSES[service]) - given_to(service)
    assert unset == NOT_HANDED_ON | NOT_HANDED_ON_TO.get(service, set())


@pytest.mark.parametrize("service", PROCESSES)
def test_what_compose_hands_on_has_the_default_of_its_setting(service: str) -> None:
    """Where an env file is silent, a container has what the documents say."""
    defaults = {
        variable_of(cls, name): field.default
        for cls in (KafkaSettings, StoreSettings, PROCESSES[service])
        for name, field in cls.model_fields.items()
    }
    for variable, value in COMPOSE["services"][service]["environment"].items():
        handed_on = re.fullmatch(r"\$\{\w+:-(.*)\}", str(value))
        if handed_on and variable not in OTHER_HERE:
            expected = defaults[variable]
            said = handed_on[1] if isinstance(expected, str | SecretStr) else json.loads(handed_on[1] or "null")
            plain = list(expected) if isinstance(expected, tuple) else expected
            assert said == (expected.get_secret_value() if isinstance(expected, SecretStr) else plain), variable


@pytest.mark.parametrize("service", SERVICES)
def test_required_settings_are_given(service: str) -> None:
    required = {variable_of(SETTINGS[service], n) for n, f in SETTINGS[service].model_fields.items() if f.is_required()}
    assert required <= given_to(service)


def test_the_auditor_has_what_notify_has_but_its_port_its_channels_and_every_key() -> None:
    notify, auditor = (dict(COMPOSE["services"][name]["environment"]) for name in ("notify", "auditor"))
    own = {"NOTIFY_PORT", "HEALTH_URL", "NOTIFY_WEBHOOKS", "NOTIFY_APPRISE_URLS", "NOTIFY_HEARTBEAT_URL"}
    keys = {name for name in secrets_of("notify") if name.endswith("_KEY")}
    assert keys == {"IEUM_TICKET_KEY", "IEUM_DIRECTORY_KEY", "NOTIFY_AUDIT_KEY"}
    assert secrets_of("auditor").keys() == secrets_of("notify").keys() - keys
    assert not any(name.endswith("_KEY") for name in auditor)
    own |= {"NOTIFY_DRILLS", "NOTIFY_DRILL_CREDENTIAL", "NOTIFY_INTAKE_URL", "NOTIFY_ALERT_SANDBOX"}
    own |= {f"NOTIFY_{name}" for name in ("CLAIM_SIZE", "GATHER_S", "LEASE_S", "POLL_S")}
    own |= {"NOTIFY_SMTP_CONNECTIONS", "NOTIFY_STREAM_CLIENTS"}
    own |= {"IEUM_AUDIT_HEADS", "KAFKA_SASL_USERNAME"} | {
        f"NOTIFY_{desk}_ADDRESS" for desk in ("DUTY", "LEAD", "COLLEAGUES")
    }
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


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_there_is_asked_where_it_listens_and_may_end_by_itself(name: str) -> None:
    """One that is killed leaves what it has in hand to be done again, and routing a state that has to be restored."""
    found = COMPOSE["services"][name]
    python, flag, module, *_ = found["command"]
    assert (python, flag) == ("python", "-m")
    assert importlib.util.find_spec(module) is not None
    (port,) = {
        value
        for variable, value in found["environment"].items()
        if variable.endswith("_PORT") and "SMTP" not in variable
    }
    assert found["environment"]["HEALTH_URL"] == f"http://127.0.0.1:{port}/health/ready"
    assert int(found["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS


def test_no_secret_stands_in_the_file_or_in_a_variable() -> None:
    for name, service in COMPOSE["services"].items():
        environment = service.get("environment", {})
        assert not environment.keys() & {*keys.KEYS, "KAFKA_SASL_PASSWORD", "MONGODB_URI", "IEUM_METRICS_TOKEN"}, name
    files = {name: found["file"] for name, found in COMPOSE["secrets"].items()}
    assert files == {name: f"${{IEUM_COMPOSE_SECRETS:-../../var/compose/mounted}}/{name}" for name in files}


def test_each_process_gets_the_secrets_it_gets_locally_and_signs_in_under_its_own_name() -> None:
    for name in PROCESSES:
        given = secrets_of(name)
        assert given.keys() & set(keys.KEYS) == set(SECRETS_OF.get(name, ())), name
        assert given.get("KAFKA_SASL_PASSWORD") == (f"KAFKA_{name.upper()}" if name in BY_NAME else None)
        assert given.get("MONGODB_URI") == (f"MONGODB_URI_{name.upper()}" if name in STORE_USERS else None)
        user = COMPOSE["services"][name]["environment"].get("KAFKA_SASL_USERNAME")
        assert user == (name if name in BY_NAME else None)
    assert {file.removeprefix("kafka/") for file in secrets_of("kafka-rights") if "/" in file} == set(BY_NAME)
    assert {f"STORE_{name.upper()}" for name in STORE_USERS} < secrets_of("store-users").keys()
    administrators = {"ieum-admin.key", "STORE_ADMIN", "STORE_KEYFILE", "ieum-broker.both.pem", "ieum-store.both.pem"}
    assert {name for name in COMPOSE["services"] if administrators & {*secrets_of(name).values()}} == ENGINES | JOBS


def test_the_secrets_that_are_made_are_those_that_are_mounted_and_open_to_nobody_else(tmp_path: Path) -> None:
    mounted = compose_secrets.ensure(tmp_path)
    made = {path.name: path.read_bytes() for path in mounted.iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert {stat.S_IMODE(path.stat().st_mode) for path in mounted.iterdir()} == {0o444}
    assert stat.S_IMODE((tmp_path / "compose").stat().st_mode) == 0o700
    assert compose_secrets.ensure(tmp_path) == mounted
    assert made == {path.name: path.read_bytes() for path in mounted.iterdir()}, "a second time changes nothing"


def seen_from_inside(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set the environment to what a container is given; returns the folder that is its ``/run/secrets``."""
    mounted, seen = compose_secrets.ensure(tmp_path), tmp_path / "seen"
    seen.mkdir()
    for target, source in secrets_of(name).items():
        (seen / target).write_bytes((mounted / source).read_bytes())
    for variable in environment("KAFKA_", "MONGODB_", "IEUM_", "NOTIFY_", "INTAKE_", "IDENTITY_"):
        monkeypatch.delenv(variable)
    pilot = dict(
        line.split("=", 1)
        for line in (DEPLOY / "compose" / "pilot.env").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    for variable, value in COMPOSE["services"][name]["environment"].items():
        monkeypatch.setenv(variable, resolved(value, pilot).replace("/run/secrets", str(seen)))
    return seen


def resolved(value: str, env_file: dict[str, str]) -> str:
    """What Compose makes of a value."""
    found = re.fullmatch(r"\$\{(\w+)(:?[-?])(.*)\}", value, re.DOTALL)
    if found is None:
        return value
    variable, otherwise, text = found.groups()
    if variable not in env_file and otherwise == ":-":
        return resolved(text, env_file)
    return env_file.get(variable, "")


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_reads_its_settings_from_what_it_is_given(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = seen_from_inside(name, tmp_path, monkeypatch)
    store, own = load(StoreSettings), load(PROCESSES[name])
    assert own.metrics_token is not None
    assert own.public_root_keys()
    if name in STORE_USERS:
        assert store.uri.get_secret_value().startswith(f"mongodb://{name}:")
    if name in BY_NAME:
        bus = load(KafkaSettings)
        assert (bus.security_protocol, bus.sasl_username, bus.ssl_cafile) == ("SASL_SSL", name, seen / "ca.pem")


def test_notices_about_accounts_come_from_an_address_that_the_mail_server_may_send_from() -> None:
    given = COMPOSE["services"]["identity"]["environment"]["IDENTITY_MAIL_FROM"]
    env_file = {"NOTIFY_MAIL_FROM": "ieum@agency.example"}
    assert resolved(given, env_file) == "ieum@agency.example"
    assert resolved(given, {**env_file, "IDENTITY_MAIL_FROM": "account@agency.example"}) == "account@agency.example"


def test_the_verifier_keeps_a_copy_of_the_anchors_where_no_service_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one nothing is wrong with a rolled-back store whose topic of anchors was made anew."""
    (mount,) = COMPOSE["services"][VERIFIER]["volumes"]
    volume, _, folder = mount.partition(":")
    assert [name for name, each in COMPOSE["services"].items() if mount in each.get("volumes", [])] == [VERIFIER]
    assert volume in COMPOSE["volumes"]
    seen_from_inside(VERIFIER, tmp_path, monkeypatch)
    assert keys.VERIFIER not in given_to(VERIFIER), "it comes with the command: no container has it"
    monkeypatch.setenv(keys.VERIFIER, keys.read(tmp_path / keys.FILE)[keys.VERIFIER])
    own = load(VerifierSettings)
    assert own.audit_anchors is not None
    assert own.audit_anchors.is_relative_to(folder)
    assert load(KafkaSettings).sasl_username == VERIFIER
    assert load(StoreSettings).uri.get_secret_value().startswith(f"mongodb://{VERIFIER}:")


@pytest.mark.parametrize("name", sorted(ENGINES - {"mongodb"}))
def test_brokers_are_the_tested_version(name: str) -> None:
    broker = COMPOSE["services"][name]
    assert broker["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert broker["command"] == ["sh", "/etc/ieum/kafka.sh", name.removeprefix("kafka-")]


@pytest.mark.parametrize("name", ["kafka-1", "kafka-2", "kafka-3"])
def test_a_broker_keeps_no_logs_in_memory(name: str) -> None:
    """By its own settings it writes a file an hour, and 1 GB of the collector, where only tmpfs can be written."""
    broker = COMPOSE["services"][name]
    assert "-loggc" not in broker["environment"]["EXTRA_ARGS"]
    targets = {each["source"]: each["target"] for each in broker["configs"]}
    read = f"-Dlog4j2.configurationFile={targets['log4j2.properties']}"
    assert broker["environment"]["KAFKA_LOG4J_OPTS"] == read
    written = (DEPLOY / "compose" / COMPOSE["configs"]["log4j2.properties"]["file"]).read_text(encoding="utf-8")
    assert written.partition("\n")[2] == LOG4J
    assert "File" not in LOG4J


def test_brokers_are_secured_as_the_one_of_make_up_and_lose_nothing_with_one_away(tmp_path: Path) -> None:
    lines = (DEPLOY / "compose" / "kafka.properties").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    certificates = Certificates(tmp_path)
    plain = properties(port=1, controller_port=2, data=tmp_path)
    local = secured(plain, port=1, internal_port=3, certificates=certificates)
    addresses = {"listeners", "advertised.listeners"}
    files = {"ssl.keystore.location": "ieum-broker.both.pem", "ssl.truststore.location": "ca.pem"}
    wanted = {name: value for name, value in local.items() if plain.get(name) != value and name not in addresses}
    wanted |= {name: f"/run/secrets/{file}" for name, file in files.items()}
    assert {name: found.get(name) for name in wanted} == wanted
    assert "PLAINTEXT" not in found["listeners"]
    assert (found["min.insync.replicas"], found["default.replication.factor"]) == ("2", "3")
    assert found["auto.create.topics.enable"] == "false"


def test_the_store_takes_nobody_without_tls_and_a_password() -> None:
    text = (DEPLOY / "compose" / "mongodb.sh").read_text(encoding="utf-8")
    assert "--tlsMode requireTLS" in text
    assert "--keyFile /tmp/keyfile" in text, "which turns authorization on"
    environment = COMPOSE["services"]["mongodb"]["environment"]
    assert environment["MONGO_INITDB_ROOT_PASSWORD_FILE"] == "/run/secrets/STORE_ADMIN"
    named = re.search(r"for name in ([A-Z ]+);", (DEPLOY / "compose" / "users.sh").read_text(encoding="utf-8"))
    assert named is not None
    assert {name.lower() for name in named[1].split()} == STORE_USERS


def test_nothing_can_write_to_its_own_image_or_gain_rights() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_container_writes_no_log_without_end(name: str) -> None:
    """By default Docker keeps every line; on a full disk the store takes no report."""
    kept = COMPOSE["services"][name]["logging"]["options"]
    assert {"max-size", "max-file"} <= kept.keys()


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_no_password_is_an_argument_of_a_process(name: str) -> None:
    """The arguments of a container's processes are read by everybody on its host: the store's check ran every 5 s."""
    service = COMPOSE["services"][name]
    started = [service.get("command", ""), service.get("entrypoint", ""), service.get("healthcheck", "")] + [
        line
        for each in service.get("configs", [])
        if each["source"].endswith(".sh")
        for line in (DEPLOY / "compose" / each["source"]).read_text(encoding="utf-8").splitlines()
        if not line.strip().startswith(("#", "export "))  # a builtin of the shell
    ]
    assert not [what for what in map(str, started) if "cat " in what and "secrets" in what]


def test_prometheus_reaches_every_process_with_the_token_and_mail_is_only_kept_in_a_trial() -> None:
    configuration = yaml.load((DEPLOY / "monitoring" / "prometheus.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    hosts = {job["static_configs"][0]["targets"][0].split(":")[0] for job in configuration["scrape_configs"]}
    assert hosts == set(PROCESSES)
    assert secrets_of("prometheus") == {"ieum-metrics-token": "IEUM_METRICS_TOKEN"}
    (alertmanager,) = configuration["alerting"]["alertmanagers"]
    assert alertmanager["static_configs"][0]["targets"] == ["alertmanager:9093"]
    assert {name for name, found in COMPOSE["services"].items() if "profiles" in found} == {"mailpit", VERIFIER}
    for name in ("notify", "auditor"):
        assert COMPOSE["services"][name]["environment"]["NOTIFY_SMTP_HOST"].startswith("${NOTIFY_SMTP_HOST:?")


def test_only_services_are_reachable_from_outside_and_only_on_loopback() -> None:
    published = {name: found["ports"] for name, found in COMPOSE["services"].items() if found.get("ports")}
    assert set(published) == {*SERVICES, "grafana", "mailpit"}
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


def test_intake_starts_with_the_settings_that_the_image_is_tried_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_for(8001).items():
        monkeypatch.setenv(name, value)
    settings = load(IntakeSettings)
    assert over_http(settings, SystemClock(), "intake").document is None


def test_the_image_is_built_from_the_dockerfile_that_compose_names() -> None:
    build = COMPOSE["services"]["intake"]["build"]
    context = (DEPLOY / "compose" / build["context"]).resolve()
    assert context == DEPLOY.parent
    assert (context / build["dockerfile"]).is_file()


def test_every_service_has_a_console_script() -> None:
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["scripts"]) == {"ieum", *(f"ieum-{service}" for service in SERVICES)}
    for target in project["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("service", SERVICES)
def test_what_an_operator_may_need_is_handed_on(service: str) -> None:
    given = COMPOSE["services"][service]["environment"]
    wanted = {"IEUM_PUBLIC_URLS"}
    wanted |= {"IEUM_AUDIT_HEADS"} if keys.AUDIT_KEYS.get(service) in secrets_of(service) else set()
    wanted |= {"INTAKE_CALLBACK_NETWORKS"} if service == "intake" else set()
    if service == "identity":
        provider = {variable_of(IdentitySettings, name) for name in IdentitySettings.model_fields if "oidc" in name}
        wanted |= {"IDENTITY_RETIRED_MASTER_KEYS", *provider} - {"IDENTITY_OIDC_PLAIN_HTTP"}
    assert wanted <= set(given)
    default = given["IEUM_PUBLIC_URLS"].removeprefix("${IEUM_PUBLIC_URLS:-").removesuffix("}")
    assert json.loads(default).keys() == set(SERVICES)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_setting_that_the_operators_guide_tells_to_set_counts_here(name: str) -> None:
    """Compose hands a container nothing that its file does not name: an operator's line would be ignored unsaid."""
    guide = (DEPLOY.parent / "docs" / "how-to" / "operator.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", guide[guide.index("## When something is wrong") :]))
    # Its cluster and its prefix are the file's own; tracing needs packages that the image does not have.
    told -= {"KAFKA_TOPIC_PREFIX", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    told -= {"recount": {"MONGODB_URI", "ROUTING_STATE_DIR"}, "notify": {"NOTIFY_HEARTBEAT_URL"}}.get(name, set())
    known = variables(KafkaSettings, StoreSettings, PROCESSES[name])
    assert "NOTIFY_DRILLS" in told
    assert told & known <= given_to(name)


def test_partitions_are_as_many_for_who_makes_topics_as_for_who_uses_them() -> None:
    settings = [COMPOSE["services"][name]["environment"] for name in ("kafka-rights", *PROCESSES)]
    assert {each["KAFKA_TOPIC_PARTITIONS"] for each in settings} == {"${KAFKA_TOPIC_PARTITIONS:-6}"}
