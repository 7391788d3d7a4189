"""The renaming tool: one word at a time, in code, documents and planted faults, and nothing beside it."""

import subprocess
from pathlib import Path

import pytest

from tools.rename import parse, rewrite, run

CODE = '''"""The desk; see ``Desk``."""

from services import desk
from services.desk import Desk


def opened(given: "Desk | None", *, desk_open: bool) -> str:
    # Not the word Desk, but `Desk`.
    log.info("desk.opened", said=desk.LIMIT)
    answer(said=f"{Desk} said Desk")
    monkeypatch.setattr(desk, "Desk", None)
    return "desk.opened.twice"
'''


def renamed(text: str, *lines: str, path: str = "services/a.py") -> str:
    return rewrite(text, path, parse("\n".join(lines)))


def test_a_name_that_is_a_word_changes_in_code_annotations_and_back_ticks_alone() -> None:
    made = renamed(CODE, "name Desk SubmissionService")
    assert "import SubmissionService\n" in made
    assert 'given: "SubmissionService | None"' in made
    assert "# Not the word Desk, but `SubmissionService`." in made
    assert 'f"{SubmissionService} said Desk"' in made
    assert 'setattr(desk, "SubmissionService", None)' in made
    assert made.count("SubmissionService") == 6


def test_a_name_that_is_no_word_changes_in_prose_too() -> None:
    assert renamed("on_routings calls on_routings_late", "name on_routings handle_routings", path="docs/a.md") == (
        "handle_routings calls on_routings_late"
    )


def test_a_module_is_imported_under_its_new_name_and_used_by_it() -> None:
    made = renamed(CODE, "module services.desk services.submissions.service")
    assert "from services.submissions import service\n" in made
    assert "from services.submissions.service import Desk\n" in made
    assert "said=service.LIMIT" in made
    assert '"desk.opened"' in made
    assert "desk_open" in made
    assert "`services/submissions/service.py`" in renamed(
        "`services/desk.py`", "module services.desk services.submissions.service", path="docs/a.md"
    )


def test_text_is_bounded_by_dots_and_letters() -> None:
    made = renamed(CODE, "text desk.opened submission.opened")
    assert '"submission.opened"' in made
    assert '"desk.opened.twice"' in made


def test_a_field_is_the_keyword_of_a_logging_call() -> None:
    made = renamed(CODE, "field said error")
    assert "error=desk.LIMIT" in made
    assert 'answer(said=f"' in made


def test_folders_limit_a_rename() -> None:
    assert renamed(CODE, "name Desk Service tests/") == CODE


@pytest.mark.parametrize("line", ["name Desk", "class Desk Service", "Desk Service"])
def test_a_line_that_is_no_rename_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse(f"# nothing\n{line}")


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def test_a_tree_moves_with_its_unit_test_its_planted_faults_and_not_its_past(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.ruff]\nline-length = 120\n",
        "services/__init__.py": "",
        "services/desk.py": "LIMIT = 5\n\n\ndef open_desk(number: int) -> bool:\n    return number <= LIMIT\n",
        "tests/unit/__init__.py": "",
        "tests/unit/test_desk.py": "from services.desk import open_desk\n",
        "services/other.py": "OPEN = True\nCLOSED = False\n",
        "CHANGELOG.md": "## Unreleased\nservices/desk.py\n\n## 0.1.0\nservices/desk.py\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "before")
    (tmp_path / "services/desk.py").write_text(files["services/desk.py"].replace("<=", "<"))
    fault = git(tmp_path, "diff", "-U2")
    git(tmp_path, "checkout", "-q", ".")
    (tmp_path / "tests/planted").mkdir()
    (tmp_path / "tests/planted/limit.patch").write_text(
        f"Fault: one too few.\nCaught by: tests/unit/test_desk.py::test_limit\n\n{fault}"
    )
    (tmp_path / "services/other.py").write_text("OPEN = False\nCLOSED = False\n")
    other = git(tmp_path, "diff", "-U2", "services/other.py")
    git(tmp_path, "checkout", "-q", "services/other.py")
    (tmp_path / "tests/planted/other.patch").write_text(
        f"Fault: shut.\nCaught by: tests/unit/test_desk.py::test_open\n\n{other}"
    )
    git(tmp_path, "add", ".")

    run(parse("module services.desk services.submissions.service\nname open_desk accept"), tmp_path)

    assert (tmp_path / "services/submissions/__init__.py").exists()
    assert "def accept(" in (tmp_path / "services/submissions/service.py").read_text()
    assert (
        "from services.submissions.service import accept"
        in (tmp_path / "tests/unit/submissions/test_service.py").read_text()
    )
    assert (tmp_path / "CHANGELOG.md").read_text() == (
        "## Unreleased\nservices/submissions/service.py\n\n## 0.1.0\nservices/desk.py\n"
    )
    patch = (tmp_path / "tests/planted/limit.patch").read_text()
    assert patch.startswith("Fault: one too few.\nCaught by: tests/unit/submissions/test_service.py::test_limit\n")
    git(tmp_path, "apply", "--check", "--recount", "-C1", "tests/planted/limit.patch")
    # Of a file that does not change, but caught by a test that moved.
    assert (tmp_path / "tests/planted/other.patch").read_text() == (
        f"Fault: shut.\nCaught by: tests/unit/submissions/test_service.py::test_open\n\n{other}"
    )
