"""Change routing's rule in one place after the other and see whether a test notices: ``python -m tests.mutation``.

Works in a copy of the sources below ``var/torture/mutation`` and goes on where it was stopped, unless anything it rests
on has changed. The result is ``var/torture/mutation.json``; a survivor without a reason in ``survivors.yaml`` fails.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import yaml

from shared.settings import load
from tests.mutation.judgement import SURVIVED, Change, Verdict, change_of, judge, reasons_of
from tools.local.settings import LocalSettings

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "shared", "clients", "tools", "tests")
RESTS_ON = (
    "services/routing",
    "shared/centers",
    "shared/events",
    "tests/unit/routing",
    "tests/integration/routing/verifier.py",
    "tools/demo/ledger.py",
    "tests/mutation/caches.py",
    "tests/mutation/profile.py",
    "pyproject.toml",
)
"""What may change a mutant's fate."""
ROUTING = "services/routing"
FOLDERS = ("assignment", "transitions")


def main() -> int:
    """Run what is left to run and judge; 1 if something is left to be done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--minutes", type=float, help="stop after so many and go on next time")
    parser.add_argument(
        "--survivors",
        action="store_true",
        help="try only those again that survived so far, for working on tests: what was killed counts as killed",
    )
    given = parser.parse_args()
    folder = load(LocalSettings).var.resolve() / "torture"
    copy = folder / "mutation"
    _copy_sources(copy)
    if given.survivors:
        _forget_survivors(copy)
    else:
        _forget_if_changed(copy)
    seconds = _mutate(copy, given.children, given.minutes)
    codes = _codes(copy)
    left = [name for name, code in codes.items() if code is None]
    if left or not codes:
        print(f"{len(codes) - len(left)} of {len(codes)} mutants tried; run it again to go on")
        return 1
    known = {name: code for name, code in codes.items() if code is not None}
    told = yaml.safe_load((ROOT / "tests/mutation/survivors.yaml").read_text("utf-8"))
    verdict = judge(known, _survivors(copy, known), reasons_of(told))
    _write(folder / "mutation.json", verdict, len(known), seconds, afresh=not given.survivors)
    _tell(verdict, len(known))
    return 0 if verdict.sound else 1


def _copy_sources(copy: Path) -> None:
    for name in SOURCES:
        shutil.rmtree(copy / name, ignore_errors=True)
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", copy)


def _forget_if_changed(copy: Path) -> None:
    digest = hashlib.sha256()
    for path in _files():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    stands_for = copy / "stands-for"
    if not stands_for.exists() or stands_for.read_text() != digest.hexdigest():
        shutil.rmtree(copy / "mutants", ignore_errors=True)
        stands_for.write_text(digest.hexdigest())


def _forget_survivors(copy: Path) -> None:
    for meta in _metas(copy):
        told = json.loads(meta.read_text())
        codes = told["exit_code_by_key"]
        told["exit_code_by_key"] = {name: None if code in SURVIVED else code for name, code in codes.items()}
        meta.write_text(json.dumps(told))


def _files() -> Iterator[Path]:
    for name in RESTS_ON:
        path = ROOT / name
        files = [path] if path.is_file() else path.rglob("*")
        yield from sorted(f for f in files if f.is_file() and "__pycache__" not in f.parts)


def _mutate(copy: Path, children: int, minutes: float | None) -> float:
    """Let mutmut try what it has not tried; seconds it took."""
    started = time.monotonic()
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children)]
    with (copy / "run.log").open("wb") as output:
        # In a session of its own: what it has forked ends with it, and what has been tried is kept.
        running = subprocess.Popen(command, cwd=copy, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            running.wait(None if minutes is None else minutes * 60)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait()
    return time.monotonic() - started


def _metas(copy: Path) -> list[Path]:
    return sorted(meta for folder in FOLDERS for meta in (copy / "mutants" / ROUTING / folder).glob("*.meta"))


def _codes(copy: Path) -> dict[str, int | None]:
    codes: dict[str, int | None] = {}
    for meta in _metas(copy):
        codes |= json.loads(meta.read_text())["exit_code_by_key"]
    return codes


def _survivors(copy: Path, codes: dict[str, int]) -> list[Change]:
    with chdir(copy):
        # mutmut reads the folder's configuration when it is imported.
        from mutmut.mutation.diff_apply import get_diff_for_mutant  # noqa: PLC0415  # as said above

        found = []
        for name in sorted(name for name, code in codes.items() if code in SURVIVED):
            folder, module = name.removeprefix("services.routing.").split(".")[:2]
            found.append(change_of(name, get_diff_for_mutant(name, path=f"{ROUTING}/{folder}/{module}.py")))
        return found


def _write(path: Path, verdict: Verdict, mutants: int, seconds: float, *, afresh: bool) -> None:
    result: dict[str, Any] = {
        "mutants": mutants,
        "killed": verdict.killed,
        "timed_out": verdict.timed_out,
        "survivors": [change._asdict() | {"why": why} for change, why in verdict.reasoned.items()],
        "without_reason": [change._asdict() for change in verdict.without_reason],
        "reasons_without_survivor": [change._asdict() for change in verdict.without_survivor],
        "unclear": verdict.unclear,
        "sound": verdict.sound,
        "all_tried_with_these_tests": afresh,
        "seconds_of_the_last_run": round(seconds),
    }
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _tell(verdict: Verdict, mutants: int) -> None:
    print(f"{mutants} mutants: {verdict.killed} killed, {verdict.timed_out} by a time limit,", end=" ")
    print(f"{len(verdict.reasoned)} survive for a written reason")
    for what, changes in (
        ("survives without a reason", verdict.without_reason),
        ("has a reason and does not survive", verdict.without_survivor),
    ):
        for function, was, becomes in changes:
            print(f"{what}: in {function}\n    was:     {was}\n    becomes: {becomes}")
    for name, code in verdict.unclear.items():
        print(f"ended in no known way ({code}): {name}")


if __name__ == "__main__":
    sys.exit(main())
