"""``ieum sandbox``: a credential is replaced only where there is one."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.local.security import LocalSecurity
from tools.local.settings import LocalSettings
from tools.local.state import RunFolder
from tools.sandbox import command as sandbox

URLS = {"intake": "http://127.0.0.1:8000"}
ADDED = subprocess.CompletedProcess[str]([], 0, '{"credential": "sandbox.one"}\n', "")
TAKEN = subprocess.CompletedProcess[str]([], 1, "", "starting\nsandbox: exists\n")
AWAY = subprocess.CompletedProcess[str]([], 75, "", "the store does not answer\n")


@pytest.mark.parametrize(
    ("answers", "asked", "ended"),
    [
        ([ADDED], ["add"], 0),
        ([TAKEN, ADDED], ["add", "rotate"], 0),
        ([AWAY], ["add"], 75),
    ],
)
def test_it_rotates_only_where_the_id_is_taken(
    answers: list[Any],
    asked: list[str],
    ended: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands: list[str] = []
    left = iter(answers)

    def clients(*arguments: str) -> Any:
        commands.append(arguments[0])
        return next(left)

    monkeypatch.setattr(sandbox, "_clients", clients)
    monkeypatch.setattr(sandbox, "urls", lambda _: URLS)
    monkeypatch.setattr(RunFolder, "runner", lambda _: 1)
    assert sandbox.main(None) == ended
    assert commands == asked
    said = capsys.readouterr()
    assert (AWAY.stderr in said.err) is bool(ended)
    assert ("Credential   sandbox.one" in said.out) is not bool(ended)


def test_it_says_how_to_read_the_events_as_another_agency_and_as_nobody_else(tmp_path: Path) -> None:
    settings = LocalSettings.on_free_ports(tmp_path, secured=True)
    assert sandbox.events_of(settings) == "", "not provisioned yet"
    LocalSecurity(tmp_path).ensure()
    said = sandbox.events_of(settings)
    assert f"  export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:{settings.kafka_port}\n" in said
    assert "  export KAFKA_SASL_USERNAME=partner\n" in said
    assert f"  export KAFKA_SASL_PASSWORD={LocalSecurity(tmp_path).kafka_passwords()['partner']}\n" in said
    elsewhere = settings.model_copy(update={"kafka_bootstrap_servers": "broker-1:9092"})
    assert sandbox.events_of(elsewhere) == ""
