"""The documentation's pictures are drawn from their text."""

import re
from typing import Final

import pytest
from pymdownx.superfences import SuperFencesException

from tests.unit.docs.test_paths import PROJECT
from tools.docs_generation.pictures import draw

FENCE: Final = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
REFERENCES: Final = re.compile(r"url\(#([^)]+)\)")


def drawn(source: str) -> str:
    return draw(source, "mermaid", "picture", {}, None)


def test_every_picture_is_described_and_loads_nothing_from_elsewhere() -> None:
    sources = [one for page in (PROJECT / "docs").rglob("*.md") for one in FENCE.findall(page.read_text("utf-8"))]
    assert sources
    for source in sources:
        picture = drawn(source)
        assert "<title" in picture, source
        assert "<desc" in picture, source
        assert re.findall(r"""(?:href|src)=["']https?:|url\(["']?https?:|<script|<image""", picture) == []


def test_a_picture_refers_to_nothing_of_another_in_its_page() -> None:
    first, second = (drawn(f"flowchart TD\n a --> {other}\n") for other in ("b", "c"))
    referred = {one for one in REFERENCES.findall(first) if f'id="{one}"' in first}
    assert referred, "arrows refer to their heads"
    assert [one for one in referred if f'id="{one}"' in second] == []


def test_a_picture_that_cannot_be_drawn_ends_the_build() -> None:
    with pytest.raises(SuperFencesException, match="cannot be drawn"):
        drawn("flowchart TD\n a --\n")
