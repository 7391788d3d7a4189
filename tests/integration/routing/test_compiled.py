"""What the image runs is compiled: it must say, byte for byte, what the sources say. Whoever compiles, tests both."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import compiling
from tools.local.processes import PROJECT

pytestmark = pytest.mark.skipif(compiling.compiler() is None, reason="no C compiler here")
RULES = [
    f"tests/unit/routing/test_{name}.py"
    for name in (
        *("assign", "assign_properties", "decisions", "links", "places", "rendering", "replaying", "state"),
        *("stream", "stream_later", "stream_return", "stream_sums", "ledger", "ledger_trouble", "recount"),
    )
]
"""Decision tables, properties, replay and rendering against the models: all tests of what is compiled of routing."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled sources with the tests beside them, so that nothing is imported from elsewhere."""
    folder = tmp_path_factory.mktemp("compiled")
    made = compiling.copied()
    assert made is not None
    shutil.copytree(made, folder, dirs_exist_ok=True)
    for name in ("tests", "deploy", "tools", "docs"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_every_module_that_is_named_is_compiled(compiled: Path) -> None:
    names = [name.removesuffix(".py").replace("/", ".") for name in compiling.modules(PROJECT)]
    files = run(compiled, "-c", f"import importlib; [print(importlib.import_module(n).__file__) for n in {names}]")
    assert len(names) > 15
    assert all(file.startswith(str(compiled)) and file.endswith(".so") for file in files.split())


@pytest.mark.timeout(600)
def test_the_compiled_rules_pass_the_tests_of_the_sources(compiled: Path) -> None:
    said = run(compiled, "-m", "pytest", *RULES, "-q", "-p", "no:cacheprovider")
    assert " passed" in said
    assert "failed" not in said


def test_a_change_of_the_sources_is_never_hidden_by_what_was_compiled_before(tmp_path: Path) -> None:
    for package in compiling.PACKAGES:
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    first = compiling.made_from(tmp_path)
    assert first == compiling.made_from(PROJECT)
    changed = tmp_path / "shared" / "clock.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert compiling.made_from(tmp_path) != first
