"""The command that proves the audit, where it cannot begin."""

import base64
from typing import Any
from unittest.mock import AsyncMock

import pytest

from shared.audit import command, published
from shared.audit.chain import AuditKeys
from shared.errors import FatalError, TransientError


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IEUM_AUDIT_VERIFIER_KEY", raising=False)
    with pytest.raises(SystemExit) as ended:
        command.main(["verify"])
    assert ended.value.code == 78
    assert "IEUM_AUDIT_VERIFIER_KEY" in str(ended.value)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (TransientError("kafka: looking for audit-anchors failed"), 2, "kafka: looking for audit-anchors failed\n"),
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
    assert command.main(["verify"]) == status
    assert capsys.readouterr().err == said


class Changing:
    """Logs, none of them on a store."""

    made: dict[str, AuditKeys]

    def __init__(self, _database: object, keys: AuditKeys, _clock: object, service: str, _heads: Any) -> None:
        self.made[service] = keys

    async def change_key(self) -> bool:
        return True


def test_a_service_changes_its_key_with_what_it_has_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IEUM_AUDIT_VERIFIER_KEY", raising=False)
    monkeypatch.setattr(Changing, "made", {}, raising=False)
    monkeypatch.setattr(command, "AuditLog", Changing)
    monkeypatch.setenv("IEUM_AUDIT_KEY", base64.b64encode(b"s" * 32).decode())
    with pytest.raises(SystemExit, match="INTAKE_AUDIT_KEY"):
        command.main(["change-key", "intake"])
    monkeypatch.setenv("INTAKE_AUDIT_KEY", base64.b64encode(b"o" * 32).decode())
    assert command.main(["change-key", "intake"]) == 0
    assert capsys.readouterr().out == "intake: goes on under its own key\n"
    (service,) = Changing.made
    assert service == "intake"
    wanted = AuditKeys(b"o" * 32, AuditKeys(b"s" * 32))
    assert Changing.made[service].references("report-1") == wanted.references("report-1")
