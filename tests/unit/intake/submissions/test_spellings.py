"""Every spelling of the table gets its answer, and no made-up honest story is refused."""

import time
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from services.intake.submissions import text

_HERE: Final = Path(__file__).parent


def _spellings() -> list[Any]:
    table = yaml.load((_HERE / "spellings.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return [
        pytest.param(spelling, group["field"] == "link", group["wanted"], id=f"{group['kind']}-{number}")
        for group in table
        for number, spelling in enumerate(group["spellings"])
    ]


SPELLINGS: Final = _spellings()


@pytest.mark.parametrize(("spelling", "link", "wanted"), SPELLINGS)
def test_a_spelling_gets_the_answer_of_the_table(spelling: str, link: bool, wanted: str | None) -> None:
    assert text.refused(spelling, link=link) == wanted


def test_the_table_has_many_of_each_kind() -> None:
    wanted = [spelling.values[2] for spelling in SPELLINGS]
    assert wanted.count(text.REGISTRATION_NUMBER) >= 120
    assert wanted.count(text.MEDIA) >= 35
    assert wanted.count(None) >= 150


def test_no_honest_story_is_refused() -> None:
    stories: list[str] = yaml.load((_HERE / "honest_stories.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    assert len(set(stories)) == 300
    assert [(story, text.refused(story)) for story in stories if text.refused(story) is not None] == []


@pytest.mark.parametrize("number", ["900101-1234567", "9 0 0 1 0 1 1 2 3 4 5 6 7"])
def test_a_number_is_found_in_the_middle_of_every_honest_story(number: str) -> None:
    stories: list[str] = yaml.load((_HERE / "honest_stories.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    missed = []
    for story in stories:
        words = story.split(" ")
        middle = " ".join([*words[: len(words) // 2], f"제 것은 {number} 입니다", *words[len(words) // 2 :]])
        if text.refused(middle) != text.REGISTRATION_NUMBER:
            missed.append(middle)
    assert missed == []


@pytest.mark.parametrize(
    "sign", ["1 ", "1", "900101-", "240824-1055513 ", "뒤 900101 ", "a1", "공 ", "주문 등록 ", "\u0661"]
)
def test_no_text_takes_long(sign: str) -> None:
    value = (sign * 4000)[:4000]
    before = time.process_time()
    text.refused(value)
    assert time.process_time() - before < 0.25  # milliseconds, if nothing runs away


@pytest.mark.parametrize(
    "value",
    ["뒷자리, 주민" + " " * 20_000 + "1234567", ("글" + " " * 43 + "나2401011234567") * 60],
    ids=["person's", "another's"],
)
def test_no_blanks_behind_a_label_take_long(value: str) -> None:
    before = time.process_time()
    text.refused(value)
    assert time.process_time() - before < 0.25  # several seconds, where blanks can be shared out in many ways
