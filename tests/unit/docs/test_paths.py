"""Every file and folder that a document names exists: whoever follows one does not end at nothing."""

import os
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pytest

PROJECT = Path(__file__).parents[3]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=PROJECT,
    capture_output=True,
    text=True,
    check=True,
).stdout.splitlines()
DOCUMENTS = [name for name in TRACKED if name.endswith(".md") and name != "CHANGELOG.md"]
"""The change log tells of files as they were."""
WITH_FOLDERS = {*TRACKED, *(str(folder) for name in TRACKED for folder in PurePosixPath(name).parents)}
"""What the project has, not what the disk has: a folder that was moved away stays on a disk, with caches in it."""
TOP = "services|shared|tools|tests|docs|deploy|clients"
IN_PROJECT = re.compile(rf"`((?:{TOP})/[^`\s]*)`")
"""A path from the top of the project, ``<name>`` standing for any name."""
ANYWHERE = re.compile(r"`([A-Za-z0-9_][A-Za-z0-9_./-]*\.(?:py|html|css|js|json|sql|typ|yaml|sh|po|lock))`")
"""A file named by the end of its path."""
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def missing(document: str, text: str) -> list[str]:
    """What the text of a document names and the project does not have."""
    there = [path for path in IN_PROJECT.findall(text) if not _there(path.partition("::")[0])]
    ends = [name for name in ANYWHERE.findall(text) if not _ends(name)]
    links = [link for link in LINK.findall(text) if "://" not in link and not _linked(document, link)]
    return sorted({*there, *ends, *links})


def _there(path: str) -> bool:
    pattern = re.sub(r"<[^>]*>", "*", path).rstrip("/")
    return any(fnmatchcase(name, pattern) for name in WITH_FOLDERS)


def _ends(name: str) -> bool:
    return any(f"/{path}".endswith(f"/{name}") for path in TRACKED)


def _linked(document: str, link: str) -> bool:
    return os.path.normpath(PurePosixPath(document).parent / link) in WITH_FOLDERS


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_exists(document: str) -> None:
    assert missing(document, (PROJECT / document).read_text(encoding="utf-8")) == []


def test_what_does_not_exist_is_found() -> None:
    text = "`services/intake/nowhere.py`, `nowhere.html`, [here](nowhere/) and `shared/events/<family>.py`, `main.py`"
    assert missing("README.md", text) == ["nowhere.html", "nowhere/", "services/intake/nowhere.py"]


def test_documents_are_found() -> None:
    assert {"README.md", "docs/permissions.md"} <= set(DOCUMENTS)
