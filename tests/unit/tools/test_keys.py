"""Local secrets: made once, readable by their owner only."""

import base64
import json
import stat
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


def test_the_audit_key_of_each_service_follows_from_the_verifiers_and_a_shared_one_of_before_stays(
    tmp_path: Path,
) -> None:
    shared = keys.new_key()
    keys.write(tmp_path, {keys.FORMER_AUDIT: shared})
    found = keys.ensure(tmp_path)
    assert found[keys.FORMER_AUDIT] == shared
    own = {service: found[name] for service, name in keys.AUDIT_KEYS.items()}
    assert own == {service: keys.own_audit_key(found[keys.VERIFIER], service) for service in own}
    assert len({*own.values(), shared, found[keys.VERIFIER]}) == len(own) + 2


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    assert stat.S_IMODE((tmp_path / keys.FILE).stat().st_mode) == 0o600


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    (tmp_path / keys.FILE).chmod(0o644)
    with pytest.raises(keys.SecretsError, match="chmod 600"):
        keys.ensure(tmp_path)


def test_the_file_of_an_older_checkout_keeps_its_keys_gets_new_ones_and_loses_the_staff_token(tmp_path: Path) -> None:
    old = {name: keys.new_key() for name in ("INTAKE_MASTER_KEY", "INTAKE_RECEIPT_KEY", "INTAKE_SIGNING_KEY")}
    path = tmp_path / keys.FILE
    path.write_text("".join(f"{n}={v}\n" for n, v in {**old, "IEUM_DEMO_TOKEN": "0" * 32}.items()))
    path.chmod(0o600)
    after = keys.ensure(tmp_path)
    assert {name: after[name] for name in old} == old
    assert set(after) == {*keys.KEYS, keys.PUBLIC_ROOTS}
    assert "IEUM_DEMO_TOKEN" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_earlier_build_that_ran_in_between_takes_the_key_of_accounts_from_nobody(tmp_path: Path) -> None:
    right = keys.ensure(tmp_path)
    keys.write(tmp_path, {**right, "NOTIFY_MASTER_KEY": keys.new_key(), "NOTIFY_ACCOUNT_KEY": keys.new_key()})
    assert keys.ensure(tmp_path) == right


def test_what_somebody_added_stays(tmp_path: Path) -> None:
    keys.write(tmp_path, {"NOTIFY_SMTP_PASSWORD": "x"})
    assert keys.ensure(tmp_path)["NOTIFY_SMTP_PASSWORD"] == "x"
    assert keys.read(tmp_path / keys.FILE)["NOTIFY_SMTP_PASSWORD"] == "x"


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / keys.FILE
    path.write_text("INTAKE_MASTER_KEY\n")
    path.chmod(0o600)
    with pytest.raises(keys.SecretsError, match="not NAME=value"):
        keys.ensure(tmp_path)


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
