"""`ieum clean` removes what is ours, keeps the secrets, and leaves what it does not know."""

from pathlib import Path

import pytest

from shared.settings import SettingsError, load
from tools.local import keys
from tools.local.cleaning import clean
from tools.local.settings import LocalSettings
from tools.local.state import AlreadyRunningError, RunFolder


def test_data_goes_and_secrets_stay(tmp_path: Path) -> None:
    made = keys.ensure(tmp_path)
    for name in ("kafka/data", "store", "logs", "precious"):
        (tmp_path / name).mkdir(parents=True)
    lines = clean(LocalSettings(var_dir=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious", keys.FILE]
    assert keys.ensure(tmp_path) == made
    assert any("not known here" in line for line in lines)


def test_the_copy_of_anchors_is_put_aside_and_the_register_of_erasures_stays(tmp_path: Path) -> None:
    """Beside the next audits the copy would say that these were cut off; a restore asks for both."""
    (tmp_path / "erasures").mkdir()
    for number in (1, 2):
        (tmp_path / "audit-anchors").mkdir()
        (tmp_path / "audit-anchors" / "published").write_text(f"intake={number}\n", encoding="utf-8")
        lines = clean(LocalSettings(var_dir=tmp_path))
        assert any("put it back" in line for line in lines)
        assert [line for line in lines if str(tmp_path / "erasures") in line and "a restore brings back" in line]
        kept = tmp_path / f"audit-anchors-before-clean-{number}" / "published"
        assert kept.read_text(encoding="utf-8") == f"intake={number}\n"
    assert not (tmp_path / "audit-anchors").exists()
    assert (tmp_path / "erasures").is_dir()


def test_a_copy_of_anchors_takes_the_place_of_none_that_was_put_aside_before(tmp_path: Path) -> None:
    """A restore takes one of them back, so that there are gaps."""
    for kept in ("audit-anchors", "audit-anchors-before-clean-2"):
        (tmp_path / kept).mkdir()
        (tmp_path / kept / "published").write_text(f"{kept}\n", encoding="utf-8")
    clean(LocalSettings(var_dir=tmp_path))
    now = {path.parent.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*/published")}
    assert now == {
        "audit-anchors-before-clean-1": "audit-anchors\n",
        "audit-anchors-before-clean-2": "audit-anchors-before-clean-2\n",
    }


@pytest.mark.parametrize("folder", ["", ".", "..", "/", "var/.."])
def test_the_project_is_no_folder_for_data(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty, as an env file leaves it, it was the project itself, and cleaning took its tests away."""
    monkeypatch.setenv("IEUM_VAR_DIR", folder)
    with pytest.raises(SettingsError, match=r"setting IEUM_VAR_DIR: .*; found .*example: IEUM_VAR_DIR=var"):
        load(LocalSettings)


def test_nothing_goes_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    folder = RunFolder(tmp_path / "run")
    folder.take()
    try:
        with pytest.raises(AlreadyRunningError):
            clean(LocalSettings(var_dir=tmp_path))
        assert (tmp_path / "kafka").exists()
    finally:
        folder.give_up()


def test_an_empty_folder_is_fine(tmp_path: Path) -> None:
    assert clean(LocalSettings(var_dir=tmp_path / "none")) == ["nothing to remove"]
