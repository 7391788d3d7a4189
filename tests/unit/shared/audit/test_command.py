"""The command that proves the audit, where it cannot begin."""

import base64
from typing import Any

import pytest

from shared.audit import command
from shared.audit.chain import AuditKeys


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IEUM_AUDIT_VERIFIER_KEY", raising=False)
    with pytest.raises(SystemExit) as ended:
        command.main(["verify"])
    assert ended.value.code == 78
    assert "IEUM_AUDIT_VERIFIER_KEY" in str(ended.value)


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
