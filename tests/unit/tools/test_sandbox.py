"""``make sandbox``: a credential is replaced only where there is one."""

import subprocess
from typing import Any

import pytest

from tools.local.state import RunFolder
from tools.sandbox import __main__ as sandbox

URLS = {"intake": "http://127.0.0.1:8000"}
ADDED = subprocess.CompletedProcess[str]([], 0, '{"credential": "sandbox.one"}\n', "")
TAKEN = subprocess.CompletedProcess[str]([], 1, "", "starting\nsandbox: exists\n")
AWAY = subprocess.CompletedProcess[str]([], 2, "", "the store does not answer\n")


@pytest.mark.parametrize(
    ("answers", "asked", "ended"),
    [
        ([ADDED], ["add"], 0),
        ([TAKEN, ADDED], ["add", "rotate"], 0),
        ([AWAY], ["add"], 2),
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

    monkeypatch.setattr("sys.argv", ["sandbox"])
    monkeypatch.setattr(sandbox, "_clients", clients)
    monkeypatch.setattr(sandbox, "urls", lambda _: URLS)
    monkeypatch.setattr(RunFolder, "runner", lambda _: 1)
    assert sandbox.main() == ended
    assert commands == asked
    said = capsys.readouterr()
    assert (AWAY.stderr in said.err) is bool(ended)
    assert ("Credential   sandbox.one" in said.out) is not bool(ended)
