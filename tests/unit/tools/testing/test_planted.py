"""The catalogue of faults: each can be planted in the code as it is, and names tests that exist."""

from pathlib import Path

import pytest

from tools.testing import planted

ROOT = Path(__file__).parents[4]
LEAST = 120


def test_every_fault_can_be_planted_and_names_tests_that_exist() -> None:
    faults = planted.catalogue()
    assert len(faults) >= LEAST
    stale = {fault.file.name: problem for fault in faults if (problem := planted.check(fault))}
    assert stale == {}
    missing = [
        (fault.file.name, name)
        for fault in faults
        for name in fault.tests
        if not (ROOT / name.split("::")[0]).exists()
        or (
            "::" in name and f"def {name.split('::')[1].split('[')[0]}(" not in (ROOT / name.split("::")[0]).read_text()
        )
    ]
    assert missing == []


def test_a_patch_without_its_head_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "nameless.patch"
    file.write_text("--- a/x\n+++ b/x\n", encoding="utf-8")
    with pytest.raises(planted.PatchError, match=r"nameless\.patch must begin with"):
        planted.read(file)
