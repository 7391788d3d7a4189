"""The Kubernetes manifests (not applied here): rendered as Kustomize does, against the schemas of their versions.

Where Kustomize is not installed kubectl's does, and without that one it is built once by Go. Without all three these
tests are left out.
"""

import importlib.util
import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
import pytest
import yaml
from jsonschema.protocols import Validator

from services.analytics.settings import AnalyticsSettings
from services.identity.settings import IdentitySettings
from services.intake.settings import IntakeSettings
from services.notify.settings import AlertSettings, NotifySettings
from services.routing.settings import RoutingSettings
from shared.audit.settings import VerifierSettings
from shared.kafka.access import BY_NAME
from shared.process import GRACE_SECONDS
from shared.settings import KafkaSettings, ServiceSettings, StoreSettings, load, variable_of
from shared.store_access import USERS
from shared.topics import AUDIT_ANCHORS, TOPICS
from shared.web.form_body import MAX_BYTES
from shared.web.middleware import FORM_QUOTED
from shared.web.pages import QUICK_EXIT_URL
from tests.performance.analytics_history import REBUILD_MB
from tests.support.commands import fetched
from tests.support.waiting import DEADLINE_S
from tools.local import compose_secrets, jars, keys
from tools.local.jar_lock import KAFKA_VERSION
from tools.local.plan import SECRETS_OF
from tools.local.settings import environment

PROJECT: Final = Path(__file__).parents[3]
KUBERNETES: Final = PROJECT / "deploy" / "kubernetes"
SCHEMAS: Final = PROJECT.parent / "shared" / "crds"
KUSTOMIZE: Final = "v5.7.1"
VERSION: Final = "1.34"
OVERLAYS: Final = ("pilot", "country")
PROCESSES: Final[dict[str, type[ServiceSettings]]] = {
    "intake": IntakeSettings,
    "routing": RoutingSettings,
    "recount": RoutingSettings,
    "notify": NotifySettings,
    "auditor": AlertSettings,
    "analytics": AnalyticsSettings,
    "identity": IdentitySettings,
}
STORE_USERS: Final = {user.name: user for user in USERS}
FOR_THE_URI: Final = {"STORE_USER", "STORE_PASSWORD"}
ANALYTICS_MB: Final = 210
"""Of analytics' process, once it has proven a release and made a Parquet file and a PDF."""
AUDITOR_MB: Final = 100
"""Of the auditor's process with an empty log."""
AUDITOR_KB_A_REPORT: Final = 2.3
"""More for each report of the log, while it reads that: of 70,000 settled ones, six records each, 158 MB at most."""
TEN_YEARS_REPORTS: Final = 103_000
"""Of the country: 28.2 a day."""
ANCHOR_KB: Final = 0.9
"""Of the verifier's memory, for each anchor: 0.7 measured, 240 MB at most for 200,000, of which 101 with none."""
MANY_ANCHORS: Final = 2_000_000
"""Three services that are used for eight hours of each working day publish so many in the two years that they count."""
HEARD_S: Final = 10
"""Within which the nodes of a cluster have heard that a pod is going."""
Document = dict[str, Any]


@pytest.fixture(scope="module")
def kustomize() -> list[str]:
    """The command that renders the folder named after it."""
    if found := shutil.which("kustomize"):
        return [found, "build"]
    if found := shutil.which("kubectl"):
        return [found, "kustomize"]
    built = jars.cache_dir() / f"kustomize-{KUSTOMIZE}" / "kustomize"
    if not built.exists():
        if shutil.which("go") is None:
            pytest.skip("neither kustomize nor kubectl nor Go is installed")
        command = ["go", "install", f"sigs.k8s.io/kustomize/kustomize/v5@{KUSTOMIZE}"]
        fetched(command, KUBERNETES, GOBIN=str(built.parent), GOFLAGS="-mod=mod")
    return [str(built), "build"]


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request: pytest.FixtureRequest, kustomize: list[str]) -> list[Document]:
    command = [*kustomize, str(KUBERNETES / "overlays" / request.param)]
    return list(yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S).stdout))


def of_kind(rendered: list[Document], *kinds: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in rendered if each["kind"] in kinds}


