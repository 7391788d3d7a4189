"""Local secrets: made once, readable by their owner only."""

import base64
import json
import os
import stat
from difflib import get_close_matches
from pathlib import Path

import pytest

from services.intake.settings import IntakeSettings
from shared.identity.keys import public_root_of
from shared.key_setting import key_bytes
from shared.settings import load
from tools.local import keys


def test_they_are_made_once(tmp_path: Path) -> None:
    first = keys.ensure(tmp_path)
    assert keys.ensure(tmp_path) == first
    assert set(first) == {*keys.KEYS, keys.PUBLIC_ROOTS}
    assert len(set(first.values())) == len(first)


def test_the_audit_key_of_each_service_follows_from_the_verifiers(tmp_path: Path) -> None:
    found = keys.ensure(tmp_path)
    own = {service: found[name] for service, name in keys.AUDIT_KEYS.items()}
    assert own == {service: keys.own_audit_key(found[keys.VERIFIER], service) for service in own}
    assert len({*own.values(), found[keys.VERIFIER]}) == len(own) + 1


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    assert stat.S_IMODE((tmp_path / keys.FILE).stat().st_mode) == 0o600


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    (tmp_path / keys.FILE).chmod(0o644)
    with pytest.raises(keys.SecretsError, match="chmod 600"):
        keys.ensure(tmp_path)


def test_the_file_of_an_earlier_release_keeps_its_keys_and_gets_new_ones(tmp_path: Path) -> None:
    old = {name: keys.new_key() for name in ("INTAKE_MASTER_KEY", "INTAKE_RECEIPT_KEY", "INTAKE_SIGNING_KEY")}
    path = tmp_path / keys.FILE
    path.write_text("".join(f"{n}={v}\n" for n, v in old.items()))
    path.chmod(0o600)
    after = keys.ensure(tmp_path)
    assert {name: after[name] for name in old} == old
    assert set(after) == {*keys.KEYS, keys.PUBLIC_ROOTS}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_somebody_added_stays(tmp_path: Path) -> None:
    keys.write(tmp_path, {"NOTIFY_SMTP_PASSWORD": "x"})
    assert keys.ensure(tmp_path)["NOTIFY_SMTP_PASSWORD"] == "x"
    assert keys.read(tmp_path / keys.FILE)["NOTIFY_SMTP_PASSWORD"] == "x"


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / keys.FILE
    path.write_text("# ours\nINTAKE_LINK_KEY=x\nINTAKE_MASTER_KEY c2VjcmV0\n")
    path.chmod(0o600)
    with pytest.raises(keys.SecretsError, match=r"line 3 is not NAME=value; .*; expected a line such as") as told:
        keys.ensure(tmp_path)
    assert "c2VjcmV0" not in str(told.value)


@pytest.mark.parametrize("mistyped", ["INTAKE_MASTR_KEY", "INTAKE_MASTER_KEYS", "INTAKE_MSATER_KEY"])
def test_a_key_under_a_name_that_was_mistyped_is_not_made_anew(mistyped: str, tmp_path: Path) -> None:
    """Everything stored would be lost to the new one, and what comes in meanwhile to the old one."""
    made = keys.ensure(tmp_path)
    keys.write(tmp_path, {mistyped if name == "INTAKE_MASTER_KEY" else name: value for name, value in made.items()})
    with pytest.raises(keys.SecretsError, match=f"INTAKE_MASTER_KEY is missing; found {mistyped}, .*mend the name"):
        keys.ensure(tmp_path)
    assert "INTAKE_MASTER_KEY" not in keys.read(tmp_path / keys.FILE)


def test_no_key_is_taken_for_another_that_was_mistyped() -> None:
    names = {*keys.KEYS, keys.PUBLIC_ROOTS, keys.RETIRED, keys.LATER, "NOTIFY_SMTP_PASSWORD"}
    for name in keys.KEYS:
        assert not get_close_matches(name, names - {name}, cutoff=keys._ALIKE)


@pytest.mark.parametrize("name", [keys.ROOT, keys.VERIFIER])
@pytest.mark.parametrize("value", ["c2hvcnQ=", "no key at all", ""])
def test_a_key_that_is_none_is_named_with_an_example_and_not_shown(name: str, value: str, tmp_path: Path) -> None:
    keys.write(tmp_path, {**keys.ensure(tmp_path), name: value})
    with pytest.raises(keys.SecretsError, match=f"setting {name} in {keys.FILE}: .*; expected .*; example: ") as told:
        keys.ensure(tmp_path)
    assert not value or value not in str(told.value)


def test_a_new_key_is_on_the_disk_with_its_name_before_anything_is_sealed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the file of before would stand there, and what the new key sealed would be lost."""
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def replaced(self: Path, target: Path) -> Path:
        done.append("replaced")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    keys.write(tmp_path, {"INTAKE_MASTER_KEY": "x"})
    assert done == ["file", "replaced", "folder"]


def test_intake_accepts_them_while_keys_are_rotated_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = keys.with_new_receipt_key(keys.with_new_master_key(keys.ensure(tmp_path)))
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    settings = load(IntakeSettings)
    assert key_bytes(settings.master_key) == base64.b64decode(made["INTAKE_MASTER_KEY"])
    assert [key_bytes(key) for key in settings.retired_master_keys] == [
        base64.b64decode(keys.ensure(tmp_path)["INTAKE_MASTER_KEY"])
    ]


def test_a_new_receipt_key_goes_first_and_none_before_it_is_lost(tmp_path: Path) -> None:
    first = keys.with_new_receipt_key(keys.ensure(tmp_path))
    second = keys.with_new_receipt_key(first)
    assert second["INTAKE_RECEIPT_KEY"] == first["INTAKE_RECEIPT_KEY"]
    [one], [newest, former] = (json.loads(made[keys.LATER]) for made in (first, second))
    assert former == one != newest


def test_the_public_half_of_the_root_key_is_given_beside_those_that_stand_there(tmp_path: Path) -> None:
    first = keys.ensure(tmp_path)
    own = public_root_of(base64.b64decode(first[keys.ROOT]))
    assert first[keys.PUBLIC_ROOTS] == own
    new = {**first, keys.ROOT: keys.new_key()}
    keys.write(tmp_path, new)
    after = keys.ensure(tmp_path)[keys.PUBLIC_ROOTS].split(",")
    assert after == [public_root_of(base64.b64decode(new[keys.ROOT])), own]
    assert keys.ensure(tmp_path)[keys.PUBLIC_ROOTS].split(",") == after
