"""Every kind of harm and of support has its word, in both languages."""

import pytest

from shared.events.vocabulary import HarmType, SupportKind
from shared.web.case_words import HARM_WORDS, SUPPORT_WORDS
from shared.web.language import Language
from shared.web.translations import SHARED_LOCALE, load


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_every_value_has_a_word_of_its_own(lang: Language) -> None:
    text = load([SHARED_LOCALE])[lang].gettext
    for values, words in ((HarmType, HARM_WORDS), (SupportKind, SUPPORT_WORDS)):
        said = [text(words[value]) for value in values]
        assert len(set(said)) == len(said) == len(words)
        assert all(any("가" <= letter <= "힣" for letter in each) == (lang == "ko") for each in said)
