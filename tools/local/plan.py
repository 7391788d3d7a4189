"""Plan which programs run locally and with which environment: values in, programs out. Starts nothing."""

import json
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from tools.local import drilling, keys, ports, processes
from tools.local.kafka import LocalKafka
from tools.local.settings import AS_GIVEN, SERVICES, LocalSettings, environment
from tools.local.store import LocalStore
from tools.local.supervisor import Program

AUDITOR = "notify-auditor"
RECOUNT = "recount"
VERIFIER = "verifier"
ENGINE_STAGE, STORE_STAGE, SERVICE_STAGE = 0, 1, 2
"""In the middle is what needs no Kafka, which takes as long to start as everything else."""
BESIDE = {"notify": AUDITOR, "routing": RECOUNT}
"""The process that checks a service, beside it."""
SECRETS_OF = {
    "intake": (
        "INTAKE_MASTER_KEY",
        "INTAKE_RECEIPT_KEY",
        "INTAKE_LINK_KEY",
        "INTAKE_SIGNING_KEY",
        "IEUM_TICKET_KEY",
        keys.AUDIT_KEYS["intake"],
    ),
    "routing": (),
    "notify": ("IEUM_TICKET_KEY", "IEUM_DIRECTORY_KEY", keys.AUDIT_KEYS["notify"]),
    "analytics": (keys.AUDIT_KEYS["analytics"],),
    "identity": (
        keys.ROOT,
        "IDENTITY_MASTER_KEY",
        "IDENTITY_ACCOUNT_KEY",
        "IEUM_DIRECTORY_KEY",
        keys.AUDIT_KEYS["identity"],
    ),
}
"""Secrets of each service; it is given no other. Routing verifies with public keys and needs none."""
_SHARED_PREFIXES = (
    "KAFKA_",
    "MONGODB_",
    "IEUM_HOST",
    "IEUM_LOG_LEVEL",
    "IEUM_PUBLIC_URLS",
    "IEUM_TRUSTED_PROXIES",
    "IEUM_METRICS_TOKEN",
    "OTEL_",
    "IEUM_STEP_UP_MINUTES",
    "IEUM_IDENTITY_URL",
    keys.PUBLIC_ROOTS,
    "IEUM_AUDIT_HEADS",
)
_PROBE_TIMEOUT_S = 2.0
_NOTHING: Mapping[str, str] = {}
_ENGINE_STOP_LIMIT_S = 15.0
_MAIL_STOP_LIMIT_S = 5.0


def secrets_of(service: str) -> tuple[str, ...]:
    """Names of all secrets a service may be given: those it needs, and those it has only where keys were changed."""
    later = (keys.RETIRED, keys.LATER) if service == "intake" else ()
    return (*SECRETS_OF[service], *later)


