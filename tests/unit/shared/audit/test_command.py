"""The command that proves the audit, where it cannot begin."""

import pytest

from shared.audit import command


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("IEUM_AUDIT_VERIFIER_KEY", raising=False)
    with pytest.raises(SystemExit) as ended:
        command.main(["verify"])
    assert ended.value.code == 78
    assert "IEUM_AUDIT_VERIFIER_KEY" in capsys.readouterr().err
