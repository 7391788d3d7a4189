"""The start page's and the safety texts in thirteen languages: read from data files, whole or not at all.

The languages are those in which 1577-1366 counsels. Every file says whether a native speaker has reviewed it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "texts"
LANGUAGES: Final = ("ko", "en", "vi", "zh", "tl", "mn", "ru", "th", "km", "ja", "uz", "lo", "ne")
QUESTIONS: Final = ("who", "when", "contact", "limit", "back", "stay")
"""Texts before the form: each a question (``_q``) and its answer (``_a``)."""
NOTES: Final[Mapping[str, int]] = {"money": 7, "links": 6, "pictures": 5, "younger": 9, "browser": 7}
"""The advice by situation: each has a ``_title`` and so many points; addresses are those of ``advice.NOTES``."""
KEYS: Final = (
    "name",
    "title",
    "lead",
    "danger",
    "call_112",
    "call_1366",
    "call_1577",
    "no_pay",
    "evidence",
    "secret",
    "child",
    "exit",
    "device",
    "call_list",
    "next",
    "start",
    "review",
    "short",
    "begin_h",
    "now_h",
    "have_receipt",
    "no_media",
    "under_19",
    "back_to_start",
    *(f"{question}_{part}" for question in QUESTIONS for part in "qa"),
    *(f"{note}_title" for note in NOTES),
    *(f"{note}_{point}" for note, points in NOTES.items() for point in range(1, points + 1)),
)
AWAITING: Final = "awaiting native review"
REVIEWED: Final = "reviewed"


class SafetyTexts(NamedTuple):
    """One language."""

    language: str
    reviewed: bool
    texts: Mapping[str, str]

    def before(self) -> list[tuple[str, str]]:
        """Return the texts to read before beginning, as questions and answers."""
        return [(self.texts[f"{one}_q"], self.texts[f"{one}_a"]) for one in QUESTIONS]

    def notes(self) -> list[tuple[str, str]]:
        """Address and title of each page of advice."""
        return [(note, self.texts[f"{note}_title"]) for note in NOTES]

    def points(self, note: str) -> list[str]:
        """Return the text of one page of advice, in order."""
        own = [self.texts[f"{note}_{point}"] for point in range(1, NOTES[note] + 1)]
        # On each page that is about pictures: what must not be kept of a child, and that nothing is sent as proof.
        about_pictures = [self.texts["under_19"], self.texts["no_media"]]
        return [*own, *about_pictures] if note in ("money", "links", "pictures") else own


def load(folder: Path = FOLDER) -> dict[str, SafetyTexts]:
    """All languages. Raises ``ValueError`` that names the file where something is missing, empty or unknown."""
    return {language: _one(folder / f"{language}.json", language) for language in LANGUAGES}


def _one(path: Path, language: str) -> SafetyTexts:
    found = json.loads(path.read_text(encoding="utf-8"))
    texts = found["texts"]
    wrong = set(KEYS) ^ texts.keys() | {key for key, text in texts.items() if not str(text).strip()}
    if wrong or found["language"] != language or found["review"] not in {AWAITING, REVIEWED}:
        raise ValueError(f"{path.name}: {', '.join(sorted(wrong)) or 'language or review'} missing, empty or unknown")
    return SafetyTexts(language, found["review"] == REVIEWED, texts)
