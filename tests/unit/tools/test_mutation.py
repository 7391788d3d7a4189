"""Mutation testing tries the lines that a change touches, and a module's own tests."""

import subprocess
from pathlib import Path

from tests.mutation import __main__ as mutation


def test_lines_that_were_changed_or_added_are_tried_and_none_of_what_was_removed(tmp_path: Path) -> None:
    rules = tmp_path / "services/notify/cases/rules.py"
    rules.parent.mkdir(parents=True)

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True)

    git("init", "-q")
    rules.write_text("one\ntwo\nthree\nfour\n")
    git("add", ".")
    git("commit", "-qm", "before")
    rules.write_text("one\nTWO\nthree\nnew\nnewer\n")
    (tmp_path / "elsewhere.py").write_text("x")
    assert mutation.changed_lines("HEAD", tmp_path) == {"services/notify/cases/rules.py": [2, 4, 5]}
    rules.write_text("one\n")
    assert mutation.changed_lines("HEAD", tmp_path) == {}


def test_every_rule_is_mutated_against_unit_tests_that_exist() -> None:
    tests = mutation.tests_of()
    rules = {str(path.relative_to(mutation.ROOT)) for path in mutation.ROOT.glob("services/**/rules.py")}
    assert rules < tests.keys()
    assert all((mutation.ROOT / path).exists() for path in [*tests, *tests.values()])