def http_ready(port: int) -> bool:
    """Return whether a local process says that it is ready."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200  # noqa: PLR2004  # HTTP's own number
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def urls(settings: LocalSettings) -> dict[str, str]:
    """Return the addresses of each service and the mailbox, for a browser."""
    found = {name: f"http://{ports.LOOPBACK}:{settings.service_port(name)}" for name in SERVICES}
    if settings.starts_mailbox:
        found["mail"] = f"http://{ports.LOOPBACK}:{settings.mail_port}"
    return found


def service_environment(
    service: str,
    settings: LocalSettings,
    secrets: Mapping[str, str],
    *,
    kafka: str,
    mongodb: str,
    access: Mapping[str, str] = _NOTHING,
) -> dict[str, str]:
    """All that a service sees: addresses, its own settings, its own secrets. The caller's environment wins.

    Not over addresses and ``access``, how it signs in to engines that are started here.
    """
    name = service.upper()
    own: dict[str, str] = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "MONGODB_URI": mongodb,
        "IEUM_PUBLIC_URLS": json.dumps({key: url for key, url in urls(settings).items() if key in SERVICES}),
        "IEUM_IDENTITY_URL": urls(settings)["identity"],
        "IEUM_KEYS_CACHE": str(settings.var / "identity" / f"{service}.json"),
        f"{name}_PORT": str(settings.service_port(service)),
        **{key: secrets[key] for key in (keys.PUBLIC_ROOTS, *secrets_of(service)) if key in secrets},
    }
    if service in keys.AUDIT_KEYS:
        own["IEUM_AUDIT_HEADS"] = str(settings.var / "audit")
    if service == "intake":
        own["INTAKE_ERASURE_REGISTER"] = str(settings.var / "erasures")
        own["INTAKE_CALLBACK_NETWORKS"] = '["127.0.0.0/8"]'  # a receiver that is tried out here
    if service == "routing":
        own["ROUTING_STATE_DIR"] = str(settings.var / "routing")
    if service == "notify":
        own |= {
            "NOTIFY_DRILL_CREDENTIAL_FILE": str(drilling.file_of(settings.var)),
            "NOTIFY_INTAKE_URL": urls(settings)["intake"],
        }
    if service == "identity" and settings.starts_mailbox:
        own |= {"IDENTITY_SMTP_HOST": ports.LOOPBACK, "IDENTITY_SMTP_PORT": str(settings.smtp_port)}
    if service == "notify" and settings.starts_mailbox:
        own |= {
            "NOTIFY_SMTP_HOST": ports.LOOPBACK,
            "NOTIFY_SMTP_PORT": str(settings.smtp_port),
            "NOTIFY_MAIL_VIEW_URL": urls(settings)["mail"],
            **_webhooks(settings, secrets),
        }
    outside = environment(*_SHARED_PREFIXES, f"{name}_", *secrets_of(service))
    fixed = {key: own[key] for key in ("KAFKA_BOOTSTRAP_SERVERS", "MONGODB_URI", f"{name}_PORT")}
    return {**processes.base_environment(), **own, **outside, **fixed, **access, AS_GIVEN: "1"}


def verifier_environment(
    settings: LocalSettings, secrets: Mapping[str, str], access: Mapping[str, str]
) -> dict[str, str]:
    """Return what ``ieum audit`` has and no service: its keys, its place for anchors, its way to Kafka."""
    own = {"IEUM_AUDIT_ANCHORS": str(settings.var / "audit-anchors" / "published")}
    return {**own, keys.VERIFIER: secrets[keys.VERIFIER], **environment(*own, keys.VERIFIER), **access}


def _webhooks(settings: LocalSettings, secrets: Mapping[str, str]) -> dict[str, str]:
    """Alerts go to the mailbox by webhook too: every desk of every centre has one there."""
    if keys.HOOK_KEY not in secrets:
        return {}
    secret = f"whsec_{secrets[keys.HOOK_KEY]}"
    desks = ("duty", "colleagues", "lead", "central")
    root = f"{urls(settings)['mail']}/hooks"
    return {"NOTIFY_WEBHOOKS": json.dumps({f"*/{desk}": {"url": f"{root}/{desk}", "secret": secret} for desk in desks})}


def kafka_program(kafka: LocalKafka) -> Program:
    """The local broker."""
    return Program(
        name="kafka",
        command=kafka.command(),
        env=processes.base_environment(),
        stage=ENGINE_STAGE,
        ready=kafka.answers,
        needed_from=SERVICE_STAGE,
        prepare=kafka.prepare,
        port=kafka.port,
        stop_limit_s=_ENGINE_STOP_LIMIT_S,
        cwd=kafka.folder,
    )


def store_program(store: LocalStore) -> Program:
    """The local store."""
    return Program(
        name="store",
        command=store.command(),
        env=processes.base_environment(),
        stage=ENGINE_STAGE,
        ready=store.answers,
        prepare=store.prepare,
        port=store.port,
        stop_limit_s=_ENGINE_STOP_LIMIT_S,
        cwd=store.folder,
    )


def mailbox_program(settings: LocalSettings, secrets: Mapping[str, str]) -> Program:
    """The local mailbox: takes what notify sends by mail and webhook and shows it."""
    where = ("--smtp-port", str(settings.smtp_port), "--http-port", str(settings.mail_port))
    return Program(
        name="mailbox",
        command=[sys.executable, "-m", "tools.local.mailbox", *where],
        env={**processes.base_environment(), keys.HOOK_KEY: secrets[keys.HOOK_KEY]},
        stage=STORE_STAGE,
        ready=lambda: http_ready(settings.mail_port),
        port=settings.mail_port,
        stop_limit_s=_MAIL_STOP_LIMIT_S,
        preloaded=True,
    )


def service_programs(
    service: str, settings: LocalSettings, env: Mapping[str, str], beside: Mapping[str, str] = _NOTHING
) -> list[Program]:
    """A service's processes: one, and of routing as many as are wanted. Two have one beside them that checks them.

    ``beside``: how that one signs in, which is not as the service.
    """
    workers = settings.routing_workers if service == "routing" else 1
    programs = [_service_program(service, worker, settings, env) for worker in range(1, workers + 1)]
    checks = {"notify": auditor_program, "routing": recount_program}
    return [*programs, checks[service](settings, {**env, **beside})] if service in checks else programs


def auditor_program(settings: LocalSettings, env: Mapping[str, str]) -> Program:
    """The auditor of alerts: a process of its own, which none of notify's takes along when it dies."""
    port = settings.auditor_port
    return Program(
        name=AUDITOR,
        command=[sys.executable, "-m", "services.notify.auditor"],
        env={**{name: value for name, value in env.items() if not name.endswith("_KEY")}, "NOTIFY_PORT": str(port)},
        stage=SERVICE_STAGE,
        ready=lambda: http_ready(port),
        port=port,
        preloaded=True,
    )


def recount_program(settings: LocalSettings, env: Mapping[str, str]) -> Program:
    """The recount of routing's sums, once an hour with the lowest priority."""
    port = settings.recount_port
    return Program(
        name=RECOUNT,
        command=[sys.executable, "-m", "services.routing.recount"],
        env={**{name: value for name, value in env.items() if name != "MONGODB_URI"}, "ROUTING_PORT": str(port)},
        stage=SERVICE_STAGE,
        ready=lambda: http_ready(port),
        port=port,
        preloaded=True,
    )


def _service_program(service: str, worker: int, settings: LocalSettings, env: Mapping[str, str]) -> Program:
    port = settings.service_port(service) if worker == 1 else ports.free_port()
    return Program(
        name=service if worker == 1 else f"{service}-{worker}",
        command=[sys.executable, "-m", f"services.{service}"],
        env={**env, f"{service.upper()}_PORT": str(port)},
        stage=STORE_STAGE if service == "identity" else SERVICE_STAGE,
        ready=lambda: http_ready(port),
        port=port,
        preloaded=True,
    )
