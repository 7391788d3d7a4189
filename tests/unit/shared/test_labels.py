"""One value has one word, in both languages, on every page, in every alert and every file."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from shared import labels
from shared.events.vocabulary import UNKNOWN, OpenVocabulary
from shared.labels import LABELLED_VOCABULARIES, Label
from shared.web.messages import units
from shared.web.translations import Translator, load, read_catalog

ROOT: Final = Path(__file__).resolve().parents[3]
SERVICES: Final = sorted(path.parent for path in (ROOT / "services").glob("*/__init__.py"))
LOCALES: Final = [unit.locale for unit in units(ROOT)]
NAMES: Final = {values.__name__ for values, _ in LABELLED_VOCABULARIES}
SENTENCES_OF_THE_FORM: Final = "services/intake/webform/words.py"
"""What the public form lets a person answer with is said in the first person, once."""


@pytest.mark.parametrize(("values", "table"), LABELLED_VOCABULARIES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_value_has_one_word_and_every_word_one_value(values: type[StrEnum], table: Mapping[str, Label]) -> None:
    newer = [UNKNOWN] if issubclass(values, OpenVocabulary) and UNKNOWN not in set(values) else []
    assert list(table) == [*values, *newer]
    assert len({str(word) for word in table.values()}) == len({word.ko for word in table.values()}) == len(table)
    assert all(re.search("[가-힣]", word.ko) and not re.search("[가-힣]", word) for word in table.values())


def test_the_same_word_in_two_vocabularies_is_the_same_in_both_languages() -> None:
    korean = defaultdict(set)
    for values, table in LABELLED_VOCABULARIES:
        for value, word in table.items():
            korean[str(word)].add(word.ko)
            if value in {"other", "unknown"} and table not in (labels.ROUTING_REASONS, labels.TRANSFER_VOIDS):
                assert word is labels.HARMS["other"] or word is labels.NOT_KNOWN, values
    # A centre that is closed does not work today; a case that is closed is done.
    assert {word: ko for word, ko in korean.items() if len(ko) > 1} == {"Closed": {"운영 안 함", "종결됨"}}


def test_a_translator_says_the_word_itself_whatever_its_catalogue_has() -> None:
    other: dict[str | tuple[str, str], str] = {"Critical": "긴급", "Closed": "닫힘"}
    for word in (labels.URGENCIES["critical"], labels.END_REASONS["closed"], labels.CENTER_STATES["closed"]):
        assert Translator("ko", other).gettext(word) == word.ko
        assert Translator("en", other).gettext(word) == str(word)


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_no_service_keeps_its_own_words_for_a_shared_vocabulary(service: Path) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {value}"
        for path in sorted(service.rglob("*.py"))
        if str(path.relative_to(ROOT)) != SENTENCES_OF_THE_FORM
        for value in _worded_in_python(path)
    ]
    found += [
        f"{path.relative_to(ROOT)}: {values}"
        for path in sorted(service.rglob("*.html"))
        for values in _worded_in_a_macro(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_an_english_word_of_a_vocabulary_means_the_same_in_every_catalogue() -> None:
    """No page says the Korean of another value where the English is that of this one."""
    known = defaultdict(set)
    for _, table in LABELLED_VOCABULARIES:
        for word in table.values():
            known[str(word)].add(word.ko)
    strange = [
        (str(locale.parent.name), message.id, message.string)
        for locale in LOCALES
        for message in read_catalog(locale)
        if message.id in known and not message.context and message.string not in known[str(message.id)]
    ]
    assert not strange


FORBIDDEN: Final = {
    "사건": "사례",
    "신고자": "신고인",
    "취하": "철회",
    "신고를 취소": "신고를 철회",
    "철회를 취소": "철회를 되돌림",
    "센터장": "센터 책임자",
}
"""One word was chosen for each of these things."""


RECOGNISERS: Final = ("registration_numbers.py", "media.py", "text.py")


@pytest.mark.parametrize("word", FORBIDDEN)
def test_a_thing_has_one_name(word: str) -> None:
    files = [
        path
        for folder in (ROOT / "services", ROOT / "shared")
        for path in folder.rglob("*")
        if path.suffix in {".po", ".html", ".py", ".js", ".typ"} or path.name == "ko.json"
        # What a model recognises is what people write, in whatever words.
        if "model" not in path.parts and path.name not in RECOGNISERS
    ]
    assert len(files) > 100
    found = [str(path.relative_to(ROOT)) for path in files if word in path.read_text(encoding="utf-8")]
    assert not found, f"write {FORBIDDEN[word]}"


MENDED: Final = {
    "이미 알고 있는 곳이 있나요": "이 일을 이미 알린 곳이 있나요?",
    '"본 사이트나 앱': "게시물이 올라온 사이트나 앱",
    '"성적인 사진·영상에 합성됐어요': "내 얼굴이나 몸이 성적인 사진·영상에 합성됐어요",
    "안다면, 그분은 어디에": "피해를 입은 분이 있는 지역을 아시나요?",
    "되돌릴 수 있는 때:": "%(time)s까지 되돌릴 수 있어요.",
    "어디에 여유가 있고": "센터별 여유와 대기 현황",
    "Where is room": "Which centres have room, and who is waiting?",
    "Counted are accepted": "We count accepted reports",
}
"""Sentences that read like a translation, and what stands in their place."""


@pytest.mark.parametrize("former", MENDED)
def test_a_stiff_sentence_does_not_come_back(former: str) -> None:
    catalogues = [(locale / "ko.po").read_text(encoding="utf-8") for locale in LOCALES]
    assert not [text for text in catalogues if former in text]
    assert any(MENDED[former] in text for text in catalogues)


def test_every_catalogue_says_the_same_of_a_text_it_shares_with_the_words() -> None:
    text = load(LOCALES)["ko"].gettext
    assert text(labels.URGENCIES["critical"]) == "매우 긴급"
    assert text(labels.URGENCIES["high"]) == "긴급"


def _worded_in_python(path: Path) -> Iterator[str]:
    """Values of a shared vocabulary that a module gives a word of its own: no sentence, which ends with a stop."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Tuple) and len(node.elts) > 1:
            pairs = [(node.elts[0], node.elts[1])]
        for key, value in pairs:
            if isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name) and key.value.id in NAMES:
                text = _text(value)
                if text and not re.search(r"[.:)]$|%\(", text):
                    yield ast.unparse(key)


def _text(value: ast.expr) -> str:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in {"n", "gettext_noop"}:
        return str(ast.literal_eval(value.args[0]))
    constants = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return next((text for text in constants if re.search("[가-힣]", text)), "")


def _worded_in_a_macro(template: str) -> Iterator[str]:
    """Macros that say a word for two or more values of one shared vocabulary."""
    for macro in re.findall(r"{% macro .*?{%-? endmacro %}", template, re.DOTALL):
        said = set(re.findall(r'code == "(\w+)" %}{{ _\("[A-Z]', macro))
        for values, _ in LABELLED_VOCABULARIES:
            if len(said & set(values)) > 1:
                yield f"{values.__name__} in {macro[:40]!r}"