def pods(rendered: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    for name, found in of_kind(rendered, "StatefulSet", "Deployment").items():
        if name == "gateway":  # not ours: nginx
            continue
        pod = found["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield name, pod, container


@pytest.fixture(scope="module")
def operators() -> dict[tuple[str, str], Validator]:
    """By version and kind: what the operators' schemas allow."""
    if not SCHEMAS.is_dir():
        pytest.skip("the operators' schemas lie beside the project only where it is developed")
    found: dict[tuple[str, str], Validator] = {}
    for file in SCHEMAS.glob("*.yaml"):
        # The C loader: these files have twenty thousand lines.
        for definition in yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader):
            group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
            for version in definition["spec"]["versions"]:
                schema = _closed(version["schema"]["openAPIV3Schema"])
                found[f"{group}/{version['name']}", kind] = jsonschema.Draft202012Validator(schema)
    return found


def common_of(rendered: list[Document]) -> dict[str, str]:
    """What every process is given."""
    (found,) = (each for name, each in of_kind(rendered, "ConfigMap").items() if name.startswith("ieum-common"))
    common: dict[str, str] = found["data"]
    return common


def test_everything_is_as_its_schema_wants_it(
    rendered: list[Document], operators: dict[tuple[str, str], Validator]
) -> None:
    checked = set()
    for each in rendered:
        if schema := operators.get((each["apiVersion"], each["kind"])):
            schema.validate(each)
        else:
            kubernetes_validate.validate(each, VERSION, strict=True)
        checked.add(each["kind"])
    assert checked >= {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "PerconaServerMongoDB", "StatefulSet"}


def _closed(schema: Any) -> Any:
    """The schema with nothing allowed that it does not name, as the API server prunes it."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _closed(value) for name, value in schema.items()}
    free = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and not free and "type" in schema:
        # What every object has stands in no schema of an operator.
        common: dict[str, Any] = (
            {"apiVersion": {}, "kind": {}, "metadata": {}} if "spec" in schema["properties"] else {}
        )
        made["properties"] = {**common, **made["properties"]}
        made["additionalProperties"] = False
    return made


def test_every_variable_is_a_setting_and_what_is_required_is_given(rendered: list[Document]) -> None:
    common = common_of(rendered)
    assert {name for name, _, _ in pods(rendered)} == set(PROCESSES)
    for name, _, container in pods(rendered):
        given = [each["name"] for each in container["env"]]
        known = variables(KafkaSettings, StoreSettings, PROCESSES[name])
        assert len(given) == len(set(given)), name
        assert {*given, *common} - FOR_THE_URI <= known | variables(*PROCESSES.values()), name
        assert set(given) - FOR_THE_URI <= known, name
        assert required(PROCESSES[name]) <= {*given, *common}, name
        if name in STORE_USERS:
            assert given.index("STORE_USER") < given.index("STORE_PASSWORD") < given.index("MONGODB_URI"), name
        port = next(value["value"] for value in container["env"] if value["name"].endswith("_PORT"))
        assert port == str(container["ports"][0]["containerPort"]), name
    assert {"KAFKA_TOPIC_PARTITIONS", "IEUM_PUBLIC_URLS", "IEUM_TRUSTED_PROXIES"} <= set(common)


def test_a_process_reads_its_settings_from_what_it_is_given(
    rendered: list[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is known may have a value that its setting refuses: such a pod ends at every start."""
    mounted = compose_secrets.ensure(tmp_path)
    made = {file.name: file.read_text(encoding="utf-8") for file in mounted.iterdir()}
    trial = (PROJECT / "deploy" / "compose" / "pilot.env").read_text(encoding="utf-8")
    made |= dict(line.split("=", 1) for line in trial.splitlines() if not line.startswith("#"))
    made |= {
        "IDENTITY_MAIL_FROM": "account@agency.example",
        "NOTIFY_SMTP_USERNAME": "",
        "NOTIFY_SMTP_PASSWORD": "",
        "password": "0" * 64,
    }
    for name, pod, container in pods(rendered):
        given = dict(common_of(rendered))
        for each in container["env"]:
            reference = each.get("valueFrom", {}).get("secretKeyRef")
            if reference is None:
                given[each["name"]] = each["value"].replace("$(", "{").replace(")", "}").format_map(given)
            elif not reference.get("optional"):
                given[each["name"]] = made[reference["key"]]
        with monkeypatch.context() as inside:
            for variable in environment("KAFKA_", "MONGODB_", "IEUM_", *(f"{each.upper()}_" for each in SECRETS_OF)):
                inside.delenv(variable)
            for variable, value in given.items():
                inside.setenv(variable, on_this_machine(value, pod, container, tmp_path / name, mounted / "ca.pem"))
            own, bus, store = load(PROCESSES[name]), load(KafkaSettings), load(StoreSettings)
        assert own.metrics_token is not None, name
        assert own.public_root_keys(), name
        assert own.served_by_https("intake"), name
        if isinstance(own, IdentitySettings):
            assert own.mail_from == made["IDENTITY_MAIL_FROM"], "a mail server sends from no address of ours"
        assert (bus.security_protocol, bus.sasl_username) == ("SASL_SSL", name)
        if name in STORE_USERS:
            assert store.uri.get_secret_value().startswith(f"mongodb://{name}:{made['password']}@"), name


def on_this_machine(value: str, pod: Document, container: Document, folder: Path, authority: Path) -> str:
    """The value, where it names a path with a file of this machine in its place, which a mount of the pod must hold."""
    found = re.search(r"/(?:etc|var/lib)/ieum\S*$", value)
    if found is None:
        return value
    path, volumes = found[0], {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    (mount_path,) = (one for one in volumes if path.startswith(f"{one}/"))
    items = {volume["name"]: volume.get("secret", {}).get("items", ()) for volume in pod["volumes"]}
    files = [item["path"] for item in items.get(volumes[mount_path], ())]
    made = folder / path.lstrip("/")
    made.parent.mkdir(parents=True, exist_ok=True)
    if files:
        assert path.removeprefix(f"{mount_path}/") in files, path
        made.write_bytes(authority.read_bytes())
    return value.replace(path, str(made))


def test_what_a_pod_starts_and_is_asked_for_is_there(rendered: list[Document]) -> None:
    """A misspelt module ends at every start; a probe of a page that is not there kills a process that is well."""
    text = (PROJECT / "shared" / "web" / "app.py").read_text(encoding="utf-8")
    served = set(re.findall(r'@router\.get\("(/[^"]+)"\)', text))
    started = {"auditor": "services.notify.auditor", "recount": "services.routing.recount"}
    for name, _, container in pods(rendered):
        module = started.get(name, f"services.{name}")
        assert container["command"][:3] == ["python", "-m", module]
        assert importlib.util.find_spec(module) is not None, module
        asked = [container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
        assert [probe["path"] for probe in asked] == ["/health/live", "/health/live", "/health/ready"], name
        assert {probe["path"] for probe in asked} <= served
        assert {probe["port"] for probe in asked} == {"http"} == {port["name"] for port in container["ports"]}, name


def test_what_selects_pods_finds_those_of_its_name_and_no_others(rendered: list[Document]) -> None:
    """A selector that finds nothing is no error to Kubernetes: no request arrives, or no pod is protected."""
    labels = labels_of_pods(rendered)
    workloads = of_kind(rendered, "StatefulSet", "Deployment")
    for name, each in workloads.items():
        spec = each["spec"]
        selectors = [spec["selector"]]
        selectors += [one["labelSelector"] for one in spec["template"]["spec"].get("topologySpreadConstraints", ())]
        assert len(selectors) == (2 if spec["replicas"] > 1 else 1), f"{name}: several pods go to several nodes"
        assert [selected(one, labels) for one in selectors] == [{name}] * len(selectors)
    for name, each in of_kind(rendered, "PodDisruptionBudget").items():
        assert selected(each["spec"]["selector"], labels) == {name}
    for name, each in of_kind(rendered, "Service").items():
        (found,) = selected({"matchLabels": each["spec"]["selector"]}, labels)
        assert found == name.removesuffix("-pods")
        (container,) = workloads[found]["spec"]["template"]["spec"]["containers"]
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= {port["name"] for port in container["ports"]}


def test_exactly_those_reach_each_other_who_have_something_to_ask(
    rendered: list[Document], kustomize: list[str], tmp_path: Path
) -> None:
    """By the policies together, outwards and inwards, against the addresses that settings and gateway are given."""
    built = [*rendered, *(one for one in built_with("verifier", kustomize, tmp_path) if one["kind"] == "CronJob")]
    labels, common = labels_of_pods(built), common_of(built)
    ours = set(labels) - {"gateway"}
    assert ours == {*PROCESSES, "verifier"}
    store = {port for _, _, container in pods(built) for port in ports_of(container, "MONGODB_URI")}
    # Whatever is ours may ask the engines and identity, which know whom they answer.
    asked = {(name, "broker", port_of(common["KAFKA_BOOTSTRAP_SERVERS"])) for name in ours}
    asked |= {(name, "store", port) for name in ours for port in store}
    asked |= {(name, "identity", port_of(common["IEUM_IDENTITY_URL"])) for name in ours}
    asked |= {
        (name, urlsplit(url).hostname or "", port_of(url))
        for name, _, container in pods(built)
        for url in (each["value"] for each in container["env"] if each["name"] == "NOTIFY_INTAKE_URL")
    }
    configuration = of_kind(built, "ConfigMap")["gateway"]["data"]["nginx.conf"]
    urls = re.findall(r"proxy_pass (\S+);", configuration)
    asked |= {("gateway", urlsplit(url).hostname or "", port_of(url)) for url in urls}
    asked |= {("auditor", "gateway", 8441)}
    listening = {
        name: {port["containerPort"] for port in container["ports"]}
        for name, each in of_kind(built, "StatefulSet", "Deployment").items()
        for container in each["spec"]["template"]["spec"]["containers"]
    } | {"broker": {port_of(common["KAFKA_BOOTSTRAP_SERVERS"])}, "store": store}
    # As the operators label the pods that they make.
    labels["broker"] = {"strimzi.io/cluster": "ieum", "strimzi.io/kind": "Kafka", "strimzi.io/name": "ieum-kafka"}
    labels["store"] = {"app.kubernetes.io/instance": "ieum-mongodb", "app.kubernetes.io/replset": "rs0"}
    policies = of_kind(built, "NetworkPolicy").values()
    found = {
        (source, target, port)
        for source in (*ours, "gateway")
        for target, ports in listening.items()
        for port in ports
        if lets(policies, "egress", labels[source], labels[target], port)
        and lets(policies, "ingress", labels[target], labels[source], port)
    }
    assert found == asked
    out = {
        (name, port)
        for name in (*ours, "gateway", "store")
        for port in (25, 80, 443, 465, 587, 8441)
        if lets(policies, "egress", labels[name], "198.51.100.7", port)
    }
    assert out == {(name, port) for name in ("notify", "auditor", "identity") for port in (443, 465, 587)}
    seen = {
        (name, port)
        for name, ports in listening.items()
        for port in ports
        if lets(policies, "ingress", labels[name], "198.51.100.7", port)
    }
    assert seen == {("gateway", port) for port in listening["gateway"] if port != 8080}, "where only the kubelet asks"


def labels_of_pods(rendered: list[Document]) -> dict[str, dict[str, str]]:
    """By the name of what makes them."""
    found = {
        name: each["spec"]["template"]["metadata"]["labels"]
        for name, each in of_kind(rendered, "StatefulSet", "Deployment").items()
    }
    jobs = of_kind(rendered, "CronJob").items()
    return found | {name: each["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"] for name, each in jobs}


def selected(selector: Document, labels: dict[str, dict[str, str]]) -> set[str]:
    return {name for name, own in labels.items() if selects(selector, own)}


def selects(selector: Document, own: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    some = selector.get("matchExpressions", ())
    assert all(one["operator"] == "In" for one in some)
    return selector.get("matchLabels", {}).items() <= own.items() and all(
        own.get(one["key"]) in one["values"] for one in some
    )


def lets(policies: Iterable[Document], way: str, own: dict[str, str], other: dict[str, str] | str, port: int) -> bool:
    """Whether a pod may reach, or be reached by, another pod of this namespace (its labels) or an address outside."""
    for spec in (each["spec"] for each in policies if selects(each["spec"]["podSelector"], own)):
        for rule in spec.get(way, ()) if way.capitalize() in spec["policyTypes"] else ():
            named = {(one["protocol"], one["port"]) for one in rule.get("ports", ())}
            if (not named or ("TCP", port) in named) and any(
                meets(peer, other) for peer in rule["to" if way == "egress" else "from"]
            ):
                return True
    return False


def meets(peer: Document, other: dict[str, str] | str) -> bool:
    (kind,) = peer
    if kind == "podSelector":
        return not isinstance(other, str) and selects(peer[kind], other)
    if kind == "namespaceSelector":  # none of ours is this namespace
        return False
    address = ipaddress.ip_address(other if isinstance(other, str) else "10.0.0.1")  # a pod's
    block = peer[kind]
    return address in ipaddress.ip_network(block["cidr"]) and not any(
        address in ipaddress.ip_network(one) for one in block.get("except", ())
    )


def ports_of(container: Document, variable: str) -> list[int]:
    return [port_of(each["value"].rpartition("@")[2]) for each in container["env"] if each["name"] == variable]


def port_of(address: str) -> int:
    (found,) = re.findall(r":(\d+)(?=/|$)", address)
    return int(found)


def variables(*classes: type[Any]) -> set[str]:
    return {variable_of(cls, field) for cls in classes for field in cls.model_fields}


def required(cls: type[ServiceSettings]) -> set[str]:
    return {variable_of(cls, name) for name, field in cls.model_fields.items() if field.is_required()}


def test_no_secret_stands_in_a_manifest_and_each_process_gets_its_own_alone(rendered: list[Document]) -> None:
    assert not of_kind(rendered, "Secret")
    for name, _, container in pods(rendered):
        secret = {each["name"] for each in container["env"] if "secretKeyRef" in each.get("valueFrom", {})}
        plain = {each["name"] for each in container["env"] if "value" in each}
        assert not plain & {*keys.KEYS, "KAFKA_SASL_PASSWORD", "STORE_PASSWORD"}
        assert secret & set(keys.KEYS) == set(SECRETS_OF.get(name, ())), name
        if user := next((each["value"] for each in container["env"] if each["name"] == "KAFKA_SASL_USERNAME"), None):
            assert user == name
            assert user in BY_NAME


def test_every_secret_that_an_operator_makes_stands_on_the_page_with_its_keys(rendered: list[Document]) -> None:
    """A pod whose secret lacks a key that is not optional never starts; an optional one would be looked for in vain."""
    page = (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    made_by_strimzi = set(of_kind(rendered, "KafkaUser"))
    for name, _, container in pods(rendered):
        for each in container["env"]:
            reference = each.get("valueFrom", {}).get("secretKeyRef")
            if reference and reference["name"] not in made_by_strimzi:
                (keys_told,) = (told for names, told in rows if f"`{reference['name']}`" in names)
                told = re.findall(r"`([A-Za-z_]+)(…?)`", keys_told)
                key = reference["key"]
                assert any(key == word or (more and key.startswith(word)) for word, more in told), (name, key)


def test_what_the_page_shows_as_yaml_can_be_applied(
    rendered: list[Document], kustomize: list[str], operators: dict[tuple[str, str], Validator], tmp_path: Path
) -> None:
    """The user that a restore needs, and an authority of one's own, at every process that calls others by TLS."""
    page = (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load(block) for block in re.findall(r"^ *```yaml\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)]
    (user,) = (one for one in shown if "kind" in one)
    operators[user["apiVersion"], user["kind"]].validate(user)
    (added,) = (one for one in shown if "patches" in one)
    made = {**added, "resources": [os.path.relpath(KUBERNETES / "base", tmp_path.resolve())]}
    for generated in added["configMapGenerator"]:
        for file in generated["files"]:
            (tmp_path / file).write_text("a certificate", encoding="utf-8")
    with_it = {name: (pod, container) for name, pod, container in pods(render(made, kustomize, tmp_path))}
    for name, pod, container in pods(rendered):
        given = {each["name"]: each.get("value", "") for each in with_it[name][1]["env"]}
        assert ("IEUM_CA_FILE" in given) is (name in {"intake", "notify", "auditor", "identity"}), name
        if "IEUM_CA_FILE" in given:
            (mount,) = (one for one in with_it[name][1]["volumeMounts"] if one not in container["volumeMounts"])
            (volume,) = (one for one in with_it[name][0]["volumes"] if one not in pod["volumes"])
            assert volume["name"] == mount["name"]
            assert given["IEUM_CA_FILE"] == f"{mount['mountPath']}/{file}"


def test_audit_anchors_lie_outside_the_store_wherever_there_is_an_audit(rendered: list[Document]) -> None:
    for name, _, container in pods(rendered):
        env = {each["name"]: each.get("value") for each in container["env"]}
        assert (keys.AUDIT_KEYS.get(name) in env) is ("IEUM_AUDIT_HEADS" in env), name
        if "IEUM_AUDIT_HEADS" in env:
            claims = of_kind(rendered, "StatefulSet")[name]["spec"]["volumeClaimTemplates"]
            assert [claim["metadata"]["name"] for claim in claims] == ["state"], name


def test_every_pod_runs_as_nobody_with_nothing_to_write_but_its_folders(rendered: list[Document]) -> None:
    for name, pod, container in pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name
        assert {"memory"} <= set(container["resources"]["limits"]), name
        assert pod["serviceAccountName"] == name
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claims = of_kind(rendered, "StatefulSet").get(name, {}).get("spec", {}).get("volumeClaimTemplates", [])
        assert mounted == {volume["name"] for volume in pod["volumes"]} | {c["metadata"]["name"] for c in claims}, name


def test_the_auditor_has_room_for_the_log_of_ten_years_at_its_start(rendered: list[Document]) -> None:
    (container,) = (container for name, _, container in pods(rendered) if name == "auditor")
    limit = container["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Gi")) * 1024 > 2 * (AUDITOR_MB + TEN_YEARS_REPORTS * AUDITOR_KB_A_REPORT / 1024)


def test_a_rebuild_has_room_beside_the_analytics_in_whose_container_it_runs(rendered: list[Document]) -> None:
    """Where memory ends, the kernel ends both, and the rebuild never."""
    (container,) = (container for name, _, container in pods(rendered) if name == "analytics")
    limit = container["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Gi")) * 1024 > 2 * (ANALYTICS_MB + REBUILD_MB)


def test_the_namespace_admits_the_pods_of_the_operators_too(rendered: list[Document]) -> None:
    """Pod security `restricted`: what an operator leaves open, it must be told, or none of its pods is made."""
    assert (
        of_kind(rendered, "Namespace")["ieum"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )
    kafka = of_kind(rendered, "Kafka")["ieum"]["spec"]
    (replicas,) = of_kind(rendered, "PerconaServerMongoDB")["ieum-mongodb"]["spec"]["replsets"]
    brokers, operators = kafka["kafka"]["template"], kafka["entityOperator"]["template"]
    gateway = of_kind(rendered, "Deployment")["gateway"]["spec"]["template"]["spec"]
    made: dict[str, tuple[Document, list[Document]]] = {
        "broker": (brokers["pod"]["securityContext"], [brokers["kafkaContainer"]["securityContext"]]),
        "entity operator": (
            operators["pod"]["securityContext"],
            [operators[name]["securityContext"] for name in ("topicOperatorContainer", "userOperatorContainer")],
        ),
        "store": (
            replicas["podSecurityContext"],
            [
                replicas["containerSecurityContext"],
                of_kind(rendered, "PerconaServerMongoDB")["ieum-mongodb"]["spec"]["initContainerSecurityContext"],
            ],
        ),
        "gateway": (gateway["securityContext"], [each["securityContext"] for each in gateway["containers"]]),
    } | {name: (pod["securityContext"], [container["securityContext"]]) for name, pod, container in pods(rendered)}
    assert not any("template" in pool["spec"] for pool in of_kind(rendered, "KafkaNodePool").values()), "it would win"
    for name, (pod, containers) in made.items():
        for container in containers:
            both = {**pod, **container}
            assert both["runAsNonRoot"] is True, name
            assert both.get("runAsUser", 1) != 0, name
            assert both["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert container["allowPrivilegeEscalation"] is False, name
            assert container["capabilities"] == {"drop": ["ALL"]}, name


def test_the_store_takes_services_without_a_certificate_of_their_own(rendered: list[Document]) -> None:
    """The operator names the authority to mongod, which then refuses whoever shows no certificate; ours show none."""
    (replicas,) = of_kind(rendered, "PerconaServerMongoDB")["ieum-mongodb"]["spec"]["replsets"]
    uris = [
        each["value"]
        for _, _, container in pods(rendered)
        for each in container["env"]
        if each["name"] == "MONGODB_URI"
    ]
    assert uris
    assert not any("tlsCertificateKeyFile" in uri for uri in uris)
    assert yaml.safe_load(replicas["configuration"]) == {"net": {"tls": {"allowConnectionsWithoutCertificates": True}}}


def test_what_has_several_pods_loses_one_at_a_time(rendered: list[Document]) -> None:
    several = {name for name, each in of_kind(rendered, "StatefulSet").items() if each["spec"]["replicas"] > 1}
    assert several == {"intake", "routing", "notify", "analytics", "identity"}
    assert set(of_kind(rendered, "PodDisruptionBudget")) == {*several, "gateway"}
    for name, each in of_kind(rendered, "PodDisruptionBudget").items():
        assert each["spec"]["maxUnavailable"] == 1, name
        # Else no node is drained, not even a sick one, while the pods of a service wait for store or Kafka.
        assert each["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow", name


def test_an_upgrade_replaces_one_service_after_the_other_and_what_they_need_before(
    rendered: list[Document], kustomize: list[str], tmp_path: Path
) -> None:
    """By the label that the page on upgrading selects: it is on each process, and on nothing that all of them need."""
    page = (PROJECT / "docs" / "how-to" / "upgrade.md").read_text(encoding="utf-8")
    orders = re.findall(r"^for each in ([a-z ]+); do", page, re.MULTILINE)
    assert [sorted(order.split()) for order in orders] == [sorted(PROCESSES)] * 2, "on Kubernetes and with Compose"
    assert len(set(orders)) == 1
    label = "app.kubernetes.io/name"
    named = {
        (each["kind"], each["metadata"]["name"]): each["metadata"]["labels"][label]
        for each in [*rendered, *built_with("verifier", kustomize, tmp_path)]
        if label in each["metadata"].get("labels", {})
    }
    assert {kind for kind, _ in named} == {"StatefulSet", "Deployment", "CronJob"}
    assert {name for _, name in named} == {*PROCESSES, "gateway", "verifier"}
    assert all(name == value for (_, name), value in named.items())


def test_a_node_that_goes_takes_one_broker_and_one_member_of_the_store(rendered: list[Document]) -> None:
    """Two of three on one node: no record is taken while it is away, and its disks may hold what nobody else has."""
    kafka = of_kind(rendered, "Kafka")["ieum"]["spec"]["kafka"]
    (apart,) = kafka["template"]["pod"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    # As Strimzi labels the pods of a cluster's brokers.
    assert apart["labelSelector"] == {"matchLabels": {"strimzi.io/cluster": "ieum", "strimzi.io/name": "ieum-kafka"}}
    (replicas,) = of_kind(rendered, "PerconaServerMongoDB")["ieum-mongodb"]["spec"]["replsets"]
    assert replicas["affinity"] == {"antiAffinityTopologyKey": "kubernetes.io/hostname"}


def test_a_disk_of_the_store_that_fills_can_be_enlarged(rendered: list[Document]) -> None:
    """Percona's operator leaves volumes as they are unless it is told; Strimzi's lets them grow."""
    store = of_kind(rendered, "PerconaServerMongoDB")["ieum-mongodb"]["spec"]
    assert store["storageScaling"] == {"enableVolumeScaling": True}


def test_a_pod_that_goes_takes_connections_until_every_node_has_heard(rendered: list[Document]) -> None:
    """A service listens no more from SIGTERM on; nodes hear of it only then, and send on what comes meanwhile."""
    for name, found in of_kind(rendered, "StatefulSet", "Deployment").items():
        pod = found["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        heard = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert heard >= HEARD_S, name
        # Of this time the platform gives the rest to the signal.
        own = 0 if name == "gateway" else GRACE_SECONDS
        assert pod["terminationGracePeriodSeconds"] - heard > own, name


def test_nothing_is_reachable_that_is_not_named(rendered: list[Document]) -> None:
    policies = of_kind(rendered, "NetworkPolicy")
    deny = policies.pop("default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, each in policies.items():
        for rule in [*each["spec"].get("ingress", []), *each["spec"].get("egress", [])]:
            assert rule.get("from") or rule.get("to"), f"{name} is open to everybody"
    services = of_kind(rendered, "Service")
    assert {name for name, each in services.items() if each["spec"].get("type", "ClusterIP") != "ClusterIP"} == {
        "gateway"
    }
    # Policies add up, and Strimzi makes one for each listener: open to everybody where it names nobody.
    for listener in of_kind(rendered, "Kafka")["ieum"]["spec"]["kafka"]["listeners"]:
        assert listener["networkPolicyPeers"] == policies["kafka"]["spec"]["ingress"][0]["from"]


def test_prometheus_finds_every_pod_also_one_that_is_not_ready(rendered: list[Document]) -> None:
    """By the address of a Service it would see now one pod and now the other, and of one that is not ready nothing."""
    folder = PROJECT / "deploy" / "monitoring"
    here, there = (
        yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        for name in ("prometheus.yaml", "prometheus-kubernetes.yaml")
    )
    jobs = {config.pop("job_name"): config for config in there.pop("scrape_configs")}
    assert set(jobs) == {config["job_name"] for config in here.pop("scrape_configs")}
    assert there == here, "rules, labels and Alertmanager"
    policy = of_kind(rendered, "NetworkPolicy")["metrics"]["spec"]["ingress"][0]
    assert policy["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}], (
        "where kubernetes.md puts Prometheus"
    )
    services, several = of_kind(rendered, "Service"), of_kind(rendered, "StatefulSet")
    for job, config in jobs.items():
        assert config["authorization"] == {"credentials_file": "/run/secrets/ieum-metrics-token"}, job
        name = job.removeprefix("notify-")
        if name in several:
            (found,) = config["dns_sd_configs"]
            (asked,) = found["names"]
            assert found["type"] == "SRV", "by the name of its pod, which one that is made anew keeps"
            port, _, address = asked.partition("._tcp.")
        else:
            assert of_kind(rendered, "Deployment")[name]["spec"]["replicas"] == 1, job
            address, _, port = config["static_configs"][0]["targets"][0].partition(":")
        service, namespace, _ = address.split(".")
        spec = services[service]["spec"]
        assert namespace == services[service]["metadata"]["namespace"], job
        assert spec["selector"] == {"app.kubernetes.io/name": name}, job
        assert (spec.get("clusterIP") == "None") is (name in several), job
        assert spec["publishNotReadyAddresses"] is True, job
        (listening,) = spec["ports"]
        if name in several:
            assert several[name]["spec"]["serviceName"] == service, "whose names its pods have"
        assert port == (f"_{listening['name']}" if name in several else str(listening["port"])), job
        assert {"protocol": "TCP", "port": listening["port"]} in policy["ports"], job


def test_an_intake_that_calls_back_reaches_https_of_public_addresses_and_no_other_does(
    kustomize: list[str], tmp_path: Path
) -> None:
    built = built_with("callbacks", kustomize, tmp_path)
    policy = of_kind(built, "NetworkPolicy")["intake-calls-back"]
    kubernetes_validate.validate(policy, VERSION, strict=True)
    assert policy["spec"]["podSelector"]["matchExpressions"][0]["values"] == ["intake"]
    (rule,) = policy["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
    assert_goes_out_alone(policy)
    found = of_kind(built, "StatefulSet")["intake"]["spec"]["template"]["spec"]["containers"][0]["env"]
    given = {one["name"]: one.get("value") for one in found}
    assert given["INTAKE_CALLBACK_NETWORKS"] == "[]"
    assert "INTAKE_CALLBACK_NETWORKS" in variables(IntakeSettings)


def built_with(component: str, kustomize: list[str], folder: Path) -> list[Document]:
    """The base with a component that no overlay of ours names."""
    names = [os.path.relpath(KUBERNETES / name, folder.resolve()) for name in ("base", f"components/{component}")]
    return render({"resources": names[:1], "components": names[1:]}, kustomize, folder)


def render(kustomization: Document, kustomize: list[str], folder: Path) -> list[Document]:
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    command = [*kustomize, str(folder)]
    return list(yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S).stdout))


def test_the_verifier_of_the_audits_is_as_closed_as_a_service_and_only_reads_the_store(
    kustomize: list[str], tmp_path: Path
) -> None:
    built = built_with("verifier", kustomize, tmp_path)
    job = of_kind(built, "CronJob")["verifier"]
    kubernetes_validate.validate(job, VERSION, strict=True)
    kubernetes_validate.validate(of_kind(built, "PersistentVolumeClaim")["audit-anchors"], VERSION, strict=True)
    template = job["spec"]["jobTemplate"]["spec"]["template"]
    pod = template["spec"]
    (own,) = pod["containers"]
    _, service, other = next(each for each in pods(built) if each[0] == "intake")
    for name in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert pod[name] == service[name], name
    for name in ("image", "envFrom", "securityContext"):
        assert own[name] == other[name], name
    env = {each["name"]: each for each in own["env"]}
    known = variables(KafkaSettings, StoreSettings, VerifierSettings)
    assert set(env) - FOR_THE_URI <= known
    assert {variable_of(VerifierSettings, "verifier_key"), "IEUM_AUDIT_ANCHORS"} <= set(env)
    assert not set(env) & {*keys.AUDIT_KEYS.values()}, "it derives the services' keys"
    assert env["KAFKA_SASL_USERNAME"]["value"] in BY_NAME
    assert env["STORE_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "store-verifier"
    verifier = STORE_USERS[env["STORE_USER"]["value"]]
    assert [role["role"] for role in verifier.roles("")] == [verifier.name]
    assert {action for one in verifier.privileges("") for action in one["actions"]} == {"find", "collStats"}
    assert {mount["name"] for mount in own["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert template["metadata"]["labels"]["app.kubernetes.io/part-of"] == "ieum", "policies let it reach the engines"
    limit = own["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Gi")) * 1024 * 1024 > ANCHOR_KB * MANY_ANCHORS


def test_alerts_go_out_of_the_cluster_and_to_no_network_of_its_own(rendered: list[Document]) -> None:
    assert_goes_out_alone(of_kind(rendered, "NetworkPolicy")["alerts-go-out"])


def assert_goes_out_alone(policy: Document) -> None:
    """Not to pods, services or nodes, and not to the cloud's metadata service, which gives out the node's rights."""
    (rule,) = policy["spec"]["egress"]
    (block,) = (to["ipBlock"] for to in rule["to"])
    closed = [ipaddress.ip_network(one) for one in block["except"]]
    for address in ("10.96.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"):
        assert any(ipaddress.ip_address(address) in one for one in closed), address


def test_the_auditor_reaches_the_gateway_whose_certificate_it_watches(rendered: list[Document]) -> None:
    policies = of_kind(rendered, "NetworkPolicy")
    gateway, auditor = ({"matchLabels": {"app.kubernetes.io/name": name}} for name in ("gateway", "auditor"))
    (out,) = policies["auditor-sees-the-gateway"]["spec"]["egress"]
    (into,) = policies["gateway-answers-the-auditor"]["spec"]["ingress"]
    assert policies["auditor-sees-the-gateway"]["spec"]["podSelector"] == auditor
    assert policies["gateway-answers-the-auditor"]["spec"]["podSelector"] == gateway
    assert (out["to"], into["from"]) == ([{"podSelector": gateway}], [{"podSelector": auditor}])
    (container,) = of_kind(rendered, "Deployment")["gateway"]["spec"]["template"]["spec"]["containers"]
    [shown] = [port["containerPort"] for port in container["ports"] if port["name"] == "intake"]
    assert out["ports"] == into["ports"] == [{"protocol": "TCP", "port": shown}]


def test_all_services_are_reached_on_one_host_and_those_of_staff_from_their_networks_alone(
    rendered: list[Document],
) -> None:
    """A sign-in is a cookie of one host: on several a browser would be sent in a circle."""
    urls = {name: urlsplit(url) for name, url in yaml.safe_load(common_of(rendered)["IEUM_PUBLIC_URLS"]).items()}
    assert set(urls) == set(SECRETS_OF)
    assert len({url.hostname for url in urls.values()}) == 1
    assert {url.scheme for url in urls.values()} == {"https"}
    gateway = of_kind(rendered, "Service")["gateway"]["spec"]
    assert gateway["externalTrafficPolicy"] == "Local", "else every caller would have the address of a node"
    outside = {port["name"]: port["port"] for port in gateway["ports"]}
    assert outside == {name: url.port or 443 for name, url in urls.items()}
    (container,) = of_kind(rendered, "Deployment")["gateway"]["spec"]["template"]["spec"]["containers"]
    inside = {port["name"]: port["containerPort"] for port in container["ports"]}
    configuration = of_kind(rendered, "ConfigMap")["gateway"]["data"]["nginx.conf"]
    servers = {
        int(port): (body, target)
        for port, body, target in re.findall(
            r"listen (\d+) ssl;(.*?)proxy_pass http://(\S+);", configuration, re.DOTALL
        )
    }
    services = of_kind(rendered, "Service")
    for name in urls:
        body, target = servers.pop(inside[name])
        assert target == f"{name}:{services[name]['spec']['ports'][0]['port']}"
        assert ("include /etc/nginx/staff/networks.conf;" in body) is (name != "intake"), name
    assert not servers
    networks = of_kind(rendered, "ConfigMap")["staff-networks"]["data"]["networks.conf"]
    assert networks.strip().endswith("deny all;")


def test_the_gateway_that_is_left_has_room_for_all_live_pages_and_as_many_more(rendered: list[Document]) -> None:
    """Who reports comes by the same process; a live page holds a connection to the browser and one to its service."""
    configuration = of_kind(rendered, "ConfigMap")["gateway"]["data"]["nginx.conf"]
    ((room,), (files,)) = (
        re.findall(rf"{name} (\d+);", configuration) for name in ("worker_connections", "worker_rlimit_nofile")
    )
    pods_of_notify = of_kind(rendered, "StatefulSet")["notify"]["spec"]["replicas"]
    live = 2 * pods_of_notify * NotifySettings.model_fields["stream_clients"].default
    assert 2 * live <= int(room) < int(files)


def test_bodies_on_their_way_fit_on_the_disk_of_the_gateway_and_no_form_is_too_large_for_it(
    rendered: list[Document],
) -> None:
    configuration = of_kind(rendered, "ConfigMap")["gateway"]["data"]["nginx.conf"]
    ((room,), (kilobytes,)) = (
        re.findall(rf"{name} (\d+)k?;", configuration) for name in ("worker_connections", "client_max_body_size")
    )
    volumes = of_kind(rendered, "Deployment")["gateway"]["spec"]["template"]["spec"]["volumes"]
    (size,) = (volume["emptyDir"]["sizeLimit"] for volume in volumes if volume["name"] == "tmp")
    assert int(kilobytes) * 1024 > FORM_QUOTED * MAX_BYTES
    assert int(room) * int(kilobytes) <= int(size.removesuffix("Mi")) * 1024


def test_half_sent_requests_of_one_caller_keep_nobody_out() -> None:
    parts = list(yaml.safe_load_all((KUBERNETES / "base" / "gateway.yaml").read_text(encoding="utf-8")))
    configuration = of_kind(parts, "ConfigMap")["gateway"]["data"]["nginx.conf"]
    assert "client_header_timeout 20s;" in configuration
    public = configuration.partition("listen 8441 ssl;")[2].partition("listen 8442 ssl;")[0]
    assert re.search(r"limit_conn callers \d+;", public)


def test_the_gateway_notes_no_address(rendered: list[Document]) -> None:
    """Below an alert nginx names the caller: of a handshake that failed, of a body that found no room."""
    configuration = of_kind(rendered, "ConfigMap")["gateway"]["data"]["nginx.conf"]
    assert re.findall(r"(?:access|error)_log [^;]+", configuration) == ["error_log stderr alert", "access_log off"]


def test_a_restore_stops_every_process_of_ours_and_not_the_gateway(rendered: list[Document]) -> None:
    """By the label that the page selects. The gateway shows whom to call meanwhile."""
    page = (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    ((label, value),) = re.findall(r"scale statefulset,deployment -l (\S+)=(\S+) --replicas=0", page)
    found = of_kind(rendered, "StatefulSet", "Deployment")
    assert {name for name, each in found.items() if each["metadata"]["labels"].get(label) == value} == set(PROCESSES)


def test_who_reports_reads_whom_to_call_where_no_intake_answers(rendered: list[Document]) -> None:
    """The gateway's own page, with the numbers of every page for the public."""
    data = of_kind(rendered, "ConfigMap")["gateway"]["data"]
    servers = re.findall(r"listen (\d+) ssl;(.*?)(?=server \{|\Z)", data["nginx.conf"], re.DOTALL)
    assert [port for port, body in servers if "error_page 502 503 504 /unavailable.html;" in body] == ["8441"]
    layout = (PROJECT / "shared" / "web" / "templates" / "layout.html").read_text(encoding="utf-8")
    numbers = set(re.findall(r'href="tel:([0-9-]+)"', layout))
    assert {"112", "1366"} <= numbers
    page = data["unavailable.html"]
    assert set(re.findall(r'href="tel:([0-9-]+)"', page)) == numbers
    assert '<html lang="ko">' in page
    assert 'lang="en"' in page
    assert "<title>메모</title>" in page, "as neutral as every page for the public"
    assert f'href="{QUICK_EXIT_URL}"' in page
    assert page.index("tel:112") < page.index("tel:1366")


def test_topics_are_those_of_the_table_with_the_deployments_partitions(rendered: list[Document]) -> None:
    common = common_of(rendered)
    made = of_kind(rendered, "KafkaTopic")
    assert set(made) == {AUDIT_ANCHORS.name, *(name for topic in TOPICS for name in (topic.name, topic.dead))}
    for topic in TOPICS:
        wanted = topic.partitions or int(common["KAFKA_TOPIC_PARTITIONS"])
        assert {made[name]["spec"]["partitions"] for name in (topic.name, topic.dead)} == {wanted}
    (cluster,) = of_kind(rendered, "Kafka").values()
    assert cluster["spec"]["kafka"]["version"] == KAFKA_VERSION
    assert cluster["spec"]["kafka"]["config"]["min.insync.replicas"] == 2


def test_each_process_is_a_user_of_the_store_with_the_rights_of_the_table(rendered: list[Document]) -> None:
    (store,) = of_kind(rendered, "PerconaServerMongoDB").values()
    rights = {
        user["name"]: [{"role": role["name"], "db": role["db"]} for role in user["roles"]]
        for user in store["spec"]["users"]
    }
    prefix = common_of(rendered)["MONGODB_DATABASE_PREFIX"]
    assert rights == {name: user.roles(prefix) for name, user in STORE_USERS.items()}
    roles = {role["role"]: (role["db"], role["privileges"], role["roles"]) for role in store["spec"]["roles"]}
    own = {name: user.privileges(prefix) for name, user in STORE_USERS.items() if user.finds}
    assert roles == {name: ("admin", privileges, []) for name, privileges in own.items()}
    for name, _, container in pods(rendered):
        env = {each["name"]: each for each in container["env"]}
        assert ("MONGODB_URI" in env) is (name in STORE_USERS), name
        if name in STORE_USERS:
            assert env["STORE_USER"]["value"] == name
            assert env["STORE_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == f"store-{name}"
