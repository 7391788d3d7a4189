"""Rotating the master key step by step: what is in the file at each, and going on after a stop."""

from pathlib import Path

import pytest

from tools.local import keys
from tools.local.rotation import rotate


class Intake:
    """Takes the secrets when told, and notes which keys it had at each step."""

    def __init__(self, folder: Path, *, broken: bool = False) -> None:
        self.folder = folder
        self.broken = broken
        self.steps: list[tuple[str, str, tuple[str, ...]]] = []

    def _note(self, step: str) -> None:
        found = keys.ensure(self.folder)
        self.steps.append((step, found["INTAKE_MASTER_KEY"], tuple(keys.retired_of(found))))

    def renew(self) -> None:
        self._note("renew")

    def rewrap(self) -> None:
        self._note("rewrap")
        if self.broken:
            raise RuntimeError

    def rotate(self) -> None:
        rotate(self.folder, renew=self.renew, rewrap=self.rewrap, say=lambda _: None)


def test_the_old_key_opens_until_everything_is_wrapped_anew_and_then_is_gone(tmp_path: Path) -> None:
    old = keys.ensure(tmp_path)
    intake = Intake(tmp_path)
    intake.rotate()
    after = keys.read(tmp_path / keys.FILE)
    new = after["INTAKE_MASTER_KEY"]
    assert new != old["INTAKE_MASTER_KEY"]
    assert intake.steps == [
        ("renew", new, (old["INTAKE_MASTER_KEY"],)),
        ("rewrap", new, (old["INTAKE_MASTER_KEY"],)),
        ("renew", new, ()),
    ]
    assert old["INTAKE_MASTER_KEY"] not in (tmp_path / keys.FILE).read_text()
    assert {n: v for n, v in after.items() if n != "INTAKE_MASTER_KEY"} == {
        n: v for n, v in old.items() if n != "INTAKE_MASTER_KEY"
    }


def test_a_rotation_that_stopped_goes_on_with_the_same_key_and_keeps_the_old_one(tmp_path: Path) -> None:
    old = keys.ensure(tmp_path)["INTAKE_MASTER_KEY"]
    with pytest.raises(RuntimeError):
        Intake(tmp_path, broken=True).rotate()
    stopped = keys.ensure(tmp_path)
    assert keys.retired_of(stopped) == [old]
    Intake(tmp_path).rotate()
    assert keys.ensure(tmp_path)["INTAKE_MASTER_KEY"] == stopped["INTAKE_MASTER_KEY"]
    assert keys.retired_of(keys.ensure(tmp_path)) == []


def test_a_key_of_receipts_that_comes_during_a_rotation_stays(tmp_path: Path) -> None:
    """Receipts given out with it would be recognised by nobody any more."""
    keys.ensure(tmp_path)
    intake = Intake(tmp_path)

    def rewrap() -> None:  # as long as there are reports; somebody runs `ieum keys rotate-receipt` meanwhile
        keys.write(tmp_path, keys.with_new_receipt_key(keys.ensure(tmp_path)))

    rotate(tmp_path, renew=intake.renew, rewrap=rewrap, say=lambda _: None)
    after = keys.ensure(tmp_path)
    assert keys.LATER in after
    assert keys.retired_of(after) == []
