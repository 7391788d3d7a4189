"""Change the rules in one place after the other and see whether a unit test notices: ``python -m tests.mutation``.

mutmut makes the mutants and tries each with the tests that reach its function. The table of scores and the survivors
are written to ``var/mutation``. Ctrl-C stops it; ``--resume`` goes on where it stopped.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tools.local.settings import LocalSettings

ROOT: Final = Path(__file__).parents[2]
RULES: Final = "services/*/*/rules.py"
"""Tested by the folder of unit tests that mirrors theirs, or by all of the service where there is none."""
OTHERS: Final = {
    "services/analytics/counting/project.py": "tests/unit/analytics/counting/test_project.py",
    "services/analytics/releases/suppression.py": "tests/unit/analytics/releases/test_suppression.py",
    "services/intake/submissions/urgency.py": "tests/unit/intake/submissions/test_urgency.py",
    "services/routing/assignment/geography.py": "tests/unit/routing",
    "services/routing/assignment/replay.py": "tests/unit/routing",
    "services/routing/transitions/records.py": "tests/unit/routing",
    "services/routing/transitions/transfers.py": "tests/unit/routing",
}
"""Pure decisions under another name, and their tests."""
LEAST_SCORE: Final = 0.7
"""Of each module. The rest are mostly mutants that change nothing: a text, a default, an argument given twice."""
SURVIVED: Final = frozenset({0, 5, 33})
"""Exit codes of a run in which no test failed, or which no test reaches. Any other number: somebody noticed."""

Lines = Mapping[str, Sequence[int]]


class Score(NamedTuple):
    """What became of the mutants of one module."""

    module: str
    mutants: int
    killed: int
    survivors: tuple[str, ...]

    @property
    def share(self) -> float:
        """The mutation score: which part of those tried was noticed."""
        tried = self.killed + len(self.survivors)
        return self.killed / tried if tried else 1


def main() -> int:
    """Try the mutants and print the table; 1 if a module is below the least score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="only modules whose paths hold one of these words")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--resume", action="store_true", help="keep what was tried, although tests may have changed")
    parser.add_argument(
        "--changed",
        nargs="?",
        const="",
        metavar="BASE",
        help="only lines changed since BASE; without it, since the branch left main, or on main since the last commit",
    )
    given = parser.parse_args()
    tests = {module: path for module, path in tests_of().items() if _any_in(given.modules, module)}
    try:
        lines = None if given.changed is None else changed_lines(given.changed or _base(), ROOT)
    except subprocess.CalledProcessError as error:
        parser.error(f"git: {error.stderr.strip()}")
    if lines is not None:
        tests = {module: path for module, path in tests.items() if module in lines}
    if not tests:
        print("mutation: no line of a rule to try")
        return 0
    folder = LocalSettings().var.resolve() / "mutation"
    work = folder / ("whole" if lines is None else "changed")
    if lines is not None or not given.resume:
        shutil.rmtree(work, ignore_errors=True)
    sound = _run_mutmut(work, tests, lines, given.children)
    scores = [_score(work, module) for module in tests]
    if not sound and any(score.mutants for score in scores):
        print(f"mutmut could not try them: {work / 'run.log'}")
        return 1
    table = _table(scores)
    (folder / f"{work.name}.md").write_text(f"{table}\n", encoding="utf-8")
    if lines is not None and sound:
        print((work / "survivors.diff").read_text(encoding="utf-8"))
    print(table)
    return 1 if any(score.share < LEAST_SCORE for score in scores) else 0


def tests_of() -> dict[str, str]:
    """Every module whose rules are mutated, with the tests that must notice."""
    found = dict(OTHERS)
    for path in ROOT.glob(RULES):
        package = path.parent.relative_to(ROOT / "services")
        mirror = f"tests/unit/{package}"
        exists = (ROOT / mirror).exists()
        found[f"services/{package}/rules.py"] = mirror if exists else f"tests/unit/{package.parent}"
    return dict(sorted(found.items()))


def changed_lines(base: str, tree: Path) -> Lines:
    """The lines of each file that differ from ``base``, committed or not."""
    diff = _git(tree, "diff", "-U0", "--no-prefix", base, "--", "services")
    found: dict[str, list[int]] = {}
    file = ""
    for line in diff.splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix("+++ ")
        elif hunk := re.match(r"@@ \S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found.setdefault(file, []).extend(range(first, first + count))
    return {file: numbers for file, numbers in found.items() if numbers}


def _base() -> str:
    """Where the branch left main; on main the commit before; in a clone of one commit that one."""
    head = _git(ROOT, "rev-parse", "HEAD").strip()
    for asked in (("merge-base", "HEAD", "main"), ("rev-parse", "HEAD~1")):
        with suppress(subprocess.CalledProcessError):
            base = _git(ROOT, *asked).strip()
            if base != head:
                return base
    return head


def _git(tree: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=tree, capture_output=True, text=True, check=True).stdout


def _any_in(words: Sequence[str], module: str) -> bool:
    return not words or any(word in module for word in words)


def _run_mutmut(work: Path, tests: Mapping[str, str], lines: Lines | None, children: int) -> bool:
    """Run it in a folder of its own, so that the tree stays as it is."""
    work.mkdir(parents=True, exist_ok=True)
    for name in ("services", "shared", "clients", "tools", "tests", "docs", "deploy", "pyproject.toml"):
        (work / name).unlink(missing_ok=True)
        (work / name).symlink_to(ROOT / name)
    settings = {
        "source_paths": ["services"],
        "only_mutate": list(tests),
        "also_copy": ["shared", "clients", "tools", "docs", "deploy"],
        "pytest_add_cli_args": ["-p", "tests.mutation.profile", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": sorted(set(tests.values())),
    }
    rows = ["[mutmut]", "use_git_change_detection = false", "track_dependencies = false", "timeout_constant = 5.0"]
    rows += [f"{name} =\n    " + "\n    ".join(values) for name, values in settings.items()]
    (work / "setup.cfg").write_text("\n".join(rows) + "\n", encoding="utf-8")
    script = str(Path(__file__).with_name("run_mutmut.py"))
    command = [sys.executable, script, json.dumps(lines), str(children), json.dumps(sorted(SURVIVED))]
    with (work / "run.log").open("wb") as output:
        running = subprocess.Popen(command, cwd=work, stdout=output, stderr=subprocess.STDOUT)
        with suppress(KeyboardInterrupt):
            running.wait()
    return running.wait() == 0


def _score(work: Path, module: str) -> Score:
    meta = work / "mutants" / f"{module}.meta"
    codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"] if meta.exists() else {}
    survivors = sorted(name for name, code in codes.items() if code in SURVIVED)
    untried = sum(code is None for code in codes.values())
    return Score(module, len(codes), len(codes) - untried - len(survivors), tuple(survivors))


def _table(scores: Sequence[Score]) -> str:
    rows = ["| module | mutants | killed | survived | not tried | score |", "|---|--:|--:|--:|--:|--:|"]
    survivors = tuple(name for score in scores for name in score.survivors)
    total = Score("all", sum(s.mutants for s in scores), sum(s.killed for s in scores), survivors)
    for s in (*scores, total):
        left = s.mutants - s.killed - len(s.survivors)
        name = s.module.removeprefix("services/").removesuffix(".py")
        rows.append(f"| {name} | {s.mutants} | {s.killed} | {len(s.survivors)} | {left} | {s.share:.0%} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
