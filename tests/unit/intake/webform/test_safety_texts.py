import json
import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from services.intake.webform import safety_texts
from services.intake.webform.advice import NOTES
from services.intake.webform.safety_texts import FOLDER, KEYS, LANGUAGES

SCRIPTS = {
    "ko": "[가-힣]",
    "zh": "[\u4e00-\u9fff]",
    "ja": "[\u3041-\u30ff\u4e00-\u9fff]",
    "ru": "[\u0400-\u04ff]",
    "mn": "[\u0400-\u04ff]",
    "th": "[\u0e00-\u0e7f]",
    "lo": "[\u0e80-\u0eff]",
    "km": "[\u1780-\u17ff]",
    "ne": "[\u0900-\u097f]",
}


def test_thirteen_languages_are_whole_and_no_file_is_left_over() -> None:
    known = safety_texts.load()
    assert len(known) == 13
    assert {path.stem for path in FOLDER.iterdir()} == set(LANGUAGES)
    assert len({said.texts["title"] for said in known.values()}) == 13


def test_all_await_their_review_until_somebody_signs_it() -> None:
    assert not [said.language for said in safety_texts.load().values() if said.reviewed]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_are_right_and_the_script_is_the_languages_own(language: str) -> None:
    texts = safety_texts.load()[language].texts
    assert "112" in texts["danger"]
    for key, number in (("call_112", "112"), ("call_1366", "1366"), ("call_1577", "1577-1366")):
        assert number in texts[key]
    for key in KEYS:
        if language in SCRIPTS:
            assert re.search(SCRIPTS[language], texts[key]), (language, key)
        assert not re.search("[\u200b\ufeff]", texts[key])


@pytest.mark.parametrize("language", LANGUAGES)
def test_advice_says_the_same_things_in_every_language(language: str) -> None:
    said = safety_texts.load()[language]
    assert set(safety_texts.NOTES) == set(NOTES), "the same pages as in Korean and English"
    for number, places in {
        "1366": ("limit_a", "money_5", "younger_2"),
        "112": ("money_5", "younger_3"),
        "1388": ("younger_2",),
        "117": ("younger_2",),
        "72": ("when_a",),
        "24": ("when_a",),
        "19": ("limit_a", "under_19"),
        "30": ("stay_a",),
        "Shift": ("browser_7",),
    }.items():
        for place in places:
            assert number in said.texts[place], (language, place)
    assert said.texts["when_a"].index("24") < said.texts["when_a"].index("72")
    assert [len(said.points(note)) for note in safety_texts.NOTES] == [9, 8, 7, 9, 7]
    texts = [text for key, text in said.texts.items() if key != "name"]
    assert len(set(texts)) == len(texts), "no text stands in for another"
    if language not in ("ko", "en"):
        english = safety_texts.load()["en"].texts
        assert [key for key in KEYS if said.texts[key] == english[key]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_way_out_is_named_as_its_button_is_and_not_by_a_colour(language: str) -> None:
    texts = safety_texts.load()[language].texts
    for place in ("device", "browser_7"):
        assert texts["exit"] in texts[place]


SEXUAL: Final = {
    "ko": "성적인",
    "en": "sexual",
    "vi": "tình dục",
    "zh": "性图片",
    "tl": "seksuwal",
    "mn": "бэлгийн",
    "ru": "сексуальных",
    "th": "ทางเพศ",
    "km": "ផ្លូវភេទ",
    "ja": "性的な",
    "uz": "jinsiy",
    "lo": "ທາງເພດ",
    "ne": "यौनजन्य",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_keeps_threats_is_told_to_leave_sexual_pictures_out(language: str) -> None:
    """A child who keeps the chat as it is would have what nobody may have."""
    texts = safety_texts.load()[language].texts
    assert SEXUAL[language] in texts["money_3"]
    for note in ("money", "links", "pictures"):
        assert texts["under_19"] in safety_texts.load()[language].points(note)


def test_a_missing_or_empty_text_is_named(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "texts")
    path = tmp_path / "texts" / "vi.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps({**whole, "texts": {**whole["texts"], "danger": " "}}))
    with pytest.raises(ValueError, match=r"vi\.json: danger"):
        safety_texts.load(tmp_path / "texts")
    path.write_text(json.dumps({**whole, "review": "probably fine"}))
    with pytest.raises(ValueError, match=r"vi\.json"):
        safety_texts.load(tmp_path / "texts")
