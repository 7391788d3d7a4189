"""`make up`, `status` and `down` with everything real: engines, mailbox, the five services."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.local.alive import alive
from tests.support.waiting import eventually_blocking
from tools.local import keys, ports, processes
from tools.local.settings import SERVICES, LocalSettings
from tools.local.state import ProcessEntry, RunFolder, State

pytestmark = [pytest.mark.engines, pytest.mark.timeout(480)]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return LocalSettings.on_free_ports(tmp_path / "var")


@pytest.fixture
def command(settings: LocalSettings) -> Iterator[Command]:
    """Runs one launcher command with these settings; whatever runs at the end is brought down."""
    env = {**processes.base_environment(), "IEUM_VAR_DIR": str(settings.var)}
    for name, field in LocalSettings.model_fields.items():
        if name.endswith("_port"):
            env[str(field.validation_alias)] = str(getattr(settings, name))

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tools.command", *arguments],
            cwd=processes.PROJECT,
            env={**env, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    run("down")


def state_of(settings: LocalSettings) -> State:
    state = RunFolder(settings.var / "run").read()
    assert state is not None
    return state


def test_up_status_kill_down(settings: LocalSettings, command: Command) -> None:
    assert command("status").returncode == 3

    up = command("up", IEUM_ROUTING_WORKERS="2")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "everything is ready" in up.stdout
    first = {entry.name: entry for entry in state_of(settings).entries}
    assert set(first) == {"kafka", "store", "mailbox", *SERVICES, "routing-2", "recount", "notify-auditor"}

    def all_ready() -> bool:  # on a busy machine one of them is not for a moment
        status = command("status")
        return status.returncode == 0 and len(re.findall(r"\bready$", status.stdout, re.MULTILINE)) == len(first)

    eventually_blocking(all_ready, "status says that everything is ready")

    second = command("up")
    assert second.returncode == 1
    assert "already runs" in second.stderr

    os.kill(first["analytics"].pid, signal.SIGKILL)
    eventually_blocking(lambda: _came_back(settings, "analytics"), "analytics being restarted and ready")

    old = keys.read(settings.var / keys.FILE)["INTAKE_MASTER_KEY"]
    rotated = command("keys", "rotate-master")
    assert rotated.returncode == 0, rotated.stdout + rotated.stderr
    assert old not in (settings.var / keys.FILE).read_text()
    assert command("audit", "verify").returncode == 0
    given = command("keys", "rotate-master", INTAKE_MASTER_KEY=old)
    assert given.returncode == 1
    assert "comes from the environment" in given.stderr
    eventually_blocking(
        lambda: _changed(settings, first, {"intake", "analytics"}),
        "intake alone being started anew",
    )

    pids = {entry.pid for entry in state_of(settings).entries}
    assert command("down").stdout == "stopped\n"
    assert not alive(pids)
    ports.check(settings.listening())
    assert command("down").stdout == "nothing runs here\n"
    assert "nothing runs here" in command("keys", "rotate-master").stderr
    assert "nothing runs here" in command("recount").stderr, "Kafka alone is needed"


def test_a_service_with_a_wrong_setting_keeps_up_from_starting_and_is_named(
    settings: LocalSettings, command: Command
) -> None:
    up = command("up", ANALYTICS_RECONCILE_EVERY_S="often")
    assert up.returncode == 1
    assert "analytics has a wrong setting" in up.stdout + up.stderr
    assert "ANALYTICS_RECONCILE_EVERY_S" in up.stdout + up.stderr
    assert RunFolder(settings.var / "run").runner() is None
    ports.check(settings.listening())


def _changed(settings: LocalSettings, before: dict[str, ProcessEntry], names: set[str]) -> bool:
    entries = state_of(settings).entries
    return {entry.name for entry in entries if entry.pid != before[entry.name].pid} == names


def _came_back(settings: LocalSettings, name: str) -> bool:
    entries = {entry.name: entry for entry in state_of(settings).entries}
    return entries[name].restarts == 1 and entries[name].health == "ready"
