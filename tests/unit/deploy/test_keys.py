"""Local secrets: made once, readable by their owner only."""

import base64
import stat
from pathlib import Path

import pytest

from deploy.local import keys
from services.intake.settings import IntakeSettings, key_bytes
from shared.settings import load


def test_they_are_made_once(tmp_path: Path) -> None:
    first = keys.ensure(tmp_path)
    assert keys.ensure(tmp_path) == first
    assert set(first) == {*keys.KEYS, *keys.TOKENS}
    assert len(set(first.values())) == len(first)


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    assert stat.S_IMODE((tmp_path / keys.FILE).stat().st_mode) == 0o600


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    (tmp_path / keys.FILE).chmod(0o644)
    with pytest.raises(keys.SecretsError, match="chmod 600"):
        keys.ensure(tmp_path)


def test_one_that_is_missing_is_added_and_the_others_stay(tmp_path: Path) -> None:
    before = keys.ensure(tmp_path)
    path = tmp_path / keys.FILE
    path.write_text("".join(f"{n}={v}\n" for n, v in before.items() if n != "IEUM_DEMO_TOKEN"))
    after = keys.ensure(tmp_path)
    assert {n: after[n] for n in keys.KEYS} == {n: before[n] for n in keys.KEYS}
    assert after["IEUM_DEMO_TOKEN"] != before["IEUM_DEMO_TOKEN"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / keys.FILE
    path.write_text("INTAKE_MASTER_KEY\n")
    path.chmod(0o600)
    with pytest.raises(keys.SecretsError, match="not NAME=value"):
        keys.ensure(tmp_path)


def test_intake_accepts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = keys.ensure(tmp_path)
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    settings = load(IntakeSettings)
    assert key_bytes(settings.master_key) == base64.b64decode(made["INTAKE_MASTER_KEY"])
    assert settings.demo_token is not None
    assert settings.demo_token.get_secret_value() == made["IEUM_DEMO_TOKEN"]
