"""The guides in Korean name pages, buttons and states as the products do."""

import re

import pytest
from babel.messages.pofile import read_po

from shared.labels import CENTER_STATES
from tests.unit.docs.test_paths import PROJECT


@pytest.mark.parametrize("guide", ["centre-staff", "analyst"])
def test_what_a_korean_guide_prints_bold_is_on_a_page(guide: str) -> None:
    shown = {label.ko for label in CENTER_STATES.values()}
    for catalogue in (*PROJECT.glob("shared/*/locale/ko.po"), *PROJECT.glob("services/*/locale/ko.po")):
        with catalogue.open("rb") as file:
            shown |= {str(message.string) for message in read_po(file)}
    text = (PROJECT / f"docs/how-to/{guide}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\*\*(.+?)\*\*", text)) - shown == set()
