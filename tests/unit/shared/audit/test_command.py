"""The command that proves the audit, where it cannot begin."""

import base64
from unittest.mock import AsyncMock

import pytest

from shared.audit import published
from shared.errors import FatalError, TransientError
from tools.command import main


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("IEUM_AUDIT_VERIFIER_KEY", raising=False)
    assert main(["audit", "verify"]) == 78
    assert "IEUM_AUDIT_VERIFIER_KEY" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (TransientError("kafka: looking for audit-anchors failed"), 75, "kafka: looking for audit-anchors failed\n"),
        (FatalError("audit-anchors does not reach back"), 1, "topic_cut: audit-anchors does not reach back\n"),
    ],
)
def test_a_topic_of_anchors_that_cannot_be_read_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, status: int, said: str
) -> None:
    """Whoever is alarmed by status 1 is told of a topic that was cut, not of one that nobody could ask."""
    monkeypatch.setenv("IEUM_AUDIT_VERIFIER_KEY", base64.b64encode(b"v" * 32).decode())
    monkeypatch.delenv("IEUM_AUDIT_ANCHORS", raising=False)
    monkeypatch.setattr(published, "read", AsyncMock(side_effect=error))
    assert main(["audit", "verify"]) == status
    assert capsys.readouterr().err == said
