"""The launcher with real engines: what is killed comes back, what is stopped is gone, a taken port is named."""

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.local.alive import alive
from tests.integration.local.launch import FAKE
from tests.support.waiting import DEADLINE_S, eventually_blocking
from tools.local import processes
from tools.local.plan import AUDITOR, RECOUNT
from tools.local.ports import PortTakenError
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack
from tools.local.state import AlreadyRunningError, RunFolder, State

pytestmark = [pytest.mark.engines, pytest.mark.timeout(480)]
PROCESSES = {"kafka", "store", "mailbox", *SERVICES, AUDITOR, RECOUNT}
UP_S = 180.0


def local(folder: Path) -> LocalSettings:
    """Settings of a stack with engines of its own, whatever the environment offers."""
    settings = LocalSettings.on_free_ports(folder)
    return settings.model_copy(update={"kafka_bootstrap_servers": "", "mongodb_uri": type(settings.mongodb_uri)("")})


def launch(settings: LocalSettings) -> subprocess.Popen[bytes]:
    """A launcher in a process of its own."""
    ports = {name: getattr(settings, name) for name in LocalSettings.model_fields if name.endswith("_port")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.local.launch", str(settings.var), json.dumps(ports)],
        cwd=processes.PROJECT,
        env=processes.base_environment(),
        stdout=subprocess.DEVNULL,
    )


def state_when_up(settings: LocalSettings) -> State:
    """What the launcher says once everything is ready."""
    folder = RunFolder(settings.var / "run")

    def up() -> bool:
        state = folder.read()
        return state is not None and state.phase == "up" and all(entry.health == "ready" for entry in state.entries)

    eventually_blocking(up, "the launcher being up", seconds=UP_S)
    state = folder.read()
    assert state is not None
    return state


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[tuple[LocalSettings, subprocess.Popen[bytes], set[int]]]:
    settings = local(tmp_path / "var")
    process = launch(settings)
    try:
        state = state_when_up(settings)
        assert {entry.name for entry in state.entries} == PROCESSES
        yield settings, process, {entry.pid for entry in state.entries}
    finally:
        process.kill()
        process.wait()


def test_killing_the_launcher_leaves_no_process(
    launcher: tuple[LocalSettings, subprocess.Popen[bytes], set[int]],
) -> None:
    _, process, pids = launcher
    assert alive(pids) == pids
    family = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    assert pids < family
    (preloader,) = family - pids  # what another child started itself would not end with the launcher
    assert psutil.Process(preloader).ppid() == process.pid
    process.kill()
    process.wait()
    eventually_blocking(lambda: not alive(family), "the end of every process")


def test_sigterm_stops_everything_in_order(launcher: tuple[LocalSettings, subprocess.Popen[bytes], set[int]]) -> None:
    settings, process, pids = launcher
    process.terminate()
    assert process.wait(timeout=120) == 0
    assert not alive(pids)
    assert RunFolder(settings.var / "run").runner() is None
    assert "Kafka Server started" in (settings.var / "logs" / "kafka.log").read_text()


def test_what_is_killed_comes_back_and_data_stays(tmp_path: Path) -> None:
    settings = local(tmp_path)
    said: list[str] = []
    commands = {name: [sys.executable, FAKE, str(settings.service_port(name))] for name in SERVICES}
    commands[AUDITOR] = [sys.executable, FAKE, str(settings.auditor_port)]
    commands[RECOUNT] = [sys.executable, FAKE, str(settings.recount_port)]
    stack = Stack(settings, say=said.append, commands=commands)
    stack.start()
    try:
        before = stack.pids
        assert set(before) == PROCESSES
        for name in ("kafka", "store", "mailbox", "routing"):
            os.kill(before[name], signal.SIGKILL)
        eventually_blocking(lambda: sum(stack.restarts.values()) == 4, "four restarts")
        stack.wait_ready(UP_S)
        after = stack.pids
        assert {name for name in PROCESSES if before[name] != after[name]} == {"kafka", "store", "mailbox", "routing"}
        assert any("kafka was ended by SIGKILL; starting it again" in line for line in said)
        _mail_goes_round(stack)
        with pytest.raises(AlreadyRunningError, match="ieum status"):
            Stack(settings).start()
    finally:
        stack.stop()
    assert not alive(after.values())


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    settings = local(tmp_path)
    said: list[str] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", settings.kafka_port))
        server.listen()
        stack = Stack(settings, say=said.append)
        with pytest.raises(PortTakenError, match=f"port {settings.kafka_port} is in use .setting IEUM_KAFKA_PORT"):
            stack.start()
    assert said == []
    assert stack.pids == {}
    assert RunFolder(settings.var / "run").runner() is None


def test_a_wrong_setting_of_the_launcher_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.command", "status"],
        cwd=processes.PROJECT,
        env={**processes.base_environment(), "IEUM_KAFKA_PORT": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
    assert "IEUM_KAFKA_PORT" in done.stderr
    assert "'none'" in done.stderr


def _mail_goes_round(stack: Stack) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "새 사례", "alert@ieum.example", "busan@duty.ieum.example"
    message.set_content("확인해 주세요.")
    with smtplib.SMTP("127.0.0.1", stack.settings.smtp_port, timeout=DEADLINE_S) as client:
        client.send_message(message)
    to = {"to": "busan@duty.ieum.example"}
    found = httpx.get(f"{stack.urls['mail']}/messages", params=to, timeout=DEADLINE_S).json()
    assert [entry["subject"] for entry in found["messages"]] == ["새 사례"]
