"""Commands that work beside the running services, each in the environment of the service it belongs to."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping

from tools.local import keys, plan, ports, processes, rotation
from tools.local.security import access, local_store, security_of
from tools.local.settings import AS_GIVEN, SERVICES, LocalSettings, environment
from tools.local.state import RENEW, ProcessEntry, RunFolder, State
from tools.local.supervisor import Say

_RENEW_LIMIT_S = 90.0
_POLL_S = 0.2


class BesideError(Exception):
    """Such a command cannot be run now, or did not do what it is for; the text says why."""


def run(principal: str, *words: str, settings: LocalSettings) -> int:
    """Run ``ieum`` with these words as a process of a service would run, with its secrets; returns its exit status.

    A principal of Kafka that is no service has no store and no secret but its own way to Kafka; the verifier reads the
    audits of all. The command talks to the person at the terminal itself. BesideError if the engine it needs is not up.
    """
    verifies = principal == plan.VERIFIER
    needs_ours = settings.starts_store if verifies or principal in SERVICES else settings.starts_kafka
    if needs_ours and RunFolder(settings.var / "run").read() is None:
        raise BesideError("nothing runs here: start it with `ieum up`, then try again")
    env = dict(environment_of("notify" if verifies else principal, settings))
    if verifies:
        env |= plan.verifier_environment(settings, keys.ensure(settings.var), access(settings, plan.VERIFIER))
        if settings.starts_store and words[:2] != ("audit", "verify"):
            env["MONGODB_URI"] = local_store(settings).uri  # no other user may write in the audits of all
    env["PYTHONPATH"] = str(processes.PROJECT)  # in the folder one is in, from which files are named
    return subprocess.run([sys.executable, "-m", "tools.command", *words], env=env, check=False).returncode


def rotate_master_key(settings: LocalSettings, say: Say) -> None:
    """Give reports a new master key while everything runs (see ``rotation``)."""
    overriding = environment("INTAKE_MASTER_KEY", keys.RETIRED)
    if overriding:
        raise BesideError(
            f"{', '.join(sorted(overriding))} comes from the environment, not from {keys.FILE}: set it there anew,"
            " with the old key among INTAKE_RETIRED_MASTER_KEYS, restart intake,"
            " run `ieum keys rewrap-reports`"
        )

    def rewrap() -> None:
        if run("intake", "keys", "rewrap-reports", settings=settings):
            raise BesideError(
                "some keys of reports were not wrapped; the old key stays: run `ieum keys rotate-master` again"
            )

    rotation.rotate(settings.var, renew=lambda: renew(settings, "intake"), rewrap=rewrap, say=say)


def rotate_receipt_key(settings: LocalSettings, say: Say) -> None:
    """Give new receipts a new key while everything runs; those that were given out go on."""
    if environment(keys.LATER):
        raise BesideError(f"{keys.LATER} comes from the environment, not from {keys.FILE}: set it there anew")
    keys.write(settings.var, keys.with_new_receipt_key(keys.ensure(settings.var)))
    renew(settings, "intake")
    say(f"new receipts have a new key; keep every key in {keys.LATER} as long as receipts made with it count")


def rotate_secrets(settings: LocalSettings, say: Say) -> None:
    """Give every user of the engines a new password while everything runs: each process restarts in its turn."""
    security = security_of(settings)
    if security is None:
        raise BesideError("there are no engines here that are secured: change passwords where your engines are")
    folder = RunFolder(settings.var / "run")
    state, launcher = folder.read(), folder.runner()
    security.ensure()
    if state is None or launcher is None:
        security.rotate()
        say("nothing runs here: the new passwords count from the next start")
        return
    if state.phase != "up":
        raise BesideError("it is still starting, or stopping: try again")
    security.rotate()
    mine = [entry for entry in state.entries if access(settings, entry.name)]
    os.kill(launcher, RENEW)
    until = time.monotonic() + _RENEW_LIMIT_S * len(mine)
    for before in mine:
        _restarted(folder, before, until)
        say(f"{before.name} has its new password")
    say("every password is new; connections with the old ones have ended")


def renew(settings: LocalSettings, service: str) -> None:
    """Let the running launcher take the secrets as they are now; returns when ``service`` is ready with them."""
    folder = RunFolder(settings.var / "run")
    state, launcher = folder.read(), folder.runner()
    if state is None or launcher is None or state.phase != "up":
        raise BesideError("nothing runs here, or it is still starting: `ieum up`, then try again")
    before = _entry(state, service)
    os.kill(launcher, RENEW)
    if before is None:
        raise BesideError(f"{service} does not run here: see `ieum status`")
    _restarted(folder, before, time.monotonic() + _RENEW_LIMIT_S)


def _restarted(folder: RunFolder, before: ProcessEntry, until: float) -> None:
    while True:
        time.sleep(_POLL_S)  # the poll of a wait with a deadline
        state = folder.read()
        now = _entry(state, before.name) if state is not None else None
        if now is not None and now.pid not in (0, before.pid) and now.health == "ready":
            return
        if time.monotonic() > until:
            raise BesideError(f"{before.name} did not come back with the new secrets: see `ieum status`, `ieum logs`")


def _entry(state: State, name: str) -> ProcessEntry | None:
    return next((entry for entry in state.entries if entry.name == name), None)


def environment_of(service: str, settings: LocalSettings) -> Mapping[str, str]:
    """Return the environment of a process of this service."""
    kafka = settings.kafka_bootstrap_servers or f"{ports.LOOPBACK}:{settings.kafka_port}"
    mongodb = settings.mongodb_uri.get_secret_value() or local_store(settings).uri
    security = security_of(settings)
    if security is not None:
        security.ensure()
    own = access(settings, service)
    if service not in SERVICES:
        base = {**processes.base_environment(), **environment("KAFKA_", "IEUM_LOG_LEVEL", "ROUTING_"), AS_GIVEN: "1"}
        return {**base, "KAFKA_BOOTSTRAP_SERVERS": kafka, **own}
    secrets = {**keys.ensure(settings.var), **environment(*keys.KEYS)}
    return plan.service_environment(service, settings, secrets, kafka=kafka, mongodb=mongodb, access=own)
