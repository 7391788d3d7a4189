"""The catalogue of faults: each can be planted in the code as it is, and names tests that exist."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.waiting import eventually_blocking
from tools.testing import planted, warm

ROOT = Path(__file__).parents[4]
LEAST = 100


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


def test_a_run_ends_with_the_process_that_forked_it(tmp_path: Path) -> None:
    test, began = tmp_path / "test_it.py", tmp_path / "began"
    test.write_text(
        f"import pathlib, signal\ndef test_it():\n    pathlib.Path({str(began)!r}).touch()\n    signal.pause()\n",
        encoding="utf-8",
    )
    arguments = ["--rootdir", str(tmp_path), "-c", "/dev/null", str(test)]
    asked = {"tree": str(ROOT), "arguments": arguments, "output": str(tmp_path / "log"), "limit_s": 300}
    with subprocess.Popen([sys.executable, warm.__file__], stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(f"{json.dumps(asked)}\n")
        process.stdin.flush()
        eventually_blocking(began.exists, "the run having begun")
        (run,) = psutil.Process(process.pid).children()
        process.kill()
    eventually_blocking(lambda: not run.is_running() or run.status() == psutil.STATUS_ZOMBIE, "the end of the run")
