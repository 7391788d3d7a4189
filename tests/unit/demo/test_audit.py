"""What the walk at the end of the demonstration says of the audit."""

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from shared.audit.command import STORE_AWAY
from tools.demo import command as demo


def found(monkeypatch: pytest.MonkeyPatch, *ends: tuple[int, str]) -> str:
    """What is said of verifications that end like this, one after the other."""
    left = list(ends)

    def run(*_: Any, **__: Any) -> "subprocess.CompletedProcess[str]":
        status, said = left.pop(0)
        return subprocess.CompletedProcess([], status, said, "")

    monkeypatch.setattr(subprocess, "run", run)
    stack: Any = SimpleNamespace(verifier_environment=dict)
    said = demo._audit_findings(stack)
    assert not left
    return said


def test_a_store_too_busy_to_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (0, "intake: 12 lines, nothing wrong\n")
    assert found(monkeypatch, (STORE_AWAY, "store: no answer\n"), whole) == ""
    assert found(monkeypatch, *[(STORE_AWAY, "store: no answer\n")] * 3) == "store: no answer"


def test_a_finding_is_named_and_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "notify: 3 lines, nothing wrong\nintake: line 7 was altered\n"
    assert found(monkeypatch, (1, said)) == "intake: line 7 was altered"
    assert found(monkeypatch, (78, "")) == "ended with 78", "what says nothing has proven nothing"
