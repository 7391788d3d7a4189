"""The start page's and the safety texts in thirteen languages: read from data files, whole or not at all.

The languages are those in which 1577-1366 counsels. Every file says whether a native speaker has reviewed it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "texts"
LANGUAGES: Final = ("ko", "en", "vi", "zh", "tl", "mn", "ru", "th", "km", "ja", "uz", "lo", "ne")
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
    "device",
    "call_list",
    "next",
    "start",
    "review",
)
AWAITING: Final = "awaiting native review"
REVIEWED: Final = "reviewed"


class SafetyTexts(NamedTuple):
    """One language."""

    language: str
    reviewed: bool
    texts: Mapping[str, str]


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
