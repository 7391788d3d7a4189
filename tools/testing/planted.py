"""Plant known faults one by one and see that a test catches each: ``python -m tools.testing planted``.

``tests/planted`` holds one patch a fault. Above its diff stand two lines: ``Fault:`` says what is broken, and
``Caught by:`` names the tests that must fail. Each fault is planted in a worktree of its own, never here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.local.engines import Engines
from tools.local.processes import PROJECT
from tools.local.settings import LocalSettings
from tools.testing import shared_engines

FOLDER: Final = PROJECT / "tests" / "planted"
WORKTREES: Final = 2
_LIMIT_S: Final = 420
_FAILED: Final = 1
_CAUGHT: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_HEAD: Final = re.compile(r"^Fault: (?P<fault>.+)\nCaught by: (?P<tests>.+)\n", re.MULTILINE)


class PatchError(Exception):
    """The catalogue cannot be planted, for a patch or for where it is planted; the text says which and why."""


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """One patch of the catalogue."""

    file: Path
    what: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlantedResult:
    """Result of a planted fault: the tests that failed, or why it could not be tried."""

    fault: PlantedFault
    caught_by: tuple[str, ...]
    problem: str = ""


def read(file: Path) -> PlantedFault:
    """A patch's head. Raises ``PatchError`` where it lacks a line."""
    found = _HEAD.match(file.read_text(encoding="utf-8"))
    if found is None:
        raise PatchError(f"{file.name} must begin with the lines 'Fault: …' and 'Caught by: …'")
    return PlantedFault(file, found["fault"], tuple(found["tests"].split()))


def catalogue(names: Sequence[str] = ()) -> list[PlantedFault]:
    """Every fault, or those whose file names hold one of ``names``."""
    files = sorted(FOLDER.glob("*.patch"))
    return [read(file) for file in files if not names or any(name in file.name for name in names)]


def check(fault: PlantedFault, tree: Path = PROJECT) -> str:
    """Return why a patch cannot be planted in this tree; empty if it can."""
    done = _git(tree, "apply", "--check", "--recount", "-C1", str(fault.file))
    return done.stderr.strip() if done.returncode else ""


def main(names: Sequence[str] = ()) -> int:
    """Plant them all; prints a line each and exits with 1 if a fault was not caught or could not be planted."""
    faults = catalogue(names)
    engines = None
    if shared_engines.running() is None:
        engines = Engines().start()
        shared_engines.announce(engines)
    began = time.monotonic()
    try:
        findings = _all(faults)
    finally:
        if engines is not None:
            engines.stop()
    missed = [finding for finding in findings if not finding.caught_by]
    report = LocalSettings().var / "tests" / "planted.md"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(_table(findings), encoding="utf-8")
    print(
        f"{len(findings) - len(missed)} of {len(findings)} planted faults caught in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return 1 if missed else 0


def _all(faults: Sequence[PlantedFault]) -> list[PlantedResult]:
    folder = (LocalSettings().var / "planted").resolve()
    trees = [folder / str(number) for number in range(WORKTREES)]
    lock = threading.Lock()
    for tree in trees:
        _make(tree)
    free = [WarmPytest(tree) for tree in trees]
    every = list(free)

    def one(fault: PlantedFault) -> PlantedResult:
        with lock:
            pytest = free.pop()
        try:
            finding = _try(fault, pytest)
        finally:
            with lock:
                free.append(pytest)
        said = f"caught by {finding.caught_by[0]}" if finding.caught_by else f"NOT CAUGHT {finding.problem}"
        print(f"{fault.file.stem}: {said}", flush=True)
        return finding

    try:
        with ThreadPoolExecutor(WORKTREES) as pool:
            return list(pool.map(one, faults))
    finally:
        for pytest in every:
            pytest.stop()
        for tree in trees:
            _remove(tree)


class WarmPytest:
    """Runs pytest in a tree, from a process that has imported the packages already (``warm.py``)."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._output = tree.with_suffix(".log")
        # Where this is set, each run compiles all modules of the tree anew.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, str(Path(__file__).with_name("warm.py"))]
        self._process = subprocess.Popen(
            command, cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments: Sequence[str]) -> tuple[int | None, str]:
        """Exit status and output of one run; the status is None where it took too long."""
        asked = {
            "tree": str(self.tree),
            "arguments": arguments,
            "output": str(self._output),
            "limit_s": _LIMIT_S,
        }
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("started without pipes")
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise PatchError(f"the process that runs pytest in {self.tree} has ended")
        status: int | None = json.loads(answer)
        return status, self._output.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End that process."""
        self._process.kill()
        self._process.wait()
        self._output.unlink(missing_ok=True)


def _try(fault: PlantedFault, pytest: WarmPytest) -> PlantedResult:
    tree = pytest.tree
    if problem := check(fault, tree):
        return PlantedResult(fault, (), f"(does not apply: {problem})")
    _git(tree, "apply", "--recount", "-C1", str(fault.file))
    _forget_compiled(tree)
    try:
        status, output = pytest.run([*fault.tests, "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider"])
    finally:
        _forget_compiled(tree)
        _git(tree, "checkout", "-q", "--", ".")
        _git(tree, "clean", "-fdq")
    if status is None:
        return PlantedResult(fault, (), f"(its tests took longer than {_LIMIT_S} s)")
    caught = tuple(_CAUGHT.findall(output)) if status == _FAILED else ()
    return PlantedResult(fault, caught, "" if caught else f"(pytest ended with {status})")


def _forget_compiled(tree: Path) -> None:
    """Python tells a changed module by its size and the second of its change: a quick run may take the other one's."""
    for name in _git(tree, "diff", "--name-only").stdout.splitlines():
        for compiled in (tree / name).parent.glob(f"__pycache__/{Path(name).stem}.*.pyc"):
            compiled.unlink()


def _make(tree: Path) -> None:
    _remove(tree)
    tree.parent.mkdir(parents=True, exist_ok=True)
    done = _git(PROJECT, "worktree", "add", "-q", "--detach", str(tree), "HEAD")
    if done.returncode:
        raise PatchError(done.stderr.strip())


def _remove(tree: Path) -> None:
    _git(PROJECT, "worktree", "remove", "--force", str(tree))
    shutil.rmtree(tree, ignore_errors=True)
    _git(PROJECT, "worktree", "prune")


def _git(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=tree, capture_output=True, text=True, check=False)


def _table(findings: Sequence[PlantedResult]) -> str:
    rows = [f"| {f.fault.file.stem} | {f.fault.what} | {', '.join(f.caught_by) or f.problem} |" for f in findings]
    return "\n".join(["| patch | fault | caught by |", "|---|---|---|", *rows, ""])
