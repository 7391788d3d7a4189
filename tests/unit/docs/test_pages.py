"""Generated pages say all that the code says; no page or comment rests on what is not in the repository."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.settings import variable_of
from tests.unit.docs.test_paths import PROJECT, TRACKED
from tools.docs_generation import metrics, pages, settings

SITE: dict[str, Any] = yaml.load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
ABSENT = re.compile(r"\b(?:DESIGN|STACK|ANCHORS|GLOSSARY|LAYOUT)(?:\.md\b|, | section)")
"""Papers from before the repository, as they used to be cited."""
LONGEST_README = 120


def test_every_variable_of_every_settings_class_is_on_the_page() -> None:
    [page] = settings.files().values()
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    assert named == {variable_of(cls, field) for cls in settings.CLASSES.values() for field in cls.model_fields}


def test_a_setting_is_explained_by_what_stands_below_it() -> None:
    [page] = settings.files().values()
    assert "| `KAFKA_DEAD_LETTER_CAP` | `100` | `100` | So many dead letters in a row" in page


def test_metrics_of_every_service_and_of_shared_are_listed() -> None:
    page = metrics.files()["reference/metrics.md"]
    assert "| `ieum_http_requests_total` | counter | count | `method`, `route`, `status` |" in page
    assert all(re.search(rf"^\| `ieum_{service}_", page, re.MULTILINE) for service in ("routing", "analytics"))


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [found.number for found in pages.decisions()] == list(range(1, len(pages.decisions()) + 1))


@pytest.mark.parametrize("text", ["# 1. A title\n\n## Context\n", "# A title\n\nStatus: accepted, 2026-11-24\n"])
def test_a_decision_without_number_or_status_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "0001-a.md").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"0001-a\.md"):
        pages.decisions(tmp_path)


def test_the_site_loads_nothing_from_elsewhere() -> None:
    assert SITE["theme"]["font"] is False
    assert not {"extra_css", "extra_javascript", "extra"} & set(SITE)


def test_nothing_cites_a_paper_that_is_not_in_the_repository() -> None:
    suffixes = (".py", ".md", ".toml", ".yaml", ".html", ".sh")
    files = [PROJECT / name for name in TRACKED if name.endswith(suffixes) and name != "tests/unit/docs/test_pages.py"]
    cited = [file.name for file in files if file.is_file() and ABSENT.search(file.read_text(encoding="utf-8"))]
    assert cited == []


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_a_readme_is_one_screen_and_a_way_in(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < LONGEST_README
    assert "make demo" in text
    assert "make test" in text


def test_both_readmes_lead_to_the_same_pages() -> None:
    link = re.compile(r"\]\((docs/[^)]+\.md)\)")
    english, korean = (
        set(link.findall((PROJECT / name).read_text(encoding="utf-8"))) for name in ("README.md", "README.ko.md")
    )
    assert korean <= english
    assert {"docs/index.md", "docs/how-to/operator.md"} <= korean
