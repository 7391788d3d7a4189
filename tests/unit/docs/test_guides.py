"""The guides say what the products do: names of pages, buttons and states; what a front end sends again."""

import re

import pytest
from babel.messages.pofile import read_po

from services.intake.problem_table import PROBLEMS
from shared.events.catalog import EVENT_TYPES, types_of
from shared.labels import CENTER_STATES
from shared.topics import TOPICS
from shared.web.problem_catalog import SHARED, Again
from tests.unit.docs.test_paths import PROJECT


@pytest.mark.parametrize("guide", ["centre-staff", "analyst"])
def test_what_a_korean_guide_prints_bold_is_on_a_page(guide: str) -> None:
    shown = {label.ko for label in CENTER_STATES.values()}
    for catalogue in (*PROJECT.glob("shared/*/locale/ko.po"), *PROJECT.glob("services/*/locale/ko.po")):
        with catalogue.open("rb") as file:
            shown |= {str(message.string) for message in read_po(file)}
    text = (PROJECT / f"docs/how-to/{guide}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\*\*(.+?)\*\*", text)) - shown == set()


def test_the_guide_for_front_ends_says_what_to_send_again() -> None:
    text = (PROJECT / "docs/how-to/front-end.md").read_text(encoding="utf-8")
    [step] = re.findall(r"^3\. No answer, (.*?): try again", text, re.MULTILINE)
    ours = {str(one.status) for one in (*SHARED, *PROBLEMS) if one.again in {Again.LATER, Again.AFTER}}
    assert set(re.findall(r"`(\d+)`", step)) == ours | {"502", "504"}  # of what stands before intake


@pytest.mark.parametrize("topic", [one.name for one in TOPICS if not one.compacted])
def test_readers_of_a_topic_are_told_what_numbers_its_records(topic: str) -> None:
    text = (PROJECT / "docs/reference/delivery.md").read_text(encoding="utf-8")
    [row] = [line for line in text.splitlines() if line.startswith("| Versions |")]
    [field] = re.findall(rf"`(\w+)` in `{topic}`", row)
    assert {EVENT_TYPES[name].model_construct(**{field: 7}).sequence for name in types_of(topic)} == {7}
